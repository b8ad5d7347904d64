"""Masks on the features of a batch: SpecAugment (Park et al., 2019) as the original does it, and cutout.

Layers from features (batch, time, bins) to the same with stretches set to zero; identity in eval mode.
Lengths and places are drawn on the CPU.
"""

from typing import Annotated

import torch
from pydantic import Field
from torch import Generator, Tensor, nn

Count = Annotated[int, Field(ge=0)]


class SpecAugment(nn.Module):
    """Masks of up to so many frames, then of bins, less one; the same for the whole batch."""

    def __init__(
        self,
        *,
        time_masks: Count = 2,
        time_mask_frames: Count = 10,
        frequency_masks: Count = 2,
        frequency_mask_bins: Count = 5,
    ):
        super().__init__()
        self.masks = [(1, time_mask_frames)] * time_masks + [(2, frequency_mask_bins)] * frequency_masks

    def forward(self, x: Tensor, draws: Generator) -> Tensor:
        if not self.training:
            return x
        x = x.clone()
        for dim, longest in self.masks:
            length = below(min(longest, x.shape[dim]), draws)
            x.narrow(dim, below(x.shape[dim] - length, draws), length).zero_()
        return x


class Cutout(nn.Module):
    """Rectangles of `time_frames` by `frequency_bins`, at places of each clip's own (DeVries & Taylor, 2017)."""

    def __init__(self, *, masks: Count = 3, time_frames: Count = 10, frequency_bins: Count = 5):
        super().__init__()
        self.masks, self.sides = masks, (time_frames, frequency_bins)

    def forward(self, x: Tensor, draws: Generator) -> Tensor:
        if not self.training:
            return x
        kept = torch.ones(x.shape, dtype=torch.bool, device=x.device)
        for _ in range(self.masks):
            rows, columns = (stretch(x, dim, side, draws) for dim, side in zip((1, 2), self.sides, strict=True))
            kept &= ~(rows[:, :, None] & columns[:, None, :])
        return x * kept


def stretch(x: Tensor, dim: int, side: int, draws: Generator) -> Tensor:
    """Where in a dimension each clip is masked: bool (batch, size of the dimension)."""
    size = x.shape[dim]
    start = (torch.rand(len(x), 1, generator=draws) * max(size - side + 1, 1)).long().to(x.device)
    place = torch.arange(size, device=x.device)
    return (place >= start) & (place < start + side)


def below(limit: int, draws: Generator) -> int:
    """A whole number in [0, limit), 0 where there is none."""
    return int(torch.rand((), generator=draws) * limit)
