"""What all runners have in common: the audio they take, and the stream they keep."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from kwsstream.errors import UserError
from kwsstream.streaming import Timing


class Runner(ABC):
    """A model from audio to logits, with the state of one stream.

    A streaming runner takes any number of hops at a time; one whose `stream` is "none" takes whole clips and keeps
    no state. Two runners share nothing.
    """

    state: Any
    """All that the stream has left behind. Set to what it was before, here or in another runner of the same model or
    file, the stream goes on from there. None or {} may be silence. A file with internal state has none to show."""

    def __init__(self, labels: list[str], stream: str, timing: Timing, clip_samples: int | None = None):
        self.labels, self.stream, self.timing, self.clip_samples = labels, stream, timing, clip_samples

    @property
    def hop(self) -> int:
        """Samples that one step takes; of a whole-clip runner, the samples of a clip."""
        return self.clip_samples if self.stream == "none" else self.timing.stride

    def run(self, audio: np.ndarray) -> np.ndarray:
        """The next samples, float32 (samples,) in [-1, 1], to logits, float32 (steps, labels).

        UserError for another dtype or shape, for a length that is no multiple of the hop, and for NaN or infinity.
        """
        return self._run(checked(audio, self.hop, whole=self.stream == "none"))

    @abstractmethod
    def reset(self) -> None:
        """Start a new stream, after silence."""

    @abstractmethod
    def _run(self, hops: np.ndarray) -> np.ndarray:
        """Samples (steps, hop) to logits (steps, labels)."""


def checked(audio: np.ndarray, hop: int, whole: bool) -> np.ndarray:
    """Audio as hops, (steps, hop)."""
    if not isinstance(audio, np.ndarray) or audio.dtype != np.float32 or audio.ndim != 1:
        found = f"{audio.dtype} {audio.shape}" if isinstance(audio, np.ndarray) else type(audio).__name__
        raise UserError(f"audio is {found}: expected a float32 array (samples,); divide int16 samples by 32768")
    if len(audio) == 0 or len(audio) % hop or (whole and len(audio) != hop):
        expected = f"a clip of {hop} samples" if whole else f"a multiple of {hop} samples"
        raise UserError(f"audio has {len(audio)} samples: expected {expected}; cut or pad it")
    if not np.isfinite(audio).all():
        raise UserError(f"audio has {np.count_nonzero(~np.isfinite(audio))} samples of NaN or infinity: remove them")
    return audio.reshape(-1, hop)
