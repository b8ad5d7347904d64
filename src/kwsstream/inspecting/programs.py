"""Files to be run once, numbers in and numbers out, without a manifest."""

from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np

from kwsstream.errors import UserError
from kwsstream.extra import extra
from kwsstream.inspecting import read, savedmodel
from kwsstream.inspecting.facts import TensorFacts
from kwsstream.quiet import quiet
from kwsstream.runners.session import dequantise, quantise


class Program(ABC):
    """A file with its inputs and outputs. Any number of values is given flat, float32, an unknown size being 1."""

    def __init__(self, path: Path):
        facts = read(path)
        self.file, self.inputs, self.outputs = path.name, facts.inputs, facts.outputs

    def input(self, name: str) -> TensorFacts:
        return next(tensor for tensor in self.inputs if tensor.name == name)

    def run(self, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Inputs by name, float32, to outputs by name, flat float32."""
        shaped = [as_file(feeds[tensor.name], tensor) for tensor in self.inputs]
        results = self._run(shaped)
        return {
            o.name: np.ravel(dequantise(r, o)).astype(np.float32) for o, r in zip(self.outputs, results, strict=True)
        }

    @abstractmethod
    def _run(self, feeds: list[np.ndarray]) -> list[np.ndarray]:
        """Inputs to outputs, in the file's order, shapes and numbers."""


class LiteRTProgram(Program):
    def __init__(self, path: Path):
        super().__init__(path)
        with quiet():
            self.interpreter = extra("ai_edge_litert.interpreter").Interpreter(str(path), num_threads=1)
            self.interpreter.allocate_tensors()

    def _run(self, feeds: list[np.ndarray]) -> list[np.ndarray]:
        for detail, value in zip(self.interpreter.get_input_details(), feeds, strict=True):
            self.interpreter.set_tensor(detail["index"], value)
        self.interpreter.invoke()
        return [self.interpreter.get_tensor(detail["index"]) for detail in self.interpreter.get_output_details()]


class OnnxProgram(Program):
    def __init__(self, path: Path):
        super().__init__(path)
        self.session = extra("onnxruntime").InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def _run(self, feeds: list[np.ndarray]) -> list[np.ndarray]:
        return self.session.run(None, {tensor.name: x for tensor, x in zip(self.inputs, feeds, strict=True)})


class SavedModelProgram(Program):
    def __init__(self, path: Path):
        super().__init__(path)
        self.saved = savedmodel.load(path)

    def _run(self, feeds: list[np.ndarray]) -> list[np.ndarray]:
        constant = extra("tensorflow").constant
        results = self.saved.signature(**{t.name: constant(x) for t, x in zip(self.inputs, feeds, strict=True)})
        return [results[tensor.name].numpy() for tensor in self.outputs]


def load(path: Path) -> Program:
    """A file ready to run. UserError where it cannot be read, or where nothing here runs its format."""
    programs = {".tflite": LiteRTProgram, ".onnx": OnnxProgram}
    kind = SavedModelProgram if path.is_dir() else programs.get(path.suffix)
    if kind is None:
        read(path)
        raise UserError(f"{path} cannot be run here: --match takes .tflite, .onnx and folders of SavedModels")
    return kind(path)


def as_file(x: np.ndarray, tensor: TensorFacts) -> np.ndarray:
    """Flat numbers in the shape and dtype of an input."""
    shape = [1 if size is None else size for size in tensor.shape]
    return quantise(x, tensor).reshape(shape).astype(tensor.dtype)
