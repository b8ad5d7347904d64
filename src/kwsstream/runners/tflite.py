"""LiteRT as a session."""

from pathlib import Path

import numpy as np

from kwsstream.extra import extra
from kwsstream.manifest import Interface
from kwsstream.quiet import quiet
from kwsstream.runners.session import Session, dequantise, quantise


class LiteRTSession(Session):
    """A TFLite file, on one thread unless told otherwise. States outside the file stay in its own numbers.

    Tensors are set and read by index: the interpreter's signature runner allocates anew at every call.
    """

    def __init__(self, file: Path, interface: Interface, threads: int = 1):
        with quiet():  # it announces its delegate on stderr
            self.interpreter = extra("ai_edge_litert.interpreter").Interpreter(str(file), num_threads=threads)
            self.interpreter.allocate_tensors()
        into, out = indices(self.interpreter.get_input_details()), indices(self.interpreter.get_output_details())
        self.input, self.output = interface.input, interface.output
        self.input_index, self.output_index = into[self.input.name], out[self.output.name]
        self.inside = any(state.next is None for state in interface.states)
        self.outside = [] if self.inside else interface.states
        self.state_indices = [into[state.name] for state in self.outside]
        self.next_indices = [out[state.next] for state in self.outside]
        self.silence = [np.full(state.shape, state.reset_value, state.dtype) for state in self.outside]
        self.state = self.silence

    def reset(self) -> None:
        self.state = self.silence
        if self.inside:
            # not kept: the interpreter refuses to run while anything else refers to it
            self.interpreter.get_signature_runner("reset")()

    def step(self, x: np.ndarray) -> np.ndarray:
        interpreter = self.interpreter
        interpreter.set_tensor(self.input_index, quantise(x, self.input))
        for index, value in zip(self.state_indices, self.state, strict=True):
            interpreter.set_tensor(index, value)
        interpreter.invoke()
        self.state = [interpreter.get_tensor(index) for index in self.next_indices]
        return dequantise(interpreter.get_tensor(self.output_index), self.output)

    def states(self) -> dict[str, np.ndarray]:
        return {s.name: dequantise(value, s) for s, value in zip(self.outside, self.state, strict=True)}


def indices(details: list[dict]) -> dict[str, int]:
    return {detail["name"]: detail["index"] for detail in details}
