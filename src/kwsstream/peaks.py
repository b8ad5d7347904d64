"""The loss of peaks between the ends of clips (after the max-pooling loss of Sun et al., 2016).

Cross-entropy judges a clip where it ends. A detector listens at every step, and fires as well at a score that rises
before, or behind when the beginning of a word has left the receptive field: what sounds like a keyword then is one.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from kwsstream.data.labels import is_keyword

LET_GO_MS = 300  # for the score of a word to fall, after its clip


def wrong_keywords(labels: Sequence[str], *targets: Tensor) -> Tensor:
    """The keywords that clips are not, bool (clips, labels), of int64 targets (clips,), more than one where mixed."""
    keywords = torch.tensor([is_keyword(label) for label in labels], device=targets[0].device)
    wrong = keywords.repeat(len(targets[0]), 1)
    for target in targets:
        wrong[torch.arange(len(target)), target] = False
    return wrong


def stretches(ends: Sequence[int], frames: int, let_go: int) -> list[slice]:
    """What of a stream of so many frames is heard of each clip, given the frames that clips end in.

    A clip is heard until `let_go` frames behind its end, half a clip at most, and the next one from there.
    """
    let_go = min(let_go, (ends[0] + 1) // 2)
    bounds = [0, *(end + 1 + let_go for end in ends[:-1]), frames]
    return [slice(start, stop) for start, stop in pairwise(bounds)]


def peak_loss(logits: Tensor, wrong: Tensor, heard: Sequence[slice]) -> Tensor:
    """The mean over clips of -log(1 - p), p being the highest probability of a wrong keyword in any frame of a clip.

    logits: float (streams, frames, labels)
    wrong: bool (streams * clips, labels), the wrong keywords of the clips of each stream
    heard: the frames of each clip of a stream
    """
    logits, wrong = logits.float(), wrong.unflatten(0, (len(logits), len(heard)))
    peaks = []
    for clip, frames in enumerate(heard):
        here = logits[:, frames]
        others = here.masked_fill(wrong[:, None, clip], -torch.inf)
        peaks.append((here.logsumexp(2) - others.logsumexp(2)).amax(1))
    return torch.stack(peaks).mean()
