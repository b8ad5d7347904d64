"""Texts as espeak's phonemes: how far apart two are, whether one holds the other, and words that are nearly a phrase.

A `Spelling` is the words of a text, each a tuple of espeak's mnemonics, such as ("h", "'eI") and ("r", "'oU", "b",
"0", "t"). Distances are between what is heard of two spellings: all phonemes in order, without stress and repeats.
"""

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from kwsstream.data import espeak
from kwsstream.errors import UserError

Spelling = tuple[tuple[str, ...], ...]
VOWELS = tuple("aeiouyAEIOUYVW@0238&")  # what the mnemonics of vowels begin with, behind the stress
NEAREST = 2  # edits at least: one alone may be no more than another accent
SHARE = 3  # and one edit for so many phonemes of the phrase: with fewer it is the phrase, mumbled
PALATAL = ";"  # a mark on the phoneme before it, which espeak writes as one of its own
WEAK = ("h", "j", "r", "R", "?")  # consonants that some accents leave out, or put in
VARIANT = "#-2:"  # what the mnemonics of other ways to say a phoneme end with, such as t# and 3:


def spelled(texts: Sequence[tuple[str, str]]) -> list[Spelling]:
    """The spelling of each (voice, text). UserError where espeak-ng cannot read one."""
    try:
        lines = espeak.phonemes(texts)
    except RuntimeError as error:
        raise UserError(f"{' '.join(str(error).split())}; give another language or phrase") from error
    return [tuple(word for word in map(_word, line.split()) if word) for line in lines]


def _word(line: str) -> tuple[str, ...]:
    # a pause begins with _, and (en) says that another language follows
    return tuple(p for p in line.split("|") if p and p != PALATAL and not p.startswith(("_", "(")))


def text_of(spelling: Spelling) -> str:
    """What espeak-ng says as this spelling."""
    return f"[[{' '.join('|'.join(word) for word in spelling)}]]"


def sounds(spelling: Spelling) -> tuple[str, ...]:
    """All phonemes without stress."""
    return tuple(phoneme.lstrip("',") for word in spelling for phoneme in word)


def heard(spelling: Spelling) -> tuple[str, ...]:
    """The phonemes that a listener tells apart: without stress, one way to say each, and none twice in a row."""
    plain = (phoneme.rstrip(VARIANT) or phoneme for phoneme in sounds(spelling))
    return tuple(phoneme for phoneme, _ in groupby(plain))


def is_vowel(phoneme: str) -> bool:
    return phoneme.lstrip("',").startswith(VOWELS)


def consonants(spelling: Spelling) -> list[str]:
    """Those that all accents say."""
    return [phoneme for phoneme in heard(spelling) if not is_vowel(phoneme) and phoneme not in WEAK]


def distance(a: Sequence[str], b: Sequence[str]) -> int:
    """How many phonemes have to be put in, left out or changed to make a of b (Levenshtein, 1966)."""
    row = list(range(len(b) + 1))
    for i, left in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, right in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (left != right))
    return row[-1]


def holds(longer: Spelling, phrase: Spelling) -> bool:
    """Whether the sounds of a phrase are among those of another text."""
    all_of, part = heard(longer), heard(phrase)
    return any(all_of[i : i + len(part)] == part for i in range(len(all_of) - len(part) + 1))


def sounds_unlike(other: Spelling, phrases: Sequence[Spelling]) -> bool:
    """Whether a text is none of the phrases in any accent, and holds none. Accents differ in vowels and in weak
    consonants, so that one other consonant at least is wanted.
    """
    return bool(other) and not any(
        holds(other, phrase) or consonants(other) == consonants(phrase) for phrase in phrases
    )


def fewest_edits(phrase: Spelling) -> int:
    """How many phonemes tell another text from a phrase at least."""
    return max(NEAREST, -(-len(heard(phrase)) // SHARE))


def differs(other: Spelling, phrases: Sequence[Spelling]) -> bool:
    """Whether a text is not to be taken for any of the phrases: it is none in any accent, nor mumbled."""
    return sounds_unlike(other, phrases) and all(
        distance(heard(other), heard(phrase)) >= fewest_edits(phrase) for phrase in phrases
    )


def near(phrase: Spelling, phonemes: Sequence[str], edits: int, draw: np.random.Generator) -> Spelling:
    """A phrase with so many phonemes changed for others of their kind, left out or put in, from `phonemes`.

    `phonemes` has no stress; one that takes the place of another takes its stress.
    """
    words = [list(word) for word in phrase]
    for _ in range(edits):
        word = words[draw.choice([i for i, word in enumerate(words) if word])]
        at, kind = int(draw.integers(len(word))), draw.uniform()
        if kind < 0.2 and sum(map(len, words)) > 2:
            del word[at]
        elif kind < 0.35:
            word.insert(at, str(draw.choice(phonemes)))
        else:
            old = word[at]
            stress = old[: len(old) - len(old.lstrip("',"))]
            same = [p for p in phonemes if is_vowel(p) == is_vowel(old) and p != old.lstrip("',")]
            word[at] = stress + str(draw.choice(same or phonemes))
    return tuple(tuple(word) for word in words if word)
