"""A corpus of phrases of one's own, spoken by espeak-ng in many voices: the phrases, hard negatives, and other words.

espeak-ng's own voices are split into training, validation and testing; made-up ones (`tracts`) say the phrases as often
again, and twice as many near words, all of it for training.
PARTITION/PHRASE/SPEAKER_nohash_N.wav, PARTITION/unknown.near, unknown.part and unknown.other likewise, and background
recordings: what data.corpus=folder with data.split=folders reads. The bytes depend on the recipe alone.

What is said ends a quarter of a second before its clip does, give or take a tenth: training asks for an answer at the
end of a clip, and a detector is to give it soon.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import NamedTuple

import numpy as np

from kwsstream.data.confusable import Confusable
from kwsstream.data.labels import WORDS_35, label_names
from kwsstream.data.speech import RATE_HZ, speech_16_khz
from kwsstream.data.split import hash_partition
from kwsstream.data.takes import JITTER, TAIL, Take, take
from kwsstream.data.threads import threads
from kwsstream.data.tracts import tract
from kwsstream.data.voices import accents, speakers
from kwsstream.errors import UserError

LEAST_VOICES, LEAST_CLIPS = 5, 8  # the first five speakers hold all three partitions
UNKNOWN_CLIPS = {"near": 2.0, "part": 0.5, "other": 1.0}  # for each clip of a phrase
MADE_UP_CLIPS = UNKNOWN_CLIPS | {"near": 4.0}  # false accepts are nearly all near words
NUMBERS = [*range(21), *range(30, 101, 10), 47, 68, 132, 319, 486, 573, 1000, 2754, 3918, 8265]
MOST_MADE_UP = 10_000
SHORTEST_MS, LONGEST_MS = 1000, 3000


@dataclass(frozen=True)
class Recipe:
    """What to speak: `clips` of each phrase by the first `voices` of espeak-ng's, as many by `made_up` ones.

    UserError for what cannot be. `vocabulary` is texts that are no phrase (see Confusable).
    """

    phrases: tuple[str, ...]
    language: str = "en"
    vocabulary: tuple[str, ...] = ()
    clips: int = 1000
    voices: int = field(default_factory=lambda: len(speakers()))
    made_up: int = 250
    seed: int = 0

    def __post_init__(self):
        if not all(self.phrases):
            raise UserError("a phrase is empty: give words to spot, such as 'hey robot'")
        label_names(list(self.phrases))
        accents(self.language)
        for name, value, least, most in (
            ("clips", self.clips, LEAST_CLIPS, 100_000),
            ("voices", self.voices, LEAST_VOICES, len(speakers())),
            ("made-up", self.made_up, 0, MOST_MADE_UP),
            ("seed", self.seed, 0, 2**32 - 1),
        ):
            if not least <= value <= most:
                raise UserError(f"{name} {value}: expected {least} to {most}")


class Speaker(NamedTuple):
    """Who says a clip: by one of some variants of espeak-ng's, or with a tract of its own."""

    name: str
    partition: str
    variants: list[str]
    tract: str = ""


def plan(recipe: Recipe) -> dict[str, list[Take]]:
    """The takes of each speaker, the phrases first. Clip n of a text is said by speaker n, in turn."""
    texts = Confusable(recipe.phrases, common(recipe.language), recipe.vocabulary, accents(recipe.language))
    known = [Speaker(name, hash_partition(name), speakers()[name]) for name in islice(speakers(), recipe.voices)]
    made_up = [Speaker(f"madeup{n}", "training", [], tract(n)) for n in range(recipe.made_up)]
    takes: dict[str, list[Take]] = {speaker.name: [] for speaker in [*known, *made_up]}
    groups = [(known, UNKNOWN_CLIPS), (made_up, MADE_UP_CLIPS)]
    for group, shares in groups if made_up else groups[:1]:
        for phrase in recipe.phrases:
            add(takes, group, recipe, phrase, recipe.clips, lambda accent, draw, phrase=phrase: phrase)
        for kind, share in shares.items():
            for at, phrase in enumerate(recipe.phrases):
                say = partial(texts.said, kind, phrase)
                add(takes, group, recipe, f"unknown.{kind}", int(share * recipe.clips), say, f"{at}_")
    return {name: said for name, said in takes.items() if said}


def common(language: str) -> list[str]:
    """Words of a language: numbers, which espeak-ng reads in every one, and English words for English."""
    return [*map(str, NUMBERS), *(WORDS_35 if language.lower().split("-")[0] == "en" else ())]


def add(
    takes: dict[str, list[Take]],
    group: list[Speaker],
    recipe: Recipe,
    word: str,
    clips: int,
    say: Callable[[str, np.random.Generator], str],
    prefix: str = "",
) -> None:
    """Add takes of a word by a group of speakers, whose text in an accent is drawn by `say`.

    `prefix` tells their files from others.
    """
    spoken = accents(recipe.language)
    for n in range(clips):
        repeat, at = divmod(n, len(group))
        speaker = group[at]
        seed = [recipe.seed, zlib.crc32(f"{prefix}{word}".encode()), n]
        if speaker.tract:
            seed.append(1)  # clip n of the other group is drawn otherwise
        text = partial(say, draw=np.random.default_rng([*seed, 2]))
        path = f"{speaker.partition}/{word}/{speaker.name}_nohash_{prefix}{repeat}.wav"
        made = take(path, text, spoken, speaker.variants, seed, speaker.tract)
        takes[speaker.name].append(made._replace(tail=TAIL))


def clip_ms(recipe: Recipe, takes: dict[str, list[Take]], recorded: int = 0) -> int:
    """How long clips have to be for no phrase to be cut, spoken or in `recorded` samples, wherever it is in its clip.

    UserError for a phrase that is too long.
    """
    count = len(recipe.phrases)
    with threads() as pool:
        longest = max(recorded, *pool.map(partial(_longest, set(recipe.phrases)), takes.values()))
    needed = max(SHORTEST_MS, 100 * -(-10 * (longest + TAIL + JITTER) // RATE_HZ))
    if needed > LONGEST_MS:
        raise UserError(
            f"{'the phrase' if count == 1 else 'the longest phrase'} takes {1000 * longest // RATE_HZ} ms: expected at "
            f"most {LONGEST_MS - 1000 * (TAIL + JITTER) // RATE_HZ}; give a shorter one"
        )
    return needed


def _longest(phrases: set[str], takes: list[Take]) -> int:
    """Samples of the longest phrase of a speaker. The phrases are the first of the session, so all will be the same."""
    said = [take.utterance for take in takes if take.utterance.text in phrases]
    return max(map(len, speech_16_khz(said))) if said else 0
