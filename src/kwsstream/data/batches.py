"""Batches of a partition. The training batch of an update is a function of the seed and the update alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from kwsstream.data.partition import Partition

Pick = Literal["shuffled", "replacement", "sequential"]


@dataclass(frozen=True)
class TrainingBatches:
    """The batches of updates first, first + 1, ...: this process's share of each.

    Each is a dict of audio int16 (clips, samples), label int64 (clips,), silence bool (clips,), update int.
    Clips are picked in a new order each pass through the partition ("shuffled"), each by chance ("replacement"), or
    in the partition's order ("sequential").
    """

    partition: Partition
    size: int
    pick: Pick
    seed: int
    updates: int
    first: int = 0
    rank: int = 0
    world: int = 1

    def __len__(self) -> int:
        return self.updates

    def __iter__(self) -> Iterator[dict]:
        for update in range(self.first, self.first + self.updates):
            which = self.picked(update)[self.rank :: self.world]
            yield batch_of(self.partition, which) | {"update": update}

    def picked(self, update: int) -> np.ndarray:
        """Where in the partition the clips of an update stand."""
        clips = len(self.partition)
        if self.pick == "replacement":
            return np.random.default_rng([self.seed, update]).integers(0, clips, self.size)
        place = np.arange(update * self.size, (update + 1) * self.size)
        if self.pick == "sequential":
            return place % clips
        passes = {p: np.random.default_rng([self.seed, p]).permutation(clips) for p in np.unique(place // clips)}
        return np.array([passes[p // clips][p % clips] for p in place])


@dataclass(frozen=True)
class EvaluationBatches:
    """All clips of a partition in order, the last batch short: every `world`th clip from `rank` on."""

    partition: Partition
    size: int
    rank: int = 0
    world: int = 1

    def __len__(self) -> int:
        return -(-len(range(self.rank, len(self.partition), self.world)) // self.size)

    def __iter__(self) -> Iterator[dict]:
        mine = np.arange(self.rank, len(self.partition), self.world)
        for start in range(0, len(mine), self.size):
            yield batch_of(self.partition, mine[start : start + self.size])


def batch_of(partition: Partition, which: np.ndarray) -> dict:
    return {
        "audio": torch.from_numpy(partition.audio(which)),
        "label": torch.from_numpy(partition.labels[which]),
        "silence": torch.from_numpy(partition.silence[which]),
    }
