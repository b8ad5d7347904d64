"""Models with random numbers, and their exported files replayed on noise against PyTorch."""

import numpy as np
import torch
from ai_edge_litert.interpreter import Interpreter
from torch import nn

from kwsstream.export.parity import replay
from kwsstream.norms import Norm


def random(model):
    """A model with all of its numbers random: the zeros and ones that layers start with hide mistakes."""
    torch.manual_seed(0)
    for module in model.modules():
        if isinstance(module, Norm):
            module.running_mean.normal_(0, 0.3), module.running_var.uniform_(0.5, 1.5)
            if module.weight is not None:
                module.weight.data.uniform_(0.5, 1.5)
        if isinstance(getattr(module, "bias", None), nn.Parameter):
            module.bias.data.normal_(0, 0.3)
    return model.eval()


def speechlike(graph, steps):
    """Noise whose level comes and goes, as the data of so many runs of a graph."""
    draw = torch.Generator().manual_seed(1)
    noise = torch.randn(steps, *graph.example.shape, generator=draw)
    level = 1 + torch.sin(torch.arange(steps) / 7)
    return noise * level.reshape(-1, *[1] * graph.example.dim()) * (0.1 if graph.input == "audio" else 3)


def difference(graph, made, steps):
    """The largest difference of one file's results from PyTorch's, as a share of the largest."""
    (replayed,) = replay(graph, speechlike(graph, steps), [made.session()])
    return np.abs(replayed.results - replayed.expected).max() / np.abs(replayed.expected).max()


def operators(file):
    """The names of a TFLite file's operators."""
    return [operator["op_name"] for operator in Interpreter(str(file))._get_ops_details()]
