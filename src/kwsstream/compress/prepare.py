"""What a config asks for, put into a network and taken out of it again."""

import copy
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from kwsstream.branches import Branches
from kwsstream.compress.cluster import Clusters
from kwsstream.compress.prune import Pruned
from kwsstream.compress.rounding import Range, Rounded
from kwsstream.config import Config
from kwsstream.layers import ChannelDropout, ChannelPool, Channels, Conv, Flatten, Max, Merge, Spread
from kwsstream.settings import Quantise
from kwsstream.streaming import Delay, Sequential

KEEPING = (
    ChannelDropout, ChannelPool, Channels, Delay, Flatten, Max, Merge, Range, Spread, nn.Dropout, nn.Identity,
)  # fmt: skip  # layers that give numbers they take
NOTHING = (nn.Dropout, ChannelDropout, nn.Identity)  # in a file
FUSED = (nn.ReLU, nn.ReLU6)
"""Activations that a file has no tensor before: integer kernels do them as they round."""
FEATURES = "features_range"


def compresses(config: Config) -> bool:
    """Whether a config asks for more than training."""
    return any((config.quantise.bits, config.cluster, config.prune))


def prepare(net: Sequential, config: Config) -> None:
    """Put into a network what a config asks for, of which limits and clusters are still to be found.

    Batch norms become part of their convolutions, since what is exported are the weights with them in.
    """
    if not compresses(config):
        return
    for layer in net.modules():
        if isinstance(layer, Conv):
            fold(layer)
    for layer in weighted(net):
        for step in steps(layer.weight, config):
            parametrize.register_parametrization(layer, "weight", step)
    if config.quantise.bits:
        add_ranges(net, config.quantise)


def steps(weight: Tensor, config: Config) -> Iterator[nn.Module]:
    """What weights go through, one after another."""
    if config.prune:
        yield Pruned(weight)
    if config.cluster:
        yield Clusters(config.cluster.clusters, weight)
    if config.quantise.bits:
        yield Rounded(config.quantise.bits, config.quantise.power_of_two)


def weighted(net: nn.Module) -> list[nn.Module]:
    """The layers with weights: convolutions and dense ones."""
    return [layer for layer in net.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]


@torch.no_grad()
def fold(layer: Conv) -> None:
    """Make a batch norm part of its convolution for good."""
    if layer.norm is not None:
        weight, bias = layer.norm.folded(layer.conv.weight, layer.conv.bias)
        layer.conv.weight = nn.Parameter(weight.clone())
        layer.conv.bias = nn.Parameter(bias.clone())
        layer.norm = None


def add_ranges(net: Sequential, quantise: Quantise) -> None:
    """A Range for the features, and behind each layer whose output an integer file has a tensor for."""

    def make(learns: bool = True) -> Range:
        return Range(quantise.range_updates, quantise.power_of_two, learns)

    add_behind(net, make, False)
    replace(net, {FEATURES: make(False), **dict(net.named_children())})


def add_behind(layers: nn.Sequential, make: Callable[[], Range], fused_after: bool) -> None:
    """Put a Range behind each layer that computes, inner layers included; `fused_after` is about the last of them."""
    children, after = list(layers.named_children()), {}
    for i, (name, layer) in enumerate(children):
        following = [kind for _, kind in children[i + 1 :] if not isinstance(kind, NOTHING)]
        fused = isinstance(following[0], FUSED) if following else fused_after
        after[name] = layer
        if chained(layer):
            add_behind(layer, make, fused)
            continue
        if isinstance(layer, Branches):
            for branch in layer.children():
                add_behind(branch, make, False)
        if not fused and not isinstance(layer, KEEPING):
            after[f"{name}_range"] = make()
    replace(layers, after)


def chained(layer: nn.Module) -> bool:
    """Whether a layer is others one after another, and no more."""
    return isinstance(layer, nn.Sequential) and type(layer).forward is nn.Sequential.forward


def replace(layers: nn.Sequential, children: dict[str, nn.Module]) -> None:
    """Give layers other children, in this order."""
    for name in list(layers._modules):
        delattr(layers, name)
    for name, layer in children.items():
        layers.add_module(name, layer)


def ranges(net: nn.Module) -> Iterator[tuple[str, Range]]:
    """The ranges of a network by name, that of the features first."""
    return ((name, layer) for name, layer in net.named_modules() if isinstance(layer, Range))


def plain(model: Sequential) -> Sequential:
    """A copy with the weights that rounding gives, whose activations are not rounded; ranges only remember theirs."""
    model = copy.deepcopy(model)
    for layer in model.modules():
        if isinstance(layer, Range):
            layer.off = True
        elif parametrize.is_parametrized(layer):
            settle(layer)
    return model


def settle(layer: nn.Module) -> None:
    """Give a layer of a copy the weights that it has now for good.

    torch's own remove_parametrizations changes the class, which a copy shares with the layer that it was made from.
    """
    weight = layer.weight.detach().clone()
    del layer.parametrizations
    layer.__class__ = type(layer).__bases__[0]
    layer.weight = nn.Parameter(weight)
