"""Mixup (Zhang et al., 2018): each clip blended with another of its batch, and its label likewise."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor


class Mixed(NamedTuple):
    """What a batch was made of: `other` int64 (batch,), the clip blended in; `share` float32 (batch,), of the own."""

    other: Tensor
    share: Tensor


def mixup(audio: Tensor, alpha: float, draws: Generator) -> tuple[Tensor, Mixed]:
    """Blend clips (batch, samples) with shares drawn from Beta(alpha, alpha), the larger one the clip's own."""
    other = torch.randperm(len(audio), generator=draws)
    seed = int(torch.randint(2**62, (), generator=draws))  # torch draws no Beta from a generator of one's own
    share = np.random.default_rng(seed).beta(alpha, alpha, len(audio)).astype(np.float32)
    share = torch.from_numpy(np.maximum(share, 1 - share))
    mixed = Mixed(other.to(audio.device), share.to(audio.device))
    return torch.lerp(audio[mixed.other], audio, mixed.share[:, None]), mixed
