"""The weights of a Keras model in our layers, with its layouts and gate orders turned into ours.

Keras numbers layers of a kind as they are made ("conv2d_3"). Our models are made in the original's order, so the
n-th layer of a kind and shape there is the n-th here. Which is checked where the file holds the original's results.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from kwsstream.branches import Branches
from kwsstream.errors import UserError
from kwsstream.norms import Norm
from kwsstream.recurrent import LSTM

SHORTCUTS_FIRST = ("TCResNet", "Xception")
"""Models whose shortcuts the original makes before what they lead around."""


@dataclass
class KerasLayer:
    """A layer of the original: its weights by the last part of their names."""

    name: str
    weights: dict[str, np.ndarray]

    @property
    def series(self) -> str:
        return re.sub(r"_\d+$", "", self.name.rsplit("/", 1)[-1])

    @property
    def number(self) -> int:
        found = re.search(r"_(\d+)$", self.name.rsplit("/", 1)[-1])
        return int(found[1]) if found else 0


def keras_layers(names: list[str], weights: list[np.ndarray]) -> list[KerasLayer]:
    """The layers of a model in the order they were made: of each series by number."""
    found: dict[str, KerasLayer] = {}
    for name, weight in zip(names, weights, strict=True):
        path, variable = name.split(":")[0].rsplit("/", 1)
        if path.endswith("/projection"):  # of an LSTM cell
            path, variable = path.removesuffix("/projection"), "projection"
        found.setdefault(path, KerasLayer(path, {})).weights[variable] = weight
    series = list(dict.fromkeys(layer.series for layer in found.values()))
    return sorted(found.values(), key=lambda layer: (series.index(layer.series), layer.number))


@torch.no_grad()
def load_keras(net: nn.Module, layers: list[KerasLayer]) -> None:
    """Put all weights of a Keras model in a net. UserError where layers are left over or missing, on either side."""
    left = list(layers)
    for name, layer in trained(net, ""):
        for source in left:
            copies = matches(layer, source)
            if copies:
                break
        else:
            raise UserError(f"the file has no weights left for {name} ({type(layer).__name__}): is it of these flags?")
        for target, weight in copies:
            target.copy_(torch.from_numpy(np.ascontiguousarray(weight, dtype=np.float32)))
        left.remove(source)
    if left:
        names = ", ".join(layer.name for layer in left)
        raise UserError(f"the file has weights that this model has no layers for: {names}: is it of these flags?")


def trained(module: nn.Module, name: str, shortcut_first: bool = False) -> Iterator[tuple[str, object]]:
    """The parts of a model that hold weights, in the order in which the original makes them."""
    shortcut_first |= type(module).__name__ in SHORTCUTS_FIRST
    if isinstance(module, nn.Conv2d | nn.Linear | nn.GRU | Norm | LSTM):
        yield name, module
    else:
        children = list(module.named_children())
        if isinstance(module, Branches) and shortcut_first:
            children.sort(key=lambda child: child[0] != "shortcut")
        for child, inner in children:
            yield from trained(inner, f"{name}.{child}".lstrip("."), shortcut_first)


def matches(layer: object, source: KerasLayer) -> list[tuple[Tensor, np.ndarray]]:
    """What to copy where, if the layer can take these weights; nothing if it cannot."""
    weights = source.weights
    match layer:
        case nn.Conv2d() if layer.groups > 1 and "depthwise_kernel" in weights:
            copies = [(layer.weight, weights["depthwise_kernel"].transpose(2, 3, 0, 1))]
        case nn.Conv2d() if layer.groups == 1 and "kernel" in weights and "recurrent_kernel" not in weights:
            kernel = weights["kernel"]
            kernel = kernel[None, None] if kernel.ndim == 2 else kernel[:, None] if kernel.ndim == 3 else kernel
            copies = [(layer.weight, kernel.transpose(3, 2, 0, 1))]
        case nn.Linear() if set(weights) <= {"kernel", "bias"} and np.prod(weights["kernel"].shape[:-2]) == 1:
            copies = [(layer.weight, weights["kernel"].reshape(weights["kernel"].shape[-2:]).T)]
        case Norm() if "moving_mean" in weights:
            copies = norm(layer, weights)
        case nn.GRU() if "recurrent_kernel" in weights:
            copies = gru(layer, weights)
        case LSTM() if "bias" in weights and weights["bias"].shape == (4 * layer.units,):
            copies = lstm(layer, weights)
        case _:
            return []
    if isinstance(layer, nn.Conv2d | nn.Linear):
        if (layer.bias is None) != ("bias" not in weights):
            return []
        copies += [] if layer.bias is None else [(layer.bias, weights["bias"])]
    return copies if all(tuple(target.shape) == weight.shape for target, weight in copies) else []


def norm(layer: Norm, weights: dict[str, np.ndarray]) -> list[tuple[Tensor, np.ndarray]]:
    mean = weights["moving_mean"]
    copies = [(layer.running_mean, mean), (layer.running_var, weights["moving_variance"])]
    copies.append((layer.bias, weights.get("beta", np.zeros_like(mean))))
    if layer.weight is not None:
        copies.append((layer.weight, weights.get("gamma", np.ones_like(mean))))
    elif "gamma" in weights:
        return [(layer.bias, np.empty(0))]  # another norm than this
    return copies


def gru(layer: nn.GRU, weights: dict[str, np.ndarray]) -> list[tuple[Tensor, np.ndarray]]:
    """Keras has the gates update, reset, new; torch reset, update, new."""

    def turned(rows: np.ndarray) -> np.ndarray:
        update, reset, new = np.split(rows, 3)
        return np.concatenate([reset, update, new])

    bias = (
        weights["bias"].reshape(2, -1)
        if weights["bias"].ndim == 2
        else np.stack([weights["bias"], 0 * weights["bias"]])
    )
    return [
        (layer.weight_ih_l0, turned(weights["kernel"].T)),
        (layer.weight_hh_l0, turned(weights["recurrent_kernel"].T)),
        (layer.bias_ih_l0, turned(bias[0])),
        (layer.bias_hh_l0, turned(bias[1])),
    ]


def lstm(layer: LSTM, weights: dict[str, np.ndarray]) -> list[tuple[Tensor, np.ndarray]]:
    """The Keras cell has the gates in, forget, new, out; TensorFlow's, with peepholes, in, new, forget, out, and adds
    one to what opens the forget gate.
    """
    if "recurrent_kernel" in weights:
        kernel, bias = np.concatenate([weights["kernel"], weights["recurrent_kernel"]]).T, weights["bias"]
    else:
        order = [0, 2, 1, 3]
        kernel = np.concatenate([np.split(weights["kernel"].T, 4)[i] for i in order])
        bias = np.concatenate([np.split(weights["bias"], 4)[i] for i in order])
        bias = bias + np.repeat([0.0, 1.0, 0.0, 0.0], layer.units).astype(np.float32)
    copies = [(layer.gates.weight, kernel), (layer.gates.bias, bias)]
    if layer.peepholes is not None:
        copies.append((layer.peepholes, np.stack([weights[f"w_{gate}_diag"] for gate in "ifo"])))
    if layer.projection is not None:
        copies.append((layer.projection.weight, weights["projection"].T))
    return copies
