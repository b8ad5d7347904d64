"""The law of streaming layers, as checks that any layer or model must pass."""

import math

import torch
from torch.nn import functional as F


@torch.no_grad()
def stream(layer, x, chunk=1):
    """All of x through step, `chunk` output frames at a time."""
    state, outputs = None, []
    x = F.pad(x, (0, 0, 0, 0, layer.timing.lead, 0))
    hop = layer.timing.stride * chunk
    for frames in x[:, : x.shape[1] // hop * hop].split(hop, dim=1):
        y, state = layer.step(frames, state)
        outputs.append(y)
    return torch.cat(outputs, dim=1)


@torch.no_grad()
def check_steps(layer, x, chunk=1, **tolerance):
    """Steps equal forward, `delay` frames later. Before a delay is over, padding makes them differ."""
    t = layer.eval().timing
    whole, steps = layer(x), stream(layer, x, chunk)
    assert whole.shape[1] == t.frames(x.shape[1])
    padded = t.receptive_field - t.stride - t.lookahead - t.warmup
    first = max(math.ceil(padded / t.stride), 0) if t.delay else 0
    steps = steps[:, first + t.delay :]
    whole = whole[:, first : first + steps.shape[1]]
    assert steps.shape[1] > 0, "x is too short to say anything"
    torch.testing.assert_close(steps, whole, **tolerance)


@torch.no_grad()
def check_receptive_field(layer, x):
    """One output frame depends on both ends of its receptive field, and on nothing outside it."""
    t = layer.eval().timing
    j = t.frames(x.shape[1]) // 2
    end = j * t.stride + t.stride + t.lookahead + t.warmup
    start = end - t.receptive_field

    def spoiled(*frames):
        return layer(x.index_fill(1, torch.cat(frames), math.nan))[:, j].isnan().any()

    frame = torch.arange(x.shape[1])
    assert start >= 0 and end <= len(frame), "x is too short to say anything"
    assert spoiled(frame[start : start + 1])
    assert spoiled(frame[end - 1 : end])
    assert not spoiled(frame[:start], frame[end:])
