"""What the integer files of a run are fitted to: features of its training clips, as its config's `quantise` says."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from kwsstream.compress.prepare import FEATURES, ranges
from kwsstream.export.audio import audio_runs, data_of
from kwsstream.export.calibration import calibration
from kwsstream.export.graph import Graph
from kwsstream.export.learnt import learnt
from kwsstream.export.limits import Estimate, percentiles
from kwsstream.export.ranges import RANGE_CLIPS, feature_range
from kwsstream.export.tflite import INTEGER, Precision
from kwsstream.export.tidy import rescaled
from kwsstream.manifest import Quantisation
from kwsstream.settings import Quantise

if TYPE_CHECKING:
    from kwsstream.runs import Run


@dataclass
class Fitting:
    """The runs of a graph, and the ranges of its tensors. One run takes `samples` of audio."""

    run: "Run"
    samples: int
    steps: int | None = None
    """Of streams; None: what the run's config says."""
    clips: int | None = None
    """In place of steps, where a graph takes whole clips."""

    def calibration(self, graph: Graph, precision: Precision) -> Iterator[dict[str, np.ndarray]]:
        """The inputs of the net over clips of the training set; for int8, features in the range that serves it best."""
        audio = audio_runs(self.training, self.samples, self.runs(graph), self.settings.calibration_seed)
        data = data_of(self.run.model, graph, audio)
        return calibration(graph, data.clamp(*self.feature_range) if self.narrow(precision) else data)

    def runs(self, graph: Graph) -> int:
        """Runs of a graph that ranges are taken from."""
        if graph.whole:
            return self.clips or self.settings.calibration_clips
        return self.steps or self.settings.calibration_steps

    def estimate(self, graph: Graph, precision: Precision) -> Estimate | None:
        """What finds the limits of tensors, where they are to be others than the least and largest number seen."""
        if self.ranges(precision) == "learnt":
            return learnt(graph)
        return percentiles(self.settings.percentile) if self.ranges(precision) == "percentile" else None

    def ranges(self, precision: Precision) -> Literal["min_max", "percentile", "learnt"]:
        """Where the limits of tensors come from; int16 has numbers enough for all that was seen."""
        if precision != "int8":
            return "min_max"
        return "learnt" if self.settings.bits else self.settings.ranges

    def narrow(self, precision: Precision) -> bool:
        """Whether features are cut off. Those that training learnt a range for are."""
        return precision == "int8" and (self.settings.narrow_features or self.settings.bits is not None)

    def describe(self, precision: Precision, graph: Graph, external: Path) -> Quantisation | None:
        """How a file was fitted, given the one with external state that it was made from; None where it is float."""
        if precision not in INTEGER:
            return None
        found = self.ranges(precision)
        return Quantisation(
            runs=self.runs(graph),
            seed=self.settings.calibration_seed,
            ranges=found,
            percentile=self.settings.percentile if found == "percentile" else None,
            feature_range=self.feature_range if self.narrow(precision) else None,
            rescaled=rescaled(external, graph),
        )

    @property
    def settings(self) -> Quantise:
        return self.run.config.quantise

    @cached_property
    def training(self):
        return self.run.data().partition("training")

    @cached_property
    def feature_range(self) -> tuple[float, float]:
        known = dict(ranges(self.run.model.net))
        return known[FEATURES].limits if known else feature_range_of(self.run)


def feature_range_of(run: "Run") -> tuple[float, float]:
    """The limits of features that serve a run's net best in int8, found on clips of its training set."""
    audio = audio_runs(run.data().partition("training"), run.data().samples, RANGE_CLIPS)
    with torch.no_grad():
        features = run.model.front(torch.from_numpy(audio)[:, :, None, None])
    return feature_range(run.model.net, features)
