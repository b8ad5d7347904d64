"""A model and a detector together: audio in, words heard out."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kwsstream import runs
from kwsstream.detection.settings import file_parameters, run_parameters
from kwsstream.detector import Detection, Detector, Parameters
from kwsstream.errors import UserError
from kwsstream.runners import Runner, TorchRunner, open_runner
from kwsstream.streaming import why_whole


@dataclass(frozen=True)
class Model:
    """A streaming model from a run folder or an exported file, with the detector's parameters kept beside it."""

    name: str
    runner: Runner
    parameters: Parameters
    sample_rate_hz: int

    def detector(self, parameters: Parameters | None = None) -> Detector:
        """A detector of its labels, with other parameters if given."""
        return Detector(
            parameters or self.parameters, self.runner.labels, self.runner.timing.stride, self.sample_rate_hz
        )


def open_model(path: Path) -> Model:
    """A run folder (PyTorch), .onnx or .tflite. UserError for anything else, and for a model that takes whole clips."""
    if path.is_dir():
        run = runs.load(path)
        if reason := why_whole(run.model):
            raise UserError(f"{path} cannot stream, {reason}: a stream needs a model that steps")
        rate = run.config.data.sample_rate_hz
        return Model(path.resolve().name, TorchRunner(run.model, run.labels), run_parameters(run), rate)
    if path.suffix not in (".onnx", ".tflite"):
        raise UserError(f"{path} is no model: expected a run folder, or a file .onnx or .tflite exported from one")
    runner = open_runner(path)
    if runner.stream == "none":
        raise UserError(f"{path} takes whole clips: a stream needs a file exported with --stream external or internal")
    return Model(path.name, runner, file_parameters(path), runner.manifest.clock.sample_rate_hz)


class Spotter:
    """Samples of a stream, any number at a time, to posteriors and detections."""

    def __init__(self, model: Model):
        self.runner, self.detector = model.runner, model.detector()
        self.runner.reset()
        self.rest = np.zeros(0, np.float32)

    def push(self, audio: np.ndarray) -> tuple[np.ndarray, list[Detection]]:
        """The next samples, float32 in [-1, 1]: posteriors, float32 (steps, labels), and the detections of these steps.

        Samples that fill no hop wait for the next.
        """
        audio = np.concatenate([self.rest, audio])
        whole = len(audio) - len(audio) % self.runner.hop
        self.rest = audio[whole:]
        if not whole:
            return np.zeros((0, len(self.runner.labels)), np.float32), []
        posteriors = softmax(self.runner.run(audio[:whole]))
        return posteriors, self.detector.push(posteriors)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Posteriors, float32, of logits (steps, labels)."""
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)
