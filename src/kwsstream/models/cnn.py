"""The convolutional keyword spotter of the streaming paper."""

from torch import nn

from kwsstream.layers import ACTIVATIONS, Activation, Conv, Flatten, Spread
from kwsstream.models.stack import Stack, same_lengths
from kwsstream.streaming import Padding, Sequential


class CNN(Sequential):
    """Convolutions over time and frequency, then dense layers on what is left of the clip (Rybakov et al., 2020).

    The defaults are the published ones: 606,732 parameters on 49 frames of 20 MFCC and 12 labels.
    The lists have one entry a layer: `kernels`, `strides` and `dilations` are (time, frequency).
    """

    def __init__(
        self,
        *,
        frames: int,
        inputs: int,
        labels: int,
        filters: list[int] = (64, 64, 64, 64, 128, 64, 128),
        kernels: list[tuple[int, int]] = ((3, 3), (5, 3), (5, 3), (5, 3), (5, 2), (5, 1), (10, 1)),
        strides: list[tuple[int, int]] = ((1, 1),) * 7,
        dilations: list[tuple[int, int]] = ((1, 1), (1, 1), (2, 1), (1, 1), (2, 1), (1, 1), (2, 1)),
        activations: list[Activation] = ("relu",) * 7,
        padding: Padding = "valid",
        norm: bool = False,
        dropout: float = 0.5,
        units: list[int] = (128, 256),
        unit_activations: list[Activation] = ("linear", "relu"),
    ):
        same_lengths(filters=filters, kernels=kernels, strides=strides, dilations=dilations, activations=activations)
        stack = Stack(frames, inputs).add(spread=Spread())
        for i, (outputs, kernel, stride, dilation, activation) in enumerate(
            zip(filters, kernels, strides, dilations, activations, strict=True), 1
        ):
            conv = Conv(
                stack.channels, outputs, kernel, stride, dilation, padding=padding, norm=norm, clip=stack.frames
            )
            stack.add(**{f"conv{i}": conv, f"activation{i}": ACTIVATIONS[activation]()})
        stack.add(flatten=Flatten(stack.frames), dropout=nn.Dropout(dropout))
        super().__init__(**stack.dense("dense", units, unit_activations).labels(labels))
