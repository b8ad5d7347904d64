"""Residual blocks of convolutions over time, with all frequencies as channels."""

from torch import nn

from kwsstream.branches import Residual
from kwsstream.layers import Conv, Mean
from kwsstream.models.stack import Stack
from kwsstream.streaming import Padding, Sequential


class TCResNet(Sequential):
    """Temporal convolutions with shortcuts, at half the frames wherever the channels change (Choi et al., 2019).

    366,894 parameters on 49 frames of 40 MFCC and 12 labels with the channels 50, 50, 50, 50, 50, 72, 72. The first
    of `channels` is that of the first convolution, each other that of a block of two. `pool` averages so many frames
    behind the first convolution, `pool_stride` apart.
    """

    def __init__(
        self,
        *,
        frames: int,
        inputs: int,
        labels: int,
        channels: list[int] = (24, 36, 36, 48, 48, 72, 72),
        first_kernel: int = 3,
        kernel: int = 9,
        pool: int = 0,
        pool_stride: int = 1,
        norm_scale: bool = True,
        padding: Padding = "same",
        dropout: float = 0.2,
    ):
        norm = {"norm": True, "norm_scale": norm_scale, "padding": padding}
        stack = Stack(frames, inputs)
        stack.add(conv=Conv(inputs, channels[0], (first_kernel, 1), **norm), activation=nn.ReLU())
        if pool:
            stack.add(pool=Mean(pool, "valid", pool_stride))
        for i, outputs in enumerate(channels[1:], 1):
            before, stride, clip = stack.channels, (1, 1), stack.frames
            shortcut = None
            if outputs != before:
                stride = (2, 1)
                shortcut = Sequential(
                    conv=Conv(before, outputs, (1, 1), stride, clip=clip, **norm), activation=nn.ReLU()
                )
            first = Conv(before, outputs, (kernel, 1), stride, clip=clip, **norm)
            second = Conv(outputs, outputs, (kernel, 1), **norm)
            body = Residual(first, nn.ReLU(), second, shortcut=shortcut)
            stack.add(**{f"block{i}": body, f"activation{i}": nn.ReLU()})
        stack.add(mean=Mean(stack.frames), dropout=nn.Dropout(dropout))
        super().__init__(**stack.labels(labels))
