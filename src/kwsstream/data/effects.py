"""All that is done to the clips of a training batch, in order, as a config asks for it."""

from torch import Generator, Tensor

from kwsstream.config import Config
from kwsstream.data.augment import Augment
from kwsstream.data.hard_negatives import HardNegatives
from kwsstream.data.labels import BACKGROUND
from kwsstream.data.module import SpeechData
from kwsstream.data.reverb import Reverb
from kwsstream.data.surroundings import Surroundings
from kwsstream.data.vocoder import Voice


class Treatment:
    """Clips int16 (batch, samples) to augmented clips float32 (batch, samples) in [-1, 1].

    Hard negatives first, then voice and room, then resampling, volume, shift and background, then noise from folders.
    Raises UserError where a folder has no recordings, and where there is no label for hard negatives.
    """

    def __init__(self, config: Config, data: SpeechData):
        effects, rate = config.effects, {"sample_rate_hz": data.sample_rate_hz}
        recordings = data.backgrounds if config.augment.background_volume > 0 else None
        self.hard_negatives = None
        if effects.hard_negatives is not None:
            self.hard_negatives = HardNegatives(data.labels, **rate, **dict(effects.hard_negatives))
        self.before = []
        if effects.voice is not None:
            self.before.append(Voice(**dict(effects.voice)))
        if effects.reverb is not None:
            self.before.append(Reverb(**rate, **dict(effects.reverb)))
        self.augment = Augment(data.samples, recordings, **rate, **dict(config.augment))
        self.noise = None
        if effects.noise is not None:
            self.noise = Surroundings(data.samples, **rate, background=data.root / BACKGROUND, **dict(effects.noise))

    def __call__(self, audio: Tensor, silence: Tensor, label: Tensor, draws: Generator) -> tuple[Tensor, Tensor]:
        """Treat a batch; returns its clips and labels. `silence` is bool (batch,), `draws` a generator on the CPU."""
        if self.hard_negatives is not None:
            audio, label = self.hard_negatives(audio, label, draws)
        for effect in self.before:
            audio = effect(audio, draws)
        audio = self.augment(audio, silence, draws)
        return audio if self.noise is None else self.noise(audio, draws), label
