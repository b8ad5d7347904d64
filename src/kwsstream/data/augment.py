"""Augmentation of clips as the original's: resampling, volume, time shift, background noise, silence.

All of a batch at once, on its device. What is random is drawn on the CPU as one number a clip, so that every device
and every continued run sees the same draws.
"""

from collections.abc import Callable
from typing import Annotated

import torch
from pydantic import Field
from torch import Generator, Tensor, nn

from kwsstream.data.backgrounds import Backgrounds

SAMPLES_AT_ONCE = 160_000
Share = Annotated[float, Field(ge=0, lt=1)]


class Augment(nn.Module):
    """Clips int16 (batch, samples) to augmented clips float32 (batch, samples) in [-1, 1].

    Each clip is resampled by a factor of 1 +- `resample` about its middle, scaled by 1 +- `volume`, shifted by up to
    `time_shift_ms` with silence filling in, and mixed with a piece of a background recording: with probability
    `background_frequency`, at a level up to `background_volume`. Clips of the silence label are background alone.
    """

    def __init__(
        self,
        samples: int,
        backgrounds: Backgrounds | None,
        *,
        sample_rate_hz: int,
        resample: Share = 0.15,
        volume: Share = 0.0,
        time_shift_ms: Annotated[float, Field(ge=0)] = 100.0,
        background_volume: Annotated[float, Field(ge=0, le=1)] = 0.1,
        background_frequency: Annotated[float, Field(ge=0, le=1)] = 0.8,
    ):
        super().__init__()
        self.samples = samples
        self.resample, self.volume = resample, volume
        self.shift = int(time_shift_ms * sample_rate_hz / 1000)
        self.background_volume, self.background_frequency = background_volume, background_frequency
        self.pieces = torch.zeros(0, dtype=torch.int64)
        if backgrounds is not None and background_volume > 0:
            self.pieces = backgrounds.pieces(samples)
            self.recordings = backgrounds.audio  # not a buffer: processes would send it to one another

    def forward(self, audio: Tensor, silence: Tensor, draws: Generator) -> Tensor:
        """Augment a batch; `silence` is bool (batch,), `draws` a generator on the CPU."""
        size = len(audio)

        def between(low: float, high: float) -> Tensor:
            return low + (high - low) * torch.rand(size, generator=draws)

        numbers = {
            "factor": between(1 - self.resample, 1 + self.resample),
            "shift": torch.floor(between(-self.shift, self.shift)),
            "gain": between(1 - self.volume, 1 + self.volume) / 32768 * ~silence.cpu(),
        }
        if len(self.pieces):
            start, room = self.pieces[(between(0, 1) * len(self.pieces)).long()].T
            numbers["offset"] = start + (between(0, 1) * (room + 1)).long()
            numbers["level"] = between(0, self.background_volume) / 32768
            numbers["level"] *= between(0, 1) < self.background_frequency
        return in_parts(self.mix, audio, *(number.to(audio.device) for number in numbers.values()))

    def mix(self, audio: Tensor, factor, shift, gain, offset=None, level=None) -> Tensor:
        """Augment with the numbers drawn, (batch,) each."""
        clips = warp(audio, factor, shift).mul_(gain[:, None])
        if offset is not None:
            self.recordings = self.recordings.to(audio.device)
            noise = self.recordings.unfold(0, self.samples, 1).index_select(0, offset)
            clips.addcmul_(noise, level[:, None])
        return clips.clamp_(-1, 1)


def warp(audio: Tensor, factor: Tensor, shift: Tensor) -> Tensor:
    """Clips stretched by a factor about their middle, cut to their length, and shifted by whole samples; float32.

    Linear interpolation between samples, silence where there is none: one gather does it all.
    """
    last = audio.shape[1] - 1
    middle = last / 2
    t = torch.arange(last + 1, device=audio.device, dtype=torch.float32)
    position = (t * (1 / factor)[:, None]).add_((middle - (shift + middle) / factor)[:, None])
    left = position.clamp(0, last - 1).floor_()
    index, wave = left.int().long(), audio.float()  # by way of int: both conversions are of many numbers at once
    clips = torch.lerp(wave.gather(1, index), wave[:, 1:].gather(1, index), position.sub_(left))
    reach = (middle * factor).clamp_(max=middle)[:, None]  # from the clip's middle to its ends, stretched and cut
    heard = (t - (shift + middle)[:, None]).abs_().le_(reach)  # 1 where there is sound, else 0
    return clips.mul_(heard)


def in_parts(work: Callable[..., Tensor], *batch: Tensor) -> Tensor:
    """work(*batch), clips (batch, samples, ...) first. On CPUs a few clips at a time, which is several times as fast
    (`benchmarks/training.py`): they do not leave the processor in between.
    """
    clips, samples = batch[0].shape[:2]
    size = max(1, SAMPLES_AT_ONCE // samples) if batch[0].device.type == "cpu" else clips
    parts = zip(*(tensor.split(size) for tensor in batch), strict=True)
    return torch.cat([work(*part) for part in parts])
