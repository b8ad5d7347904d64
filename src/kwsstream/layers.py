"""The layers of the models. nn.Linear serves as the layer on each frame (the 1x1 convolution)."""

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kwsstream.streaming import State, Streaming, Timing, Windowed

ACTIVATIONS = {"linear": nn.Identity, "relu": nn.ReLU, "swish": nn.SiLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
Activation = Literal["linear", "relu", "swish", "tanh", "sigmoid"]


class Conv(Windowed):
    """Convolution over time and frequency, with batch norm on request.

    `kernel`, `stride` and `dilation` are (time, frequency). Frequency is padded with as many zeros as keep its
    size ("same"; one more above than below where odd) or not at all ("valid").
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: tuple[int, int],
        stride: tuple[int, int] = (1, 1),
        dilation: tuple[int, int] = (1, 1),
        groups: int = 1,
        bias: bool = True,
        padding: Literal["causal", "same", "valid"] = "causal",
        frequency_padding: Literal["same", "valid"] = "valid",
        norm: bool = False,
    ):
        super().__init__((kernel[0] - 1) * dilation[0] + 1, stride[0], padding)
        spare = max((kernel[1] - 1) * dilation[1] + 1 - stride[1], 0) if frequency_padding == "same" else 0
        self.below, self.above = spare // 2, spare - spare // 2
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, 0, dilation, groups, bias)
        self.norm = nn.BatchNorm2d(outputs) if norm else nn.Identity()

    def windows(self, x: Tensor) -> Tensor:
        x = F.pad(x, (0, 0, self.below, self.above)) if self.above else x
        y = self.norm(self.conv(x.permute(0, 3, 1, 2)))  # a view: torch's channels_last memory format
        return y.permute(0, 2, 3, 1)


class Mean(Windowed):
    """The mean of the last `window` frames."""

    def __init__(self, window: int, padding: Literal["causal", "same", "valid"] = "valid"):
        super().__init__(window, padding=padding)

    def windows(self, x: Tensor) -> Tensor:
        window = self.timing.receptive_field
        if x.shape[1] == window:
            return x.mean(1, keepdim=True)
        return x.unfold(1, window, 1).mean(-1)


class Flatten(Windowed):
    """The last `window` frames as one vector, in the channels: (batch, time, 1, window * frequency * channel)."""

    def __init__(self, window: int):
        super().__init__(window, padding="valid")

    def windows(self, x: Tensor) -> Tensor:
        window = self.timing.receptive_field
        vectors = [x[:, i : i + window].flatten(1) for i in range(x.shape[1] - window + 1)]
        return torch.stack(vectors, dim=1).unsqueeze(2)


class Spread(nn.Module):
    """Channels as frequencies: (batch, time, 1, channel) to (batch, time, channel, 1)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:2], -1, 1)


class GRU(Streaming):
    """Gated recurrent unit (Cho et al., 2014), (batch, time, 1, inputs) to (batch, time, 1, units)."""

    timing = Timing(receptive_field=math.inf)

    def __init__(self, inputs: int, units: int):
        super().__init__()
        self.gru = nn.GRU(inputs, units, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.gru(x.squeeze(2))[0].unsqueeze(2)

    def step(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """One frame after another with plain operators, which every exporter and quantiser knows."""
        h = x.new_zeros(len(x), self.gru.hidden_size) if state is None else state
        outputs = []
        for frame in x.squeeze(2).unbind(1):
            from_input = F.linear(frame, self.gru.weight_ih_l0, self.gru.bias_ih_l0).chunk(3, 1)
            from_state = F.linear(h, self.gru.weight_hh_l0, self.gru.bias_hh_l0).chunk(3, 1)
            reset = torch.sigmoid(from_input[0] + from_state[0])
            update = torch.sigmoid(from_input[1] + from_state[1])
            new = torch.tanh(from_input[2] + reset * from_state[2])
            h = new + update * (h - new)
            outputs.append(h)
        return torch.stack(outputs, 1).unsqueeze(2), h
