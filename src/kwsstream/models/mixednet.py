"""Depthwise convolutions of several lengths side by side."""

from torch import nn

from kwsstream.branches import Concat, Residual
from kwsstream.layers import Channels, Conv, Flatten, depthwise
from kwsstream.models.stack import Stack, same_lengths
from kwsstream.streaming import Padding, Sequential


class MixedNet(Sequential):
    """Channels in groups, each with a temporal kernel of its own (Tan & Le, 2019), as in microWakeWord.

    A first convolution with a stride, then blocks of mixed depthwise convolutions and a pointwise one. Padding is
    "valid": a whole clip and a stream are the same arithmetic. The lists have one entry a block; `kernels` has a list
    of temporal kernels for each, among which the channels are shared out.
    """

    def __init__(
        self,
        *,
        frames: int,
        inputs: int,
        labels: int,
        first_filters: int = 32,
        first_kernel: int = 5,
        first_stride: int = 2,
        filters: list[int] = (64, 64, 64, 64),
        kernels: list[list[int]] = ((5,), (7, 11), (9, 15), (13,)),
        repeats: list[int] = (1, 1, 1, 1),
        residual: list[bool] = (False, False, False, False),
        padding: Padding = "valid",
        dropout: float = 0.0,
    ):
        same_lengths(filters=filters, kernels=kernels, repeats=repeats, residual=residual)
        norm = {"bias": False, "norm": True}
        stack = Stack(frames, inputs)
        window = {"stride": (first_stride, 1), "padding": padding}
        stack.add(conv=Conv(inputs, first_filters, (first_kernel, 1), **window, **norm), activation=nn.ReLU())
        for i, (outputs, sizes, repeat, around) in enumerate(zip(filters, kernels, repeats, residual, strict=True), 1):
            body, channels = [], stack.channels
            for _ in range(repeat):
                body += [mixed(channels, sizes, padding), Conv(channels, outputs, **norm), nn.ReLU()]
                channels = outputs
            body, last = body[:-1], body[-1]
            shortcut = Conv(stack.channels, channels, **norm)
            block = Residual(*body, shortcut=shortcut) if around else Sequential(*body)
            stack.add(**{f"block{i}": block, f"activation{i}": last})
        stack.add(flatten=Flatten(stack.frames), dropout=nn.Dropout(dropout))
        super().__init__(**stack.labels(labels))


def mixed(channels: int, kernels: list[int], padding: Padding) -> nn.Module:
    """A depthwise convolution over time whose channels have these kernels, shared out evenly."""
    if len(kernels) == 1:
        return depthwise(channels, (kernels[0], 1), padding=padding, bias=False)
    ends = [channels * (i + 1) // len(kernels) for i in range(len(kernels))]
    starts = [0, *ends[:-1]]
    branches = {}
    for start, end, kernel in zip(starts, ends, kernels, strict=True):
        of_each = depthwise(end - start, (kernel, 1), padding=padding, bias=False)
        branches[f"kernel{kernel}"] = Sequential(channels=Channels(start, end), depthwise=of_each)
    return Concat(**branches)
