"""The 'micro' front end: TensorFlow's microfrontend, which devices run under TensorFlow Lite Micro, in whole numbers.

A window, a 16-bit Fourier transform, a bank of triangles spaced in mel, the root of their power, the stationary noise
taken off each channel, its gain controlled by the noise (PCAN; Wang et al., 2017), and a logarithm. Every number is
the one that the C library computes: what a device hears is what was trained. The defaults are those of the
`pymicro-features` package, TensorFlow Lite Micro and ESPHome. Nothing in it is trained, and no exporter takes it.
"""

import math
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from kwsstream.features import Frame, Positive
from kwsstream.micro_numbers import FixedSpectrum, bits, rounded_root
from kwsstream.micro_tables import (
    ESTIMATE_BITS,
    FILTER_BITS,
    filterbank,
    fraction,
    gain_table,
    gains,
    natural_log,
    squeeze,
    window_weights,
)
from kwsstream.streaming import State, Streaming, Timing

FRAMES_AT_ONCE = 200  # as many as stay in a processor's cache, on the way through the transform
SNR_BITS = 12
REALS = {"float32": np.float32, "float64": np.float64}
Share = Annotated[float, Field(ge=0, le=1)]


class Micro(Streaming):
    """Audio (batch, samples, 1, 1) in [-1, 1] to features (batch, frames, 1, channels), 0 to about 26.

    `channels` triangles stand between `lower_hz` and `upper_hz`. The noise of a channel is a running mean of its
    signal, to which a frame adds `even_smoothing` (channels 0, 2, ...) or `odd_smoothing`, with `smoothing_bits` of
    fraction; of the signal at least `min_signal_remaining` stays when the noise is taken off. With `pcan` the gain is
    2^`gain_bits` (noise + `pcan_offset`)^-`pcan_strength`. The logarithm counts in 2^-`scale_shift`, is divided by
    `out_scale`, and multiplied by `features_scale`. Window and triangles are computed in float32, as TensorFlow Lite
    Micro does, or in float64 (`constants`), as TensorFlow's operator does: a few weights differ in their last bit.

    The first frame is the first full window with `padding` "valid", as on a device: steps before it give zeros and
    no noise. With "causal" it is mostly silence. The state holds the overlapping samples ("frame"), the noise of each
    channel ("noise", int32) and how many frames that are not full have passed ("passed", int32).
    """

    def __init__(
        self,
        *,
        sample_rate_hz: Annotated[int, Field(gt=0)] = 16000,
        window_ms: Positive = 30.0,
        hop_ms: Positive = 10.0,
        padding: Literal["valid", "causal"] = "valid",
        channels: Annotated[int, Field(gt=0)] = 40,
        lower_hz: Annotated[float, Field(ge=0)] = 125.0,
        upper_hz: Positive = 7500.0,
        smoothing_bits: Annotated[int, Field(ge=0, le=10)] = 10,
        even_smoothing: Share = 0.025,
        odd_smoothing: Share = 0.06,
        min_signal_remaining: Share = 0.05,
        pcan: bool = True,
        pcan_strength: Positive = 0.95,
        pcan_offset: Positive = 80.0,
        gain_bits: Annotated[int, Field(ge=0, le=31)] = 21,
        scale_shift: Annotated[int, Field(ge=0, le=12)] = 6,
        out_scale: Annotated[int, Field(gt=0)] = 1,
        features_scale: Positive = 10 / 256,
        constants: Literal["float32", "float64"] = "float32",
    ):
        super().__init__()
        size, hop = (int(ms * sample_rate_hz / 1000) for ms in (window_ms, hop_ms))
        if not 0 < hop <= size:
            raise ValueError(f"hop_ms {hop_ms:g}: expected one sample to window_ms {window_ms:g}; give one in between")
        self.frame = Frame(size, hop, padding)
        self.timing = Timing(math.inf, hop, 0, self.frame.timing.warmup)
        self.spectrum = FixedSpectrum(size)
        self.register_buffer("window", window_weights(size, REALS[constants])[:, None], persistent=False)
        place = (self.spectrum.size, sample_rate_hz, channels, lower_hz, upper_hz)
        first, bank = filterbank(*place, REALS[constants])
        self.bins = slice(first - 1, first - 1 + bank.shape[1])  # the spectrum starts with bin 1
        self.register_buffer("bank", bank, persistent=False)
        self.correction = bits(torch.tensor(self.spectrum.size)).item() - 1 - FILTER_BITS // 2
        self.smoothing_bits, self.least = smoothing_bits, fraction(min_signal_remaining)
        added = [fraction(odd_smoothing if i % 2 else even_smoothing) for i in range(channels)]
        self.register_buffer("added", torch.tensor(added), persistent=False)
        self.pcan, self.snr_shift = pcan, gain_bits - self.correction - SNR_BITS
        if pcan and (self.snr_shift < 0 or self.correction > smoothing_bits):
            raise ValueError(
                f"gain_bits {gain_bits} and smoothing_bits {smoothing_bits}: pcan after a window of {size} samples "
                f"needs {self.correction + SNR_BITS} and {self.correction}; raise them, or give pcan: false"
            )
        if pcan:
            table = gain_table(smoothing_bits - self.correction, pcan_strength, pcan_offset, gain_bits)
            self.register_buffer("table", table, persistent=False)
        self.scale_shift, self.out_scale, self.features_scale = scale_shift, out_scale, features_scale
        self.sample_rate_hz, self.outputs = sample_rate_hz, channels

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        signal = self.signal(self.frame(x))
        return self.features(signal, self.noise(signal, signal.new_zeros(len(x), 1, 1, self.outputs))).to(x.dtype)

    @torch.no_grad()
    def step(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        before = state or self.start(x)
        frames, overlap = self.frame.step(x, before.get("frame"))
        count = before["passed"] + torch.arange(frames.shape[1], device=x.device)[:, None, None]
        signal = self.signal(frames) * (count >= self.timing.delay)  # of no signal, no noise and no feature are made
        noise = self.noise(signal, before["noise"].long())
        passed = (before["passed"] + frames.shape[1]).clamp_max(self.timing.delay)
        after = {"frame": overlap, "noise": noise[:, -1:].int(), "passed": passed}
        return self.features(signal, noise).to(x.dtype), after

    def start(self, x: Tensor) -> State:
        shape = {"noise": self.outputs, "passed": 1}
        return {k: torch.zeros(len(x), 1, 1, n, dtype=torch.int32, device=x.device) for k, n in shape.items()}

    def signal(self, frames: Tensor) -> Tensor:
        """Audio (batch, frames, 1, window) to the amplitude of each channel (batch, frames, 1, channels), int64."""
        parts = frames.flatten(0, 2).split(FRAMES_AT_ONCE)
        return torch.cat([self.amplitude(part.T) for part in parts]).reshape(*frames.shape[:3], -1)

    def amplitude(self, frames: Tensor) -> Tensor:
        """Audio (window, frames) to (frames, channels). Each frame is as loud as fits in 16 bits, until its end."""
        x = (frames * 32768).round_().clamp_(-32768, 32767).int()
        x = (x * self.window) >> FILTER_BITS
        loudest = torch.where(x == -32768, 0, x).abs_().amax(0)  # -32768 has no opposite in 16 bits
        louder = 15 - bits(loudest)
        power = self.spectrum(x << louder.int())[self.bins]
        return rounded_root(power.T.double() @ self.bank.T.double()) >> louder[:, None]

    def noise(self, signal: Tensor, before: Tensor) -> Tensor:
        """The noise of each channel after each frame, with `smoothing_bits` of fraction, from that before."""
        noise, added = [before], (signal << self.smoothing_bits) * self.added
        for new in added.split(1, 1):
            noise.append(((2**ESTIMATE_BITS - self.added) * noise[-1]).add_(new) >> ESTIMATE_BITS)
        return torch.cat(noise[1:], 1)

    def features(self, signal: Tensor, noise: Tensor) -> Tensor:
        """Amplitudes and noise to features, float32; each frame alone."""
        loud = signal << self.smoothing_bits
        left = (loud - torch.minimum(noise, loud)) >> self.smoothing_bits
        x = torch.maximum(left, (signal * self.least) >> ESTIMATE_BITS)
        if self.pcan:
            x = squeeze(((x * gains(noise, self.table)) >> self.snr_shift) & 0xFFFFFFFF, SNR_BITS)
        x = x << self.correction if self.correction >= 0 else x >> -self.correction
        return natural_log(x, self.scale_shift).clamp_max_(0xFFFF).float() / self.out_scale * self.features_scale
