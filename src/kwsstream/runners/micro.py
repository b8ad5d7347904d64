"""TensorFlow Lite Micro as a session: the interpreter of microcontrollers, with its reference kernels."""

import re
from pathlib import Path

import numpy as np

from kwsstream.errors import UserError
from kwsstream.extra import extra
from kwsstream.manifest import Interface
from kwsstream.quiet import quiet
from kwsstream.runners.session import Session, dequantise, quantise

ARENA = 64 << 20
"""Bytes to choose from; what is not touched costs nothing."""
LONGEST_CAUSE = 300
USED = re.compile(r"Arena allocation (\w+) (\d+) bytes|'(.+)' used (\d+) bytes")


class MicroSession(Session):
    """A TFLite file on one thread. Its inputs and outputs have no names here: they come in the order of the interface.

    UserError, with the interpreter's own words, where it lacks an operator or an operator lacks a type.
    """

    def __init__(self, file: Path, interface: Interface, threads: int = 1):
        super().__init__(interface)
        runtime = extra("tflite_micro.python.tflite_micro.runtime", "micro")
        with quiet() as chatter:
            try:
                self.interpreter = runtime.Interpreter.from_bytes(file.read_bytes(), arena_size=ARENA)
                self.interpreter.invoke()  # what cannot run says so here, and the arena is complete
            except (RuntimeError, ValueError) as error:
                words = "; ".join([*chatter.lines, str(error)])[:LONGEST_CAUSE]
                raise UserError(
                    f"{file.name}: TensorFlow Lite Micro cannot run it ({words}): use layers and types it has"
                ) from error
        self.reset()

    def reset(self) -> None:
        super().reset()
        if self.inside:
            self.interpreter.reset()

    def step(self, x: np.ndarray) -> np.ndarray:
        interpreter = self.interpreter
        for index, value in enumerate([quantise(x, self.input), *self.values]):
            interpreter.set_input(np.ascontiguousarray(value), index)
        interpreter.invoke()
        self.values = [interpreter.get_output(1 + index) for index in range(len(self.outside))]
        return dequantise(interpreter.get_output(0), self.output)

    def arena(self) -> dict[str, int]:
        """Bytes of the arena: in total, its head (used anew in each run), its tail (kept), and of that by kind."""
        with quiet() as chatter:
            self.interpreter.print_allocations()
            found = [USED.search(line) for line in chatter.lines]
        return {match[1] or match[3]: int(match[2] or match[4]) for match in found if match}
