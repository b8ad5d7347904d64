"""The formats of activations, searched on clips: fewer bits before the point than the largest number asks for.

A number too large for its format saturates; all others come out twice as exact for each bit. quant_test leaves the
choice to its user, who tries; here the features, then each layer in order, are tried with fewer and fewer bits before
the point, as long as the network's labels come nearer to those of the float network.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from kwsstream.fixed.formats import quantise
from kwsstream.fixed.network import FEATURES, fixed, formats, largest
from kwsstream.streaming import Sequential

PATIENCE = 2
"""So many bits in a row that make it no better end the search of a layer."""
AT_ONCE = 100


@dataclass(frozen=True)
class Found:
    """What a search found: a network, its formats, the largest numbers seen, and the divergence before and after."""

    network: Sequential
    formats: dict[str, int]
    largest: dict[str, float]
    before: float
    after: float

    @property
    def dec_bits(self) -> int:
        """Bits behind the point of the logits."""
        return logits_bits(self.network)


def search(net: Sequential, features: Tensor) -> Found:
    """The formats that serve these clips best. Features are (clips, frames, 1, inputs), float32."""
    inputs, found = features.shape[3], largest(net, features)
    wanted = whole(net, features)
    best = formats(found)
    network = fixed(net, best, inputs)
    least = before = divergence(network, features, best, wanted)
    for name, first in best.items():
        worse, fewer = 0, 0
        while worse < PATIENCE:
            fewer += 1
            tried = best | {name: first + fewer}
            candidate = fixed(net, tried, inputs)
            now = divergence(candidate, features, tried, wanted)
            if now < least:
                best, network, least, worse = tried, candidate, now, 0
            else:
                worse += 1
    return Found(network, best, found, before, least)


def divergence(network: Sequential, features: Tensor, formats: dict[str, int], wanted: Tensor) -> float:
    """Mean Kullback-Leibler divergence, in nats, of a fixed network's label probabilities from the wanted logits'."""
    logits = whole(network, quantise(features, formats[FEATURES])).double() / 2.0 ** logits_bits(network)
    ours, theirs = logits.log_softmax(1), wanted.double().log_softmax(1)
    return F.kl_div(ours, theirs, log_target=True, reduction="batchmean").item()


def logits_bits(network: Sequential) -> int:
    """The bits behind the point of what a fixed network gives."""
    return [layer.dec_bits for layer in network if hasattr(layer, "dec_bits")][-1]


@torch.no_grad()
def whole(net: Sequential, features: Tensor) -> Tensor:
    """The logits (clips, labels) of whole clips, a part of them at a time."""
    return torch.cat([net(part)[:, -1, 0] for part in features.split(AT_ONCE)])
