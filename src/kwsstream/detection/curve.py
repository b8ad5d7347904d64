"""False rejects against false accepts per hour: the detection error tradeoff over thresholds (Martin et al., 1997)."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from kwsstream.detection.judge import Judge, Judged
from kwsstream.detection.spotter import Model
from kwsstream.files import whole
from kwsstream.report import save_picture

TARGETS = (0.5, 1.0, 10.0)
LOG_ODDS = np.linspace(-4, 13, 273)
THRESHOLDS = [float(f"{1 / (1 + np.exp(-x)):.7f}") for x in LOG_ODDS]  # dense where posteriors are, close to 1


@dataclass(frozen=True)
class Point:
    """What the detector does with one threshold for every label."""

    threshold: float
    false_accepts_per_hour: float
    false_rejects: float
    wrong: int


def sweep(model: Model, posteriors: np.ndarray, judge: Judge) -> list[Point]:
    """The curve of a model over a stream of which the posteriors, float32 (steps, labels), are known."""
    means = model.detector().smooth(posteriors)
    points = []
    for threshold in THRESHOLDS:
        parameters = model.parameters.with_thresholds(dict.fromkeys(model.parameters.thresholds, threshold))
        judged = judge(model.detector(parameters).fire(means))
        points.append(point(threshold, judged))
    return points


def point(threshold: float, judged: Judged) -> Point:
    return Point(threshold, judged.false_accepts_per_hour, judged.false_rejects, judged.wrong)


def operating_point(points: Sequence[Point], target: float) -> Point | None:
    """Of the points within a target of false accepts per hour, the one that rejects least; None where there is none."""
    within = [one for one in points if one.false_accepts_per_hour <= target]
    return min(within, key=lambda one: (one.false_rejects, one.wrong, -one.threshold), default=None)


def save_curve(path: Path, points: Sequence[Point]) -> None:
    """A curve as CSV."""
    with whole(path) as beside, beside.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["threshold", "false_accepts_per_hour", "false_rejects_percent", "wrong_words"])
        for p in points:
            writer.writerow([p.threshold, f"{p.false_accepts_per_hour:.4g}", f"{p.false_rejects:.4g}", p.wrong])


def save_curves(path: Path, curves: dict[str, Sequence[Point]], tuned: dict[str, Judged], hours: float) -> None:
    """The curves of models by name as one picture, with a dot where the parameters that each has now put it.

    The axis of false accepts begins at half of one in the whole stream, where points without any are drawn.
    """
    least = 0.5 / hours
    figure = Figure((8, 6), layout="constrained")
    axes = figure.subplots()
    for name, points in curves.items():
        accepts = np.maximum([p.false_accepts_per_hour for p in points], least)
        [line] = axes.plot(accepts, [p.false_rejects for p in points], label=name)
        now = tuned[name]
        axes.plot(max(now.false_accepts_per_hour, least), now.false_rejects, "o", color=line.get_color())
    for target in TARGETS:
        axes.axvline(target, color="grey", linewidth=0.8, linestyle=":")
    axes.set(
        xscale="log", ylim=(0, 100), xlabel="false accepts per hour", ylabel="false rejects, % of keywords",
        title=f"{hours:.3g} h, one threshold for all words; dot: thresholds as set",
    )  # fmt: skip
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    save_picture(figure, path)
