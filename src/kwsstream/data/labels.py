"""The labels of a corpus and their order: silence and unknown first, then the words."""

import re
from typing import Literal

from kwsstream.errors import UserError

SILENCE = "_silence_"
UNKNOWN = "_unknown_"
BACKGROUND = "_background_noise_"

Words = Literal["12", "35", 12, 35] | list[str]

WORDS_10 = ["yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"]
WORDS_35 = [
    "visual",
    "wow",
    "learn",
    "backward",
    "dog",
    "two",
    "left",
    "happy",
    "nine",
    "go",
    "up",
    "bed",
    "stop",
    "one",
    "zero",
    "tree",
    "seven",
    "on",
    "four",
    "bird",
    "right",
    "eight",
    "no",
    "six",
    "forward",
    "house",
    "marvin",
    "sheila",
    "five",
    "off",
    "three",
    "down",
    "cat",
    "follow",
    "yes",
]


def label_names(words: Words, silence_percentage: float = 10, unknown_percentage: float = 10) -> list[str]:
    """The labels in the order of the logits.

    "12" is silence, unknown and the ten words of Speech Commands; "35" its 35 words alone, in the published order;
    a list is silence, unknown and the words as listed, in lower case. A share of 0 percent removes its label.

    Raises UserError for any other value, for a word given twice and for a name no folder of words can have.
    """
    if str(words) == "35":
        return list(WORDS_35)
    wanted = WORDS_10 if str(words) == "12" else _checked(words)
    extra = [name for name, share in ((SILENCE, silence_percentage), (UNKNOWN, unknown_percentage)) if share > 0]
    return [*extra, *wanted]


def is_keyword(label: str) -> bool:
    """Whether a label is a word to spot: neither silence nor unknown."""
    return not label.startswith("_")


def _checked(words: object) -> list[str]:
    if not isinstance(words, list) or not words:
        raise UserError(f'words={words!r}: expected "12", "35" or a list of words; name at least one word to spot')
    for word in words:
        if not isinstance(word, str) or not re.fullmatch(r"\w[\w' -]*", word) or word.startswith("_"):
            raise UserError(f"words holds {word!r}: expected a folder's name; quote it (YAML reads a bare yes as true)")
    lower = [word.lower() for word in words]  # as the folders' names are read
    for word in lower:
        if lower.count(word) > 1:
            raise UserError(f"words holds {word!r} twice: expected each word once; remove one of them")
    return lower
