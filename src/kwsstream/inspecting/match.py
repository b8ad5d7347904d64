"""Which output of one file is which of another file of the same model: both run on the same random input."""

from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from kwsstream.errors import UserError
from kwsstream.inspecting.facts import TensorFacts, elements
from kwsstream.inspecting.programs import Program, load

RUNS = 8
SHARE_OF_RANGE = 0.25
"""How much of an integer input's range is used: with all of it, layers inside saturate."""
NEAR = 0.5
"""The difference up to which two outputs may be one, as a share of their size: integers may be that far off."""


@dataclass(frozen=True)
class Likeness:
    """Two outputs over the same runs: their largest difference, and their distance as a share of their size."""

    a: str
    b: str
    largest_difference: float
    share: float


def match(first: Path, second: Path) -> dict[str, Any]:
    """The inputs and outputs of one file by those of another.

    {"inputs": {name: name}, "outputs": {name: {"name", "largest_difference", "distance"} or None}}: None where
    no output is near; the distance is the root mean square of differences over that of numbers.
    UserError where the inputs do not fit together, or a file cannot be run here.
    """
    a, b = load(first), load(second)
    inputs = paired_inputs(a, b)
    draw = np.random.default_rng(0)
    results = [], []
    for _ in range(RUNS):
        feeds = {name: random(draw, a.input(name), b.input(other)) for name, other in inputs.items()}
        results[0].append(a.run(feeds))
        results[1].append(b.run({other: feeds[name] for name, other in inputs.items()}))
    return {"inputs": inputs, "outputs": paired_outputs(*map(joined, results))}


def paired_inputs(a: Program, b: Program) -> dict[str, str]:
    """Inputs of the same name, and the others in order by the count of their numbers."""
    pairs = {x.name: x.name for x in a.inputs if x.name in {y.name for y in b.inputs}}
    left = [y for y in b.inputs if y.name not in pairs]
    for x in (x for x in a.inputs if x.name not in pairs):
        y = next((y for y in left if fits(x, y)), None)
        if y is None:
            raise UserError(f"input {x.name} {x.shape} of {a.file} has no partner in {b.file}: give files of one model")
        pairs[x.name] = y.name
        left.remove(y)
    if left:
        y = left[0]
        raise UserError(f"input {y.name} {y.shape} of {b.file} has no partner in {a.file}: give files of one model")
    for name, other in pairs.items():
        if not fits(a.input(name), b.input(other)):
            shapes = f"{a.input(name).shape} in {a.file} and {b.input(other).shape} in {b.file}"
            raise UserError(f"input {name} has shape {shapes}: give files of one model")
    return pairs


def fits(x: TensorFacts, y: TensorFacts) -> bool:
    return [size for size in x.shape if size != 1] == [size for size in y.shape if size != 1]


def random(draw: np.random.Generator, x: TensorFacts, y: TensorFacts) -> np.ndarray:
    """Numbers that both can hold: within the range of the integer one, and [-1, 1] otherwise."""
    low, high = -1.0, 1.0
    for tensor in (x, y):
        if tensor.scale is not None:
            limits = np.iinfo(tensor.dtype)
            low, high = ((limit - tensor.zero_point) * tensor.scale for limit in (limits.min, limits.max))
            low, high = low * SHARE_OF_RANGE, high * SHARE_OF_RANGE
    return draw.uniform(low, high, elements(x.shape)).astype(np.float32)


def joined(runs: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([run[name] for run in runs]) for name in runs[0]}


def paired_outputs(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> dict[str, dict | None]:
    """Each output of a with the nearest of b that no other output is nearer to."""
    alike = sorted(
        (likeness(x, y, a[x], b[y]) for x, y in product(a, b) if a[x].size == b[y].size), key=lambda one: one.share
    )
    found: dict[str, dict | None] = dict.fromkeys(a)
    taken = set()
    for one in alike:
        if found[one.a] is None and one.b not in taken and one.share <= NEAR:
            taken.add(one.b)
            found[one.a] = {"name": one.b, "largest_difference": one.largest_difference, "distance": one.share}
    return found


def likeness(x: str, y: str, a: np.ndarray, b: np.ndarray) -> Likeness:
    size = np.sqrt(np.mean(a**2) + np.mean(b**2))
    distance = float(np.sqrt(np.mean((a - b) ** 2)) / size) if size else 0.0
    return Likeness(x, y, float(np.abs(a - b).max()), distance)
