"""Detections against the truth of a stream: hits, misses, wrong words, false accepts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kwsstream.detection.truth import Span
from kwsstream.detector import Detection
from kwsstream.errors import UserError

HIT, WRONG, FALSE = "hit", "wrong word", "false accept"


@dataclass(frozen=True)
class Judged:
    """What became of the detections, in their order, and of the keywords.

    A keyword is listened for from its start until `tolerance` after its end. A detection then of its label is a hit,
    the first one; of another label, a wrong word. All others are false accepts: a word heard where none was said, or
    heard twice. `delays` are samples from the end of a keyword to its detection.
    """

    verdicts: list[str]
    delays: list[int]
    keywords: int
    hours: float

    @property
    def hits(self) -> int:
        return len(self.delays)

    @property
    def misses(self) -> int:
        return self.keywords - self.hits

    @property
    def wrong(self) -> int:
        return self.verdicts.count(WRONG)

    @property
    def false_accepts(self) -> int:
        return self.verdicts.count(FALSE)

    @property
    def false_accepts_per_hour(self) -> float:
        return self.false_accepts / self.hours

    @property
    def false_rejects(self) -> float:
        """Missed keywords, in percent."""
        return 100 * self.misses / self.keywords


class Judge:
    """The truth of a stream, ready to judge any number of times.

    `words` are the labels to be heard; UserError where the truth has none of them. What else it has does not count.
    """

    def __init__(self, truth: Sequence[Span], words: Sequence[str], samples: int, sample_rate_hz: int, tolerance_ms):
        self.keywords = [span for span in truth if span.label in words]
        if not self.keywords:
            raise UserError(f"the truth has no keyword of {', '.join(words)}: nothing can be found or missed")
        self.hours = samples / sample_rate_hz / 3600
        self.tolerance = round(tolerance_ms * sample_rate_hz / 1000)
        self.starts = np.array([span.start for span in self.keywords])
        self.reach = max(span.end - span.start for span in self.keywords) + self.tolerance

    def __call__(self, detections: Sequence[Detection]) -> Judged:
        samples = np.array([one.sample for one in detections], np.int64)
        first = self.starts.searchsorted(samples - self.reach)
        last = self.starts.searchsorted(samples, "right")
        found, verdicts, delays = set(), [], []
        for one, low, high in zip(detections, first.tolist(), last.tolist(), strict=True):
            near = [i for i in range(low, high) if one.sample <= self.keywords[i].end + self.tolerance]
            match = next((i for i in near if i not in found and self.keywords[i].label == one.label), None)
            if match is not None:
                found.add(match)
                delays.append(one.sample - self.keywords[match].end)
                verdicts.append(HIT)
            else:
                verdicts.append(WRONG if any(self.keywords[i].label != one.label for i in near) else FALSE)
        return Judged(verdicts, delays, len(self.keywords), self.hours)
