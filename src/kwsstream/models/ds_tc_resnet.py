"""Residual blocks of depthwise-separable convolutions over time."""

from typing import Annotated

from pydantic import Field
from torch import nn

from kwsstream.branches import Residual
from kwsstream.layers import ACTIVATIONS, Activation, Conv, Max, Mean, depthwise
from kwsstream.models.stack import Stack, same_lengths
from kwsstream.streaming import Padding, Sequential


class DSTCResNet(Sequential):
    """MatchboxNet: depthwise-separable temporal convolutions with shortcuts (Majumdar & Ginsburg, 2020).

    73,220 parameters on 98 frames of 40 MFCC and 12 labels, 71,684 of them trained. Published with padding "same",
    which streams with a delay; "causal" has none. The lists have one entry a block: `repeats` convolutions of
    `kernels` frames, of 0 for pointwise ones only; `pools` frames become one behind it. The labels are of the mean of
    the last `mean_frames`, 0 for all of a clip: fewer let go of a word sooner.
    """

    def __init__(
        self,
        *,
        frames: int,
        inputs: int,
        labels: int,
        filters: list[int] = (128, 64, 64, 64, 128, 128),
        repeats: list[int] = (1,) * 6,
        separable: list[bool] = (True,) * 6,
        residual: list[bool] = (False, True, True, True, False, False),
        kernels: list[int] = (11, 13, 15, 17, 29, 1),
        strides: list[int] = (1,) * 6,
        dilations: list[int] = (1, 1, 1, 1, 2, 1),
        pools: list[int] = (1,) * 6,
        max_pool: bool = False,
        activation: Activation = "relu",
        norm_scale: bool = True,
        padding: Padding = "causal",
        dropout: float = 0.0,
        mean_frames: Annotated[int, Field(ge=0)] = 0,
    ):
        lists = {"filters": filters, "repeats": repeats, "separable": separable, "residual": residual}
        lists |= {"kernels": kernels, "strides": strides, "dilations": dilations, "pools": pools}
        same_lengths(**lists)
        norm = {"bias": False, "norm": True, "norm_scale": norm_scale}
        stack = Stack(frames, inputs)
        for i, block in enumerate(zip(*lists.values(), strict=True), 1):
            outputs, repeat, separate, with_shortcut, kernel, stride, dilation, pool = block
            window = {"stride": (stride, 1), "dilation": (dilation, 1), "padding": padding, "bias": False}
            shortcut = [Conv(stack.channels, outputs, stride=(stride**repeat, 1), **norm)] if with_shortcut else []
            body, channels = [], stack.channels
            for _ in range(repeat):
                if kernel and separate:
                    body.append(depthwise(channels, (kernel, 1), **window))
                elif kernel:
                    body.append(Conv(channels, outputs, (kernel, 1), **window))
                    channels = outputs
                body += [Conv(channels, outputs, **norm), ACTIVATIONS[activation](), nn.Dropout(dropout)]
                channels = outputs
            body, after = body[:-2], body[-2:]
            block = Residual(*body, shortcut=shortcut[0]) if with_shortcut else Sequential(*body)
            stack.add(**{f"block{i}": block, f"activation{i}": after[0], f"dropout{i}": after[1]})
            if pool > 1:
                stack.add(**{f"pool{i}": Max(pool, pool) if max_pool else Mean(pool, stride=pool)})
        super().__init__(**stack.add(mean=Mean(mean_frames or stack.frames)).labels(labels))
