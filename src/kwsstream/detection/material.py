"""What streams are made of: the clips of a partition by word, and recordings of background."""

from dataclasses import dataclass

import numpy as np

from kwsstream.data.labels import BACKGROUND
from kwsstream.data.listing import audio_files
from kwsstream.data.module import SpeechData
from kwsstream.data.split import partitions
from kwsstream.errors import UserError

NOISE_S = 60


@dataclass(frozen=True)
class Material:
    """Clips are rows of `audio`, int16 (clips, samples); `keywords` are rows by label, `others` of all other words.

    `words` is the word of each row. `backgrounds` are recordings, int16 (samples,) each.
    """

    audio: np.ndarray
    words: list[str]
    keywords: dict[str, list[int]]
    others: list[int]
    backgrounds: list[np.ndarray]
    sample_rate_hz: int


def material(data: SpeechData, name: str) -> Material:
    """All clips of a partition, those of unknown words that training leaves out included.

    Background recordings are those of the corpus, which has no partitions of them; pink noise where it has none.
    """
    store = data.partition(name).store
    paths = [clip.path for clip in store.clips]
    members = partitions(data.root, paths, data.split, data.validation_percentage, data.testing_percentage)
    rows: dict[str, list[int]] = {}
    for row, (clip, member) in enumerate(zip(store.clips, members, strict=True)):
        if member == name and clip.path not in store.skipped:
            rows.setdefault(clip.word, []).append(row)
    keywords = {label: rows.pop(label) for label in data.labels if label in rows}
    if not keywords:
        raise UserError(f"the {name} partition has no clip of a keyword: choose another partition")
    words = [clip.word for clip in store.clips]
    others = [row for word in sorted(rows) for row in rows[word]]
    return Material(store.audio, words, keywords, others, backgrounds(data), data.sample_rate_hz)


def backgrounds(data: SpeechData) -> list[np.ndarray]:
    folder = data.root / BACKGROUND
    if folder.is_dir() and audio_files(folder):
        found = data.backgrounds
        return np.split(found.audio.numpy(), found.lengths.cumsum(0)[:-1].numpy())
    return [pink_noise(NOISE_S * data.sample_rate_hz)]


def pink_noise(samples: int) -> np.ndarray:
    """Noise whose power falls with frequency f as 1/f, int16 (samples,), always the same."""
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(samples))
    noise = np.fft.irfft(spectrum / np.sqrt(np.arange(len(spectrum)).clip(1)), samples)
    return np.rint(noise * (8192 / np.abs(noise).max())).astype(np.int16)
