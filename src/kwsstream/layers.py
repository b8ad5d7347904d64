"""The layers of the models. nn.Linear serves as the layer on each frame."""

from collections.abc import Iterator
from functools import reduce
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kwsstream.norms import Norm
from kwsstream.streaming import Padding, Windowed

ACTIVATIONS = {
    "linear": nn.Identity,
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "swish": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}
Activation = Literal["linear", "relu", "relu6", "swish", "tanh", "sigmoid"]


class Conv(Windowed):
    """Convolution over time and frequency, with batch norm on request, which in eval mode is part of the convolution.

    `kernel`, `stride` and `dilation` are (time, frequency). `groups` equal to `inputs` makes it depthwise.
    Frequency is padded as TensorFlow pads it ("same") or not at all ("valid"). `clip` is that of Windowed.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: tuple[int, int] = (1, 1),
        stride: tuple[int, int] = (1, 1),
        dilation: tuple[int, int] = (1, 1),
        groups: int = 1,
        bias: bool = True,
        padding: Padding = "causal",
        frequency_padding: Literal["same", "valid"] = "valid",
        norm: bool = False,
        norm_scale: bool = True,
        clip: int = 0,
    ):
        super().__init__((kernel[0] - 1) * dilation[0] + 1, stride[0], padding, clip)
        self.pads_frequency = frequency_padding == "same"
        self.frequency_window = (kernel[1] - 1) * dilation[1] + 1
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, 0, dilation, groups, bias)
        self.norm = Norm(outputs, norm_scale) if norm else None

    def forward(self, x: Tensor) -> Tensor:
        """As for every Windowed; in training torch does the padding where both sides are alike, which saves copies."""
        past, (below, above) = self.past, self.frequency_pads(x.shape[2])
        alike = past == self.timing.lookahead and below == above and (past or below)
        if self.training and alike and not self.interleaves and x.shape[1] >= self.needs:
            return self.convolved(x, (past, below))
        return super().forward(x)

    def windows(self, x: Tensor) -> Tensor:
        below, above = self.frequency_pads(x.shape[2])
        return self.convolved(F.pad(x, (0, 0, below, above)) if above else x)

    def convolved(self, x: Tensor, padding: tuple[int, int] = (0, 0)) -> Tensor:
        """One output for each full window of x with `padding` zeros on both sides of (time, frequency)."""
        weight, bias, stride = self.conv.weight, self.conv.bias, self.conv.stride
        if self.conv.kernel_size == (1, 1):  # the gradient of a strided one crashes in oneDNN (torch 2.11, AVX-512)
            x, stride = x[:, :: stride[0], :: stride[1]], 1
        elif x.shape[2] + 2 * padding[1] == self.frequency_window:  # one frequency comes out, whatever its stride is:
            stride = (stride[0], 1) if self.training else stride[0]  # 1 is fastest, and TensorFlow wants equal ones
        if self.norm is not None and not self.training:
            weight, bias = self.norm.folded(weight, bias)
        if self.training and self.interleaves:
            y = self.interleaved(x, weight, bias)
        else:
            x = x.permute(0, 3, 1, 2)  # a view: torch's channels_last memory format
            y = F.conv2d(x, weight, bias, stride, padding, self.conv.dilation, self.conv.groups)
            y = y.permute(0, 2, 3, 1)
        return self.norm(y) if self.norm is not None and self.training else y

    @property
    def interleaves(self) -> bool:
        """Whether this is a depthwise convolution, dilated over time alone."""
        conv = self.conv
        return conv.dilation[0] > 1 and conv.groups > 1 and conv.stride == (1, 1) and conv.kernel_size[1] == 1

    def interleaved(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The same convolution without dilation: of every `dilation`-th frame, side by side as frequencies.

        On CPUs the gradient takes a twentieth of the time (`benchmarks/training.py`).
        """
        dilation, (clips, time, frequencies, channels) = self.conv.dilation[0], x.shape
        if spare := -time % dilation:
            x = F.pad(x, (0, 0, 0, 0, 0, spare))
        rows = x.reshape(clips, -1, dilation * frequencies, channels)
        y = F.conv2d(rows.permute(0, 3, 1, 2), weight, bias, groups=self.conv.groups).permute(0, 2, 3, 1)
        frames = time - (self.conv.kernel_size[0] - 1) * dilation
        return y.reshape(clips, -1, frequencies, y.shape[3])[:, :frames]

    def frequency_pads(self, frequencies: int) -> tuple[int, int]:
        """Zeros below and above so many frequencies."""
        if not self.pads_frequency:
            return 0, 0
        stride = self.conv.stride[1]
        spare = max(self.frequency_window - (frequencies % stride or stride), 0)
        return spare // 2, spare - spare // 2


