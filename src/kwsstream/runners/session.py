"""One file in its runtime: numbers in, numbers out, the state in between."""

from abc import ABC, abstractmethod

import numpy as np

from kwsstream.errors import UserError
from kwsstream.manifest import Interface, StateTensor, Tensor


class Session(ABC):
    """A file with the state of one stream. States outside the file stay in its own numbers."""

    def __init__(self, interface: Interface):
        self.input, self.output = interface.input, interface.output
        self.inside = any(state.next is None for state in interface.states)
        self.outside: list[StateTensor] = [] if self.inside else interface.states
        self.silence = [np.full(state.shape, state.reset_value, state.dtype) for state in self.outside]
        self.values = self.silence

    @abstractmethod
    def step(self, x: np.ndarray) -> np.ndarray:
        """One run of the file: float32 data of its input's shape to float32 results of its output's."""

    def steps(self, xs: list[np.ndarray]) -> list[np.ndarray]:
        """Runs one after another."""
        return [self.step(x) for x in xs]

    def reset(self) -> None:
        """Start a new stream."""
        self.values = self.silence

    @property
    def state(self) -> dict[str, np.ndarray]:
        """The states after the last step, by name, in the file's own numbers; {} where it keeps them inside."""
        return {state.name: value for state, value in zip(self.outside, self.values, strict=True)}

    @state.setter
    def state(self, given: dict[str, np.ndarray]) -> None:
        """Go on from states that this file gave. UserError for those of another."""
        for state in self.outside:
            value = given.get(state.name)
            found = "missing" if value is None else f"{value.dtype} {list(value.shape)}"
            if found != f"{state.dtype} {state.shape}":
                raise UserError(
                    f"state {state.name} is {found}: expected {state.dtype} {state.shape}; set what this file gave"
                )
        self.values = [given[state.name] for state in self.outside]

    def states(self) -> dict[str, np.ndarray]:
        """The states after the last step, by name, as float32; {} where the file has none or keeps them inside."""
        return {s.name: dequantise(value, s) for s, value in zip(self.outside, self.values, strict=True)}


def quantise(x: np.ndarray, tensor: Tensor) -> np.ndarray:
    """Numbers as the file wants them, rounded to the nearest step of its scale and clipped to its range."""
    if tensor.scale is None:
        return x
    limits = np.iinfo(tensor.dtype)
    return np.clip(np.rint(x / tensor.scale) + tensor.zero_point, limits.min, limits.max).astype(tensor.dtype)


def dequantise(q: np.ndarray, tensor: Tensor) -> np.ndarray:
    """Numbers of a file as float32."""
    if tensor.scale is None:
        return q
    return ((q.astype(np.int32) - tensor.zero_point) * tensor.scale).astype(np.float32)
