"""Rooms: clips convolved with impulse responses, recorded or made."""

from functools import cache
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Generator, Tensor

from kwsstream.data.augment import in_parts
from kwsstream.data.decode import BadAudioError, decode
from kwsstream.data.listing import audio_files
from kwsstream.data.report import warn_of
from kwsstream.errors import UserError

MADE = 200  # impulse responses
DECAY = 3 * np.log(10)  # amplitude falls by 60 dB in one reverberation time
DIRECT_DB = (-3, 15)  # of direct over reverberant energy, from far to near


class Reverb:
    """A room around the clip, with probability `frequency`: an impulse response of `folder`, or one that is made.

    Made ones are noise that decays by 60 dB in a time between `shortest_ms` and `longest_ms` after the direct sound
    (Polack, 1988). A response starts at its peak, is cut at `longest_ms`, and has unit energy, so that the level stays
    about the same. Clips (batch, samples) in any scale to float32 (batch, samples).
    """

    def __init__(
        self,
        *,
        sample_rate_hz: int,
        folder: Path | None = None,
        frequency: Annotated[float, Field(ge=0, le=1)] = 0.5,
        shortest_ms: Annotated[float, Field(gt=0)] = 100.0,
        longest_ms: Annotated[float, Field(gt=0)] = 500.0,
    ):
        if shortest_ms > longest_ms:
            raise UserError(f"effects.reverb: shortest_ms {shortest_ms} is over longest_ms {longest_ms}: swap them")
        self.frequency = frequency
        times = (shortest_ms / 1000 * sample_rate_hz, longest_ms / 1000 * sample_rate_hz)
        self.responses = made(*times) if folder is None else recorded(folder, int(times[1]), sample_rate_hz)

    def __call__(self, audio: Tensor, draws: Generator) -> Tensor:
        lot = torch.rand(2, len(audio), generator=draws)
        chosen = (lot[1] < self.frequency).nonzero()[:, 0]
        audio = audio.float()
        if not len(chosen):
            return audio
        which = (lot[0, chosen] * len(self.responses)).long().to(audio.device)
        chosen, self.responses = chosen.to(audio.device), self.responses.to(audio.device)
        return audio.index_copy(0, chosen, in_parts(self.heard, audio[chosen], which))

    def heard(self, audio: Tensor, which: Tensor) -> Tensor:
        """Clips float32 in the rooms `which` (batch,)."""
        responses = self.responses[which]
        size = fast_size(audio.shape[1] + responses.shape[1] - 1)  # no end wraps round to the start
        there = torch.fft.irfft(torch.fft.rfft(audio, size) * torch.fft.rfft(responses, size), size)
        return there[:, : audio.shape[1]]


def fast_size(least: int) -> int:
    """A size, `least` or a little more, whose FFT is fast: a power of two, or one times 3, 5, 9 or 15."""
    return min(factor << (-(-least // factor) - 1).bit_length() for factor in (1, 3, 5, 9, 15))


@cache
def made(shortest: float, longest: float) -> Tensor:
    """Impulse responses float32 (responses, samples), of reverberation times between the two, in samples."""
    draw = np.random.default_rng(0)
    time = np.arange(int(longest))
    decay = draw.uniform(shortest, longest, (MADE, 1))
    tails = draw.standard_normal((MADE, len(time))) * np.exp(-DECAY * time / decay)
    tails /= np.sqrt((tails**2).sum(1, keepdims=True))
    tails[:, 0] += 10 ** (draw.uniform(*DIRECT_DB, MADE) / 20)
    return _unit(tails)


@cache
def recorded(folder: Path, samples: int, sample_rate_hz: int) -> Tensor:
    """The impulse responses of a folder, float32 (responses, samples). UserError where it has none."""
    found, skipped = [], {}
    for path in audio_files(folder) if folder.is_dir() else []:
        try:
            audio = decode(path, sample_rate_hz).audio.astype(np.float64)
        except BadAudioError as error:
            skipped[path.name] = str(error)
            continue
        if not audio.any():
            skipped[path.name] = "silent"
            continue
        response = audio[np.abs(audio).argmax() :][:samples]
        found.append(np.pad(response, (0, samples - len(response))))
    warn_of("skipped", skipped, folder)
    if not found:
        raise UserError(f"effects.reverb.folder={folder}: no impulse response there; give a folder of sound files")
    return _unit(np.stack(found))


def _unit(responses: np.ndarray) -> Tensor:
    return torch.from_numpy((responses / np.sqrt((responses**2).sum(1, keepdims=True))).astype(np.float32))
