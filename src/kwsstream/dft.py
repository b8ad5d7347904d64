"""The spectrum of real frames by a two-stage DFT: two small matrix products, few constants, exact.

With a DFT of size M = R C, samples n = R i + j and bins k = k1 + C k2,

    X[k1 + C k2] = sum_j W_R^(j k2) W_M^(j k1) sum_i W_C^(i k1) x[R i + j],    W_n = exp(-2 pi sqrt(-1) / n)

(Cooley & Tukey, 1965). A real frame needs only k1 = 0 .. C/2, since the other bins are conjugates of those, and only
the i that its samples reach. For 640 samples and M = 1024 that is 94 K multiplications and 4 K constants,
against 623 K of each for the DFT as one matrix product. `benchmarks/step_time.py` measures both in TFLite.
Training takes torch's FFT, which no exporter has to understand: `benchmarks/training.py` shows what that saves.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Spectrum(nn.Module):
    """Real frames (..., 1, window) to the magnitude or power of their spectrum, (..., 1, len(bins)).

    `size` is the power of two at or above `window`. `bins` names the DFT bin of each output: bin 0 .. size/2
    each at least once, in the order in which the second stage leaves them. In training the outputs are
    bins 0 .. size/2, as the FFT leaves them.
    """

    def __init__(self, window: int, power: bool = False):
        super().__init__()
        bits = max(math.ceil(math.log2(window)), 2)
        self.size, self.power = 2**bits, power
        radix = 2 ** (bits // 2)
        columns = self.size // radix
        rows = -(-window // radix)
        self.shape, self.padding = (rows, radix), rows * radix - window
        k1, j, k2 = torch.arange(columns // 2 + 1), torch.arange(radix), torch.arange(radix)
        first, turn, second = wave(k1, torch.arange(rows), columns), wave(k1, j, self.size), wave(j, k2, radix)
        constants = {
            "first": torch.cat([first.real, first.imag]),
            "cos": turn.real,
            "sin": turn.imag,
            "second": torch.cat([torch.cat([second.real, second.imag], 1), torch.cat([-second.imag, second.real], 1)]),
        }
        for name, values in constants.items():
            self.register_buffer(name, values.float(), persistent=False)
        k = k1[:, None] + columns * k2
        self.register_buffer("bins", torch.minimum(k, self.size - k).flatten(), persistent=False)

    def forward(self, frames: Tensor) -> Tensor:
        power = self.power_by_fft(frames) if self.training else self.power_by_matrices(frames)
        if self.power:
            return power
        return power.sqrt_() if self.training else power.sqrt()

    def power_by_fft(self, frames: Tensor) -> Tensor:
        parts = torch.view_as_real(torch.fft.rfft(frames, self.size)).square()
        return parts[..., 0] + parts[..., 1]

    def power_by_matrices(self, frames: Tensor) -> Tensor:
        x = F.pad(frames, (0, self.padding)) if self.padding else frames
        x = x.reshape(*x.shape[:-2], *self.shape)
        real, imaginary = (self.first @ x).chunk(2, -2)
        turned = torch.cat([real * self.cos - imaginary * self.sin, real * self.sin + imaginary * self.cos], -1)
        real, imaginary = (turned @ self.second).chunk(2, -1)
        power = real * real + imaginary * imaginary
        return power.reshape(*frames.shape[:-1], -1)


def wave(a: Tensor, b: Tensor, size: int) -> Tensor:
    """exp(-2 pi sqrt(-1) a b / size) as a complex matrix, in double precision; exact for whole turns."""
    angle = -2 * math.pi * (torch.outer(a, b) % size).double() / size
    return torch.complex(angle.cos(), angle.sin())
