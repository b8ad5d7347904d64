"""The constants and curves of the 'micro' front end, in the whole numbers and the float32 of the C library."""

import math

import numpy as np
import torch
from torch import Tensor

from kwsstream.micro_numbers import bits

FILTER_BITS = 12
ESTIMATE_BITS = 14
GAIN_BITS = 6
LARGEST_GAIN = 0x7FFF
SEGMENT_BITS = 7
LOG2_BITS = 16

SEGMENTS = 2**SEGMENT_BITS
LOG2_BEND = torch.tensor(
    [round(2**LOG2_BITS * (math.log2(1 + i / SEGMENTS) - i / SEGMENTS)) for i in range(SEGMENTS + 1)]
)
"""How far log2(1 + x) lies above x, at the ends of equal segments of 0 .. 1."""
LOG_OF_2 = round(2**LOG2_BITS * math.log(2))


def fraction(share: float) -> int:
    """A share of one in whole numbers, rounded down."""
    return int(np.float32(share) * 2**ESTIMATE_BITS)


def window_weights(size: int, real: type) -> Tensor:
    """A Hann window taken half a sample later (size,), int32."""
    angle = real(np.float32(2 * math.pi / size)) * (np.arange(size, dtype=real) + real(0.5))
    cosine = np.cos(angle.astype(np.float64)).astype(real)
    return torch.from_numpy(rounded(np.float32(real(0.5) - real(0.5) * cosine)))


def rounded(share: np.ndarray) -> np.ndarray:
    """Shares of one in FILTER_BITS, int32."""
    return np.floor(share * 2.0**FILTER_BITS + 0.5).astype(np.int32)


def mel(hz: np.ndarray | float, real: type) -> np.ndarray:
    return np.float32(real(1127) * np.log1p(np.array(hz, np.float32).astype(real) / real(700)))


def filterbank(
    size: int, sample_rate_hz: int, channels: int, lower_hz: float, upper_hz: float, real: type
) -> tuple[int, Tensor]:
    """The first bin of a DFT of `size` that counts, and the weights of it and those after, (channels, bins), int32.

    Edges are equally spaced in mel. A bin between two of them counts for the channel that peaks at the lower by its
    nearness to that edge, for the one that peaks at the upper with the rest; the first and last edge have no channel.
    """
    width = np.float32(0.5 * sample_rate_hz / (size // 2))
    first, last = int(1.5 + np.float32(lower_hz) / width), size // 2
    low, high = mel(lower_hz, real), mel(upper_hz, real)
    edges = low + (high - low) / np.float32(channels + 1) * np.arange(channels + 2, dtype=np.float32)
    position = mel(np.arange(first, last + 1, dtype=np.float32) * width, real)
    inside = np.count_nonzero(position <= edges[-1])
    if not 0 < inside <= last - first:
        raise ValueError(
            f"channels from {lower_hz:g} to {upper_hz:g} Hz: expected lower_hz < upper_hz < {sample_rate_hz / 2:g} "
            f"with a bin of {width:g} Hz in between; move one of them"
        )
    position, bins = position[:inside], np.arange(inside)
    upper = np.searchsorted(edges[1:], position) + 1
    share = (edges[upper] - position) / (edges[upper] - edges[upper - 1])
    weights = np.zeros((channels + 2, inside), np.int32)
    weights[upper - 1, bins] = rounded(share)
    weights[upper, bins] = rounded(1 - share.astype(np.float64))
    return first, torch.from_numpy(weights[1:-1])


def gain_table(noise_bits: int, strength: float, offset: float, gain_bits: int) -> Tensor:
    """For each length in bits of a noise with `noise_bits` of fraction, a parabola of the gain: (33, 3), int64.

    A row holds the gain at the least noise of that length, its slope and its bend, each in 16 bits.
    """

    def gain(noise: int) -> int:
        x = np.float32(noise) / np.float32(2**noise_bits) + np.float32(offset)
        power = np.float32(float(x) ** -float(np.float32(strength)))  # in float64: float32 powers differ by platform
        return int(min(np.float32(2**gain_bits) * power + np.float32(0.5), LARGEST_GAIN))

    rows = [(gain(0), 0, 0), (gain(1), 0, 0)]
    for length in range(2, 33):
        start = 2 ** (length - 1)
        y = [gain(x) for x in (start, start + start // 2, min(2 * start, 2**32 - 1))]
        slope = 4 * (y[1] - y[0]) - (y[2] - y[0])
        rows.append((y[0], slope, y[2] - y[0] - slope))
    table = torch.tensor(rows)
    if table.abs().max() > LARGEST_GAIN:
        raise ValueError(
            f"the gain with pcan_strength {strength:g}, pcan_offset {offset:g} and gain_bits {gain_bits} does not fit "
            "in 16 bits: change one of them"
        )
    return table


def gains(noise: Tensor, table: Tensor) -> Tensor:
    """The gain for each noise, by the parabola of its length in bits; one below 0 is taken as of 32 bits unsigned."""
    length = bits(noise)
    start, slope, bend = table[length].unbind(-1)
    place = torch.where(length < 11, noise << (11 - length).clamp_min(0), noise >> (length - 11).clamp_min(0)) & 0x3FF
    rise = (((bend * place) >> 5) + (slope << 5)) * place
    return torch.where(noise <= 2, start, start + ((rise + 2**14) >> 15)).short().long() & 0xFFFFFFFF


def squeeze(x: Tensor, fraction_bits: int) -> Tensor:
    """x^2 / 4 up to 2, and x - 1 from there on; into GAIN_BITS of fraction."""
    low = (x.clamp_max(2 << fraction_bits) ** 2) >> (2 + 2 * fraction_bits - GAIN_BITS)
    return torch.where(x < 2 << fraction_bits, low, (x >> (fraction_bits - GAIN_BITS)) - 2**GAIN_BITS)


def natural_log(x: Tensor, scale_shift: int) -> Tensor:
    """ln(x) in 2^-scale_shift, int64; 0 for x of 0 and 1. log2 is interpolated in segments."""
    x = x.clamp_min(1)
    whole = bits(x) - 1
    part = x - (torch.ones_like(x) << whole)
    part = torch.where(
        whole < LOG2_BITS, part << (LOG2_BITS - whole).clamp_min(0), part >> (whole - LOG2_BITS).clamp_min(0)
    )
    segment = part >> (LOG2_BITS - SEGMENT_BITS)
    bend = LOG2_BEND.to(x.device)
    left, right = bend[segment], bend[segment + 1]
    log2 = part + left + (((right - left) * (part - (segment << (LOG2_BITS - SEGMENT_BITS)))) >> LOG2_BITS)
    half = 2 ** (LOG2_BITS - 1)
    log = (LOG_OF_2 * ((whole << LOG2_BITS) + log2) + half) >> LOG2_BITS
    return ((log << scale_shift) + half) >> LOG2_BITS
