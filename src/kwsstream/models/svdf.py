"""Dense layers with a memory of frames for each unit: singular value decomposition filters."""

from typing import Literal

from torch import nn

from kwsstream.branches import Residual
from kwsstream.layers import ACTIVATIONS, Activation, Conv, Flatten, Max, Mean, depthwise
from kwsstream.models.stack import Stack, same_lengths
from kwsstream.streaming import Padding, Sequential


def svdf(inputs: int, units: int, memory: int, padding: Padding, bias: bool = True, norm: bool = False) -> Sequential:
    """A rank one filter for each unit (Alvarez & Park, 2019): over frequency, then over the last `memory` frames."""
    over_time = depthwise(units, (memory, 1), padding=padding, bias=bias, norm=norm)
    return Sequential(features=nn.Linear(inputs, units, bias=False), memory=over_time)


class SVDF(Sequential):
    """Filters of rank one, with a dense layer behind each (Rybakov et al., 2020).

    354,444 parameters on 49 frames of 30 MFCC and 12 labels. The lists have one entry a filter; a `narrow` of 0
    leaves the dense layer out.
    """

    def __init__(
        self,
        *,
        frames: int,
        inputs: int,
        labels: int,
        memory: list[int] = (4, 10, 10, 10, 10, 10),
        filters: list[int] = (256,) * 6,
        narrow: list[int] = (128,) * 5 + (0,),
        activations: list[Activation] = ("relu",) * 6,
        padding: Literal["valid", "causal"] = "valid",
        filter_dropout: float = 0.0,
        dropout: float = 0.0,
        units: list[int] = (),
        unit_activations: list[Activation] = (),
    ):
        same_lengths(memory=memory, filters=filters, narrow=narrow, activations=activations)
        stack = Stack(frames, inputs)
        for i, (length, outputs, narrowed, activation) in enumerate(
            zip(memory, filters, narrow, activations, strict=True), 1
        ):
            stack.add(**{f"filter_dropout{i}": nn.Dropout(filter_dropout)} if filter_dropout else {})
            stack.add(**{f"svdf{i}": svdf(stack.channels, outputs, length, padding)})
            stack.add(**{f"activation{i}": ACTIVATIONS[activation]()})
            stack.add(**{f"narrow{i}": nn.Linear(outputs, narrowed)} if narrowed else {})
        stack.add(flatten=Flatten(stack.frames), dropout=nn.Dropout(dropout))
        super().__init__(**stack.dense("dense", units, unit_activations).labels(labels))


class SVDFResNet(Sequential):
    """Blocks of rank one filters with a shortcut, and pooling between them (kws_streaming, 2020).

    The defaults are its 30k run: 34,508 parameters on 49 frames of 40 MFCC and 12 labels, 33,568 of them trained.
    `memory` and `filters` have a list a block.
    """

    def __init__(
        self,
        *,
        frames: int,
        inputs: int,
        labels: int,
        memory: list[list[int]] = ((7,), (7,), (11, 11)),
        filters: list[list[int]] = ((32,), (50,), (50, 128)),
        pools: list[int] = (2, 2, 1),
        activation: Activation = "relu",
        filter_bias: bool = False,
        norm: bool = True,
        norm_scale: bool = True,
        padding: Padding = "causal",
        dropout: float = 0.0,
        units: list[int] = (64,),
    ):
        same_lengths(memory=memory, filters=filters, pools=pools)
        stack = Stack(frames, inputs)
        for i, (lengths, outputs, pool) in enumerate(zip(memory, filters, pools, strict=True), 1):
            body, channels = [], stack.channels
            for j, (length, width) in enumerate(zip(lengths, outputs, strict=True), 1):
                of_each = depthwise(
                    width, (length, 1), padding=padding, bias=filter_bias, norm=norm, norm_scale=norm_scale
                )
                last = j == len(lengths)
                body += [
                    nn.Linear(channels, width, bias=False),
                    of_each,
                    ACTIVATIONS["linear" if last else activation](),
                ]
                channels = width
            shortcut = Conv(stack.channels, channels, bias=False, norm=norm, norm_scale=norm_scale)
            stack.add(**{f"block{i}": Residual(*body, shortcut=shortcut), f"activation{i}": ACTIVATIONS[activation]()})
            stack.add(**{f"pool{i}": Max(pool, pool)} if pool > 1 else {})
        stack.add(mean=Mean(stack.frames), dropout=nn.Dropout(dropout))
        super().__init__(**stack.dense("dense", units, [activation] * len(units)).labels(labels))
