"""Layers over the same input, side by side: their sum, their channels joined, and residuals."""

from collections.abc import Iterable
from functools import reduce

import torch
from torch import Tensor, nn

from kwsstream.streaming import Delay, Sequential, State, Streaming, Timing, timing


class Branches(Streaming):
    """Layers over the same input, each delayed to match the slowest; subclasses define `join`."""

    def __init__(self, **branches: nn.Module):
        super().__init__()
        timings = {name: timing(b) for name, b in branches.items()}
        strides = {name: t.stride for name, t in timings.items()}
        if len(set(strides.values())) > 1:
            raise ValueError(f"branches need the same stride, not {strides}: give the shortcut a stride too")
        lookahead = max(t.lookahead for t in timings.values())
        warmup = max(t.warmup for t in timings.values())
        for name, branch in branches.items():
            late = Delay(lookahead - timings[name].lookahead, warmup - timings[name].warmup)
            self.add_module(name, Sequential(late=late, branch=branch))
        past = max(t.receptive_field - t.lookahead for t in timings.values())
        self.timing = Timing(past + lookahead, next(iter(strides.values())), lookahead, warmup)

    def join(self, outputs: Iterable[Tensor]) -> Tensor:
        """The output of all branches as one, of the same frames."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        return self.join(branch(x) for branch in self.children())

    def step(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        before, after, outputs = state or {}, {}, []
        for name, branch in self.named_children():
            y, after[name] = branch.step(x, before.get(name))
            outputs.append(y)
        return self.join(outputs), after


class Sum(Branches):
    """The sum of branches; where one has a single frequency, it is added to all of another's."""

    def join(self, outputs: Iterable[Tensor]) -> Tensor:
        return reduce(torch.add, outputs)


class Concat(Branches):
    """The channels of all branches side by side."""

    def join(self, outputs: Iterable[Tensor]) -> Tensor:
        return torch.cat(list(outputs), dim=-1)


def Residual(*body: nn.Module, shortcut: nn.Module | None = None) -> Sum:  # noqa: N802 (it stands where a layer stands)
    """The layers of the body, plus their input (or the shortcut of it)."""
    return Sum(body=Sequential(*body), shortcut=shortcut or nn.Identity())
