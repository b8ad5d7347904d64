"""The proof: files replayed against PyTorch on real audio, and the tolerances that they must keep."""

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from kwsstream.errors import UserError
from kwsstream.export.calibration import named
from kwsstream.export.clips import Clips
from kwsstream.export.graph import Graph
from kwsstream.manifest import Parity
from kwsstream.runners.session import Session

LARGEST_DIFFERENCE = {"float32": 1e-5, "float16": 1e-2}
"""Of the largest result."""
CLIP_AGREEMENT = {"dynamic": 97.0, "int8": 97.0, "int16": 99.5}
"""Percent of test clips whose largest logit is PyTorch's. The weights of a dynamic file are those of an int8 file."""


@dataclass
class Replay:
    """Results (steps, numbers) of a session and of PyTorch over the same steps, each with its own state."""

    results: np.ndarray
    expected: np.ndarray
    state_difference: float | None


def replay(graph: Graph, data: Tensor, sessions: list[Session]) -> list[Replay]:
    """Run the data (runs, *shape of one) through torch and each session in step, from the start of a stream."""
    state, expected = graph.silence, []
    results, differences = [[] for _ in sessions], [None for _ in sessions]
    for session in sessions:
        session.reset()
    for x in data:
        y, state = graph.run(x, state)
        states = named(graph, state)
        expected.append(y.numpy().ravel())
        for i, session in enumerate(sessions):
            results[i].append(session.step(x.numpy()).ravel())
            for name, value in session.states().items():
                differences[i] = max(differences[i] or 0.0, float(np.abs(value - states[name]).max()))
    return [Replay(np.stack(r), np.stack(expected), d) for r, d in zip(results, differences, strict=True)]


def identical_steps(file: str, internal: Session, external: Session, data: Tensor) -> int:
    """The steps over which a file with internal state equals the one it was made from: all, or UserError."""
    for session in (internal, external):
        session.reset()
    for step, x in enumerate(data):
        if not np.array_equal(internal.step(x.numpy()), external.step(x.numpy())):
            raise UserError(f"{file}: differs from the file with external state at step {step}: use --stream external")
    return len(data)


def measure(
    replayed: Replay,
    precision: str,
    clips: Clips | None = None,
    logits: np.ndarray | None = None,
    identical: int | None = None,
) -> Parity:
    """The figures of a file, from its replay and from its logits of the test clips."""
    difference = np.abs(replayed.results - replayed.expected)
    return Parity(
        steps=len(difference),
        largest_difference=float(difference.max()),
        median_difference=float(np.median(difference)),
        largest_result=float(np.abs(replayed.expected).max()),
        step_agreement=agreement(replayed.results, replayed.expected.argmax(1)),
        state_difference=replayed.state_difference,
        identical_steps=identical,
        clips=0 if clips is None else len(clips.labels),
        clip_agreement=None if clips is None else agreement(logits, clips.logits.argmax(1)),
        accuracy=None if clips is None else agreement(logits, clips.labels),
        pytorch_accuracy=None if clips is None else agreement(clips.logits, clips.labels),
        tolerance=tolerance(precision),
    )


def agreement(results: np.ndarray, expected: np.ndarray) -> float:
    """Percent of rows whose largest number stands where expected."""
    return 100 * float((results.argmax(1) == expected).mean())


def tolerance(precision: str) -> str:
    if precision in LARGEST_DIFFERENCE:
        return f"largest difference at most {LARGEST_DIFFERENCE[precision]:g} of the largest result"
    return f"argmax agreement on the test clips at least {CLIP_AGREEMENT[precision]:g} %"


def enforce(file: str, precision: str, parity: Parity) -> None:
    """UserError where a file is further from PyTorch than its precision allows."""
    if precision in LARGEST_DIFFERENCE:
        share = parity.largest_difference / max(parity.largest_result, np.finfo(np.float32).tiny)
        kept = share <= LARGEST_DIFFERENCE[precision]
        measured = f"largest difference is {share:.2g} of the largest result"
    else:
        kept = parity.clip_agreement >= CLIP_AGREEMENT[precision]
        measured = f"argmax agreement on {parity.clips} test clips is {parity.clip_agreement:.2f} %"
    if not kept:
        raise UserError(
            f"{file}: {measured}, expected {parity.tolerance}: nothing was exported; leave {precision} out, "
            "or train the model longer"
        )
