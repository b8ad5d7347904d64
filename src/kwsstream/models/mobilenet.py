"""MobileNets over time, with all frequencies as channels."""

from torch import nn

from kwsstream.branches import Residual
from kwsstream.layers import Conv, Mean, depthwise
from kwsstream.models.stack import Stack, same_lengths
from kwsstream.streaming import Padding, Sequential


class MobileNet(Sequential):
    """Depthwise and pointwise convolutions in turn (Howard et al., 2017).

    The defaults are kws_streaming's 30k run: 36,364 parameters on 49 frames of 40 MFCC and 12 labels, 35,084 of them
    trained. `kernels`, `strides` and `filters` have one entry a block.
    """

    def __init__(
        self,
        *,
        frames: int,
        inputs: int,
        labels: int,
        first_filters: int = 32,
        first_kernel: int = 3,
        first_stride: int = 2,
        kernels: list[int] = (3, 3, 3, 3),
        strides: list[int] = (2, 2, 1, 1),
        filters: list[int] = (32, 64, 128, 128),
        first_padding: Padding = "valid",
        padding: Padding = "same",
        norm_scale: bool = True,
        dropout: float = 0.2,
    ):
        same_lengths(kernels=kernels, strides=strides, filters=filters)
        norm = {"bias": False, "norm": True, "norm_scale": norm_scale}
        stack = Stack(frames, inputs)
        first = Conv(inputs, first_filters, (first_kernel, 1), (first_stride, 1), padding=first_padding, **norm)
        stack.add(conv=first, activation=nn.ReLU6())
        for i, (kernel, stride, outputs) in enumerate(zip(kernels, strides, filters, strict=True), 1):
            window = {"stride": (stride, 1), "padding": padding if stride == 1 else "valid"}
            stack.add(**{f"depthwise{i}": depthwise(stack.channels, (kernel, 1), **window, **norm)})
            stack.add(
                **{f"depthwise_activation{i}": nn.ReLU6(), f"pointwise{i}": Conv(stack.channels, outputs, **norm)}
            )
            stack.add(**{f"pointwise_activation{i}": nn.ReLU6()})
        stack.add(mean=Mean(stack.frames), dropout=nn.Dropout(dropout))
        super().__init__(**stack.labels(labels))


class MobileNetV2(Sequential):
    """Inverted residual blocks: wider inside than between them (Sandler et al., 2018).

    The defaults are kws_streaming's 30k run on 49 frames of 30 MFCC and 12 labels: 28,316 parameters are trained.
    `kernels`, `strides`, `filters` and `expansions` have one entry a block. What has a stride is not padded.
    """

    def __init__(
        self,
        *,
        frames: int,
        inputs: int,
        labels: int,
        first_filters: int = 32,
        first_kernel: int = 3,
        first_stride: int = 2,
        kernels: list[int] = (3, 3, 3, 3),
        strides: list[int] = (1, 2, 1, 1),
        filters: list[int] = (32, 32, 64, 64),
        expansions: list[float] = (1.5, 1.5, 1.5, 1.5),
        first_padding: Padding = "valid",
        padding: Padding = "same",
        norm_scale: bool = False,
        dropout: float = 0.2,
    ):
        same_lengths(kernels=kernels, strides=strides, filters=filters, expansions=expansions)
        norm = {"norm": True, "norm_scale": norm_scale}
        stack = Stack(frames, inputs)
        first = Conv(
            inputs, first_filters, (first_kernel, 1), (first_stride, 1), bias=False, padding=first_padding, **norm
        )
        stack.add(conv=first, activation=nn.ReLU6())
        for i, (kernel, stride, outputs, expansion) in enumerate(
            zip(kernels, strides, filters, expansions, strict=True), 1
        ):
            inside = int(stack.channels * expansion)
            window = {"stride": (stride, 1), "padding": padding if stride == 1 else "valid"}
            body = [
                Conv(stack.channels, inside, bias=False, **norm),
                nn.ReLU6(),
                depthwise(inside, (kernel, 1), bias=False, **window, **norm),
                nn.ReLU6(),
                Conv(inside, outputs, **norm),
            ]
            same = stride == 1 and outputs == stack.channels
            stack.add(**{f"block{i}": Residual(*body) if same else Sequential(*body)})
        stack.add(mean=Mean(stack.frames), dropout=nn.Dropout(dropout))
        super().__init__(**stack.labels(labels))
