"""Weights of zero, more and more of them as training goes on."""

import torch
from torch import Tensor, nn

from kwsstream.settings import Prune


class Pruned(nn.Module):
    """Weights of which some are zero: those that are smallest in size when they are chosen."""

    def __init__(self, weight: Tensor):
        super().__init__()
        self.register_buffer("kept", torch.ones(weight.shape, dtype=torch.bool))

    def forward(self, weight: Tensor) -> Tensor:
        return weight * self.kept

    @torch.no_grad()
    def choose(self, weight: Tensor, share: float) -> None:
        """Make a share of the weights zero. Those that are zero already do not come back: they count as smallest."""
        sizes = (weight * self.kept).abs().flatten()
        order = sizes.argsort(stable=True)
        kept = torch.ones_like(sizes, dtype=torch.bool)
        kept[order[: round(share * len(order))]] = False
        self.kept.copy_(kept.view_as(weight))


def share_at(update: int, settings: Prune) -> float:
    """The share of zeros at an update: it rises fast, then slower (Zhu & Gupta, 2017)."""
    done = min(update / settings.updates, 1)
    return settings.share * (1 - (1 - done) ** 3)


def prune(net: nn.Module, settings: Prune, update: int) -> None:
    """Choose the zeros of a network that was prepared for it, where the schedule has one for an update, from 1 on."""
    if update > settings.updates or (update % settings.every and update < settings.updates):
        return
    for layer in net.modules():
        if isinstance(layer, nn.utils.parametrize.ParametrizationList):
            for step in layer:
                if isinstance(step, Pruned):
                    step.choose(layer.original, share_at(update, settings))
