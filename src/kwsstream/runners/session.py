"""One file in its runtime: numbers in, numbers out, the state in between."""

from abc import ABC, abstractmethod

import numpy as np

from kwsstream.manifest import Tensor


class Session(ABC):
    """A file with the state of one stream."""

    @abstractmethod
    def step(self, x: np.ndarray) -> np.ndarray:
        """One run of the file: float32 data of its input's shape to float32 results of its output's."""

    def steps(self, xs: list[np.ndarray]) -> list[np.ndarray]:
        """Runs one after another."""
        return [self.step(x) for x in xs]

    @abstractmethod
    def reset(self) -> None:
        """Start a new stream."""

    @abstractmethod
    def states(self) -> dict[str, np.ndarray]:
        """The states after the last step, by name, as float32; {} where the file has none or keeps them inside."""


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
