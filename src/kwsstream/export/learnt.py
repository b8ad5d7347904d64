"""The limits that training learnt, as limits of the tensors of a file.

Conversions lose the names of layers. A tensor belongs to a Range where both have the same numbers, run after run.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

import numpy as np
import torch
from torch import Tensor, nn

from kwsstream.compress.prepare import ranges
from kwsstream.compress.rounding import Range
from kwsstream.export.graph import Graph
from kwsstream.export.limits import Estimate, Limits, Runs
from kwsstream.export.watch import Watched

COMPARED = {True: 4, False: 60}
"""Runs, by whether one is of a whole clip."""
CLOSE = 1e-3
"""Of the largest number: float kernels add in other orders."""


def learnt(graph: Graph) -> Estimate:
    """Limits as a network learnt them that was prepared for it.

    Where the converter made one operator of two, the file has no tensor for what was between, and rounds nothing there.
    """

    def estimate(content: bytes, seen: Limits, runs: Runs) -> Limits:
        names, found = tensors_of(graph, content, islice(runs(), COMPARED[graph.whole])), {}
        for name, layer in ranges(graph.layer):
            found |= dict.fromkeys(names[name], layer.limits)
        return found

    return estimate


def tensors_of(graph: Graph, content: bytes, runs: Iterator[dict[str, np.ndarray]]) -> dict[str, set[str]]:
    """The names of the tensors of a float file that have, in each run, the numbers that a Range has, by its name."""
    watched, state, same = Watched(content), graph.silence, {}
    with outputs(dict(ranges(graph.layer))) as given:
        for inputs in runs:
            _, state = graph.run(torch.from_numpy(inputs[graph.input]), state)
            watched.run(inputs)
            values = {watched.name(index): watched.value(index).ravel() for index in watched.activations}
            for name, wanted in given.items():
                candidates = same.get(name, values)
                same[name] = {tensor for tensor in candidates if alike(values[tensor], wanted.numpy().ravel())}
    return same


def alike(a: np.ndarray, b: np.ndarray) -> bool:
    return a.size == b.size and np.abs(a - b).max() <= CLOSE * max(np.abs(b).max(), 1e-6)


@contextmanager
def outputs(layers: dict[str, Range]) -> Iterator[dict[str, Tensor]]:
    """What each layer gave last, by name."""
    given: dict[str, Tensor] = {}

    def keep(name: str):
        def hook(layer: nn.Module, inputs: tuple, output: Tensor) -> None:
            given[name] = output.detach().clone()

        return hook

    hooks = [layer.register_forward_hook(keep(name)) for name, layer in layers.items()]
    try:
        yield given
    finally:
        for hook in hooks:
            hook.remove()
