"""Audio to mel features, as streaming layers that stand in front of a model.

Framing remembers samples; every other layer works on each frame alone. Equal to `speech_features` of kws_streaming
(Rybakov et al., 2020) for its feature types mfcc_tf and mfcc_op; its switches use_tf_fft and mel_non_zero_only
choose between equal computations, so they are not here. Nothing in the front end is trained.
"""

import math
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from kwsstream.dft import Spectrum
from kwsstream.streaming import Padding, Sequential, Windowed

Positive = Annotated[float, Field(gt=0)]
BAND = 16  # mels computed together in training


class Features(Sequential):
    """Audio (batch, samples, 1, 1) in [-1, 1] to mel features (batch, frames, 1, mels or coefficients).

    `window` is a Hann window that is periodic ("hann") or taken half a sample later ("hann_offset").
    `spectrum` is "magnitude", "power", or "none" for the samples of each frame as they are. `mels` triangles stand
    between `lower_hz` and `upper_hz`; the filterbank "op" leaves out the bins that TensorFlow's mfcc operator leaves
    out. The logarithm is natural, floored at `log_floor`; `log=False` leaves it out. `coefficients` of the cosine
    transform are kept, 0 for log-mel features. `lifter` scales coefficient k by 1 + lifter/2 sin(pi k / lifter), as
    HTK does, and 0 leaves it out: it brings the coefficients to one order of magnitude, without which an int8 file
    has few numbers for the higher ones.
    Pre-emphasis is within each frame. The features are (x - `mean`) / `deviation`.
    `padding` "causal" starts with a frame that is mostly silence, "valid" with the first full window; "unsettled" is
    for recurrent models whose training did the one and whose streams do the other (see Windowed).
    """

    def __init__(
        self,
        *,
        sample_rate_hz: Annotated[int, Field(gt=0)] = 16000,
        window_ms: Positive = 40.0,
        hop_ms: Positive = 20.0,
        padding: Literal["valid", "causal", "unsettled"] = "valid",
        preemphasis: float = 0.0,
        window: Literal["hann", "hann_offset"] = "hann",
        spectrum: Literal["magnitude", "power", "none"] = "magnitude",
        filterbank: Literal["htk", "op"] = "htk",
        mels: Annotated[int, Field(gt=0)] = 40,
        lower_hz: Annotated[float, Field(ge=0)] = 20.0,
        upper_hz: Positive = 7000.0,
        log: bool = True,
        log_floor: Positive = 1e-12,
        coefficients: Annotated[int, Field(ge=0)] = 20,
        lifter: Annotated[int, Field(ge=0)] = 0,
        mean: float = 0.0,
        deviation: Positive = 1.0,
    ):
        size, hop = samples(window_ms, sample_rate_hz), samples(hop_ms, sample_rate_hz)
        if hop > size:
            raise ValueError(
                f"hop_ms {hop_ms:g} is larger than window_ms {window_ms:g}: samples would be skipped; lower it"
            )
        if hop < 1:
            raise ValueError(f"hop_ms {hop_ms:g} is less than one sample at {sample_rate_hz} Hz: raise it")
        if coefficients > mels:
            raise ValueError(f"coefficients {coefficients} are more than the {mels} mels they are computed from")
        if lifter and lifter < coefficients:
            raise ValueError(
                f"lifter {lifter} is less than the {coefficients} coefficients: raise it, or give 0 for none"
            )
        layers = {"frame": Frame(size, hop, padding)}
        if preemphasis:
            layers["preemphasis"] = Preemphasis(preemphasis)
        if spectrum != "none":
            layers["window"] = Scale(hann(size, offset=0.5 if window == "hann_offset" else 0.0))
            layers["spectrum"] = Spectrum(size, power=spectrum == "power")
            matrix = mel_matrix(layers["spectrum"].size, sample_rate_hz, mels, lower_hz, upper_hz, filterbank)
            layers["mel"] = Mels(matrix, layers["spectrum"].bins)
            if log:
                layers["log"] = Log(log_floor)
            if coefficients:
                layers["dct"] = Matrix(dct_matrix(mels, coefficients) * lifter_gains(coefficients, lifter))
        if mean or deviation != 1:
            layers["normalise"] = Normalise(mean, deviation)
        super().__init__(**layers)
        self.sample_rate_hz = sample_rate_hz
        self.outputs = size if spectrum == "none" else coefficients or mels


