"""What is exported: a layer as a graph with one input of data, one output of results, and its states by name.

A streaming graph is `step` without a state of its own: every state is an input `state_...`, its successor an output
`next_...`, so that one file serves any number of streams. A whole graph is `forward`.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from kwsstream.streaming import Sequential, State, Streaming, flatten, silence

Stream = Literal["external", "internal", "none"]
Input = Literal["audio", "features"]
Output = Literal["logits", "features"]
Part = Literal["audio", "features", "front"]
"""Of a model: all of it, its net from features, its front end."""
PARTS: tuple[Part, ...] = get_args(Part)


@dataclass(frozen=True)
class Graph:
    """A layer, how it is run, and the data of one run of it: `example` (1, time, frequency, channel), zeros.

    Results are (1, labels) for logits, and keep their four dimensions for features.
    """

    layer: Streaming
    name: str
    """Of the layer in its model, which the names of its states begin with; "" for the model itself."""
    input: Input
    output: Output
    whole: bool
    example: Tensor

    @cached_property
    def silence(self) -> State:
        """The state before a stream starts: zeros, by the names of the inner layers; {} for a whole graph."""
        return {} if self.whole else silence(self.layer, self.example)

    @cached_property
    def states(self) -> dict[str, str]:
        """The name of each state, and of what it becomes."""
        root = f"state.{self.name}" if self.name else "state"
        names = [name.replace(".", "_") for name in flatten(self.silence, root)]
        return {name: "next" + name.removeprefix("state") for name in names}

    @property
    def inputs(self) -> list[str]:
        return [self.input, *self.states]

    @property
    def outputs(self) -> list[str]:
        return [self.output, *self.states.values()]

    @torch.no_grad()
    def run(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """One run in torch: the result, and the next state."""
        return self.module(x, state)

    @cached_property
    def module(self) -> nn.Module:
        """The layer with the run as its forward, which is what exporters call."""
        return Exportable(self.layer.eval(), self.whole, self.output)


class Exportable(nn.Module):
    """(data, state) to (result, next state); of a whole clip's logits, those of its last frame."""

    def __init__(self, layer: Streaming, whole: bool, output: Output):
        super().__init__()
        self.layer, self.whole, self.output = layer, whole, output

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        y, state = (self.layer(x), {}) if self.whole else self.layer.step(x, state)
        return (y[:, -1:].flatten(1) if self.output == "logits" else y), state


def graph_of(model: Sequential, stream: Stream, part: Part, samples: int) -> Graph:
    """The graph of a model from audio, of its net from features, or of its front end.

    Streaming graphs take what one step of the model takes, whole graphs a clip of `samples`.
    """
    whole = stream == "none"
    audio = torch.zeros(1, samples if whole else model.timing.stride, 1, 1)
    if part == "audio":
        return Graph(model, "", "audio", "logits", whole, audio)
    front = Graph(model.front, "front", "audio", "features", whole, audio)
    if part == "front":
        return front
    return Graph(model.net, "net", "features", "logits", whole, front.run(audio, front.silence)[0])
