"""Optimisers and learning-rate schedules of the original, and AdamW."""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable
from itertools import accumulate

import torch
from torch import nn
from torch.optim import Adam, AdamW, Optimizer

from kwsstream.settings import Training


def optimiser(training: Training, parameters: Iterable[nn.Parameter], fused: bool = True) -> Optimizer:
    """The optimiser that a config names, at its first rate. `fused`: all of an update at once, where torch can."""
    rate, given = training.rates[0], {"weight_decay": training.weight_decay, "fused": fused}
    match training.optimiser:
        case "adam":
            return Adam(parameters, rate, training.betas or (0.9, 0.999), eps=1e-8, **given)
        case "adamw":
            return AdamW(parameters, rate, training.betas or (0.9, 0.999), **given)
        case "momentum":
            return torch.optim.SGD(parameters, rate, momentum=(training.betas or (0.9,))[0], **given)
        case "novograd":
            return NovoGrad(parameters, rate, training.betas or (0.95, 0.5), weight_decay=training.weight_decay)


def schedule(training: Training) -> Callable[[int], float]:
    """The learning rate of an update as a factor of the first rate, for updates 0, 1, ..."""
    first, last = training.rates[0], training.rates[-1]
    ends = list(accumulate(training.updates))

    def factor(update: int) -> float:
        if update < training.warmup_updates:
            return (update + 1) / training.warmup_updates
        match training.schedule:
            case "piecewise":
                return training.rates[min(bisect_right(ends, update), len(ends) - 1)] / first
            case "exponential":
                return (last / first) ** (update / training.total)
            case "cosine":
                done = (update - training.warmup_updates) / max(training.total - training.warmup_updates, 1)
                floor = last / first if len(training.rates) > 1 else 0.0
                return floor + (1 - floor) * (1 + math.cos(math.pi * min(done, 1))) / 2

    return factor


class NovoGrad(Optimizer):
    """Gradients scaled by one second moment a tensor (Ginsburg et al., 2019), with the update of TensorFlow Addons."""

    def __init__(self, params, lr: float, betas: tuple[float, float] = (0.95, 0.5), eps=1e-8, weight_decay=0.0):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable | None = None):
        """One update."""
        loss = None if closure is None else torch.enable_grad()(closure)()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self.update(parameter, group)
        return loss

    def update(self, parameter: nn.Parameter, group: dict) -> None:
        """Momentum on the gradient over the root of its running mean square, the learning rate inside the momentum."""
        (beta1, beta2), state = group["betas"], self.state[parameter]
        square = parameter.grad.square().sum()
        if not state:
            state["moment"], state["square"] = torch.zeros_like(parameter), square
        else:
            state["square"] = beta2 * state["square"] + (1 - beta2) * square
        gradient = parameter.grad / (state["square"].sqrt() + group["eps"]) + group["weight_decay"] * parameter
        state["moment"].mul_(beta1).sub_(gradient, alpha=group["lr"])
        parameter.add_(state["moment"])
