"""What sounds like a keyword and is none: keywords cut off before their middle, and keywords backwards."""

from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Generator, Tensor
from torch.nn import functional as F

from kwsstream.data.labels import UNKNOWN, is_keyword
from kwsstream.errors import UserError

FADE_S = 0.02
FRAME_S, SPEECH_DB = 0.02, -25  # a clip's speech: where its level is within so much of its loudest frame
Share = Annotated[float, Field(ge=0, le=1)]


class HardNegatives:
    """Keywords that become `_unknown_`, with probability `frequency`: half of them backwards, half cut off after a part
    of their speech between `shortest` and `longest`, and silent from there on.

    A word that is another one backwards ("on" and "no") is always cut off. UserError where no label is `_unknown_`.
    """

    def __init__(
        self,
        labels: Sequence[str],
        *,
        sample_rate_hz: int,
        frequency: Share = 0.2,
        shortest: Share = 0.2,
        longest: Share = 0.5,
    ):
        if UNKNOWN not in labels:
            raise UserError(
                f"effects.hard_negatives: no label of {', '.join(labels)} is {UNKNOWN}; raise data.unknown_percentage"
            )
        if shortest > longest:
            raise UserError(f"effects.hard_negatives: shortest {shortest} is over longest {longest}: swap them")
        self.frequency, self.parts = frequency, (shortest, longest)
        self.frame, self.fade = round(FRAME_S * sample_rate_hz), round(FADE_S * sample_rate_hz)
        self.unknown = list(labels).index(UNKNOWN)
        self.keyword = torch.tensor([is_keyword(label) for label in labels])
        self.reversible = torch.tensor([label[::-1] not in labels for label in labels])

    def __call__(self, audio: Tensor, label: Tensor, draws: Generator) -> tuple[Tensor, Tensor]:
        """Clips (batch, samples) of any dtype and their labels int64 (batch,), some of them changed."""
        chance, form, part = torch.rand(3, len(audio), generator=draws)
        drawn = (chance < self.frequency).nonzero()[:, 0]
        form, part, drawn = (numbers.to(audio.device) for numbers in (form[drawn], part[drawn], drawn))
        some, known = audio[drawn], label[drawn]
        shortest, longest = self.parts
        chosen = self.keyword.to(label.device)[known]
        backwards = self.reversible.to(label.device)[known] & (form < 0.5)
        cut = cut_off(some, shortest + (longest - shortest) * part, self.frame, self.fade)
        changed = torch.where(backwards[:, None], some.flip(1), cut)
        audio = audio.index_copy(0, drawn, torch.where(chosen[:, None], changed, some))
        return audio, label.index_copy(0, drawn, torch.where(chosen, self.unknown, known))


def cut_off(audio: Tensor, part: Tensor, frame: int, fade: int) -> Tensor:
    """Clips (batch, samples) that fade out, over `fade` samples, after a part (batch,) of their speech."""
    energy = F.pad(audio.float(), (0, -audio.shape[1] % frame)).unflatten(1, (-1, frame)).square().mean(2)
    loud = (energy >= energy.amax(1, keepdim=True) * 10 ** (SPEECH_DB / 10)).to(torch.uint8)
    first, last = loud.argmax(1), loud.shape[1] - loud.flip(1).argmax(1)
    end = frame * (first + part * (last - first))
    gain = ((end[:, None] - torch.arange(audio.shape[1], device=audio.device)) / fade).clamp(0, 1)
    return (audio * gain).to(audio.dtype)
