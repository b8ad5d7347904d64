"""Real audio of a run's data, as the data of the runs of a graph."""

import numpy as np
import torch
from torch import Tensor

from kwsstream.export.graph import Graph
from kwsstream.streaming import Sequential


def rows(partition, count: int, seed: int = 0) -> np.ndarray:
    """Row numbers of `count` clips of a partition in random order, each once before any twice."""
    passes = -(-count // len(partition))
    draw = np.random.default_rng(seed)
    return np.concatenate([draw.permutation(len(partition)) for _ in range(passes)])[:count]


def audio_runs(partition, samples: int, count: int, seed: int = 0) -> np.ndarray:
    """Audio for `count` runs, float32 (count, samples of a run): clips joined to one stream, and cut again."""
    clip_samples = partition.audio(slice(0, 1)).shape[1]
    audio = partition.audio(rows(partition, -(-count * samples // clip_samples), seed)).astype(np.float32) / 32768
    return audio.reshape(-1)[: count * samples].reshape(count, samples)


def data_of(model: Sequential, graph: Graph, audio: np.ndarray) -> Tensor:
    """The data of runs of a graph (runs, *shape of one), for their audio (runs, samples): itself, or its features."""
    x = torch.from_numpy(audio)
    if graph.input == "features":
        with torch.no_grad():
            x = model.front(x[:, :, None, None]) if graph.whole else model.front.step(x.reshape(1, -1, 1, 1))[0]
    return x.reshape(len(audio), *graph.example.shape)
