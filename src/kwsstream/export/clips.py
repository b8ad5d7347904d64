"""Test clips, judged one by one as streams of their own: by PyTorch, and by files."""

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


def clip_logits(chain: list[Session], clips: Clips, model: Sequential, whole: bool) -> np.ndarray:
    """The logits (clips, labels) that a chain of sessions gives after the last step of each clip."""
    logits = []
    for i in range(len(clips.audio)):
        x = tensor(clips.audio[i : i + 1])
        x = x if whole else model.timing.fit(x)
        hops = x.numpy().reshape(1 if whole else x.shape[1] // model.timing.stride, -1)
        for session in chain:
            session.reset()
        logits.append(run_chain(chain, hops)[-1])
    return np.stack(logits)


def tensor(audio: np.ndarray) -> torch.Tensor:
    """Clips int16 (clips, samples) as a model takes them: float32 (clips, samples, 1, 1) in [-1, 1]."""
    return torch.from_numpy(audio.astype(np.float32) / 32768)[:, :, None, None]
