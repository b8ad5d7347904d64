"""Posteriors of a stream to words heard: when, which, how sure.

    detector = Detector(default_parameters(labels), labels, hop_samples=320, sample_rate_hz=16000)
    for detection in detector.push(posteriors):  # float32 (steps, labels), softmax of the logits; any number of steps
        print(detection.label, detection.sample)

What a step does, exactly; `c/detector.h` does the same, bit for bit. All scores are float32 and every operation on
them is rounded to float32. W, M and R are whole numbers of steps; each label that counts has a threshold and a release.

1. Mean: of its last W scores, zero before the stream, added from the oldest to the newest, one by one; over W.
2. Count: one more if mean >= threshold, else back to 0. (NaN is not >= anything.)
3. Release: a label that has fired is armed again by the first later step where not mean >= release.
4. Fire: if R steps have passed since the last detection of any label, then of the labels that are armed and whose
   count is at least M, the one of the largest mean fires, the first of them if equal. It is armed no longer.

So a word fires once while it is heard, again as soon as it is said again, and a second word that is heard within the R
steps fires when they are over, if it is still above its threshold.

W and R are floor(ms * sample_rate_hz / (1000 * hop_samples) + 0.5) in float64, at least 1. A threshold is the float32
nearest to the one given; release = threshold * (1 - hysteresis), each of the three rounded to float32.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import floor, inf
from typing import NamedTuple

import numpy as np

from kwsstream.data.labels import is_keyword
from kwsstream.errors import UserError


@dataclass(frozen=True)
class Parameters:
    """How a detector listens. ValueError for a value out of its range."""

    __pydantic_config__ = {"extra": "forbid", "strict": True}  # noqa: RUF012 (what pydantic reads)

    thresholds: dict[str, float] = field(default_factory=dict)
    """Mean posterior at which a label counts as heard, above 0 and at most 1. Labels without one never fire."""
    window_ms: float = 100.0
    """Time over which posteriors are averaged."""
    minimum_count: int = 2
    """Steps in a row that the mean has to be at or above its threshold."""
    refractory_ms: float = 500.0
    """Time after a detection in which there is no other, of any label."""
    hysteresis: float = 0.2
    """Share of its threshold by which a mean has to fall below it before its label can fire again."""

    def __post_init__(self):
        for name, value, low, high in (
            *((f"thresholds.{label}", threshold, 1e-6, 1) for label, threshold in self.thresholds.items()),
            ("window_ms", self.window_ms, 0, 10_000),
            ("minimum_count", self.minimum_count, 1, 1000),
            ("refractory_ms", self.refractory_ms, 0, 60_000),
            ("hysteresis", self.hysteresis, 0, 0.99),
        ):
            if not low <= value <= high:
                raise ValueError(f"{name}={value!r}: expected {low:g} to {high:g}")

    def with_thresholds(self, thresholds: dict[str, float]) -> "Parameters":
        return replace(self, thresholds=dict(thresholds))


def default_parameters(labels: Sequence[str], threshold: float = 0.8) -> Parameters:
    """The same threshold for every word; silence and unknown never fire."""
    return Parameters({label: threshold for label in labels if is_keyword(label)})


class Detection(NamedTuple):
    """A word heard: its mean posterior, and how many samples of the stream had been heard when it fired."""

    label: str
    score: float
    sample: int


class Detector:
    """Posteriors step by step, or many at a time, to detections; however the steps are cut, they are the same.

    UserError where a threshold is given to no label of the model, or no label has one.
    """

    def __init__(self, parameters: Parameters, labels: Sequence[str], hop_samples: int, sample_rate_hz: int):
        strange = sorted(set(parameters.thresholds) - set(labels))
        if strange:
            raise UserError(f"detector thresholds name {', '.join(strange)}: expected labels of {', '.join(labels)}")
        if not parameters.thresholds:
            raise UserError(f"no detection is possible: no label of {', '.join(labels)} has a threshold; give one")
        self.parameters, self.hop_samples = parameters, hop_samples
        self.width = len(labels)
        self.columns = [i for i, label in enumerate(labels) if label in parameters.thresholds]
        self.labels = [labels[i] for i in self.columns]
        self.threshold, self.release = levels(parameters, self.labels)
        self.window = steps(parameters.window_ms, hop_samples, sample_rate_hz)
        self.refractory = steps(parameters.refractory_ms, hop_samples, sample_rate_hz)
        self.reset()

    def reset(self) -> None:
        """Start a new stream, after silence."""
        shape = len(self.labels)
        self._past = np.zeros((shape, self.window - 1), np.float32)
        self._above = np.zeros((shape, self.parameters.minimum_count - 1), bool)
        self._armed = np.ones(shape, bool)
        self._heard = 0  # steps
        self._free = 0  # the first step that may fire

    def push(self, scores: np.ndarray) -> list[Detection]:
        """The next posteriors, float32 (steps, labels), to the detections of these steps."""
        return self.fire(self.smooth(scores))

    def smooth(self, scores: np.ndarray) -> np.ndarray:
        """The means of the next posteriors: float32 (labels that count, steps)."""
        if scores.dtype != np.float32 or scores.ndim != 2 or scores.shape[1] != self.width:
            raise UserError(f"scores are {scores.dtype} {scores.shape}: expected float32 (steps, {self.width})")
        count = len(scores)
        x = np.concatenate([self._past, scores.T[self.columns]], axis=1)
        self._past = x[:, count:].copy()
        total = x[:, :count].copy()
        for k in range(1, self.window):
            total += x[:, k : k + count]
        return total / np.float32(self.window)

    def fire(self, means: np.ndarray) -> list[Detection]:
        """The detections of the next means. Only the steps that fire are visited one by one."""
        count = means.shape[1]
        above = np.concatenate([self._above, means >= self.threshold], axis=1)
        self._above = above[:, count:].copy()
        ready = above[:, :count].copy()
        for k in range(1, self.parameters.minimum_count):
            ready &= above[:, k : k + count]
        ready = [np.flatnonzero(row) for row in ready]
        released = [np.flatnonzero(row) for row in ~(means >= self.release)]
        armed = [0 if armed else first(steps, 0) for armed, steps in zip(self._armed, released, strict=True)]
        fired = []
        while True:
            free = self._free - self._heard
            least = [max(free, since) for since in armed]
            at = [first(steps, since) for steps, since in zip(ready, least, strict=True)]
            step = min(at)
            if step == inf:
                break
            candidates = [row for row, one in enumerate(at) if one == step]
            row = max(candidates, key=lambda row: means[row, step])
            armed[row] = first(released[row], step + 1)
            self._free = self._heard + step + self.refractory
            sample = (self._heard + step + 1) * self.hop_samples
            fired.append(Detection(self.labels[row], float(means[row, step]), sample))
        self._armed = np.array([since < inf for since in armed])
        self._heard += count
        return fired


def first(steps: np.ndarray, least: float) -> float:
    """The first of sorted steps that is not below `least`; infinity where there is none."""
    if least == inf:
        return inf
    place = steps.searchsorted(least)
    return int(steps[place]) if place < len(steps) else inf


def steps(ms: float, hop_samples: int, sample_rate_hz: int) -> int:
    """A time as a number of steps, at least one."""
    return max(1, floor(ms * sample_rate_hz / (1000 * hop_samples) + 0.5))


def levels(parameters: Parameters, labels: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Threshold and release of labels, float32 (labels, 1) each."""
    threshold = np.array([[parameters.thresholds[label]] for label in labels], np.float32)
    return threshold, threshold * (np.float32(1) - np.float32(parameters.hysteresis))
