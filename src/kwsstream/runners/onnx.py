"""ONNX Runtime as a session."""

from pathlib import Path

import numpy as np

from kwsstream.extra import extra
from kwsstream.manifest import Interface
from kwsstream.runners.session import Session

QUIET = 3  # errors only


class OnnxSession(Session):
    """An ONNX file, float32, on one thread unless told otherwise."""

    def __init__(self, file: Path, interface: Interface, threads: int = 1):
        super().__init__(interface)
        runtime = extra("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = threads
        options.log_severity_level = QUIET
        self.session = runtime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        self.outputs = [self.output.name, *(state.next for state in self.outside)]

    def step(self, x: np.ndarray) -> np.ndarray:
        result, *self.values = self.session.run(self.outputs, {self.input.name: x, **self.state})
        return result
