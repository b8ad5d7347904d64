"""One sound file to int16 samples: mono, at the wanted rate."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import torch
from torchaudio.functional import resample


class BadAudioError(Exception):
    """The file has nothing that can be heard; the text says why."""


class Decoded(NamedTuple):
    """Samples, int16 (samples,), and what had to be changed in the file ("stereo", "8000 Hz"), or ""."""

    audio: np.ndarray
    changed: str


def decode(path: Path, sample_rate_hz: int, wanted: int | None = None) -> Decoded:
    """Read a file, at least its first `wanted` samples at the wanted rate: channels averaged, another rate resampled.

    Raises BadAudioError for a file that is unreadable or empty, or that holds NaN or infinity.
    """
    samples, rate = _read(path, sample_rate_hz, wanted)
    if not len(samples):
        raise BadAudioError("empty")
    if not np.isfinite(samples).all():
        raise BadAudioError("NaN or infinity")
    changed = []
    if samples.shape[1] > 1:
        changed.append("stereo" if samples.shape[1] == 2 else f"{samples.shape[1]} channels")
    samples = samples.mean(axis=1)
    if rate != sample_rate_hz:
        changed.append(f"{rate} Hz")
        samples = resample(torch.from_numpy(samples), rate, sample_rate_hz).numpy()
    audio = np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16)
    return Decoded(audio, ", ".join(changed))


def _read(path: Path, sample_rate_hz: int, wanted: int | None) -> tuple[np.ndarray, int]:
    """Samples, float32 (samples, channels) in [-1, 1], and their rate."""
    try:
        with soundfile.SoundFile(path) as file:
            frames = -1 if wanted is None else -(-wanted * file.samplerate // sample_rate_hz)
            return file.read(frames, dtype="float32", always_2d=True), file.samplerate
    except (soundfile.SoundFileError, OSError) as error:
        raise BadAudioError(f"unreadable ({error})") from error
