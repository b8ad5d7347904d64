"""Parallel convolutions over time of different depth, with all frequencies as channels."""

from torch import nn

from kwsstream.branches import Concat, Residual
from kwsstream.layers import Conv, Max, Mean, Scaled
from kwsstream.models.stack import Stack, same_lengths
from kwsstream.streaming import Padding, Sequential


def conv(inputs: int, outputs: int, kernel: int, padding: Padding, norm_scale: bool) -> Sequential:
    """A convolution over time, batch norm and a rectifier."""
    norm = {"bias": False, "norm": True, "norm_scale": norm_scale}
    return Sequential(conv=Conv(inputs, outputs, (kernel, 1), padding=padding, **norm), activation=nn.ReLU())


class Inception(Sequential):
    """Blocks of three branches, of no, one and two convolutions over time (Szegedy et al., 2015).

    31,206 parameters on 49 frames of 30 MFCC and 12 labels in kws_streaming's 30k run. `first_filters` and
    `first_kernels` have one entry a convolution, `inner`, `filters`, `kernels` and `strides` one a block: a block
    ends in as many `filters`, of which the largest of three frames is kept, `strides` apart.
    """

    def __init__(
        self,
        *,
        frames: int,
        inputs: int,
        labels: int,
        first_filters: list[int] = (24,),
        first_kernels: list[int] = (5,),
        inner: list[int] = (10, 10, 16),
        filters: list[int] = (10, 10, 16),
        kernels: list[int] = (5, 5, 5),
        strides: list[int] = (2, 2, 1),
        first_padding: Padding = "valid",
        padding: Padding = "same",
        norm_scale: bool = False,
        dropout: float = 0.2,
    ):
        same_lengths(first_filters=first_filters, first_kernels=first_kernels)
        same_lengths(inner=inner, filters=filters, kernels=kernels, strides=strides)
        stack = Stack(frames, inputs)
        for i, (outputs, kernel) in enumerate(zip(first_filters, first_kernels, strict=True), 1):
            stack.add(**{f"conv{i}": conv(stack.channels, outputs, kernel, first_padding, norm_scale)})
        for i, (inside, outputs, kernel, stride) in enumerate(zip(inner, filters, kernels, strides, strict=True), 1):
            before, rest = stack.channels, (padding, norm_scale)
            branches = {"none": conv(before, inside, 1, *rest)}
            branches["one"] = Sequential(conv(before, inside, 1, *rest), conv(inside, inside, kernel, *rest))
            branches["two"] = Sequential(
                conv(before, inside, 1, *rest), conv(inside, inside, kernel, *rest), conv(inside, inside, kernel, *rest)
            )
            stack.add(**{f"block{i}": Concat(**branches), f"reduce{i}": conv(3 * inside, outputs, 1, *rest)})
            stack.add(**{f"pool{i}": Max(3, stride)} if stride > 1 else {})
        stack.add(mean=Mean(stack.frames), dropout=nn.Dropout(dropout))
        super().__init__(**stack.labels(labels))


class InceptionResNet(Sequential):
    """Blocks of two branches whose scaled result is added to their input (Szegedy et al., 2017).

    The defaults are kws_streaming's. The lists have one entry a block: `pointwise` filters of the one branch, `inner`
    ones of the other with its two convolutions over time, and the `filters` it ends in.
    """

    def __init__(
        self,
        *,
        frames: int,
        inputs: int,
        labels: int,
        first_filters: list[int] = (32,),
        first_kernels: list[int] = (5,),
        scales: list[float] = (0.2, 0.5, 1.0),
        pointwise: list[int] = (32, 32, 32),
        inner: list[int] = (32, 32, 32),
        filters: list[int] = (32, 32, 64),
        kernels: list[int] = (3, 5, 5),
        strides: list[int] = (2, 2, 1),
        first_padding: Padding = "valid",
        padding: Padding = "same",
        norm_scale: bool = False,
        dropout: float = 0.2,
    ):
        same_lengths(first_filters=first_filters, first_kernels=first_kernels)
        lists = {"scales": scales, "pointwise": pointwise, "inner": inner}
        lists |= {"filters": filters, "kernels": kernels, "strides": strides}
        same_lengths(**lists)
        stack = Stack(frames, inputs)
        for i, (outputs, kernel) in enumerate(zip(first_filters, first_kernels, strict=True), 1):
            stack.add(**{f"conv{i}": conv(stack.channels, outputs, kernel, first_padding, norm_scale)})
        for i, (scale, alone, inside, outputs, kernel, stride) in enumerate(zip(*lists.values(), strict=True), 1):
            before, rest = stack.channels, (padding, norm_scale)
            deep = [conv(before, inside, 1, *rest), *(conv(inside, inside, kernel, *rest) for _ in range(2))]
            branches = Concat(pointwise=conv(before, alone, 1, *rest), deep=Sequential(*deep))
            block = Residual(branches, nn.Linear(alone + inside, before), Scaled(scale))
            stack.add(**{f"block{i}": block, f"activation{i}": nn.ReLU()})
            stack.add(**{f"reduce{i}": conv(before, outputs, 1, *rest)})
            stack.add(**{f"pool{i}": Max(3, stride)} if stride > 1 else {})
        stack.add(mean=Mean(stack.frames), dropout=nn.Dropout(dropout))
        super().__init__(**stack.labels(labels))
