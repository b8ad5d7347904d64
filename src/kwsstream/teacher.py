"""Knowledge distillation: a trained run whose probabilities a smaller model learns from (Hinton et al., 2015)."""

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from kwsstream import runs
from kwsstream.config import Config
from kwsstream.data.augment import in_parts
from kwsstream.errors import UserError
from kwsstream.streaming import Sequential


class Teacher:
    """A model whose probabilities, softened by `temperature`, are `weight` of the loss. It sees the augmented clips."""

    def __init__(self, model: Sequential, weight: float, temperature: float):
        self.model, self.weight, self.temperature = model.eval().requires_grad_(False), weight, temperature

    def blend(self, loss: Tensor, logits: Tensor, audio: Tensor) -> Tensor:
        """The loss against the labels, blended with that against the teacher."""
        soft = F.kl_div(
            F.log_softmax(logits.float() / self.temperature, 1),
            F.log_softmax(self.logits(audio) / self.temperature, 1),
            reduction="batchmean",
            log_target=True,
        )
        # softened gradients are smaller by the square of the temperature
        return torch.lerp(loss, soft * self.temperature**2, self.weight)

    @torch.no_grad()
    def logits(self, audio: Tensor) -> Tensor:
        """Logits (batch, labels) of clips (batch, samples), float32 in [-1, 1]."""
        self.model.to(audio.device)
        with torch.autocast(audio.device.type, enabled=False):
            return self.model.net(in_parts(self.model.front, audio[:, :, None, None]))[:, -1, 0]


def teacher_of(config: Config, labels: list[str]) -> Teacher | None:
    """The teacher that a config names. UserError where it is no run, or one of other labels or clips."""
    if config.teacher is None:
        return None
    run = runs.load(Path(config.teacher.run))
    if run.labels != labels:
        raise UserError(f"teacher {run.folder} has labels {run.labels}, expected {labels}: train it on the same words")
    for key in ("clip_ms", "sample_rate_hz"):
        theirs, ours = getattr(run.config.data, key), getattr(config.data, key)
        if theirs != ours:
            raise UserError(
                f"teacher {run.folder} has data.{key} {theirs}, expected {ours}: train it on the same clips"
            )
    return Teacher(run.model, config.teacher.weight, config.teacher.temperature)
