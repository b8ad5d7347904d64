"""Thresholds for each label, chosen on a stream with truth for so many false accepts per hour."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from kwsstream.detection.curve import THRESHOLDS
from kwsstream.detection.judge import Judge, Judged
from kwsstream.detection.spotter import Model
from kwsstream.detector import Parameters
from kwsstream.errors import UserError


class Choice(NamedTuple):
    """A threshold of one label alone: its false accepts over the stream, and hits less wrong words."""

    false_accepts: int
    worth: int
    threshold: float


def tune(model: Model, posteriors: np.ndarray, judge: Judge, target: float) -> tuple[Parameters, Judged]:
    """Parameters with the thresholds that find most keywords, less wrong words, within `target` false accepts per hour.

    Each label is swept alone; the best shares of the false accepts allowed are found exactly, by dynamic programming
    over labels. Labels interact (a detection silences the others for a while), so the choice is checked with all of
    them together, allowing fewer until it holds. Where one threshold for all labels does better, it is taken.
    UserError where no thresholds hold the target, or those that do find nothing.
    """
    means = model.detector().smooth(posteriors)
    allowed = int(target * judge.hours + 1e-9)
    words = list(model.parameters.thresholds)
    options = [choices(model, posteriors, judge, word) for word in words]
    tried = [dict.fromkeys(words, threshold) for threshold in THRESHOLDS]
    tried += [dict(zip(words, shared, strict=True)) for shared in shares(options, allowed)]
    best = None
    for thresholds in tried:
        parameters = model.parameters.with_thresholds(thresholds)
        judged = judge(model.detector(parameters).fire(means))
        better = best is None or judged.hits - judged.wrong >= best[1].hits - best[1].wrong
        if judged.false_accepts <= allowed and better:
            best = parameters, judged
    if best is None or not best[1].hits:
        raise UserError(
            f"no thresholds of {model.name} find a keyword at {target:g} false accepts per hour on a stream of "
            f"{judge.hours:.2g} h, which allows {allowed}: give a longer stream, a higher --target or a better model"
        )
    return best


def choices(model: Model, posteriors: np.ndarray, judge: Judge, word: str) -> list[Choice]:
    """What each threshold of a label does, by rising threshold, with no other label listening."""
    detector = model.detector(model.parameters.with_thresholds({word: 1.0}))
    means = detector.smooth(posteriors)
    found = []
    for threshold in THRESHOLDS:
        parameters = model.parameters.with_thresholds({word: threshold})
        judged = judge(model.detector(parameters).fire(means))
        found.append(Choice(judged.false_accepts, judged.hits - judged.wrong, threshold))
    return found


def shares(options: Sequence[Sequence[Choice]], allowed: int) -> list[list[float]]:
    """For each number of false accepts from `allowed` down to 0, the thresholds that are worth most within it."""
    worth, picked = np.zeros(allowed + 1), [[] for _ in range(allowed + 1)]
    for choices in options:
        within = [middle([c for c in choices if c.false_accepts <= count]) for count in range(allowed + 1)]
        best = [max(range(n + 1), key=lambda k: worth[n - k] + within[k].worth) for n in range(allowed + 1)]
        picked = [[*picked[n - k], within[k].threshold] for n, k in enumerate(best)]
        worth = np.array([worth[n - k] + within[k].worth for n, k in enumerate(best)])
    return picked[::-1]


def middle(choices: Sequence[Choice]) -> Choice:
    """Of the choices worth most, the middle one, furthest from where it would be worth less; or never to fire."""
    most = max((c.worth for c in choices), default=0)
    equal = [c for c in choices if c.worth == most] or [Choice(0, 0, 1.0)]
    return equal[len(equal) // 2]
