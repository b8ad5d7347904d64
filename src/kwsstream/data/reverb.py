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
        which = (lot[0] * len(self.responses)).long().to(audio.device)
        self.responses = self.responses.to(audio.device)
        return in_parts(self.heard, audio, which, (lot[1] < self.frequency).to(audio.device))

    def heard(self, audio: Tensor, which: Tensor, chosen: Tensor) -> Tensor:
        """Clips in the rooms `which` (batch,), where `chosen`."""
        original, responses = audio.float(), self.responses[which]
        size = 1 << (audio.shape[1] + responses.shape[1] - 1).bit_length()  # no end wraps round to the start
        there = torch.fft.irfft(torch.fft.rfft(original, size) * torch.fft.rfft(responses, size), size)
        return torch.where(chosen[:, None], there[:, : audio.shape[1]], original)


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
