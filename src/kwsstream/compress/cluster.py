"""Weights of few different values: a file of them is zipped to a fraction."""

import torch
from torch import Tensor, nn

ROUNDS = 30


class Clusters(nn.Module):
    """Weights of `count` clusters: each is the mean of its cluster.

    All of a cluster get the same gradient, and so go on as one: training moves clusters, and no weight between them.
    """

    def __init__(self, count: int, weight: Tensor):
        super().__init__()
        self.count = count
        self.register_buffer("cluster", torch.zeros(weight.shape, dtype=torch.uint8))

    def forward(self, weight: Tensor) -> Tensor:
        of = self.cluster.long().flatten()
        members = torch.bincount(of, minlength=self.count).clamp_min(1)
        sums = weight.new_zeros(self.count).index_add(0, of, weight.flatten())
        return (sums / members)[of].view_as(weight)

    @torch.no_grad()
    def fit(self, weight: Tensor, draws: torch.Generator) -> None:
        """Put weights in clusters."""
        self.cluster.copy_(nearest(weight, centres(weight.flatten().double(), self.count, draws)).view_as(weight))


def centres(values: Tensor, count: int, draws: torch.Generator) -> Tensor:
    """At most `count` means, ascending, of numbers (numbers,): k-means++ (Arthur & Vassilvitskii, 2007) and Lloyd's."""
    found = values[torch.randint(len(values), (1,), generator=draws)]
    for _ in range(count - 1):
        squares = (values - nearest_of(values, found)).square()
        if squares.sum() == 0:  # there are no more different numbers
            break
        found = torch.cat([found, values[torch.multinomial(squares, 1, generator=draws)]]).sort().values
    for _ in range(ROUNDS):
        of = nearest(values, found)
        members = torch.bincount(of, minlength=len(found))
        sums = torch.zeros_like(found).index_add(0, of, values)
        found = (sums / members)[members > 0].sort().values
    return found


def nearest(values: Tensor, found: Tensor) -> Tensor:
    """The index of the centre, of those found in ascending order, that is nearest to each number."""
    return torch.bucketize(values.double(), (found[1:] + found[:-1]) / 2)


def nearest_of(values: Tensor, found: Tensor) -> Tensor:
    return found[nearest(values, found)]