class Frame(Windowed):
    """Samples (batch, samples, 1, 1) to overlapping frames (batch, frames, 1, window).

    Made of whole blocks of gcd(window, hop) samples, so that exporters see reshapes and slices and no gather.
    """

    def __init__(self, window: int, hop: int, padding: Padding = "valid"):
        super().__init__(window, hop, padding)

    def windows(self, x: Tensor) -> Tensor:
        window, hop = self.timing.receptive_field, self.timing.stride
        block = math.gcd(window, hop)
        frames = (x.shape[1] - window) // hop + 1
        if self.training:
            return x[:, :, 0, 0].unfold(1, window, hop).unsqueeze(2)  # a view: what multiplies it makes the one copy
        if frames == 1:
            return x[:, :window].reshape(len(x), 1, 1, window)
        blocks = x[:, : x.shape[1] // block * block].reshape(len(x), -1, 1, block)
        step, last = hop // block, (frames - 1) * hop // block + 1
        return torch.cat([blocks[:, i : i + last : step] for i in range(window // block)], dim=3)


class Preemphasis(nn.Module):
    """y[i] = x[i] - a x[i - 1] within each frame; its first sample is taken to follow one of the same value."""

    def __init__(self, a: float):
        super().__init__()
        self.a = a

    def forward(self, x: Tensor) -> Tensor:
        return x - self.a * torch.cat([x[..., :1], x[..., :-1]], dim=-1)


class Scale(nn.Module):
    """Each channel times a constant."""

    def __init__(self, constants: Tensor):
        super().__init__()
        self.register_buffer("constants", constants.float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.constants


class Matrix(nn.Module):
    """The channels times a constant matrix (inputs, outputs)."""

    def __init__(self, matrix: Tensor):
        super().__init__()
        self.register_buffer("matrix", matrix.T.contiguous().float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.matrix)


class Mels(Matrix):
    """A spectrum to mels, by weights (size/2 + 1 bins, mels). The spectrum is as Spectrum leaves it: in the order of
    `bins`, or in training bin by bin, of which each band of mels then takes no more than it needs.
    """

    def __init__(self, matrix: Tensor, bins: Tensor):
        super().__init__(share(matrix, bins))
        self.bands = []
        for i, band in enumerate(matrix.split(BAND, dim=1)):
            used = band.any(1).nonzero().flatten().tolist() or [0]
            self.bands.append((f"band{i}", slice(used[0], used[-1] + 1)))
            self.register_buffer(f"band{i}", band[self.bands[i][1]].T.contiguous().float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        return torch.cat([nn.functional.linear(x[..., bins], getattr(self, name)) for name, bins in self.bands], -1)


class Log(nn.Module):
    """Natural logarithm of x, or of `floor` where x is less."""

    def __init__(self, floor: float):
        super().__init__()
        self.floor = floor

    def forward(self, x: Tensor) -> Tensor:
        x = x.clamp_min(self.floor)
        return x.log_() if self.training else x.log()


class Normalise(nn.Module):
    """(x - mean) / deviation."""

    def __init__(self, mean: float, deviation: float):
        super().__init__()
        self.mean, self.deviation = mean, deviation

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.deviation


def samples(duration_ms: float, sample_rate_hz: int) -> int:
    return round(duration_ms * sample_rate_hz / 1000)


def hann(size: int, offset: float = 0.0) -> Tensor:
    """0.5 - 0.5 cos(2 pi (n + offset) / size) for n = 0 .. size - 1, float64."""
    n = torch.arange(size, dtype=torch.float64) + offset
    return 0.5 - 0.5 * torch.cos(2 * math.pi * n / size)


def mel_matrix(size: int, sample_rate_hz: int, mels: int, lower_hz: float, upper_hz: float, filterbank: str) -> Tensor:
    """Weights (size/2 + 1 bins, mels), float64: triangles, edges equally spaced in mel = 1127 ln(1 + hz / 700) (HTK).

    Bin 0 weighs nothing. The filterbank "op" also leaves out bins below 1.5 + lower_hz / bin width (rounded down),
    as TensorFlow's mfcc operator does.
    """
    nyquist = sample_rate_hz / 2
    if not lower_hz < upper_hz <= nyquist:
        raise ValueError(f"mel range {lower_hz:g} to {upper_hz:g} Hz: expected lower_hz < upper_hz <= {nyquist:g}")
    bins = torch.linspace(0, nyquist, size // 2 + 1, dtype=torch.float64)
    low, high = (mel(torch.tensor(hz, dtype=torch.float64)) for hz in (lower_hz, upper_hz))
    edges = torch.linspace(low, high, mels + 2, dtype=torch.float64)
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    m = mel(bins)[:, None]
    weights = torch.minimum((m - left) / (centre - left), (right - m) / (right - centre)).clamp_min(0)
    first = 1 if filterbank == "htk" else int(1.5 + lower_hz / bins[1].item())
    weights[:first] = 0
    return weights


def mel(hz: Tensor) -> Tensor:
    return 1127 * torch.log1p(hz / 700)


def share(matrix: Tensor, bins: Tensor) -> Tensor:
    """The rows of a matrix over bins as rows over outputs; of outputs that hold the same bin, the first counts."""
    rows = torch.zeros(len(bins), matrix.shape[1], dtype=matrix.dtype)
    seen = set()
    for row, k in enumerate(bins.tolist()):
        if k not in seen:
            rows[row] = matrix[k]
        seen.add(k)
    return rows


def dct_matrix(inputs: int, outputs: int) -> Tensor:
    """DCT-II (inputs, outputs), float64: sqrt(2 / inputs) cos(pi (2 n + 1) k / (2 inputs)); k = 0 is not rescaled."""
    n, k = torch.arange(inputs, dtype=torch.float64), torch.arange(outputs, dtype=torch.float64)
    return math.sqrt(2 / inputs) * torch.cos(math.pi * torch.outer(2 * n + 1, k) / (2 * inputs))


def lifter_gains(outputs: int, lifter: int) -> Tensor:
    """Gains (outputs,), float64: 1 + lifter/2 sin(pi k / lifter); ones for no lifter."""
    k = torch.arange(outputs, dtype=torch.float64)
    return 1 + lifter / 2 * torch.sin(math.pi * k / lifter) if lifter else torch.ones_like(k)
