"""Arithmetic of the 'micro' front end on whole numbers, bit for bit as a microcontroller without floats does it.

The Fourier transform is that of KISS FFT for 16-bit numbers (Borgerding): decimation in time by fours, and by two
where a two is left, each stage dividing by its radix so that nothing overflows, every product rounded to 15 bits.
Numbers are held in 32 bits, in which products of 16-bit numbers and their sums are exact. Under a window that falls
off at its ends no sum leaves 16 bits.
"""

import math
from functools import reduce

import torch
from torch import Tensor, nn

FRACTION_BITS = 15
ONE = 2**FRACTION_BITS - 1
HALF = 2 ** (FRACTION_BITS - 1)


class FixedSpectrum(nn.Module):
    """The power of DFT bins 1 .. size/2 - 1 of real frames, (window, frames) to (size/2 - 1, frames), int32.

    A bin is its complex number over `size`, the power of two at or above the window, rounded on the way as said above.
    """

    def __init__(self, window: int):
        super().__init__()
        self.size = 2 ** max(math.ceil(math.log2(window)), 2)
        half = self.size // 2
        self.radices = radices(half)
        order = 2 * torch.tensor(digit_reversal(self.radices))
        order = torch.cat([order, order + 1]).clamp_max(window)  # beyond the window lies a row of zeros
        self.register_buffer("order", order, persistent=False)
        self.register_buffer("rounding", torch.tensor(HALF, dtype=torch.int32), persistent=False)
        length = 1
        for stage, radix in enumerate(reversed(self.radices)):
            turns = torch.outer(torch.arange(1, radix), torch.arange(length)) * (half // (radix * length))
            self.register_buffer(f"twiddles{stage}", twiddles(turns / half)[:, None, :, :, None], persistent=False)
            length *= radix
        turns = torch.arange(1, half // 2 + 1) / self.size + 0.25
        self.register_buffer("real_twiddles", twiddles(turns)[..., None], persistent=False)

    def forward(self, frames: Tensor) -> Tensor:
        x = nn.functional.pad(frames, (0, 0, 0, 1))[self.order]
        x = x.reshape(2, -1, 1, x.shape[-1])  # (real and imaginary, blocks, bins of a block, frames)
        for stage, radix in enumerate(reversed(self.radices)):
            x = x.reshape(2, -1, radix, *x.shape[2:])
            x = self.butterfly(self.over(x, radix), getattr(self, f"twiddles{stage}")).flatten(2, 3)
        return self.power(x.squeeze(1))

    def over(self, x: Tensor, divisor: int) -> Tensor:
        """X over a small number, rounded."""
        return torch.addcmul(self.rounding, x, torch.full_like(self.rounding, ONE // divisor)).bitwise_right_shift_(
            FRACTION_BITS
        )

    def times(self, x: Tensor, turn: Tensor) -> Tensor:
        """Complex products, rounded; real and imaginary parts lead."""
        real = torch.addcmul(self.rounding, x[0], turn[0]).addcmul_(x[1], turn[1], value=-1)
        imaginary = torch.addcmul(self.rounding, x[0], turn[1]).addcmul_(x[1], turn[0])
        return torch.stack([real, imaginary]).bitwise_right_shift_(FRACTION_BITS)

    def butterfly(self, x: Tensor, turn: Tensor) -> Tensor:
        """DFTs across `radix` blocks, (2, blocks, radix, bins, frames)."""
        first, others = x[:, :, 0], x[:, :, 1:]
        if others.shape[3] > 1:  # a turn by nothing changes no number that was divided
            others = self.times(others, turn)
        if others.shape[2] == 1:
            return torch.stack([first + others[:, :, 0], first - others[:, :, 0]], 2)
        a, b, c = others.unbind(2)
        even, odd = first + b, first - b
        both, (real, imaginary) = a + c, a - c
        turned = torch.stack([imaginary, -real])
        return torch.stack([even + both, odd + turned, even - both, odd - turned], 2)

    def power(self, x: Tensor) -> Tensor:
        """Of the DFT of the real frames, whose even samples were taken as real parts, the odd ones as imaginary."""
        x = self.over(x, 2)
        middle = x.shape[1] // 2
        low, high = x[:, 1 : middle + 1], x[:, middle:].flip(1)
        real, imaginary = low[0] + high[0], low[1] - high[1]
        turned = self.times(torch.stack([low[0] - high[0], low[1] + high[1]]), self.real_twiddles)
        below = (real + turned[0] >> 1, imaginary + turned[1] >> 1)
        above = (real - turned[0] >> 1, turned[1] - imaginary >> 1)
        below, above = (real * real + imaginary * imaginary for real, imaginary in (below, above))
        return torch.cat([below[:-1], above.flip(0)])


def radices(size: int) -> list[int]:
    """The factors of a power of two, largest blocks first: fours, and a two where one is left."""
    bits = size.bit_length() - 1
    return [4] * (bits // 2) + [2] * (bits % 2)


def digit_reversal(factors: list[int]) -> list[int]:
    """The order in which decimation in time takes its inputs."""
    return reduce(lambda order, radix: [j + radix * i for j in range(radix) for i in order], reversed(factors), [0])


def twiddles(turns: Tensor) -> Tensor:
    """exp(-2 pi sqrt(-1) turns) in 15 bits: real and imaginary parts, int32."""
    angle = -2 * math.pi * turns.double()
    return torch.stack([angle.cos(), angle.sin()]).mul(ONE).add(0.5).floor().int()


def bits(x: Tensor) -> Tensor:
    """The number of bits of whole numbers from 0 on, below 2^53; 0 has none."""
    return torch.frexp(x.double())[1].long()


def rounded_root(x: Tensor) -> Tensor:
    """The square root of whole numbers below 2^52 (float64), rounded to int64; at most 65,535 below 2^32."""
    root = x.sqrt().floor()
    up = (x - root * root > root) & ((root != 0xFFFF) | (x >= 2**32))
    return (root + up).long()
