"""espeak-ng's samples at the rate of the corpora, and WAV files of them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
import torch
from torchaudio.functional import resample

from kwsstream.data import espeak
from kwsstream.errors import UserError
from kwsstream.files import whole

RATE_HZ = 16000


def speech_16_khz(utterances: Sequence[espeak.Utterance]) -> list[np.ndarray]:
    """What each utterance sounds like, float32 (samples,) in [-1, 1]. Raises UserError when espeak-ng does not run."""
    try:
        spoken = [np.frombuffer(samples, np.int16) for samples in espeak.session(utterances)]
    except RuntimeError as error:
        raise UserError(
            f"{error}; expected the wheel espeakng-loader 0.2.4 to work: reinstall it, or give another data.corpus"
        ) from error
    batch = torch.zeros(len(spoken), max(map(len, spoken)))
    for row, samples in zip(batch, spoken, strict=True):
        row[: len(samples)] = torch.from_numpy(samples / np.float32(32768))
    resampled = resample(batch, espeak.SAMPLE_RATE_HZ, RATE_HZ).numpy()
    return [
        row[: len(samples) * RATE_HZ // espeak.SAMPLE_RATE_HZ] for row, samples in zip(resampled, spoken, strict=True)
    ]


def write_wav(path: Path, audio: np.ndarray) -> None:
    """Write int16 samples as a 16 kHz WAV file that is there whole or not at all."""
    with whole(path) as beside:
        soundfile.write(beside, audio, RATE_HZ, subtype="PCM_16", format="WAV")
