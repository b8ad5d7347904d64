"""Networks for the tests of fixed point: Hello Edge's two, the CNN, and one of what else there is; each small."""

import torch
from torch import nn

from kwsstream.fixed.search import Found, search
from kwsstream.layers import Conv, FrequencyMean, Mean, Spread, depthwise
from kwsstream.models.cnn import CNN
from kwsstream.models.dnn import DNN
from kwsstream.models.ds_cnn import DSCNN
from kwsstream.streaming import Sequential

INPUTS, LABELS = 10, 4
HELLO_EDGE_DNN = {"frame_units": [], "frame_activations": [], "pool": 1, "pool_stride": 1}
HELLO_EDGE_DNN |= {"units": [24] * 3, "unit_activations": ["relu"] * 3}
HELLO_EDGE_DS_CNN = {
    "first_filters": 12,
    "first_kernel": [10, 4],
    "first_stride": [2, 2],
    "first_dilation": [1, 1],
    "filters": [12] * 4,
    "kernels": [[3, 3]] * 4,
    "strides": [[1, 1]] * 4,
    "dilations": [[1, 1]] * 4,
    "first_padding": "same",
    "padding": "same",
    "norm_scale": True,
}
CNN_SHAPE = {
    "filters": [6, 8],
    "kernels": [[3, 3], [5, 3]],
    "strides": [[1, 2], [2, 1]],
    "dilations": [[1, 1], [2, 1]],
    "activations": ["relu", "linear"],
    "units": [16],
    "unit_activations": ["relu"],
    "norm": True,
}


def odd() -> Sequential:
    """What the models of the zoo have not: frames skipped, means that stride, layers in layers, no names, no bias."""
    return Sequential(
        Spread(),
        Sequential(Conv(1, 4, (1, 3), (2, 1), frequency_padding="same"), nn.ReLU()),
        Conv(4, 6, (3, 2), (1, 2), (2, 1), bias=False, norm=True),
        depthwise(6, (3, 3), stride=(3, 2), frequency_padding="same", norm=True),
        Mean(4, "causal", 2),
        nn.ReLU(),
        nn.Linear(6, 5, bias=False),
        FrequencyMean(),
        nn.Linear(5, LABELS),
    )


NETS = {
    "dnn": lambda: DNN(frames=24, inputs=INPUTS, labels=LABELS, **HELLO_EDGE_DNN),
    "ds_cnn": lambda: DSCNN(frames=49, inputs=INPUTS, labels=LABELS, **HELLO_EDGE_DS_CNN),
    "cnn": lambda: CNN(frames=49, inputs=INPUTS, labels=LABELS, **CNN_SHAPE),
    "odd": odd,
}


def seasoned(name: str) -> Sequential:
    """A network whose norms have seen something."""
    torch.manual_seed(1)
    net = NETS[name]().eval()
    for buffer, values in net.named_buffers():
        values.uniform_(0.5, 2) if buffer.endswith("var") else values.uniform_(-0.5, 0.5)
    return net


def found_for(net: Sequential) -> Found:
    """Its fixed point, searched on noise."""
    torch.manual_seed(2)
    return search(net, 10 * torch.randn(20, 49 if net.timing.receptive_field > 24 else 24, 1, INPUTS))


def integers(*shape) -> torch.Tensor:
    return torch.randint(-128, 128, shape, dtype=torch.int8, generator=torch.Generator().manual_seed(0))
