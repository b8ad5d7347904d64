"""Layers that run over a whole sequence, or step by step, with the same result.

Every tensor is (batch, time, frequency, channel); frequency is 1 where there is none.
It is the layout of TensorFlow Lite, so a state looks the same in torch, ONNX, TFLite and firmware.
`forward(x)` takes a whole sequence: this is what training calls.
`step(x, state)` takes the next frames, and what the layer remembers of those before:

    y, state = layer.step(x)            # the stream starts, after silence
    y, state = layer.step(x, state)     # the stream goes on

The law: the outputs of the steps are the outputs of forward, `timing.delay` frames later.
It holds in eval mode. tests/law.py checks it for every layer, every model and every exported file.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

TIME = 1

State = Tensor | dict  # one tensor, or the states of the inner layers by name
Padding = Literal["causal", "same", "valid", "unsettled"]


@dataclass(frozen=True)
class Timing:
    """How the output frames of a layer follow its input frames."""

    receptive_field: float = 1
    """Input frames that one output frame depends on; infinite for a recurrent layer."""
    stride: int = 1
    """Input frames from one output frame to the next."""
    lookahead: int = 0
    """Input frames yet to come that an output frame depends on."""
    warmup: int = 0
    """First input frames that have no output frame in forward ("valid" padding).

    Negative where the first output frame comes before a whole stride of input frames.
    """

    @property
    def lead(self) -> int:
        """Input frames of silence to step through first, for the steps to fall on the frames of forward."""
        return -(self.lookahead + self.warmup) % self.stride

    @property
    def delay(self) -> int:
        """Output frames that the steps, led in, run behind forward."""
        return (self.lookahead + self.warmup + self.lead) // self.stride

    def frames(self, length: int) -> int:
        """Output frames of forward, for `length` input frames. Not above 0: the input is too short."""
        return (length - self.warmup) // self.stride

    def then(self, after: Timing) -> Timing:
        """The timing of this layer followed by another."""
        if self.delay and math.isinf(after.receptive_field):
            raise ValueError(
                f"a recurrent layer after a delay of {self.delay} frames would remember the delay: "
                'give the layers before it padding "causal"'
            )
        return Timing(
            receptive_field=self.receptive_field + (after.receptive_field - 1) * self.stride,
            stride=self.stride * after.stride,
            lookahead=self.lookahead + after.lookahead * self.stride,
            warmup=self.warmup + after.warmup * self.stride,
        )

    def fit(self, x: Tensor) -> Tensor:
        """A whole sequence as a stream: the steps over the result end with the last frame of `forward(x)`.

        Silence leads in, what forward does not use is dropped, and silence follows for the lookahead to see.
        """
        length = self.frames(x.shape[TIME]) * self.stride + self.warmup + self.lookahead
        return F.pad(x, (0, 0, 0, 0, self.lead, length - x.shape[TIME]))


class Streaming(nn.Module):
    """A layer that keeps the law. A plain nn.Module is taken to work on each frame alone."""

    timing = Timing()

    def step(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """The outputs of the next frames, and the state after them.

        x is (batch, time, frequency, channel), its time a multiple of `timing.stride`. The state is of the dtype
        and on the device of x; None is the state after silence. It is returned, never mutated.
        """
        raise NotImplementedError(f"{type(self).__name__} cannot stream: it defines no step")


class WholeClips(Streaming):
    """A layer that needs the whole clip before it can say anything: it is trained and exported, and cannot stream."""

    because = "it needs the whole clip"

    def __init__(self, frames: int):
        super().__init__()
        self.timing = Timing(frames, 1, 0, frames - 1)

    def step(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        raise CannotStreamError(f"{type(self).__name__} cannot stream: {self.because}; use it on whole clips")


class CannotStreamError(TypeError):
    """A step was asked of a layer that has none."""


def why_whole(layer: nn.Module) -> str | None:
    """Why a layer cannot stream, or None where it can."""
    found = [f"{type(m).__name__}: {m.because}" for m in layer.modules() if isinstance(m, WholeClips)]
    return found[0] if found else None


class Windowed(Streaming):
    """A layer whose output frames each depend on a window of input frames.

    Subclasses define `windows(x)`, which maps every full window of x to one output frame. Padding in time is
    - "causal": only past frames; a window ends with the last frame of a stride;
    - "same": half past, half future. With a stride, windows lie as TensorFlow lays them over a clip of `clip` frames;
    - "valid": no padding; the first windows are dropped, and whole clips start at the first full one;
    - "unsettled": whole clips as "valid", steps as "causal", their first frames computed on silence. A recurrent
      layer behind it remembers those, so the law does not hold: it is here for weights trained that way.
    """

    def __init__(self, window: int, stride: int = 1, padding: Padding = "causal", clip: int = 0):
        super().__init__()
        self.overlap = window - stride  # negative: frames between the windows are skipped
        rest = min(clip % stride or stride, window)  # frames of the clip's last stride that TensorFlow counts
        past, first = {
            "causal": (self.overlap, stride),
            "same": ((window - rest) // 2, rest),
            "valid": (0, window),
            "unsettled": (min(self.overlap, 0), stride),
        }[padding]
        future = window - rest - past if padding == "same" else 0
        self.past = past
        self.timing = Timing(window, stride, future, first - stride)
        self.needs = max(window - past - future, 1)
        """Frames that forward needs for one output frame."""

    def windows(self, x: Tensor) -> Tensor:
        """One output frame for each full window of x, from left to right."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[TIME] < self.needs:
            raise ValueError(
                f"{type(self).__name__} needs {self.needs} frames and got {x.shape[TIME]}: give a longer input"
            )
        if self.training and not self.past and not self.timing.lookahead:
            return self.windows(x)  # exported graphs keep a pad of nothing, which training would copy all frames for
        return self.windows(F.pad(x, (0, 0, 0, 0, self.past, self.timing.lookahead)))

    def step(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        if x.shape[TIME] == 0 or x.shape[TIME] % self.timing.stride:
            raise ValueError(f"a step takes a multiple of {self.timing.stride} frames, not {x.shape[TIME]}")
        if self.overlap <= 0:
            return self.windows(x[:, -self.overlap :]), {}
        x = join(state, x, self.overlap)
        return self.windows(x), x[:, -self.overlap :]


class Delay(Streaming):
    """Brings a branch in line with a slower one: steps run late, forward drops its first frames."""

    def __init__(self, lookahead: int = 0, warmup: int = 0):
        super().__init__()
        self.timing = Timing(1, 1, lookahead, warmup)

    def forward(self, x: Tensor) -> Tensor:
        return x[:, self.timing.warmup :]

    def step(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        late = self.timing.lookahead
        if not late:
            return x, {}
        if state is not None and x.shape[TIME] == late:
            return state, x  # nothing to join: exporters have a simpler graph
        x = join(state, x, late)
        return x[:, :-late], x[:, -late:]


class Sequential(Streaming, nn.Sequential):
    """Layers one after another. Names given to them name their states."""

    def __init__(self, *layers: nn.Module, **named: nn.Module):
        super().__init__()
        for name, layer in (dict(enumerate(layers)) | named).items():
            self.add_module(str(name), layer)
        self.timing = chain(self)

    def step(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        before, after = state or {}, {}
        for name, layer in self.named_children():
            x, after[name] = layer.step(x, before.get(name)) if isinstance(layer, Streaming) else (layer(x), {})
        return x, after


def timing(layer: nn.Module) -> Timing:
    """The timing of any layer; a plain nn.Module works on each frame alone."""
    return layer.timing if isinstance(layer, Streaming) else Timing()


def chain(layers: Iterable[nn.Module]) -> Timing:
    """The timing of layers one after another."""
    return reduce(Timing.then, map(timing, layers), Timing())


def join(state: Tensor | None, x: Tensor, length: int) -> Tensor:
    """X after the remembered frames, or after `length` frames of silence."""
    if state is None:
        return F.pad(x, (0, 0, 0, 0, length, 0))
    return torch.cat([state, x], dim=TIME)


def flatten(state: State, name: str = "state") -> dict[str, Tensor]:
    """The tensors of a state by full name, in order: the inputs and outputs of an exported model."""
    if isinstance(state, Tensor):
        return {name: state}
    return {full: t for key, inner in state.items() for full, t in flatten(inner, f"{name}.{key}").items()}


@torch.no_grad()
def silence(layer: Streaming, x: Tensor) -> State:
    """The state before a stream starts: zeros, in the shapes that a step over x gives."""

    def zeros(state: State) -> State:
        return torch.zeros_like(state) if isinstance(state, Tensor) else {k: zeros(s) for k, s in state.items()}

    with evaluating(layer):
        return zeros(layer.step(x)[1])


@contextmanager
def evaluating(layer: nn.Module) -> Iterator[None]:
    """A layer in eval mode, in which the law holds, and afterwards in the mode it had."""
    training = layer.training
    layer.eval()
    try:
        yield
    finally:
        layer.train(training)
