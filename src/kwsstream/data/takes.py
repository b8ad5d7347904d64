"""The plan of the spoken corpus: who says which word, how, and how it is recorded; all drawn from one seed."""

import zlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from kwsstream.data.espeak import Utterance
from kwsstream.data.voices import ACCENTS, speakers

SAMPLES = 16000  # a clip is one second at 16 kHz
JITTER = 1600
TAIL = 4000  # after a phrase: training asks for an answer at the end of a clip, and it is to come soon


class Take(NamedTuple):
    """One clip: its path below the corpus, its utterance, and the draws of its recording.

    peak_db: level of the loudest sample; floor_db: rms level of the room's noise, both relative to full scale
    shift: samples that the word is off its place: the middle of the clip, or `tail` samples before its end
    noise_seed: of the room's noise, since a clip with stretches of exact zeros would be known by them
    """

    path: str
    utterance: Utterance
    peak_db: float
    floor_db: float
    shift: int
    noise_seed: list[int]
    tail: int | None = None


def plan(words: Sequence[str], clips_per_word: int, seed: int) -> dict[str, list[Take]]:
    """The takes of each speaker, in the order they are said in. Clip n of a word is said by speaker n, in turn."""
    people = speakers()
    names = list(people)
    takes: dict[str, list[Take]] = {name: [] for name in names[:clips_per_word]}
    for word in words:
        for n in range(clips_per_word):
            repeat, speaker = divmod(n, len(names))
            name = names[speaker]
            path, drawn = f"{word}/{name}_nohash_{repeat}.wav", [seed, zlib.crc32(word.encode()), n]
            takes[name].append(take(path, lambda _accent, word=word: word, ACCENTS, people[name], drawn))
    return takes


def take(
    path: str,
    text: Callable[[str], str],
    accents: Sequence[str],
    variants: Sequence[str],
    seed: list[int],
    tract: str = "",
) -> Take:
    """A take in one of the accents, by one of a speaker's variants, or a tract; `text` is what is said in an accent."""
    draw = np.random.default_rng(seed)
    accent = str(draw.choice(accents))
    voice = accent if tract else f"{accent}+{draw.choice(variants)}"
    rate, pitch, pitch_range = (int(draw.integers(*bounds)) for bounds in ((130, 211), (25, 76), (30, 71)))
    return Take(
        path=path,
        utterance=Utterance(voice, text(accent), rate, pitch, pitch_range, tract),
        peak_db=draw.uniform(-15, -1),
        floor_db=draw.uniform(-70, -45),
        shift=int(draw.integers(-JITTER, JITTER)),
        noise_seed=[*seed, 1],
    )


def record(take: Take, speech: np.ndarray, samples: int = SAMPLES) -> np.ndarray:
    """The clip, int16 (samples,), of speech at 16 kHz, float32 of any length: level set, put in its place, cut to the
    clip, room noise.
    """
    speech = speech[:samples]
    clip = np.random.default_rng(take.noise_seed).standard_normal(samples, dtype=np.float32)
    clip *= 10 ** (take.floor_db / 20)
    before = (samples - len(speech)) // 2 if take.tail is None else samples - len(speech) - take.tail
    start = np.clip(before + take.shift, 0, samples - len(speech))
    clip[start : start + len(speech)] += speech * (10 ** (take.peak_db / 20) / max(np.abs(speech).max(), 1e-3))
    return np.clip(np.rint(clip * 32767), -32768, 32767).astype(np.int16)
