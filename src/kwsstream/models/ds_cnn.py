"""Depthwise-separable convolutions over time and frequency."""

from torch import nn

from kwsstream.layers import ACTIVATIONS, Activation, Conv, FrequencyMean, Mean, Spread, depthwise
from kwsstream.models.stack import Stack, same_lengths
from kwsstream.streaming import Padding, Sequential


class DSCNN(Sequential):
    """A convolution, then depthwise and pointwise ones in turn, and the mean of what is left (Zhang et al., 2017).

    The defaults stream as kws_streaming's ds_cnn_stream does: 497,412 parameters. Everything is averaged over
    frequency before it is over time, so that a step remembers a vector a frame.
    `kernel`, `stride` and `dilation` are (time, frequency); those in the plural have one entry a block.
    """

    def __init__(
        self,
        *,
        frames: int,
        inputs: int,
        labels: int,
        first_filters: int = 300,
        first_kernel: tuple[int, int] = (3, 3),
        first_stride: tuple[int, int] = (1, 1),
        first_dilation: tuple[int, int] = (2, 1),
        filters: list[int] = (300,) * 5,
        kernels: list[tuple[int, int]] = ((3, 3), (3, 3), (10, 3), (5, 3), (10, 3)),
        strides: list[tuple[int, int]] = ((1, 1),) * 5,
        dilations: list[tuple[int, int]] = ((1, 1), (2, 2), (1, 1), (2, 2), (1, 1)),
        activation: Activation = "relu",
        first_padding: Padding = "valid",
        padding: Padding = "valid",
        norm_scale: bool = False,
        dropout: float = 0.2,
    ):
        same_lengths(filters=filters, kernels=kernels, strides=strides, dilations=dilations)
        stack = Stack(frames, inputs).add(spread=Spread())

        def padded(padding: Padding) -> dict:
            frequency_padding = "valid" if padding == "valid" else "same"
            return {"padding": padding, "frequency_padding": frequency_padding, "clip": stack.frames}

        norm = {"norm": True, "norm_scale": norm_scale}
        first = Conv(1, first_filters, first_kernel, first_stride, first_dilation, **padded(first_padding), **norm)
        stack.add(conv=first, activation=ACTIVATIONS["relu"]())
        for i, (outputs, kernel, stride, dilation) in enumerate(
            zip(filters, kernels, strides, dilations, strict=True), 1
        ):
            of_each = depthwise(stack.channels, kernel, stride=stride, dilation=dilation, **padded(padding), **norm)
            stack.add(**{f"depthwise{i}": of_each, f"depthwise_activation{i}": ACTIVATIONS[activation]()})
            stack.add(**{f"pointwise{i}": Conv(stack.channels, outputs, **norm)})
            stack.add(**{f"pointwise_activation{i}": ACTIVATIONS[activation]()})
        stack.add(frequency_mean=FrequencyMean(), mean=Mean(stack.frames), dropout=nn.Dropout(dropout))
        super().__init__(**stack.labels(labels))
