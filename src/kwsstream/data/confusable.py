"""What is said beside the phrases to spot: nearly one of them, a part of one, or something else altogether."""

from collections.abc import Sequence
from itertools import count

import numpy as np

from kwsstream.data.phonemes import (
    Spelling,
    differs,
    distance,
    fewest_edits,
    heard,
    is_vowel,
    near,
    sounds,
    sounds_unlike,
    spelled,
    text_of,
)
from kwsstream.errors import UserError

NEIGHBOURS = 20  # of a phrase in the vocabulary
MORE_EDITS = 3
LONGEST_ROW = 3


class Confusable:
    """Texts for espeak-ng that hold none of the `phrases`, in one of the `accents`, drawn by chance.

    `common` is what may be said as something else, and so is the `vocabulary`, of which those nearest to a phrase, by
    edits of phonemes, are also said in place of it. A common text that may be taken for a phrase is left out; one of
    the vocabulary only where it holds the sounds of a phrase or is one in another accent.

    Raises UserError for a phrase that has no sound.
    """

    def __init__(
        self, phrases: Sequence[str], common: Sequence[str], vocabulary: Sequence[str], accents: Sequence[str]
    ):
        texts = list(dict.fromkeys([*phrases, *common, *vocabulary]))
        found = iter(spelled([(accent, text) for accent in accents for text in texts]))
        self.spellings = {accent: {text: next(found) for text in texts} for accent in accents}
        self.phrases, self.phonemes, self.others, self.neighbours = {}, {}, {}, {}
        for accent, spellings in self.spellings.items():
            ours = self.phrases[accent] = [spellings[phrase] for phrase in phrases]
            for phrase, spelling in zip(phrases, ours, strict=True):
                if not spelling:
                    raise UserError(f"espeak-ng has no sound for {phrase!r} in {accent}: give words of the language")
            self.phonemes[accent] = sorted({sound for spelling in spellings.values() for sound in sounds(spelling)})
            self.others[accent] = [
                text
                for text, spelling in spellings.items()
                if differs(spelling, ours) or (text in vocabulary and sounds_unlike(spelling, ours))
            ]
            self.neighbours[accent] = {phrase: self.nearest(phrase, vocabulary, accent) for phrase in phrases}

    def nearest(self, phrase: str, vocabulary: Sequence[str], accent: str) -> list[str]:
        """The texts of a vocabulary that are nearest to a phrase and hold none."""
        spellings = self.spellings[accent]
        ours, other = heard(spellings[phrase]), set(vocabulary).intersection(self.others[accent])
        return sorted(other, key=lambda text: (distance(ours, heard(spellings[text])), text))[:NEIGHBOURS]

    def said(self, kind: str, phrase: str, accent: str, draw: np.random.Generator) -> str:
        """A text of a kind, "near", "part" or "other", in the place of a phrase."""
        return {"near": self.near, "part": self.part, "other": self.other}[kind](phrase, accent, draw)

    def near(self, phrase: str, accent: str, draw: np.random.Generator) -> str:
        """Nearly the phrase: some phonemes are others; or as often, where there is a vocabulary, a neighbour in it."""
        neighbours = self.neighbours[accent][phrase]
        if neighbours and draw.uniform() < 0.5:
            return str(draw.choice(neighbours))
        spelling, phonemes = self.spellings[accent][phrase], self.phonemes[accent]
        edits = (fewest_edits(spelling) + int(draw.integers(MORE_EDITS)) + tries // 20 for tries in count())
        others = (near(spelling, phonemes, number, draw) for number in edits)
        return text_of(next(other for other in others if differs(other, self.phrases[accent])))

    def part(self, phrase: str, accent: str, draw: np.random.Generator) -> str:
        """Some words of the phrase, all in another order, or its beginning or end; nearly it where there is none."""
        parts = [part for part in parts_of(self.spellings[accent][phrase]) if differs(part, self.phrases[accent])]
        return text_of(parts[int(draw.integers(len(parts)))]) if parts else self.near(phrase, accent, draw)

    def other(self, _phrase: str, accent: str, draw: np.random.Generator) -> str:
        """Up to three texts in a row, of those that are no phrase."""
        rows = (draw.choice(self.others[accent], int(draw.integers(1, LONGEST_ROW + 1))) for _ in count())
        spellings = self.spellings[accent]
        joined = ((row, sum((spellings[str(text)] for text in row), ())) for row in rows)
        ours = self.phrases[accent]
        return " ".join(next(row for row, spelling in joined if len(row) == 1 or differs(spelling, ours)))


def parts_of(phrase: Spelling) -> list[Spelling]:
    """Runs of some of the words, the words backwards, and from a third to two thirds of the sounds of either end."""
    words = range(len(phrase))
    runs = [phrase[i : j + 1] for i in words for j in words[i:] if j - i + 1 < len(phrase)]
    flat = [phoneme for word in phrase for phoneme in word]
    some = range(max(1, len(flat) // 3), len(flat) * 2 // 3 + 1)
    ends = [(tuple(end),) for n in some for end in (flat[:n], flat[-n:])]
    backwards = [phrase[::-1]] if len(phrase) > 1 else []
    return [part for part in [*runs, *backwards, *ends] if any(map(is_vowel, sounds(part)))]