def depthwise(channels: int, kernel: tuple[int, int], **arguments) -> Conv:
    """A convolution of each channel alone."""
    return Conv(channels, channels, kernel, groups=channels, **arguments)


def places(x: Tensor, dim: int, window: int, stride: int) -> Iterator[Tensor]:
    """Of every window of x along a dimension, `stride` apart: its first entries, its second ones, and so on.

    Plain slices, which every runtime has in integers too.
    """
    windows = (x.shape[dim] - window) // stride + 1
    for first in range(window):
        yield x[(slice(None),) * dim + (slice(first, first + stride * (windows - 1) + 1, stride),)]


class Mean(Windowed):
    """The mean of the last `window` frames."""

    def __init__(self, window: int, padding: Padding = "valid", stride: int = 1):
        super().__init__(window, stride, padding)

    def windows(self, x: Tensor) -> Tensor:
        window = self.timing.receptive_field
        if x.shape[1] == window:
            return x.mean(1, keepdim=True)
        if self.training:  # its gradient is several times as fast
            return F.avg_pool2d(x.permute(0, 3, 1, 2), (window, 1), (self.timing.stride, 1)).permute(0, 2, 3, 1)
        return sum(places(x, 1, window, self.timing.stride)) / window


class Max(Windowed):
    """The largest of each `window` frames."""

    def __init__(self, window: int, stride: int = 1, padding: Padding = "valid"):
        super().__init__(window, stride, padding)

    def windows(self, x: Tensor) -> Tensor:
        return reduce(torch.maximum, places(x, 1, self.timing.receptive_field, self.timing.stride))


class Flatten(Windowed):
    """The last `window` frames as one vector, in the channels: (batch, time, 1, window * frequency * channel)."""

    def __init__(self, window: int):
        super().__init__(window, padding="valid")

    def windows(self, x: Tensor) -> Tensor:
        window = self.timing.receptive_field
        vectors = [x[:, i : i + window].flatten(1) for i in range(x.shape[1] - window + 1)]
        return torch.stack(vectors, dim=1).unsqueeze(2)


class Spread(nn.Module):
    """Channels as frequencies: (batch, time, 1, channel) to (batch, time, channel, 1)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:2], -1, 1)


class Merge(nn.Module):
    """Frequencies into channels: (batch, time, frequency, channel) to (batch, time, 1, frequency * channel)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:2], 1, -1)


class FrequencyMean(nn.Module):
    """The mean over frequency: (batch, time, frequency, channel) to (batch, time, 1, channel)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(2, keepdim=True)


class ChannelPool(nn.Module):
    """The largest of each `window` neighbouring channels, `stride` channels apart."""

    def __init__(self, window: int, stride: int):
        super().__init__()
        self.window, self.stride = window, stride

    def forward(self, x: Tensor) -> Tensor:
        return reduce(torch.maximum, places(x, 3, self.window, self.stride))


class Channels(nn.Module):
    """The channels from `start` up to `end`."""

    def __init__(self, start: int, end: int):
        super().__init__()
        self.start, self.end = start, end

    def forward(self, x: Tensor) -> Tensor:
        return x[..., self.start : self.end]


class Scaled(nn.Module):
    """Everything times a constant."""

    def __init__(self, factor: float):
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor


class ChannelDropout(nn.Module):
    """Dropout of whole channels of a clip, over all time and frequency (Tompson et al., 2015)."""

    def __init__(self, p: float):
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        kept = F.dropout(x.new_ones(len(x), 1, 1, x.shape[3]), self.p, self.training)
        return x * kept if self.training else x
