"""The law of streaming layers, as checks that any layer or model must pass."""

import math
from itertools import cycle

import torch

from kwsstream.streaming import timing


@torch.no_grad()
def stream(layer, x, chunks=(1,)):
    """All of x through step, as many output frames at a time as `chunks` says, over and over."""
    state, outputs, sizes = None, [], cycle(chunks)
    x = layer.timing.fit(x)
    while x.shape[1]:
        frames = next(sizes) * layer.timing.stride
        y, state = layer.step(x[:, :frames], state)
        outputs.append(y)
        x = x[:, frames:]
    return torch.cat(outputs, dim=1)


@torch.no_grad()
def check_steps(layer, x, chunks=(1,), **tolerance):
    """Steps equal forward, `delay` frames later. Padding makes them differ at the start where a layer is not causal,
    and at the end where there is a lookahead.
    """
    t = layer.eval().timing
    whole, steps = layer(x), stream(layer, x, chunks)
    assert whole.shape[1] == t.frames(x.shape[1])
    assert steps.shape[1] == whole.shape[1] + t.delay
    padded = t.receptive_field - t.stride - t.lookahead - t.warmup
    settles = any(timing(m).warmup or timing(m).lookahead for m in layer.modules())
    first = max(math.ceil(padded / t.stride), 0) if settles and math.isfinite(padded) else 0
    last = whole.shape[1] - math.ceil(t.lookahead / t.stride)
    assert first < last, "x is too short to say anything"
    torch.testing.assert_close(steps[:, first + t.delay : last + t.delay], whole[:, first:last], **tolerance)


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
