"""What training makes smaller: cross-entropy, weighted by label, of blended labels, and the distance to a teacher."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from kwsstream.config import Config
from kwsstream.data.mixup import Mixed
from kwsstream.data.module import SpeechData
from kwsstream.errors import UserError
from kwsstream.teacher import Teacher, teacher_of


class Loss:
    """The loss of a batch, a scalar.

    smoothing: share of each target that is spread over all labels
    weights: of the labels, float32 (labels,), or None for alike
    teacher: a trained model to come near to, or None
    """

    def __init__(self, smoothing: float = 0.0, weights: Tensor | None = None, teacher: Teacher | None = None):
        self.smoothing, self.weights, self.teacher = smoothing, weights, teacher

    def __call__(self, logits: Tensor, labels: Tensor, audio: Tensor, mixed: Mixed | None = None) -> Tensor:
        """Of logits (batch, labels), labels int64 (batch,) and clips (batch, samples), blended as in `mixed`."""
        loss = self.cross_entropy(logits, labels, mixed)
        return loss if self.teacher is None else self.teacher.blend(loss, logits, audio)

    def cross_entropy(self, logits: Tensor, labels: Tensor, mixed: Mixed | None) -> Tensor:
        if self.weights is not None:
            self.weights = self.weights.to(logits.device)
        given = {"weight": self.weights, "label_smoothing": self.smoothing}
        if mixed is None:
            return F.cross_entropy(logits, labels, **given)
        weights = torch.ones_like(logits[0]) if self.weights is None else self.weights
        total = count = torch.zeros((), device=logits.device)
        for target, share in ((labels, mixed.share), (labels[mixed.other], 1 - mixed.share)):
            total = total + (share * F.cross_entropy(logits, target, reduction="none", **given)).sum()
            count = count + (share * weights[target]).sum()
        return total / count


def label_weights(asked: Literal["balanced"] | Sequence[float] | None, labels: Tensor, count: int) -> Tensor | None:
    """Weights of `count` labels: as given, or "balanced": in inverse proportion to the clips of each in `labels`.

    Raises UserError where the numbers given are not one a label.
    """
    if asked is None:
        return None
    if asked == "balanced":
        clips = torch.bincount(labels, minlength=count).float()
        return clips.sum() / (clips.count_nonzero() * clips.clamp(min=1))
    if len(asked) != count:
        raise UserError(f"training.class_weights has {len(asked)} numbers, expected {count}: one for each label")
    return torch.tensor(asked, dtype=torch.float32)


def loss_of(config: Config, data: SpeechData) -> Loss:
    """The loss that a config asks for. UserError where its teacher or its weights do not fit the data."""
    training, labels = config.training, torch.from_numpy(data.partition("training").labels)
    weights = label_weights(training.class_weights, labels, len(data.labels))
    return Loss(training.label_smoothing, weights, teacher_of(config, data.labels))
