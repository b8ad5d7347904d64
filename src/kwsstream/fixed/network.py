"""A float network as the same network in int8 numbers."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from kwsstream.compress.rounding import Range
from kwsstream.errors import UserError
from kwsstream.fixed.formats import dec_bits
from kwsstream.fixed.layers import FrameAverage, FrequencyAverage, Weighted
from kwsstream.layers import ChannelDropout, Conv, Flatten, FrequencyMean, Mean, Spread
from kwsstream.streaming import Sequential, Streaming

FEATURES = "features"
"""The name of the network's input among the formats, which go by the names of the layers."""
FORMATTED = (Conv, nn.Linear, FrequencyMean, Mean)
AS_THEY_ARE = (nn.ReLU, Flatten, Spread)
GONE = (nn.Dropout, ChannelDropout, nn.Identity, Range)  # after training they do nothing


def parts(net: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """The layers of a network in order, by names that C can have. UserError names one that has no fixed point."""
    for name, layer in net.named_children():
        name = f"{prefix}layer{name}" if name[0].isdigit() else f"{prefix}{name}"
        if isinstance(layer, nn.Sequential) and type(layer).forward is nn.Sequential.forward:
            yield from parts(layer, f"{name}_")
        elif type(layer) not in GONE:
            yield name, checked(name, layer)


def checked(name: str, layer: nn.Module) -> nn.Module:
    """A layer that has a fixed point, or a UserError."""
    if type(layer) not in FORMATTED + AS_THEY_ARE:
        known = ", ".join(kind.__name__ for kind in FORMATTED + AS_THEY_ARE)
        raise UserError(
            f"layer {name} is {type(layer).__name__}, which has no power-of-two fixed point: expected {known}; "
            "train such a model, as dnn (with no frame_units and pool 1) and ds_cnn are"
        )
    if isinstance(layer, Conv) and layer.conv.groups not in (1, layer.conv.in_channels):
        raise UserError(
            f"layer {name} has {layer.conv.groups} groups of {layer.conv.in_channels} channels, and CMSIS-NN has no "
            "such convolution: expected one group, or one a channel"
        )
    if isinstance(layer, Conv) and layer.conv.groups > 1 and layer.conv.out_channels != layer.conv.in_channels:
        raise UserError(
            f"layer {name} makes {layer.conv.out_channels} channels of {layer.conv.in_channels}, each of one, and "
            "CMSIS-NN has no such convolution: expected as many outputs as inputs"
        )
    return layer


@torch.no_grad()
def largest(net: Sequential, features: Tensor) -> dict[str, float]:
    """The largest number (in size) of the features and of each layer that has a format, behind the ReLU that follows.

    Features are (clips, frames, 1, inputs), float32; the formats that FORMATTED layers and the input have follow.
    """
    x, name = features, FEATURES
    found = {name: x.abs().max().item()}
    for part, layer in parts(net):
        x = layer(x)
        name = part if isinstance(layer, FORMATTED) else name
        found[name] = x.abs().max().item()  # other layers keep the numbers, and ReLU has fewer: the last one counts
    return found


def formats(found: dict[str, float]) -> dict[str, int]:
    """The bits behind the point that hold the largest numbers."""
    return {name: dec_bits(number) for name, number in found.items()}


@torch.no_grad()
def fixed(net: Sequential, formats: dict[str, int], inputs: int) -> Sequential:
    """The network in int8 numbers, of the same timing, for `inputs` features a frame.

    `formats` are the bits behind the point of the features and of each layer's output, by name. UserError where a sum
    may need more than 32 bits.
    """
    bits, made, x = formats[FEATURES], {}, silent_step(net, inputs)
    for name, layer in parts(net):
        if isinstance(layer, FORMATTED):
            given = x.shape[2] if isinstance(layer, FrequencyMean) else layer
            kind = {Mean: FrameAverage, FrequencyMean: FrequencyAverage}.get(type(layer), Weighted)
            layer = kind(given, bits, formats[name])
            check_sums(name, layer)
            bits = layer.dec_bits
        made[name], x = layer, stepped(layer, x)
    return Sequential(**made).eval()


def silent_step(net: Sequential, inputs: int) -> Tensor:
    """The features of one step, zeros."""
    return torch.zeros(1, net.timing.stride, 1, inputs, dtype=torch.int8)


def stepped(layer: nn.Module, x: Tensor) -> Tensor:
    """The outputs of the first step."""
    return layer.step(x)[0] if isinstance(layer, Streaming) else layer(x)


def check_sums(name: str, layer: Weighted | FrameAverage | FrequencyAverage) -> None:
    """UserError unless every sum of a layer holds in 32 bits, whatever it is given."""
    if (largest := layer.largest_sum()) >= 2**31:
        raise UserError(
            f"layer {name}: a sum may reach {largest}, and CMSIS-NN's have 32 bits, {2**31 - 1}: give it fewer inputs, "
            "or train again with more weight decay"
        )
