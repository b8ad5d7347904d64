"""What a model is and costs: parameters, timing in milliseconds, multiplications a second, bytes of state."""

import math

import torch
from torch.utils.flop_counter import FlopCounterMode

from kwsstream.streaming import Sequential, evaluating, flatten


@torch.no_grad()
def summarise(model: Sequential, sample_rate_hz: int) -> dict:
    """Facts of a model from audio, with their units in their names. States are those of one stream, in float32."""
    t = model.timing
    hop = torch.zeros(1, t.stride, 1, 1)
    with evaluating(model), FlopCounterMode(display=False) as counter:
        _, state = model.step(hop)
    multiplications = counter.get_total_flops() // 2
    states = flatten(state)
    ms = 1000 / sample_rate_hz
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "trainable_parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "hop_ms": t.stride * ms,
        "latency_ms": (t.stride + t.lookahead) * ms,
        "receptive_field_ms": None if math.isinf(t.receptive_field) else t.receptive_field * ms,
        "macs_per_step": multiplications,
        "macs_per_second": round(multiplications * sample_rate_hz / t.stride),
        "states": {name: list(tensor.shape[1:]) for name, tensor in states.items()},
        "state_bytes": sum(tensor.numel() * 4 for tensor in states.values()),
    }


def describe(name: str, facts: dict) -> str:
    """The facts of a model in three lines."""
    field = facts["receptive_field_ms"]
    return "\n".join(
        [
            f"{name}: {facts['parameters']:,} parameters, {facts['macs_per_second'] / 1e6:.1f} M MAC a second",
            f"hop {facts['hop_ms']:g} ms, latency {facts['latency_ms']:g} ms, receptive field "
            + ("unbounded" if field is None else f"{field:g} ms"),
            f"{len(facts['states'])} states of {facts['state_bytes'] / 1024:.1f} KiB",
        ]
    )
