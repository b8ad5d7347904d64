"""A run folder: what training leaves, and what evaluation and export start from.

config.yaml  labels.txt  summary.json  report.json  confusion.csv  confusion.png  curves.png
checkpoints/best.ckpt  checkpoints/last.ckpt  logs/  export/
"""

import json
import math
import pickle
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from kwsstream import config as configs
from kwsstream.compress.prepare import prepare
from kwsstream.config import Config
from kwsstream.data.module import SpeechData
from kwsstream.errors import UserError
from kwsstream.files import whole
from kwsstream.fronts import build_front
from kwsstream.models import build
from kwsstream.streaming import Sequential

ROOT = Path("runs")


@dataclass
class Run:
    """A trained model with all that says what it is. The model is in eval mode, float32, on the CPU."""

    folder: Path
    config: Config
    labels: list[str]
    model: Sequential

    @property
    def name(self) -> str:
        return self.config.model.name

    @cached_property
    def _data(self) -> SpeechData:
        data = speech_data(self.config)
        data.prepare_data()
        data.setup()
        return data

    def data(self) -> SpeechData:
        """The run's data, prepared and partitioned. UserError where its labels are not those of the model."""
        if self._data.labels != self.labels:
            raise UserError(
                f"the data has labels {self._data.labels}, the model {self.labels}: point data.root at its own"
            )
        return self._data


def speech_data(config: Config) -> SpeechData:
    return SpeechData(**dict(config.data))


def build_model(config: Config, labels: int) -> Sequential:
    """The untrained model of a config, with the rounding that it asks for.

    UserError where its layers do not fit the clip or one another.
    """
    rate = config.data.sample_rate_hz
    try:
        front = build_front(sample_rate_hz=rate, **dict(config.features))
    except ValueError as error:
        raise UserError(f"features: {error}") from error
    try:
        model = build(front=front, samples=config.data.clip_ms * rate // 1000, labels=labels, **dict(config.model))
    except ValueError as error:
        raise UserError(f"model {config.model.name}: {error}") from error
    if math.isinf(front.timing.receptive_field) and model.timing.lead > front.timing.lead:
        raise UserError(
            f"model {config.model.name}: its steps begin {model.timing.lead} samples before a clip, which "
            f"{config.features.kind} features would remember: give each layer with a stride in time a kernel that is "
            "a multiple of it"
        )
    prepare(model.net, config)
    return model


def load(folder: Path, checkpoint: str = "best") -> Run:
    """A run from its folder. UserError where it is not one, or where its checkpoint belongs to another config."""
    folder = Path(folder)
    path = folder / "checkpoints" / f"{checkpoint}.ckpt"
    for needed in (folder / "config.yaml", folder / "labels.txt", path):
        if not needed.is_file():
            raise UserError(
                f"{folder} is not a run folder: it has no {needed.relative_to(folder)}; give what fit wrote"
            )
    config = configs.read(folder / "config.yaml")
    labels = (folder / "labels.txt").read_text().split("\n")[:-1]
    model = build_model(config, len(labels))
    weights = {
        k.removeprefix("model."): w for k, w in saved(path, config)["state_dict"].items() if k.startswith("model.")
    }
    model.load_state_dict(weights)
    return Run(folder, config, labels, model.eval())


def saved(path: Path, config: Config) -> dict[str, Any]:
    """A checkpoint, checked to be of this config's model."""
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        given = checkpoint["hyper_parameters"]["config"]
    except (KeyError, TypeError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
        raise UserError(f"{path} is not a whole checkpoint of fit ({type(error).__name__}): train again") from error
    ours, theirs = (c.model_dump(mode="json") for c in (config, configs.parse(given, str(path))))
    for section in ("model", "features", "data"):
        for key in sorted(ours[section].keys() | theirs[section].keys()):
            if section == "data" and key not in ("words", "clip_ms", "sample_rate_hz"):
                continue
            a, b = theirs[section].get(key), ours[section].get(key)
            if a != b:
                raise UserError(f"{path} belongs to another config: its {section}.{key} is {a!r}, this config's {b!r}")
    return checkpoint


def newest(root: Path = ROOT) -> Path:
    """The run folder whose checkpoint was written last."""
    found = sorted(Path(root).glob("*/checkpoints/best.ckpt"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise UserError(f"no run in {Path(root).resolve()}: train one with python -m kwsstream.fit conf/cnn.yaml")
    return found[-1].parents[1]


def write_text(path: Path, text: str) -> None:
    """A whole file or none."""
    with whole(path) as beside:
        beside.write_text(text)


def write_json(path: Path, values: Any) -> None:
    write_text(path, json.dumps(values, indent=2) + "\n")
