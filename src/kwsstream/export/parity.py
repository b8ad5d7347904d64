"""The proof: files replayed against PyTorch on real audio, and the tolerances that they must keep."""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from kwsstream.errors import UserError
from kwsstream.export.calibration import named
from kwsstream.export.graph import Graph
from kwsstream.manifest import Parity
from kwsstream.runners.files import run_chain
from kwsstream.runners.session import Session
from kwsstream.streaming import Sequential

LARGEST_DIFFERENCE = {"float32": 1e-5, "float16": 1e-2}
"""Of the largest result."""
CLIP_AGREEMENT = {"dynamic": 97.0, "int8": 97.0, "int16": 99.5}
"""Percent of test clips whose largest logit is PyTorch's. The weights of a dynamic file are those of an int8 file."""
CLIPS_AT_ONCE = 100


@dataclass
class Replay:
    """Results (steps, numbers) of a session and of PyTorch over the same steps, each with its own state."""

    results: np.ndarray
    expected: np.ndarray
    state_difference: float | None


@dataclass(frozen=True)
class Clips:
    """Test clips: audio, int16 (clips, samples); labels (clips,); PyTorch's logits of the whole clips."""

    audio: np.ndarray
    labels: np.ndarray
    logits: np.ndarray = field(repr=False)


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


@torch.no_grad()
def test_clips(model: Sequential, partition) -> Clips:
    """All clips of a partition, with PyTorch's logits."""
    audio = partition.audio(slice(None))
    logits = []
    for chunk in np.array_split(audio, -(-len(audio) // CLIPS_AT_ONCE)):
        x = torch.from_numpy(chunk.astype(np.float32) / 32768)
        logits.append(model(x[:, :, None, None])[:, -1, 0])
    return Clips(audio, np.asarray(partition.labels), torch.cat(logits).numpy())


def clip_logits(sessions: list[Session], clips: Clips, model: Sequential, whole: bool) -> np.ndarray:
    """The logits (clips, labels) of a chain of sessions after the last step of each clip, each a stream of its own."""
    logits = []
    for clip in clips.audio:
        x = torch.from_numpy(clip.astype(np.float32) / 32768)[None, :, None, None]
        x = x if whole else model.timing.fit(x)
        for session in sessions:
            session.reset()
        logits.append(run_chain(sessions, x.numpy().reshape(1 if whole else x.shape[1] // model.timing.stride, -1))[-1])
    return np.stack(logits)


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
