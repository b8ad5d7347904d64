"""The original's trainer as a process beside this one, on the same experiment: see original_trainer.py."""

import importlib.util
import json
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import soundfile
import torch

from kwsstream.config import Config
from kwsstream.data.module import SpeechData
from kwsstream.errors import UserError
from kwsstream.features import mel_matrix
from kwsstream.fronts import build_front

CLIPS = 1000  # written as WAV files, of which the batches are
EXPECTED = {"cnn": {"padding": "valid", "norm": False}, "ds_tc_resnet": {"norm_scale": True, "activation": "relu"}}
OF_BLOCKS = {"repeats": 1, "separable": True, "pools": 1}


class Original:
    """Updates of the original's trainer, for `with`. UserError for experiments that it is not rebuilt for."""

    def __init__(self, config: Config, data: SpeechData):
        if importlib.util.find_spec("tf_keras") is None:
            raise UserError("--beside needs TensorFlow: run pip install -e '.[export]'")
        check(config)
        self.resources = ExitStack()
        folder = Path(self.resources.enter_context(tempfile.TemporaryDirectory(prefix="original-")))
        write(folder, config, data)
        line = [sys.executable, Path(__file__).with_name("original_trainer.py"), folder]
        self.said = self.resources.enter_context((folder / "errors.txt").open("w+"))
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self.said}
        self.process = subprocess.Popen(line, text=True, **pipes)
        self.resources.callback(self.process.wait)
        self.resources.callback(self.process.stdin.close)
        self.parameters = self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            self.said.seek(0)
            raise UserError(f"the original's trainer ended early: {self.said.read().splitlines()[-1:]}")
        return json.loads(line)

    def update(self, updates: int) -> list:
        """Seconds that so many updates took, (updates, 2, 2): of loading and of all else, passed and computed."""
        print(updates, file=self.process.stdin, flush=True)
        return self.answer()

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        self.resources.close()


def check(config: Config) -> None:
    """UserError where the original is not rebuilt for this experiment."""
    given = config.model.model_dump()
    expected = EXPECTED.get(config.model.name)
    if expected is None:
        raise UserError(f"--beside: the original is rebuilt for {' and '.join(EXPECTED)}, not {config.model.name}")
    wrong = {key: given[key] for key, value in expected.items() if given[key] != value}
    wrong |= {key: given[key] for key, value in OF_BLOCKS.items() if key in given and set(given[key]) != {value}}
    wrong |= {"features.kind": config.features.kind} if config.features.kind != "mel" else {}
    if wrong:
        raise UserError(f"--beside: the original is rebuilt for {expected | OF_BLOCKS}, not {wrong}")


def network_of(config: Config, data: SpeechData) -> tuple[dict, dict[str, np.ndarray]]:
    """The settings of a network, and its constants."""
    rate = data.sample_rate_hz
    front = build_front(sample_rate_hz=rate, **dict(config.features))
    given = config.features.model_dump(include={"mels", "lower_hz", "upper_hz", "filterbank"})
    constants = {"window": front.window.constants, "mels": mel_matrix(front.spectrum.size, rate, **given)}
    if hasattr(front, "dct"):
        constants["dct"] = front.dct.matrix.T
    masks = config.masks.spec_augment
    settings = {
        "batch_size": data.batch_size,
        "samples": data.samples,
        "labels": len(data.labels),
        "rate": config.training.rates[0],
        "window": front.frame.timing.receptive_field,
        "hop": front.frame.timing.stride,
        "size": front.spectrum.size,
        "log_floor": config.features.log_floor,
        "spec_augment": masks and masks.model_dump(),
        "model": config.model.model_dump(),
    }
    return settings, {name: values.numpy() for name, values in constants.items()}


def write(folder: Path, config: Config, data: SpeechData) -> None:
    """The experiment as original_trainer.py reads it."""
    rate, training, augment = data.sample_rate_hz, data.partition("training"), config.augment
    settings, constants = network_of(config, data)
    np.savez(folder / "constants.npz", **constants)
    which = np.random.default_rng(0).permutation(len(training))[:CLIPS]
    clips = []
    for i, (audio, row) in enumerate(zip(training.audio(which), which, strict=True)):
        soundfile.write(folder / f"{i}.wav", audio, rate)
        clips.append((str(folder / f"{i}.wav"), int(training.labels[row]), bool(training.silence[row])))
    backgrounds = []
    if augment.background_volume > 0:
        for i, audio in enumerate(data.backgrounds.audio.split(data.backgrounds.lengths.tolist())):
            soundfile.write(folder / f"background{i}.wav", audio.numpy(), rate)
            backgrounds.append(str(folder / f"background{i}.wav"))
    settings |= {
        "threads": torch.get_num_threads(),
        "shift": int(augment.time_shift_ms * rate / 1000),
        **augment.model_dump(include={"resample", "background_volume", "background_frequency"}),
        "clips": clips,
        "backgrounds": backgrounds,
    }
    (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
