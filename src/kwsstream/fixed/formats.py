"""Qm.n: how many of eight bits stand behind the point."""

import math

import torch
from torch import Tensor

LOW, HIGH = -128, 127


def dec_bits(largest: float) -> int:
    """Bits behind the point for numbers up to `largest` in size: 7 - ceil(log2 largest), as in quant_test; 7 for zeros.

    A number that is just a power of two saturates at 127 of 128.
    """
    if largest == 0:
        return 7
    half_to_one, exponent = math.frexp(largest)
    return 7 - (exponent - 1 if half_to_one == 0.5 else exponent)


def quantise(x: Tensor, bits: int) -> Tensor:
    """Numbers to int8 with `bits` behind the point, rounded to nearest (halves to even) and saturated."""
    return (x.double() * 2.0**bits).round().clamp(LOW, HIGH).to(torch.int8)


def q_format(bits: int) -> str:
    """The name of a format: Q2.5 has 2 bits before the point and 5 behind it."""
    return f"Q{7 - bits}.{bits}"
