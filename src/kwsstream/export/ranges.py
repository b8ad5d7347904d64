"""The range of features that an int8 file should hold: wide enough for speech, not for the log of digital silence.

Zeros give features of -247 (the log of 1e-12, summed over 40 mels) where speech stays above -40. With all of that
range, 256 numbers are too few for speech; a silence that is cut off at -60 is a silence still.
"""

import torch
from torch import Tensor

from kwsstream.streaming import Streaming

RANGE_CLIPS = 100
SHRINK = 0.7
TRIALS = 8  # down to a twelfth of the range
LEVELS = 255


@torch.no_grad()
def feature_range(net: Streaming, features: Tensor) -> tuple[float, float]:
    """The limits within which features of clips (clips, frames, 1, coefficients), in 255 levels, change scores least.

    Limits draw in from the least and largest feature towards the median. Change is the mean Kullback-Leibler
    divergence of the scores of the net from those of the features as they are.
    """
    expected = net(features)[:, -1, 0].log_softmax(1)
    middle, limits = features.median().item(), [features.min().item(), features.max().item()]

    def change(low: float, high: float) -> float:
        scores = net(in_levels(features, low, high))[:, -1, 0].log_softmax(1)
        return torch.nn.functional.kl_div(scores, expected, log_target=True, reduction="batchmean").item()

    lows, highs = ([middle + (limit - middle) * SHRINK**i for i in range(TRIALS)] for limit in limits)
    low = min(lows, key=lambda low: change(low, highs[0]))
    return low, min(highs, key=lambda high: change(low, high))


def in_levels(x: Tensor, low: float, high: float) -> Tensor:
    """X within limits, at the nearest of equally spaced levels."""
    step = (high - low) / LEVELS or 1.0
    return ((x.clamp(low, high) - low) / step).round() * step + low
