"""Recurrent layers, (batch, time, 1, inputs) to (batch, time, 1, units), whose state is what they carry on."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kwsstream.streaming import State, Streaming, Timing


class GRU(Streaming):
    """Gated recurrent unit (Cho et al., 2014), reset after the product with the state."""

    timing = Timing(receptive_field=math.inf)

    def __init__(self, inputs: int, units: int):
        super().__init__()
        self.gru = nn.GRU(inputs, units, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return whole_gru(x, self.gru) if torch.onnx.is_in_onnx_export() else self.step(x)[0]

    def step(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Many frames at once where torch runs them; one frame after another, with plain operators, for exporters."""
        h = x.new_zeros(len(x), self.gru.hidden_size) if state is None else state
        if x.shape[1] > 1 and not torch.onnx.is_in_onnx_export():
            y, h = self.gru(x.squeeze(2), h.unsqueeze(0))
            return y.unsqueeze(2), h.squeeze(0)
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


def whole_gru(x: Tensor, onward: nn.GRU, back: nn.GRU | None = None) -> Tensor:
    """A whole clip as ONNX has it: one GRU operator, for exporters alone. `back` starts at the end of the clip.

    (batch, time, 1, inputs) to (batch, time, 1, units), or 2 * units with `back`.
    """
    layers = [onward] if back is None else [onward, back]
    direction = "forward" if back is None else "bidirectional"
    clips, frames, units = len(x), x.shape[1], onward.hidden_size
    biases = [torch.cat([ordered(of.bias_ih_l0), ordered(of.bias_hh_l0)]) for of in layers]
    numbers = [ordered(of.weight_ih_l0) for of in layers], [ordered(of.weight_hh_l0) for of in layers], biases
    y = torch.onnx.ops.symbolic(
        "GRU",
        [x.squeeze(2).transpose(0, 1), *map(torch.stack, numbers)],
        {"direction": direction, "hidden_size": units, "linear_before_reset": 1},
        dtype=x.dtype,
        shape=(frames, len(layers), clips, units),
    )
    return y.permute(2, 0, 1, 3).reshape(clips, frames, 1, -1)


def ordered(gates: Tensor) -> Tensor:
    """Weights in ONNX's order of gates: update, reset, new, where torch has reset, update, new."""
    units = len(gates) // 3
    return torch.cat([gates[units : 2 * units], gates[:units], gates[2 * units :]])


class LSTM(Streaming):
    """Long short-term memory (Hochreiter & Schmidhuber, 1997), with peepholes and projection (Sak et al., 2014).

    `projection` is the size of the output, 0 for `units`. The state is a cell and an output.
    """

    timing = Timing(receptive_field=math.inf)

    def __init__(self, inputs: int, units: int, projection: int = 0, peepholes: bool = False):
        super().__init__()
        self.units, self.outputs = units, projection or units
        self.gates = nn.Linear(inputs + self.outputs, 4 * units)  # in, forget, new, out
        self.peepholes = nn.Parameter(torch.zeros(3, units)) if peepholes else None  # in, forget, out
        self.projection = nn.Linear(units, projection, bias=False) if projection else None
        nn.init.xavier_uniform_(self.gates.weight)
        nn.init.zeros_(self.gates.bias)
        nn.init.ones_(self.gates.bias[units : 2 * units])  # what is remembered, is so at first

    def forward(self, x: Tensor) -> Tensor:
        return self.step(x)[0]

    def step(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        cell, output = x.new_zeros(len(x), self.units), x.new_zeros(len(x), self.outputs)
        if state is not None:
            cell, output = state["cell"], state["output"]
        of_input, of_output = self.gates.weight.split([x.shape[3], self.outputs], 1)
        outputs = []
        for from_input in F.linear(x.squeeze(2), of_input, self.gates.bias).unbind(1):
            # a product of each, for in integers the frame and the output are on scales of their own
            into, forget, new, out = (from_input + F.linear(output, of_output)).chunk(4, 1)
            if self.peepholes is not None:
                into, forget = into + self.peepholes[0] * cell, forget + self.peepholes[1] * cell
            cell = torch.sigmoid(forget) * cell + torch.sigmoid(into) * torch.tanh(new)
            if self.peepholes is not None:
                out = out + self.peepholes[2] * cell
            output = torch.sigmoid(out) * torch.tanh(cell)
            output = output if self.projection is None else self.projection(output)
            outputs.append(output)
        return torch.stack(outputs, 1).unsqueeze(2), {"cell": cell, "output": output}
