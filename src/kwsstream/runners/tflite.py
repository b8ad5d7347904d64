"""LiteRT as a session."""

from pathlib import Path

import numpy as np

from kwsstream.extra import extra
from kwsstream.manifest import Interface
from kwsstream.quiet import quiet
from kwsstream.runners.session import Session, dequantise, quantise


class LiteRTSession(Session):
    """A TFLite file, on one thread unless told otherwise.

    Tensors are set and read by index: the interpreter's signature runner allocates anew at every call.
    """

    kernels = "AUTO"
    """Of OpResolverType: which kernels compute. By default those of XNNPACK where it has any."""

    def __init__(self, file: Path, interface: Interface, threads: int = 1):
        super().__init__(interface)
        with quiet():  # it announces its delegate on stderr
            library = extra("ai_edge_litert.interpreter")
            kernels = library.OpResolverType[self.kernels]
            self.interpreter = library.Interpreter(
                str(file), num_threads=threads, experimental_op_resolver_type=kernels
            )
            self.interpreter.allocate_tensors()
        into, out = indices(self.interpreter.get_input_details()), indices(self.interpreter.get_output_details())
        self.input_index, self.output_index = into[self.input.name], out[self.output.name]
        self.state_indices = [into[state.name] for state in self.outside]
        self.next_indices = [out[state.next] for state in self.outside]

    def reset(self) -> None:
        super().reset()
        if self.inside:
            # not kept: the interpreter refuses to run while anything else refers to it
            self.interpreter.get_signature_runner("reset")()

    def step(self, x: np.ndarray) -> np.ndarray:
        interpreter = self.interpreter
        interpreter.set_tensor(self.input_index, quantise(x, self.input))
        for index, value in zip(self.state_indices, self.values, strict=True):
            interpreter.set_tensor(index, value)
        interpreter.invoke()
        self.values = [interpreter.get_tensor(index) for index in self.next_indices]
        return dequantise(interpreter.get_tensor(self.output_index), self.output)


class ReferenceLiteRTSession(LiteRTSession):
    """LiteRT with its reference kernels, slow and exact: TensorFlow Lite Micro's are made of them, and round alike.

    To bring a sum to the scale of its layer, these kernels round twice, to a finer grid first. XNNPACK's round once: a
    few numbers in a thousand are then a step apart, and layers behind add to that.
    """

    kernels = "BUILTIN_REF"


def indices(details: list[dict]) -> dict[str, int]:
    return {detail["name"]: detail["index"] for detail in details}
