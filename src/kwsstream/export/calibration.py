"""The numbers that integer files must hold: the inputs of a graph over real streams, states carried by torch."""

from collections.abc import Iterator

import numpy as np
from torch import Tensor

from kwsstream.export.graph import Graph
from kwsstream.streaming import flatten


def calibration(graph: Graph, data: Tensor) -> Iterator[dict[str, np.ndarray]]:
    """All inputs by name, run after run, for the data of the runs (runs, *shape of one)."""
    state = graph.silence
    for x in data:
        yield {graph.input: x.numpy(), **named(graph, state)}
        state = graph.run(x, state)[1]


def named(graph: Graph, state: dict) -> dict[str, np.ndarray]:
    """A nested state as arrays by the names of the graph."""
    return dict(zip(graph.states, (tensor.numpy() for tensor in flatten(state).values()), strict=True))
