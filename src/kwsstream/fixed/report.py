"""What quant_test prints: the formats of every tensor, accuracy and confusion matrix of each partition."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from kwsstream.data.partition import Partition
from kwsstream.evaluate import CLIPS_AT_ONCE, Scores
from kwsstream.fixed.formats import dec_bits, q_format, quantise
from kwsstream.fixed.layers import Weighted
from kwsstream.fixed.network import FEATURES
from kwsstream.fixed.search import Found
from kwsstream.report import table
from kwsstream.streaming import Sequential

HEAD = ["layer", "weights", "bias", "numbers", "bias shift", "output shift", "output", "largest", "bits saved"]


def formats(found: Found) -> str:
    """A line for the features and for each layer that has a format; shifts are left of the bias, right of the sum.

    `largest` is the largest output on the clips of the search, for which `bits saved` are too few.
    """
    rows = [[FEATURES, *["-"] * 5, *outputs(found, FEATURES, found.formats[FEATURES])]]
    for name, layer in found.network.named_children():
        if name not in found.formats:
            continue
        cells = ["-"] * 5
        if isinstance(layer, Weighted):
            cells = [q_format(layer.weight_bits), q_format(layer.bias_bits), str(layer.weight.numel())]
            cells += [str(layer.bias_lshift), str(layer.out_rshift)]
        rows.append([name, *cells, *outputs(found, name, layer.dec_bits)])
    return table(HEAD, rows)


def outputs(found: Found, name: str, bits: int) -> list[str]:
    largest = found.largest[name]
    return [q_format(bits), f"{largest:.3g}", str(max(bits - dec_bits(largest), 0))]


@torch.no_grad()
def features_of(front: Sequential, partition: Partition, which: slice) -> Tensor:
    """The features (clips, frames, 1, inputs), float32, of clips of a partition."""
    return front(torch.from_numpy(partition.audio(which).astype(np.float32) / 32768)[:, :, None, None])


class Int8(nn.Module):
    """Features in the format of a fixed network."""

    def __init__(self, bits: int):
        super().__init__()
        self.bits = bits

    def forward(self, x: Tensor) -> Tensor:
        return quantise(x, self.bits)


def int8_model(front: Sequential, found: Found) -> Sequential:
    """A fixed network behind its front end: from audio to logits in int8, whole and streamed."""
    return Sequential(front=front, int8=Int8(found.formats[FEATURES]), net=found.network).eval()


def judge(model: Sequential, found: Found, partition: Partition, name: str) -> tuple[Scores, Scores]:
    """The float network and the fixed one on whole clips of a partition."""
    ways: dict[str, Callable[[Tensor], Tensor]] = {
        "float": model.net,
        "fixed point": lambda x: found.network(quantise(x, found.formats[FEATURES])),
    }
    logits = {way: [] for way in ways}
    with torch.no_grad():
        for start in tqdm(range(0, len(partition), CLIPS_AT_ONCE), name, leave=False, delay=1):
            x = features_of(model.front, partition, slice(start, start + CLIPS_AT_ONCE))
            for way, net in ways.items():
                logits[way].append(net(x)[:, -1, 0])
    both = (Scores(way, torch.cat(parts).numpy(), partition.labels) for way, parts in logits.items())
    return next(both), next(both)


def accuracy(name: str, float_scores: Scores, fixed_scores: Scores, labels: list[str]) -> str:
    """Confusion matrix, true labels down and predicted ones across, and accuracy."""
    rows = [[label, *row] for label, row in zip(labels, fixed_scores.confusion().tolist(), strict=True)]
    matrix = table(["true \\ predicted", *labels], rows)
    clips = len(fixed_scores.labels)
    reached = f"{fixed_scores.accuracy:.2f} % of {clips} clips, in float {float_scores.accuracy:.2f} %"
    return f"{name}\n{matrix}\n{name} accuracy {reached}"
