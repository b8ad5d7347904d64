"""Recurrent keyword spotters: GRU, LSTM, and a GRU on convolutions."""

from typing import Literal

from torch import nn

from kwsstream import recurrent
from kwsstream.layers import ACTIVATIONS, Activation, Conv, Flatten, Merge, Spread
from kwsstream.models.stack import Stack, same_lengths
from kwsstream.streaming import Sequential


class GRU(Sequential):
    """Gated recurrent units, then dense layers on what the last of them remembers (Zhang et al., 2017).

    593,836 parameters on 20 MFCC and 12 labels. `all_frames` gives the dense layers all frames of a clip, not the
    last.
    """

    def __init__(
        self,
        *,
        frames: int,
        inputs: int,
        labels: int,
        recurrent_units: list[int] = (400,),
        all_frames: bool = False,
        dropout: float = 0.1,
        units: list[int] = (128, 256),
        unit_activations: list[Activation] = ("linear", "relu"),
    ):
        stack = Stack(frames, inputs)
        for i, outputs in enumerate(recurrent_units, 1):
            stack.add(**{f"gru{i}": recurrent.GRU(stack.channels, outputs)})
        super().__init__(**head(stack, all_frames, dropout, units, unit_activations, labels))


class LSTM(Sequential):
    """Long short-term memory, then dense layers on what the last of them puts out (Sainath & Parada, 2015).

    545,912 parameters on 20 MFCC and 12 labels; without peepholes, 360 units and dense layers (128, 256): 630,956.
    """

    def __init__(
        self,
        *,
        frames: int,
        inputs: int,
        labels: int,
        recurrent_units: list[int] = (500,),
        projections: list[int] = (200,),
        peepholes: bool = True,
        all_frames: bool = False,
        dropout: float = 0.3,
        units: list[int] = (),
        unit_activations: list[Activation] = (),
    ):
        same_lengths(recurrent_units=recurrent_units, projections=projections)
        stack = Stack(frames, inputs)
        for i, (outputs, projection) in enumerate(zip(recurrent_units, projections, strict=True), 1):
            stack.add(**{f"lstm{i}": recurrent.LSTM(stack.channels, outputs, projection, peepholes)})
        super().__init__(**head(stack, all_frames, dropout, units, unit_activations, labels))


class CRNN(Sequential):
    """Convolutions over time and frequency, then gated recurrent units (Arik et al., 2017; Rybakov et al., 2020).

    467,772 parameters on 20 MFCC and 12 labels. The lists have one entry a layer: `kernels`, `strides` and
    `dilations` are (time, frequency). The published padding is "unsettled" (see Windowed), which breaks the law.
    """

    def __init__(
        self,
        *,
        frames: int,
        inputs: int,
        labels: int,
        filters: list[int] = (16, 16),
        kernels: list[tuple[int, int]] = ((3, 3), (5, 3)),
        strides: list[tuple[int, int]] = ((1, 1), (1, 1)),
        dilations: list[tuple[int, int]] = ((1, 1), (1, 1)),
        activations: list[Activation] = ("relu", "relu"),
        padding: Literal["causal", "unsettled"] = "causal",
        recurrent_units: list[int] = (256,),
        all_frames: bool = False,
        dropout: float = 0.1,
        units: list[int] = (128, 256),
        unit_activations: list[Activation] = ("linear", "relu"),
    ):
        same_lengths(filters=filters, kernels=kernels, strides=strides, dilations=dilations, activations=activations)
        stack = Stack(frames, inputs).add(spread=Spread())
        for i, (outputs, kernel, stride, dilation, activation) in enumerate(
            zip(filters, kernels, strides, dilations, activations, strict=True), 1
        ):
            conv = Conv(stack.channels, outputs, kernel, stride, dilation, padding=padding)
            stack.add(**{f"conv{i}": conv, f"activation{i}": ACTIVATIONS[activation]()})
        stack.add(merge=Merge())
        for i, outputs in enumerate(recurrent_units, 1):
            stack.add(**{f"gru{i}": recurrent.GRU(stack.channels, outputs)})
        super().__init__(**head(stack, all_frames, dropout, units, unit_activations, labels))


def head(
    stack: Stack, all_frames: bool, dropout: float, units: list[int], activations: list[Activation], labels: int
) -> dict[str, nn.Module]:
    """Dropout and dense layers on the last frame, or on all frames of the clip."""
    if all_frames:
        stack.add(flatten=Flatten(stack.frames))
    return stack.add(dropout=nn.Dropout(dropout)).dense("dense", units, activations).labels(labels)
