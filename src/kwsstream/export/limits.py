"""The limits between which each tensor of an int8 file lies, put right before the file is quantised.

The converter quantises a float file by limits that it finds in each tensor. Those that it can write there itself are
too wide: an operator that works in place, such as an addition, has its results taken for those of the operator before
it. Here they are measured with every tensor in a place of its own, may then be narrowed or be those that training
learnt, and are shared by tensors that hold the same numbers, a state and its successor first of all: their scales are
then equal by construction.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from kwsstream.export.flatbuffer import pack, parse
from kwsstream.export.graph import Graph
from kwsstream.export.watch import Watched, operators

Limits = dict[str, tuple[float, float]]
"""The least and largest number of tensors, by their names."""
Runs = Callable[[], Iterable[dict[str, np.ndarray]]]
"""Gives the inputs of a file by name, run after run."""
Estimate = Callable[[bytes, Limits, Runs], Limits]
"""Better limits for some tensors of a float file, given those measured and the runs that they were measured over."""

KEEPING = (
    "RESHAPE", "STRIDED_SLICE", "SLICE", "SPLIT", "SPLIT_V", "TRANSPOSE", "EXPAND_DIMS", "SQUEEZE", "GATHER", "PACK",
    "UNPACK", "MAX_POOL_2D", "REDUCE_MAX", "PAD",
)  # fmt: skip  # operators that give numbers they take
BINS = 8192
FIT = 0.5  # of a concatenation's range: what a part must span to share it, rather than be rescaled to it


def fit_limits(calibrated: bytes, graph: Graph, runs: Runs, estimate: Estimate | None = None) -> bytes:
    """A float file of a graph with the limits of its tensors over runs, or of an estimate, where that has any.

    The tensors that are to have limits are those to which the converter's own calibration gave some.
    """
    model = parse(calibrated)
    limits = limits_over(model, calibrated, graph, runs, estimate)
    for tensor in model.subgraphs[0].tensors:
        q, name = tensor.quantization, tensor.name.decode()
        if name in limits and q is not None and q.min is not None:
            q.min, q.max = ([limit] for limit in limits[name])
    return pack(model)


def limits_over(model, content: bytes, graph: Graph, runs: Runs, estimate: Estimate | None) -> Limits:
    """The limits of the activations of a float file, a ModelT of these bytes."""
    seen = measured(content, runs())
    better = estimate(content, seen, runs) if estimate else {}
    limits = seen | better
    for group in groups(model, graph, seen):
        known = better.keys() & group or group
        limits |= dict.fromkeys(group, hull(limits[name] for name in known))
    return limits


def measured(content: bytes, runs: Iterable[dict[str, np.ndarray]]) -> Limits:
    """The least and largest number that each activation of a float file has over runs."""
    watched, found = Watched(content), {}
    for inputs in runs:
        watched.run(inputs)
        for index in watched.activations:
            value, name = watched.value(index), watched.name(index)
            seen = float(value.min()), float(value.max())
            found[name] = hull((seen, found.get(name, seen)))
    return found


def hull(limits: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """The limits that enclose all of those given."""
    lows, highs = zip(*limits, strict=True)
    return min(lows), max(highs)


def groups(model, graph: Graph, limits: Limits) -> list[set[str]]:
    """Sets of tensors, by name, that share limits: those that hold the same numbers, states and their successors.

    A part of a concatenation shares the limits of the whole where they are nearly its own.
    """
    names = [tensor.name.decode() for tensor in model.subgraphs[0].tensors]
    signature = model.signatureDefs[0]
    entries = {e.name.decode(): names[e.tensorIndex] for e in (*signature.inputs, *signature.outputs)}
    pairs = [(entries[state], entries[after]) for state, after in graph.states.items()]
    for one in operators(model):
        whole = names[one.outputs[0]]
        if one.name in KEEPING:
            pairs += [(names[one.inputs[0] if one.name != "SPLIT" else one.inputs[1]], names[o]) for o in one.outputs]
        if one.name == "CONCATENATION" and whole in limits:
            parts = [names[i] for i in one.inputs if names[i] in limits]
            pairs += [(part, whole) for part in parts if width(limits[part]) >= FIT * width(limits[whole])]
    return united([pair for pair in pairs if pair[0] in limits and pair[1] in limits])


def width(limits: tuple[float, float]) -> float:
    return limits[1] - limits[0]


def united(pairs: Iterable[tuple[str, str]]) -> list[set[str]]:
    """The sets that pairs of names link."""
    found: list[set[str]] = []
    for pair in pairs:
        linked = [group for group in found if group & set(pair)]
        found = [group for group in found if group not in linked] + [set(pair).union(*linked)]
    return found


def percentiles(percent: float) -> Estimate:
    """Limits that hold `percent` of the numbers that each tensor has over runs, from either end."""

    def estimate(content: bytes, seen: Limits, runs: Runs) -> Limits:
        found = {}
        for name, count in histograms(content, seen, runs()):
            edges, share = np.linspace(*seen[name], BINS + 1), np.cumsum(count) / count.sum()
            first = int(np.searchsorted(share, 1 - percent / 100, side="right"))
            last = int(np.searchsorted(share, percent / 100))
            found[name] = float(edges[first]), float(edges[min(last, BINS - 1) + 1])
        return found

    return estimate


def histograms(
    content: bytes, limits: Limits, runs: Iterable[dict[str, np.ndarray]]
) -> Iterator[tuple[str, np.ndarray]]:
    """How often each activation of a float file fell in each of BINS equal parts of its limits, by its name."""
    watched = Watched(content)
    counts = {index: np.zeros(BINS, np.int64) for index in watched.activations}
    for inputs in runs:
        watched.run(inputs)
        for index, count in counts.items():
            low, high = limits[watched.name(index)]
            places = (watched.value(index).ravel() - low) * (BINS / ((high - low) or 1.0))
            count += np.bincount(places.astype(np.int64).clip(0, BINS - 1), minlength=BINS)
    return ((watched.name(index), count) for index, count in counts.items())
