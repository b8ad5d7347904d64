"""Pitch and tempo, each without the other: a phase vocoder (Flanagan & Golden, 1966) over a batch, a factor a clip."""

import math
from typing import Annotated

import torch
from pydantic import Field
from torch import Generator, Tensor

from kwsstream.data.augment import Share, in_parts, warp

WINDOW, HOP = 512, 128


class Voice:
    """Another voice: pitch and formants moved by up to +- `pitch_semitones`, tempo by a factor of 1 +- `tempo`.

    Each with probability `frequency` for both together; Augment's `resample` moves pitch and tempo as one.
    Clips (batch, samples) in any scale to float32 (batch, samples), stretched about their middle and cut.
    """

    def __init__(
        self,
        *,
        pitch_semitones: Annotated[float, Field(ge=0, le=12)] = 2.0,
        tempo: Share = 0.1,
        frequency: Annotated[float, Field(ge=0, le=1)] = 0.5,
    ):
        self.pitch_semitones, self.tempo, self.frequency = pitch_semitones, tempo, frequency

    def __call__(self, audio: Tensor, draws: Generator) -> Tensor:
        lot = torch.rand(3, len(audio), generator=draws)
        chosen = (lot[2] < self.frequency).nonzero()[:, 0]
        audio = audio.float()
        if not len(chosen):
            return audio
        pitch = 2 ** (self.pitch_semitones * (2 * lot[0, chosen] - 1) / 12)
        length = 1 / (1 + self.tempo * (2 * lot[1, chosen] - 1))
        chosen, pitch, length = (numbers.to(audio.device) for numbers in (chosen, pitch, length))
        return audio.index_copy(0, chosen, in_parts(self.changed, audio[chosen], pitch, length))

    def changed(self, audio: Tensor, pitch: Tensor, length: Tensor) -> Tensor:
        """Clips with their pitch and length times the factors (batch,)."""
        # stretched to the length that resampling to the new pitch will shorten or lengthen again: that takes room
        room = math.ceil(audio.shape[1] * (2 ** (self.pitch_semitones / 12) / (1 - self.tempo) - 1) / 2)
        wide = torch.nn.functional.pad(audio, (room, room))
        wide = warp(stretched(wide, pitch * length), 1 / pitch, torch.zeros_like(pitch))
        return wide[:, room : room + audio.shape[1]]


def stretched(audio: Tensor, factor: Tensor) -> Tensor:
    """Clips float32 (batch, samples) made `factor` (batch,) times as long about their middle, at the same pitch, and
    cut to their length.

    Frames of the spectrum are read at other times; each turns on from the frame before by as much as its
    neighbours in the original differ.
    """
    samples = audio.shape[1]
    window = torch.hann_window(WINDOW, device=audio.device)
    spectrum = torch.stft(audio, WINDOW, HOP, window=window, return_complex=True).mT.contiguous()
    last, middle = spectrum.shape[1] - 1, samples / 2 / HOP  # spectrum: (batch, frames, bins)
    time = middle + (torch.arange(last + 1, device=audio.device) - middle) / factor[:, None]
    left = time.floor().clamp(0, last - 1).long()
    clip = torch.arange(len(audio), device=audio.device)[:, None]
    real, imaginary = torch.view_as_real(spectrum).unbind(-1)
    loudness = (real.square() + imaginary.square()).sqrt()
    phasor = spectrum / loudness.clamp(min=1e-20)
    turns = phasor[:, 1:] * phasor[:, :-1].conj()
    share = (time - left).clamp(0, 1)[..., None]
    heard = ((time >= 0) & (time <= last))[..., None]
    loudness = torch.lerp(loudness[clip, left], loudness[clip, left + 1], share) * heard
    phase = torch.cat([phasor[clip, left[:, :1]], turns[clip, left[:, :-1]]], 1)
    phase = torch.where(phase == 0, 1, phase).cumprod(1)  # a silent frame turns nothing
    return torch.istft((loudness * phase).mT, WINDOW, HOP, window=window, length=samples)
