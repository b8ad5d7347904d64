"""Long streams with truth: words at random times and levels over background, written piece by piece."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from kwsstream.detection.background import Background
from kwsstream.detection.material import Material
from kwsstream.detection.said import something
from kwsstream.detection.truth import Span, write_audacity, write_truth
from kwsstream.errors import UserError
from kwsstream.export.staging import staging

STREAM, TRUTH, AUDACITY = "stream.wav", "truth.csv", "labels.txt"
LONGEST_MINUTES = 1440
LARGEST_GAIN = 30.0
LAST_S = 1.5  # nothing is said at the end, so that every word can be heard in time


@dataclass(frozen=True)
class Recipe:
    """How a stream is made. UserError for what cannot be.

    A word's level is `level_db` (rms over its speech, relative to full scale) give or take up to `spread_db`, and the
    background lies `snr_db` below `level_db`. Between words are gaps of `gap_s`, from the shortest to the longest.
    Of what is said, `keywords` percent are keywords, `unknown` percent other words of the corpus, and the rest hard
    negatives: keywords cut off before their middle, and keywords backwards.
    """

    minutes: float = 60.0
    snr_db: float = 15.0
    level_db: float = -26.0
    spread_db: float = 6.0
    gap_s: tuple[float, float] = (0.3, 4.0)
    keywords: float = 40.0
    unknown: float = 40.0
    seed: int = 0

    def __post_init__(self):
        for name, value, low, high in (
            ("minutes", self.minutes, 0.1, LONGEST_MINUTES),
            ("snr_db", self.snr_db, -30, 100),
            ("level_db", self.level_db, -60, 0),
            ("spread_db", self.spread_db, 0, 40),
            ("gap_s", self.gap_s[0], 0, self.gap_s[1]),
            ("gap_s", self.gap_s[1], 0, 60),
            ("keywords", self.keywords, 0, 100),
            ("unknown", self.unknown, 0, 100 - self.keywords),
            ("seed", self.seed, 0, 2**63),
        ):
            if not low <= value <= high:
                raise UserError(f"{name.replace('_', '-')} {value:g}: expected {low:g} to {high:g}")


def write_stream(made_of: Material, recipe: Recipe, folder: Path) -> list[Span]:
    """Write stream.wav (16 bit), truth.csv and labels.txt (Audacity) into `folder`, all or none; returns the truth.

    The same material, recipe and seed give the same bytes. No more than a minute of audio is held at a time.
    """
    rate, spans = made_of.sample_rate_hz, []
    with staging(folder) as beside:
        with soundfile.SoundFile(beside / STREAM, "w", rate, 1, "PCM_16", format="WAV") as file:
            for audio, said in pieces(made_of, recipe):
                if said:
                    spans.append(said._replace(start=file.tell() + said.start, end=file.tell() + said.end))
                file.write(np.clip(np.rint(audio * 32768), -32768, 32767).astype(np.int16))
        write_truth(beside / TRUTH, spans, rate)
        write_audacity(beside / AUDACITY, spans, rate)
    return spans


def pieces(made_of: Material, recipe: Recipe) -> Iterator[tuple[np.ndarray, Span | None]]:
    """The stream, piece by piece: float32 audio of a gap and a word after it, and where in the piece it is said."""
    rate, draw = made_of.sample_rate_hz, np.random.default_rng(recipe.seed)
    noise = Background(made_of.backgrounds, decibels(recipe.level_db - recipe.snr_db), rate, draw)
    left, last = round(recipe.minutes * 60 * rate), round(LAST_S * rate)
    while True:
        said = something(made_of, recipe.keywords, recipe.unknown, draw)
        gap = round(draw.uniform(*recipe.gap_s) * rate)
        gain = decibels(recipe.level_db + draw.uniform(-recipe.spread_db, recipe.spread_db)) / said.level
        if left < gap + len(said.audio) + last:
            break
        audio = noise.take(gap + len(said.audio))
        audio[gap:] += said.audio * min(gain, LARGEST_GAIN, 1 / max(np.abs(said.audio).max(), 1e-6))
        left -= len(audio)
        yield audio, Span(said.label, gap + said.speech.start, gap + said.speech.stop, said.note)
    while left:
        yield noise.take(min(left, rate)), None
        left -= min(left, rate)


def decibels(level_db: float) -> float:
    return 10 ** (level_db / 20)
