"""Long streams: minutes of audio through PyTorch and through files, to see whether anything drifts, sticks or breaks.

The last minute is the first one again, after all that lies between: clips, noise from faint to as loud as can be, and
digital silence. What a stream still does differently then, other than in its receptive field, it has accumulated.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from tqdm import tqdm

from kwsstream.data.partition import Partition
from kwsstream.errors import UserError
from kwsstream.runners import FileRunner, Runner

SECONDS = 60
SETTLE_SECONDS = 5
"""What is left out of a minute's beginning where a model remembers without end: the trace of the minute before."""
LONGEST_PIECE_SECONDS = 2.0
FORGETTING = 0.1
"""By how much of the first difference the last may exceed it in a recurrent model, whose state never is quite the same.
With a receptive field that ends, nothing may be more."""


def minutes(partition: Partition, count: int, rate: int, hop: int) -> Iterator[np.ndarray]:
    """Minutes of audio, float32 (samples,) in whole hops: clips, noise and silence joined. The last is the first."""
    for i in range(count):
        draw = np.random.default_rng([0, i % (count - 1) if count > 1 else 0])
        yield minute(partition, draw, SECONDS * rate // hop * hop, rate)


def minute(partition: Partition, draw: np.random.Generator, samples: int, rate: int) -> np.ndarray:
    pieces, length = [], 0
    while length < samples:
        pieces.append(piece(partition, draw, rate))
        length += len(pieces[-1])
    return np.concatenate(pieces)[:samples].astype(np.float32)


def piece(partition: Partition, draw: np.random.Generator, rate: int) -> np.ndarray:
    """A clip three times out of five, else noise or silence of up to two seconds."""
    kind = draw.choice(["clip", "noise", "silence"], p=[0.6, 0.2, 0.2])
    if kind == "clip":
        return draw.uniform(0.1, 1) * partition.audio(draw.integers(len(partition), size=1))[0] / 32768
    noise = draw.standard_normal(int(draw.uniform(0.2, LONGEST_PIECE_SECONDS) * rate))
    return (noise * 10 ** draw.uniform(-4, 0.5)).clip(-1, 1) if kind == "noise" else np.zeros_like(noise)


@dataclass
class Watch:
    """What was seen of one file: of its first and of its last minute, and of all steps.

    Differences are the largest from PyTorch's logits. A logit is stuck where it is the least or largest number that the
    file can give; `stuck` is in percent of all logits. `restored`: whether a new runner, given the state from the
    middle of the stream, went on identically; None where the state is inside.
    """

    name: str
    steps: int = 0
    finite: bool = True
    differences: list[float] = field(default_factory=list)
    stuck: list[float] = field(default_factory=list)
    largest: float = 0.0
    slack: float = 0.0
    restored: bool | None = None

    @property
    def faults(self) -> list[str]:
        """What should not be, in words."""
        first, last = self.differences[0], self.differences[-1]
        found = {
            "NaN or infinity": not self.finite,
            f"drift from {first:.3g} to {last:.3g}": not last <= first * (1 + self.slack),
            f"stuck logits from {self.stuck[0]:.2f} % to {self.stuck[-1]:.2f} %": self.stuck[-1] > self.stuck[0],
            "another result after its state was restored": self.restored is False,
        }
        return [fault for fault, there in found.items() if there]


def watch(
    reference: Runner, files: dict[str, Callable[[], FileRunner]], stream: Iterator[np.ndarray], count: int
) -> list[Watch]:
    """Run a stream of `count` minutes through PyTorch and files (by name, a function that opens one) in step.

    UserError for fewer than three minutes: a first, a middle and a last.
    """
    if count < 3:
        raise UserError(f"{count} minutes: expected 3 or more, a first, a middle and a last")
    runners, found = {name: opener() for name, opener in files.items()}, {}
    for name, runner in runners.items():
        recurrent = math.isinf(runner.timing.receptive_field)
        found[name] = Watch(name, slack=FORGETTING if recurrent else 0.0)
    reference.reset()
    for i, audio in enumerate(tqdm(stream, "minutes", total=count, leave=False, delay=1)):
        expected = reference.run(audio)
        for name, runner in runners.items():
            logits = resumed(runner, files[name], audio, found[name]) if i == count // 2 else runner.run(audio)
            note(found[name], runner, logits, expected)
    return list(found.values())


def note(seen: Watch, runner: FileRunner, logits: np.ndarray, expected: np.ndarray) -> None:
    seen.steps += len(logits)
    seen.finite &= bool(np.isfinite(logits).all())
    seen.largest = max(seen.largest, float(np.abs(expected).max()))
    settled = slice(settle(runner), None)
    seen.differences.append(float(np.abs(logits - expected)[settled].max()))
    seen.stuck.append(100 * stuck(runner, logits[settled]))


def settle(runner: FileRunner) -> int:
    """The first steps of a minute, in which the one before still shows."""
    timing, rate = runner.timing, runner.manifest.clock.sample_rate_hz
    past = SETTLE_SECONDS * rate if math.isinf(timing.receptive_field) else timing.receptive_field
    return math.ceil(past / timing.stride)


def stuck(runner: FileRunner, logits: np.ndarray) -> float:
    """The share of logits at the limits of an integer output."""
    output = runner.manifest.output
    if output.scale is None:
        return 0.0
    limits = np.iinfo(output.dtype)
    numbers = np.rint(logits / output.scale) + output.zero_point
    return float(np.mean((numbers == limits.min) | (numbers == limits.max)))


def resumed(runner: FileRunner, opener: Callable[[], FileRunner], audio: np.ndarray, seen: Watch) -> np.ndarray:
    """A minute's logits, and whether a new runner gives the same from the state before it."""
    if runner.stream == "internal":
        return runner.run(audio)
    state = runner.state
    logits = runner.run(audio)
    other = opener()
    other.state = state
    seen.restored = np.array_equal(other.run(audio), logits)
    return logits
