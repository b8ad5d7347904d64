"""Another sample rate, block by block: the same samples as torchaudio gives for the whole."""

from math import ceil, gcd

import numpy as np
import torch
from torchaudio.functional import resample

FILTER_WIDTH, ROLLOFF = 6, 0.99  # torchaudio's own


class Resampler:
    """A stream at rate `given` to the same stream at rate `wanted`; both whole numbers of Hz.

    The filter sees a few samples on either side (torchaudio.functional.resample), which wait for those that follow;
    `flush` gives the rest, as if silence followed.
    """

    def __init__(self, given: int, wanted: int):
        self.given, self.wanted = given, wanted
        self.period = given // gcd(given, wanted)  # samples in which a whole number of new ones fall
        self.new = wanted // gcd(given, wanted)
        reach = ceil(FILTER_WIDTH * self.period / (min(self.period, self.new) * ROLLOFF)) + 1
        self.margin = ceil(reach / self.period) * self.period
        self.past = np.zeros(self.margin, np.float32)

    def push(self, audio: np.ndarray) -> np.ndarray:
        """The next samples, float32 (samples,), to as many new ones as are settled."""
        if self.given == self.wanted:
            return audio
        joined = np.concatenate([self.past, audio])
        settled = (len(joined) - 2 * self.margin) // self.period * self.period
        if settled <= 0:
            self.past = joined
            return np.zeros(0, np.float32)
        self.past = joined[settled:]
        new = resample(torch.from_numpy(joined[: settled + 2 * self.margin]), self.given, self.wanted).numpy()
        start = self.margin // self.period * self.new
        return new[start : start + settled // self.period * self.new]

    def flush(self) -> np.ndarray:
        """The last samples: as many in all as the whole gives."""
        if self.given == self.wanted:
            return np.zeros(0, np.float32)
        left = len(self.past) - self.margin
        silence = np.zeros(2 * self.margin + self.period, np.float32)
        return self.push(silence)[: ceil(left * self.new / self.period)]
