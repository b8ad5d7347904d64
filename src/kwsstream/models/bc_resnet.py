"""Residual blocks that work on frequencies alone, and on time with frequency averaged out."""

from torch import nn

from kwsstream.branches import Residual, Sum
from kwsstream.layers import ChannelDropout, Conv, FrequencyMean, Max, Mean, Spread, depthwise
from kwsstream.models.stack import Stack, same_lengths
from kwsstream.norms import SubSpectralNorm
from kwsstream.streaming import Padding, Sequential


class BCResNet(Sequential):
    """Broadcasted residual learning (Kim et al., 2021), as kws_streaming has it.

    14,024 parameters on 98 frames of 40 log-mel features and 12 labels, 11,032 of them trained. The lists have one
    entry a stage: a block that changes the channels, then `blocks` that keep them. `strides` and `dilations` are
    (time, frequency). Published with padding "same"; "causal" streams without a delay.
    """

    def __init__(
        self,
        *,
        frames: int,
        inputs: int,
        labels: int,
        first_filters: int = 16,
        last_filters: int = 32,
        filters: list[int] = (8, 12, 16, 20),
        blocks: list[int] = (2, 2, 4, 4),
        strides: list[tuple[int, int]] = ((1, 1), (1, 2), (1, 2), (1, 1)),
        dilations: list[tuple[int, int]] = ((1, 1), (2, 1), (4, 1), (8, 1)),
        dropouts: list[float] = (0.1,) * 4,
        pools: list[int] = (1,) * 4,
        max_pool: bool = False,
        groups: int = 5,
        padding: Padding = "same",
    ):
        same_lengths(
            filters=filters, blocks=blocks, strides=strides, dilations=dilations, dropouts=dropouts, pools=pools
        )
        padded = {"padding": padding, "frequency_padding": "same"}
        stack = Stack(frames, inputs).add(spread=Spread())
        stack.add(conv=Conv(1, first_filters, (5, 5), (1, 2), **padded))
        stages = zip(filters, blocks, strides, dilations, dropouts, pools, strict=True)
        for i, (outputs, count, stride, dilation, dropout, pool) in enumerate(stages, 1):
            common = {"channels": outputs, "dilation": dilation, "dropout": dropout, "groups": groups, "padded": padded}
            stack.add(**{f"transition{i}": transition(stack.channels, stride=stride, **common)})
            for j in range(1, count + 1):
                stack.add(**{f"block{i}_{j}": Sequential(Residual(broadcast(**common)), nn.ReLU())})
            if pool > 1:
                stack.add(**{f"pool{i}": Max(pool, pool) if max_pool else Mean(pool, stride=pool)})
        stack.add(depthwise=depthwise(stack.channels, (5, 5), **padded), frequency_mean=FrequencyMean())
        stack.add(pointwise=Conv(stack.channels, last_filters, bias=False), mean=Mean(stack.frames))
        super().__init__(**stack.labels(labels, bias=False))


def broadcast(*, channels: int, dilation: tuple[int, int], dropout: float, groups: int, padded: dict) -> Sequential:
    """A convolution over frequency, plus one over time of its mean, which is added to all frequencies."""
    over_time = Sequential(
        mean=FrequencyMean(),
        depthwise=depthwise(channels, (3, 1), dilation=(dilation[0], 1), bias=False, norm=True, **padded),
        activation=nn.SiLU(),
        pointwise=Conv(channels, channels, bias=False),
        dropout=ChannelDropout(dropout),
    )
    return Sequential(
        depthwise=depthwise(channels, (1, 3), bias=False, **padded),
        norm=SubSpectralNorm(channels, groups),
        sum=Sum(over_time=over_time, same=nn.Identity()),
    )


def transition(inputs: int, *, channels: int, stride: tuple[int, int], **arguments) -> Sequential:
    """A block that changes the channels, and with a stride what is left of time and frequency."""
    padding = arguments["padded"]["padding"]
    return Sequential(
        conv=Conv(inputs, channels, stride=stride, bias=False, norm=True, padding=padding, frequency_padding="same"),
        activation=nn.ReLU(),
        broadcast=broadcast(channels=channels, **arguments),
        broadcast_activation=nn.ReLU(),
    )
