"""Residual blocks of separable convolutions over time, with pooling between them."""

from torch import nn

from kwsstream.branches import Residual
from kwsstream.layers import Conv, Max, Mean, depthwise
from kwsstream.models.stack import Stack, same_lengths
from kwsstream.streaming import Padding, Sequential


class Xception(Sequential):
    """Separable convolutions with shortcuts (Chollet, 2017), as kws_streaming lays them out.

    `first_kernels` and `first_filters` have one entry a convolution; `kernels` and `filters` a list of separable
    convolutions for each block; `strides` one entry for the first convolutions and one for each block: of three
    frames the largest is kept, so many apart.
    """

    def __init__(
        self,
        *,
        frames: int,
        inputs: int,
        labels: int,
        first_kernels: list[int] = (5,),
        first_filters: list[int] = (32,),
        kernels: list[list[int]] = ((5,), (5,), (5,)),
        filters: list[list[int]] = ((32,), (32,), (32,)),
        strides: list[int] = (2, 2, 2, 2),
        first_padding: Padding = "valid",
        padding: Padding = "same",
        norm_scale: bool = True,
        dropout: float = 0.0,
        units: list[int] = (64,),
    ):
        same_lengths(first_kernels=first_kernels, first_filters=first_filters)
        same_lengths(kernels=kernels, filters=filters, strides_of_blocks=strides[1:])
        norm = {"bias": False, "norm": True, "norm_scale": norm_scale}
        stack = Stack(frames, inputs)

        def pool(i: int) -> None:
            stack.add(**{f"pool{i}": Max(3, strides[i])} if strides[i] > 1 else {})

        for i, (kernel, outputs) in enumerate(zip(first_kernels, first_filters, strict=True), 1):
            stack.add(**{f"conv{i}": Conv(stack.channels, outputs, (kernel, 1), padding=first_padding, **norm)})
            stack.add(**{f"activation{i}": nn.ReLU()})
        pool(0)
        for i, (sizes, widths) in enumerate(zip(kernels, filters, strict=True), 1):
            body, channels = [], stack.channels
            for kernel, outputs in zip(sizes, widths, strict=True):
                of_each = depthwise(channels, (kernel, 1), padding=padding, bias=False)
                body += [of_each, Conv(channels, outputs, **norm), nn.ReLU()]
                channels = outputs
            shortcut = Conv(stack.channels, channels, **norm)
            stack.add(**{f"block{i}": Residual(*body[:-1], shortcut=shortcut), f"block_activation{i}": nn.ReLU()})
            pool(i)
        stack.add(mean=Mean(stack.frames), dropout=nn.Dropout(dropout))
        for i, outputs in enumerate(units, 1):
            stack.add(**{f"dense{i}": Conv(stack.channels, outputs, **norm), f"dense_activation{i}": nn.ReLU()})
        super().__init__(**stack.labels(labels))
