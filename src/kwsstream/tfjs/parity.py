"""How far a graph model may be from PyTorch."""

from dataclasses import dataclass

import numpy as np

from kwsstream.errors import UserError
from kwsstream.export.parity import Replay, agreement
from kwsstream.tfjs.converter import Quantise

LARGEST_DIFFERENCE: dict[Quantise, float] = {"none": 1e-5, "float16": 1e-2, "uint16": 1e-2}
"""Of the largest result."""
STEP_AGREEMENT = 90.0
"""Percent of steps whose largest logit is PyTorch's, with weights in uint8."""


@dataclass(frozen=True)
class Parity:
    """A model against PyTorch over steps of a stream. Agreement is in percent."""

    steps: int
    largest_difference: float
    largest_result: float
    state_difference: float
    step_agreement: float


def measured(replay: Replay) -> Parity:
    """The figures of a replay."""
    return Parity(
        steps=len(replay.results),
        largest_difference=float(np.abs(replay.results - replay.expected).max()),
        largest_result=float(np.abs(replay.expected).max()),
        state_difference=replay.state_difference or 0.0,
        step_agreement=agreement(replay.results, replay.expected.argmax(1)),
    )


def enforce(quantise: Quantise, parity: Parity) -> None:
    """UserError where a model is further from PyTorch than its weights allow."""
    share = parity.largest_difference / max(parity.largest_result, np.finfo(np.float32).tiny)
    if quantise in LARGEST_DIFFERENCE:
        kept = share <= LARGEST_DIFFERENCE[quantise]
        expected = f"a largest difference of at most {LARGEST_DIFFERENCE[quantise]:g} of the largest result"
    else:
        kept = parity.step_agreement >= STEP_AGREEMENT
        expected = f"the largest logit of PyTorch on at least {STEP_AGREEMENT:g} % of the steps"
    if not kept:
        raise UserError(
            f"--quantise {quantise}: the largest difference from PyTorch is {share:.2g} of the largest result, the "
            f"largest logit the same on {parity.step_agreement:.1f} % of the steps; expected {expected}: nothing was "
            "exported; use --quantise none"
        )
