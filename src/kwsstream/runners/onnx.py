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
        runtime = extra("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = threads
        options.log_severity_level = QUIET
        self.session = runtime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        self.input = interface.input.name
        self.names = [state.name for state in interface.states]
        self.outputs = [interface.output.name, *(state.next for state in interface.states)]
        self.silence = [np.zeros(state.shape, np.float32) for state in interface.states]
        self.reset()

    def reset(self) -> None:
        self.state = self.silence

    def step(self, x: np.ndarray) -> np.ndarray:
        feeds = dict(zip(self.names, self.state, strict=True))
        feeds[self.input] = x
        result, *self.state = self.session.run(self.outputs, feeds)
        return result

    def states(self) -> dict[str, np.ndarray]:
        return dict(zip(self.names, self.state, strict=True))
