"""Numbers as integers will hold them, while training goes on in float: gradients pass as if nothing were rounded."""

import torch
from torch import Tensor, nn

from kwsstream.fixed.formats import HIGH, LOW, dec_bits


class Rounded(nn.Module):
    """Weights at the levels of 4 or 8 bits: symmetric, each output with a scale of its own.

    Levels of 4 bits are the nearest of those that int8 has with the scale of the same weights, so that an int8 file
    holds either exactly. With `power_of_two` all weights share one scale, the power of two of kwsstream.fixed.
    """

    def __init__(self, bits: int, power_of_two: bool):
        super().__init__()
        self.bits, self.power_of_two = bits, power_of_two

    def forward(self, weight: Tensor) -> Tensor:
        rounded = (self.to_power_of_two if self.power_of_two else self.to_levels)(weight.detach())
        return weight + (rounded - weight).detach()

    def to_levels(self, weight: Tensor) -> Tensor:
        largest = weight.abs().flatten(1).amax(1).view(-1, *[1] * (weight.ndim - 1)).clamp_min(1e-30)
        levels = 2 ** (self.bits - 1) - 1
        return ((weight / largest * levels).round() * (HIGH / levels)).round() * (largest / HIGH)

    def to_power_of_two(self, weight: Tensor) -> Tensor:
        coarse = 2 ** (8 - self.bits)
        scale = 2.0 ** -dec_bits(weight.abs().max().item()) * coarse
        return (weight / scale).round().clamp(LOW // coarse, HIGH // coarse) * scale


class Range(nn.Module):
    """Activations at 256 levels between limits that follow the least and largest number of each batch.

    Zero is one of the levels, as silence needs it. A state is rounded here, with what it is a part of, and no second
    time: it is cut from the output of a layer that this one stands behind. `learns=False` keeps the limits given.
    """

    def __init__(self, updates: int, power_of_two: bool, learns: bool = True):
        super().__init__()
        self.updates, self.power_of_two, self.learns = updates, power_of_two, learns
        self.off = False
        self.register_buffer("low", torch.zeros(()))
        self.register_buffer("high", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        if self.training and self.learns:
            self.follow(x.detach())
        if self.off or self.low == self.high:
            return x
        low, high = self.limits
        scale = (high - low) / (HIGH - LOW)
        return torch.fake_quantize_per_tensor_affine(x.float(), scale, round(LOW - low / scale), LOW, HIGH)

    @torch.no_grad()
    def follow(self, x: Tensor) -> None:
        """Move the limits a part of the way to those of a batch; all of it for the first."""
        share = 1 if self.low == self.high else 1 / self.updates
        self.low += share * (x.min().clamp(max=0) - self.low)
        self.high += share * (x.max().clamp(min=0) - self.high)

    @property
    def limits(self) -> tuple[float, float]:
        """What -128 and 127 stand for."""
        low, high = self.low.item(), self.high.item()
        if self.power_of_two:
            scale = 2.0 ** -dec_bits(max(-low, high))
            return LOW * scale, HIGH * scale
        return low, high

    def keep(self, low: float, high: float) -> None:
        """Set the limits, zero among them."""
        self.low.fill_(min(low, 0.0))
        self.high.fill_(max(high, 0.0))
