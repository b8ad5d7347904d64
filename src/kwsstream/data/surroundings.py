"""Noise from recordings, such as music and babble, at a signal-to-noise ratio."""

from functools import cache
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field
from torch import Generator, Tensor

from kwsstream.data.augment import in_parts
from kwsstream.data.backgrounds import Backgrounds, read_backgrounds
from kwsstream.errors import UserError

SILENCE_RMS = 0.03  # what the noise of a clip without sound is measured against


class Surroundings:
    """A piece of a recording under the clip, with probability `frequency`: each of `folders` is as likely, and in it
    each recording; by default `background`, those of the corpus. Its rms is below that of the clip by `lowest_snr_db`
    to `highest_snr_db`.

    Clips float32 (batch, samples) in [-1, 1] to the same, clipped there.
    """

    def __init__(
        self,
        samples: int,
        *,
        sample_rate_hz: int,
        background: Path,
        folders: Annotated[list[Path], Field(min_length=1)] | None = None,
        frequency: Annotated[float, Field(ge=0, le=1)] = 0.5,
        lowest_snr_db: float = 0.0,
        highest_snr_db: float = 20.0,
    ):
        if lowest_snr_db > highest_snr_db:
            raise UserError(
                f"effects.noise: lowest_snr_db {lowest_snr_db} is over highest_snr_db {highest_snr_db}: swap them"
            )
        self.samples, self.frequency, self.snr_db = samples, frequency, (lowest_snr_db, highest_snr_db)
        found = [recordings(Path(folder), samples, sample_rate_hz) for folder in folders or [background]]
        self.audio = torch.cat([one.audio for one in found])
        self.pieces = Backgrounds(self.audio, torch.cat([one.lengths for one in found])).pieces(samples)
        self.counts = torch.tensor([len(one.lengths) for one in found])

    def __call__(self, audio: Tensor, draws: Generator) -> Tensor:
        folder, recording, place, snr, chance = torch.rand(5, len(audio), generator=draws)
        folder = (folder * len(self.counts)).long()
        first = (self.counts.cumsum(0) - self.counts)[folder]
        start, room = self.pieces[first + (recording * self.counts[folder]).long()].T
        offset = start + (place * (room + 1)).long()
        low, high = self.snr_db
        level = 10 ** (-(low + (high - low) * snr) / 20) * (chance < self.frequency)
        return in_parts(self.mix, audio, offset.to(audio.device), level.to(audio.device))

    def mix(self, audio: Tensor, offset: Tensor, level: Tensor) -> Tensor:
        """Clips with the piece at `offset` (batch,) at `level` (batch,) times their rms."""
        self.audio = self.audio.to(audio.device)
        noise = self.audio.unfold(0, self.samples, 1).index_select(0, offset).float()
        loudness = rms(audio)
        loudness = torch.where(loudness > 0, loudness, SILENCE_RMS)
        gain = level * loudness / rms(noise).clamp(min=1)  # below one unit of 16 bits there is nothing to amplify
        return torch.addcmul(audio, noise, gain[:, None]).clamp_(-1, 1)


def rms(audio: Tensor) -> Tensor:
    """(batch,) of (batch, samples)."""
    return audio.square().mean(1).sqrt()


@cache
def recordings(folder: Path, samples: int, sample_rate_hz: int) -> Backgrounds:
    """The recordings of a folder, read once: checked before a run starts, and used when it trains."""
    return read_backgrounds(folder, samples, sample_rate_hz)
