"""What a model is and costs: parameters, timing in milliseconds, multiplications a second, bytes of state."""

import math

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from kwsstream.streaming import Sequential, evaluating, flatten, why_whole


@torch.no_grad()
def summarise(model: Sequential, sample_rate_hz: int, clip_samples: int) -> dict:
    """Facts of a model from audio, with their units in their names. States are those of one stream, in float32.

    What is about streaming is null, or empty, for a model that cannot stream; `cannot_stream` says why.
    """
    t, reason, ms = model.timing, why_whole(model), 1000 / sample_rate_hz
    macs, states = None, {}
    with evaluating(model):
        whole = multiplications(model, torch.zeros(1, clip_samples, 1, 1))
        if reason is None:
            hop = torch.zeros(1, t.stride, 1, 1)
            macs = multiplications(Steps(model), hop)
            states = flatten(model.step(hop)[1])
    return {
        "parameters": sum(p.numel() for p in model.parameters()) + statistics(model),
        "trainable_parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "cannot_stream": reason,
        "hop_ms": None if reason else t.stride * ms,
        "lookahead_ms": None if reason else t.lookahead * ms,
        "latency_ms": None if reason else (t.stride + t.lookahead) * ms,
        "receptive_field_ms": None if math.isinf(t.receptive_field) else t.receptive_field * ms,
        "macs_per_step": macs,
        "macs_per_second": None if reason else round(macs * sample_rate_hz / t.stride),
        "macs_per_clip": whole,
        "states": {name: list(tensor.shape[1:]) for name, tensor in states.items()},
        "state_bytes": sum(tensor.numel() * 4 for tensor in states.values()),
    }


class Steps(nn.Module):
    """The step of a layer as its forward."""

    def __init__(self, layer: Sequential):
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer.step(x)[0]


def multiplications(layer: nn.Module, x: Tensor) -> int:
    """Multiply-accumulate operations of convolutions and matrix products."""
    with FlopCounterMode(display=False) as counter:
        layer(x)
    return counter.get_total_flops() // 2


def statistics(model: nn.Module) -> int:
    """The running means and variances of batch norm, which the original counts as parameters."""
    return sum(buffer.numel() for name, buffer in model.named_buffers() if ".running_" in name)


def describe(name: str, facts: dict) -> str:
    """The facts of a model in three lines."""
    field = facts["receptive_field_ms"]
    if facts["cannot_stream"]:
        whole = f"{facts['macs_per_clip'] / 1e6:.1f} M MAC a clip"
        return f"{name}: {facts['parameters']:,} parameters, {whole}\ncannot stream: {facts['cannot_stream']}"
    return "\n".join(
        [
            f"{name}: {facts['parameters']:,} parameters, {facts['macs_per_second'] / 1e6:.1f} M MAC a second",
            f"hop {facts['hop_ms']:g} ms, latency {facts['latency_ms']:g} ms, receptive field "
            + ("unbounded" if field is None else f"{field:g} ms"),
            f"{len(facts['states'])} states of {facts['state_bytes'] / 1024:.1f} KiB",
        ]
    )
