"""Where an integer file loses accuracy: the noise of each of its layers against the float file, over real streams."""

import csv
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np

from kwsstream.export.watch import Watched
from kwsstream.files import whole


@dataclass
class Noise:
    """The output of one operator of an integer file, in decibels of signal over noise: 6 more for each bit."""

    operator: str
    tensor: str
    decibels: float
    """Against the float file, each with states of its own: all the noise up to here."""
    rounding: float
    """Of the float file's own numbers in this tensor's scale: what its range alone costs."""
    scale: float


def layer_noise(floats: bytes, integers: bytes, states: dict[str, str], data: Iterable[np.ndarray]) -> list[Noise]:
    """The layers of an integer file of one net against its float file, worst first.

    `states` names each state's successor, data are the net's inputs, run after run, in float. The tensors of the two
    have the same names, for one converter made both; those of another name are left out.
    """
    exact, rounded = Watched(floats), Watched(integers)
    names = {exact.name(index): index for index in exact.activations}
    pairs = [
        (one.name, index, names[rounded.name(index)])
        for one in rounded.operators
        for index in one.outputs
        if index in rounded.activations and rounded.name(index) in names
    ]
    sums = {index: np.zeros(3) for _, index, _ in pairs}
    for _ in run_both(exact, rounded, states, data):
        for _, index, other in pairs:
            value, wanted = rounded.value(index), exact.value(other)
            sums[index] += squares(wanted), squares(value - wanted), squares(fit(rounded, index, wanted) - wanted)
    found = [
        Noise(
            name, rounded.name(index), ratio(*sums[index][[0, 1]]), ratio(*sums[index][[0, 2]]),
            rounded.quantisation(index)[0],
        )
        for name, index, _ in pairs
    ]  # fmt: skip
    return sorted(found, key=lambda one: one.decibels)


def run_both(exact: Watched, rounded: Watched, states: dict[str, str], data: Iterable[np.ndarray]):
    """Run two files over the same data, each with its own states."""
    (entry,) = set(exact.inputs) - set(states)
    carried = {id(one): {name: silence(one, name) for name in states} for one in (exact, rounded)}
    for x in data:
        for one in (exact, rounded):
            given = quantise(one, one.inputs[entry], x)
            one.run({entry: given, **carried[id(one)]})
            carried[id(one)] = {name: one.interpreter.get_tensor(one.outputs[after]) for name, after in states.items()}
        yield x


def silence(watched: Watched, name: str) -> np.ndarray:
    index = watched.inputs[name]
    return quantise(watched, index, np.zeros(watched.tensors[index].shape, np.float32))


def quantise(watched: Watched, index: int, x: np.ndarray) -> np.ndarray:
    """Numbers as a tensor of the file holds them."""
    scale, zero = watched.quantisation(index)
    if scale is None:
        return x
    kind = watched.interpreter.get_tensor(index).dtype
    limits = np.iinfo(kind)
    return np.clip(np.rint(x / scale) + zero, limits.min, limits.max).astype(kind)


def fit(watched: Watched, index: int, x: np.ndarray) -> np.ndarray:
    """Float numbers as a tensor of the file would give them back."""
    scale, zero = watched.quantisation(index)
    if scale is None:
        return x
    return (quantise(watched, index, x).astype(np.float32) - zero) * scale


def squares(x: np.ndarray) -> float:
    return float(np.square(x, dtype=np.float64).sum())


def ratio(signal: float, noise: float) -> float:
    """Decibels of signal over noise; infinite where there is no noise, and 0 where there is nothing at all."""
    if noise == 0:
        return float("inf") if signal else 0.0
    return float(10 * np.log10(max(signal, np.finfo(float).tiny) / noise))


def noise_path(file: Path) -> Path:
    return file.with_suffix(".noise.csv")


def save_noise(layers: list[Noise], path: Path) -> None:
    """The layers as a table in a file."""
    with whole(path) as beside, beside.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow([field.name for field in fields(Noise)])
        rows.writerows(astuple(layer) for layer in layers)


def read_noise(path: Path) -> list[Noise]:
    """What save_noise wrote."""
    with path.open(newline="") as file:
        return [Noise(r["operator"], r["tensor"], *(float(r[key]) for key in ("decibels", "rounding", "scale")))
                for r in csv.DictReader(file)]  # fmt: skip
