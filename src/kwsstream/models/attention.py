"""Attention over the frames of a whole clip, on a recurrent network that runs both ways."""

from typing import Literal

import torch
from torch import Tensor, nn

from kwsstream.layers import ACTIVATIONS, Activation, Conv, Merge, Spread
from kwsstream.models.stack import Stack, same_lengths
from kwsstream.norms import Norm
from kwsstream.recurrent import GRU, LSTM, whole_gru
from kwsstream.streaming import WholeClips

Kind = Literal["gru", "lstm"]


class Attention(WholeClips):
    """The mean of all frames, weighted by how they match a query made of the middle one, for each head.

    (batch, frames, 1, channels) to (batch, 1, 1, heads * channels).
    """

    because = "attention weighs all frames of the clip, those to come included"

    def __init__(self, frames: int, channels: int, heads: int):
        super().__init__(frames)
        self.queries = nn.ModuleList(nn.Linear(channels, channels) for _ in range(heads))

    def forward(self, x: Tensor) -> Tensor:
        half = x.shape[1] // 2
        middle = x[:, half : half + 1].flatten(1)  # onnx2tf mistakes the axis of x[:, half] where two are of one size
        x = x.squeeze(2)
        queries = torch.stack([query(middle) for query in self.queries], dim=2)  # (batch, channels, heads)
        weights = torch.softmax((x @ queries).transpose(1, 2), dim=2)  # (batch, heads, frames)
        return (weights @ x).flatten(1)[:, None, None]  # a product for the sum: LiteRT's is wrong in int16


class Bidirectional(WholeClips):
    """A recurrent layer from both ends: (batch, frames, 1, inputs) to (batch, frames, 1, 2 * units)."""

    because = "a bidirectional network starts at the end of the clip as well"

    def __init__(self, frames: int, inputs: int, units: int, kind: Kind):
        super().__init__(frames)
        layer = {"gru": GRU, "lstm": LSTM}[kind]
        self.onward, self.back = layer(inputs, units), layer(inputs, units)

    def forward(self, x: Tensor) -> Tensor:
        if torch.onnx.is_in_onnx_export() and isinstance(self.onward, GRU):
            return whole_gru(x, self.onward.gru, self.back.gru)
        return torch.cat([self.onward(x), backwards(self.back(backwards(x)))], dim=-1)


def backwards(x: Tensor) -> Tensor:
    """The frames from the last to the first."""
    if torch.onnx.is_in_onnx_export():  # onnx2tf takes a slice of step -1, which flip is in ONNX, for one of step 1
        return torch.cat(x.split(1, dim=1)[::-1], dim=1)
    return x.flip(1)


class AttentionRNN(WholeClips):
    """Convolutions, recurrent layers both ways, attention (de Andrade et al., 2018; with heads Rybakov et al., 2020).

    On 49 frames of 20 MFCC and 12 labels 496,519 parameters with one head, 743,047 with four and dropout of 0.2.
    """

    because = "attention and the bidirectional layers below it need the end of the clip"

    def __init__(
        self,
        *,
        frames: int,
        inputs: int,
        labels: int,
        filters: list[int] = (10, 1),
        kernels: list[tuple[int, int]] = ((5, 1), (5, 1)),
        activations: list[Activation] = ("relu", "relu"),
        recurrent: Kind = "gru",
        recurrent_layers: int = 2,
        recurrent_units: int = 128,
        heads: int = 1,
        dropout: float = 0.1,
        units: list[int] = (64, 32),
        unit_activations: list[Activation] = ("relu", "linear"),
    ):
        super().__init__(frames)
        same_lengths(filters=filters, kernels=kernels, activations=activations)
        stack = Stack(frames, inputs).add(spread=Spread())
        for i, (outputs, kernel, activation) in enumerate(zip(filters, kernels, activations, strict=True), 1):
            conv = Conv(stack.channels, outputs, kernel, padding="same", frequency_padding="same")
            stack.add(**{f"conv{i}": conv, f"activation{i}": ACTIVATIONS[activation](), f"norm{i}": Norm(outputs)})
        stack.add(merge=Merge())
        for i in range(1, recurrent_layers + 1):
            stack.add(**{f"{recurrent}{i}": Bidirectional(frames, stack.channels, recurrent_units, recurrent)})
        stack.add(attention=Attention(frames, stack.channels, heads), dropout=nn.Dropout(dropout))
        self.layers = nn.Sequential()
        for name, layer in stack.dense("dense", units, unit_activations).labels(labels).items():
            self.layers.add_module(name, layer)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of features: (batch, frames, 1, inputs) to (batch, 1, 1, labels)."""
        return self.layers(x)
