"""Test clips, judged one by one as streams of their own: by PyTorch, and by files."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from kwsstream.runners.files import run_chain
from kwsstream.runners.session import Session
from kwsstream.streaming import Sequential

AT_ONCE = 100


@dataclass(frozen=True)
class Clips:
    """Audio, int16 (clips, samples); labels (clips,); PyTorch's logits (clips, labels) of the whole clips."""

    audio: np.ndarray
    labels: np.ndarray
    logits: np.ndarray


@torch.no_grad()
def judged_clips(model: Sequential, partition) -> Clips:
    """All clips of a partition, with PyTorch's logits."""
    audio = partition.audio(slice(None))
    logits = [model(tensor(audio[i : i + AT_ONCE]))[:, -1, 0] for i in range(0, len(audio), AT_ONCE)]
    return Clips(audio, np.asarray(partition.labels), torch.cat(logits).numpy())


def clip_logits(chain: Callable[[], list[Session]], clips: Clips, model: Sequential, whole: bool) -> np.ndarray:
    """The logits (clips, labels) that a chain of sessions gives after the last step of each clip.

    The clips are shared out among as many chains as there are processors: a runtime lets others run meanwhile, and
    an int16 file takes two milliseconds a step.
    """
    shares = np.array_split(clips.audio, min(os.cpu_count() or 1, len(clips.audio)))
    chains = [chain() for _ in shares]
    with ThreadPoolExecutor(len(shares)) as pool:
        parts = pool.map(lambda sessions, share: last_logits(sessions, share, model, whole), chains, shares)
        return np.concatenate(list(parts))


def last_logits(sessions: list[Session], audio: np.ndarray, model: Sequential, whole: bool) -> np.ndarray:
    """The logits after the last step of each clip, every one a stream of its own."""
    logits = []
    for i in range(len(audio)):
        x = tensor(audio[i : i + 1])
        x = x if whole else model.timing.fit(x)
        hops = x.numpy().reshape(1 if whole else x.shape[1] // model.timing.stride, -1)
        for session in sessions:
            session.reset()
        logits.append(run_chain(sessions, hops)[-1])
    return np.stack(logits)


def tensor(audio: np.ndarray) -> torch.Tensor:
    """Clips int16 (clips, samples) as a model takes them: float32 (clips, samples, 1, 1) in [-1, 1]."""
    return torch.from_numpy(audio.astype(np.float32) / 32768)[:, :, None, None]
