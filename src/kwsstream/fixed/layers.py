"""Layers of int8 numbers, (batch, time, frequency, channel) in and out, that keep the law exactly.

Sums are CMSIS-NN's: bias << bias_lshift plus half of what the right shift drops, then the products; then an arithmetic
shift right by out_rshift, saturated to int8. They are added in float64, which holds every one of them exactly.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kwsstream.fixed.formats import HIGH, LOW, dec_bits, quantise
from kwsstream.layers import Conv, Mean
from kwsstream.streaming import Windowed

MOST_LSHIFT = 8  # of a mean: more would shift in nothing but zeros


class Weighted(Windowed):
    """A convolution (batch norm folded in), a depthwise one, or nn.Linear, which is a convolution of one frame.

    `inputs` and `outputs` are the bits behind the point. CMSIS-NN shifts the bias left and the sum right, never the
    other way: the formats of bias and output are coarser where that needs it.
    """

    def __init__(self, layer: Conv | nn.Linear, inputs: int, outputs: int):
        super().__init__(1)
        weight, bias = folded(layer)
        if isinstance(layer, Conv):
            self.timing, self.overlap, self.past, self.needs = layer.timing, layer.overlap, layer.past, layer.needs
            self.stride, self.dilation, self.groups = layer.conv.stride, layer.conv.dilation, layer.conv.groups
            self.frequency_pads = layer.frequency_pads
        else:
            self.stride, self.dilation, self.groups = (1, 1), (1, 1), 1
            self.frequency_pads = lambda _: (0, 0)
        self.weight_bits = dec_bits(weight.abs().max().item())
        finest = inputs + self.weight_bits
        self.bias_bits, self.dec_bits = min(dec_bits(bias.abs().max().item()), finest), min(outputs, finest)
        self.bias_lshift, self.out_rshift = finest - self.bias_bits, finest - self.dec_bits
        self.register_buffer("weight", quantise(weight, self.weight_bits))
        self.register_buffer("bias", quantise(bias, self.bias_bits))

    @property
    def depthwise(self) -> bool:
        """Whether each output is of one input; that of a single input serves as an ordinary convolution."""
        return self.groups > 1

    def windows(self, x: Tensor) -> Tensor:
        x = F.pad(x, (0, 0, *self.frequency_pads(x.shape[2])))
        bias = self.bias.double() * 2.0**self.bias_lshift
        x = x.permute(0, 3, 1, 2).double()
        sums = F.conv2d(x, self.weight.double(), bias, self.stride, dilation=self.dilation, groups=self.groups)
        return shifted(sums.permute(0, 2, 3, 1).long(), self.out_rshift)

    def largest_sum(self) -> int:
        """What the sum of no input can exceed in size, not even on the way."""
        products = 128 * self.weight.long().abs().flatten(1).sum(1)
        biases = self.bias.long().abs().tolist()  # Python's integers: these may be beyond 64 bits
        half = (1 << self.out_rshift) >> 1
        return max(p + (b << self.bias_lshift) + half for p, b in zip(products.tolist(), biases, strict=True))


class FrameAverage(Windowed):
    """The mean of the last frames, with bits of its own behind the point, at least those of its input."""

    def __init__(self, layer: Mean, inputs: int, outputs: int):
        super().__init__(1)
        self.timing, self.overlap, self.past, self.needs = layer.timing, layer.overlap, layer.past, layer.needs
        self.lshift = min(max(outputs - inputs, 0), MOST_LSHIFT)
        self.dec_bits = inputs + self.lshift

    def windows(self, x: Tensor) -> Tensor:
        window = self.timing.receptive_field
        return average(x.long().unfold(1, window, self.timing.stride).sum(-1), window, self.lshift)

    def largest_sum(self) -> int:
        return largest_average_sum(self.timing.receptive_field, self.lshift)


class FrequencyAverage(nn.Module):
    """The mean over `frequencies`, with bits of its own behind the point, at least those of its input."""

    def __init__(self, frequencies: int, inputs: int, outputs: int):
        super().__init__()
        self.frequencies = frequencies
        self.lshift = min(max(outputs - inputs, 0), MOST_LSHIFT)
        self.dec_bits = inputs + self.lshift

    def forward(self, x: Tensor) -> Tensor:
        return average(x.long().sum(2, keepdim=True), self.frequencies, self.lshift)

    def largest_sum(self) -> int:
        return largest_average_sum(self.frequencies, self.lshift)


def folded(layer: Conv | nn.Linear) -> tuple[Tensor, Tensor]:
    """Weight (outputs, inputs, time, frequency) and bias (outputs,) of a layer in eval mode."""
    if isinstance(layer, nn.Linear):
        weight, bias = layer.weight[:, :, None, None], layer.bias
    else:
        weight, bias = layer.conv.weight, layer.conv.bias
        if layer.norm is not None:
            weight, bias = layer.norm.folded(weight, bias)
    return weight.detach(), torch.zeros(len(weight)) if bias is None else bias.detach()


def shifted(sums: Tensor, shift: int) -> Tensor:
    """Sums, int64, shifted right with halves rounded up, saturated to int8."""
    return ((sums + ((1 << shift) >> 1)) >> shift).clamp(LOW, HIGH).to(torch.int8)


def average(sums: Tensor, count: int, lshift: int) -> Tensor:
    """Sums of `count` numbers, int64, over the count, with `lshift` more bits behind the point: halves rounded up."""
    return torch.div(2 * (sums << lshift) + count, 2 * count, rounding_mode="floor").clamp(LOW, HIGH).to(torch.int8)


def largest_average_sum(count: int, lshift: int) -> int:
    return 2 * (128 * count << lshift) + 2 * count
