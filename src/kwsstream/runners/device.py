"""The micro front end as devices run it: the C library in the `pymicro-features` package, with its fixed parameters."""

import inspect
from pathlib import Path

import numpy as np

from kwsstream.errors import UserError
from kwsstream.extra import extra
from kwsstream.manifest import Manifest
from kwsstream.micro import Micro
from kwsstream.runners.session import Session

HOP, CHANNELS = 160, 40
FIXED = {"kind": "micro"} | {
    name: p.default for name, p in inspect.signature(Micro).parameters.items() if name != "sample_rate_hz"
}


class DeviceSession(Session):
    """Audio of any number of streams, (streams, samples, 1, 1), to features (streams, frames, 1, 40), as Micro gives.

    A step takes a multiple of 160 samples and gives zeros until the first window of 480 is full; with `whole`, a step
    is a clip, and gives full windows alone. The library keeps the state: it can be reset, but not seen.
    """

    def __init__(self, streams: int = 1, whole: bool = False):
        library = extra("pymicro_features", "micro")
        self.whole = whole
        self.ends = [library.MicroFrontend() for _ in range(streams)]

    @classmethod
    def of(cls, file: Path, manifest: Manifest) -> "DeviceSession":
        """What feeds a file. UserError where the file was trained on other features than devices make."""
        other = [f"{k} {v}" for k, v in ({"kind": "mel"} | manifest.features).items() if FIXED.get(k) != v]
        if other or manifest.clock.sample_rate_hz != 16000:
            raise UserError(
                f"{file} was trained on other features than devices make ({', '.join(other) or 'another rate'}): "
                "train with features.kind=micro and its defaults at 16000 Hz"
            )
        if manifest.input.name != "features":
            raise UserError(f"{file} takes audio, and makes its features itself: give a file that takes features")
        return cls(whole=manifest.stream == "none")

    def reset(self) -> None:
        for end in self.ends:
            end.reset()

    def step(self, x: np.ndarray) -> np.ndarray:
        if self.whole:
            self.reset()
        audio = np.rint(x * 32768).clip(-32768, 32767).astype("<i2")
        frames = [heard(end, clip.tobytes()) for end, clip in zip(self.ends, audio, strict=True)]
        early = 0 if self.whole else x.shape[1] // HOP - len(frames[0])
        return np.pad(np.stack(frames), ((0, 0), (early, 0), (0, 0)))[:, :, None]

    @property
    def state(self) -> dict[str, np.ndarray]:
        raise UserError("the features of devices keep their state inside: leave --device out to read or set it")

    def states(self) -> dict[str, np.ndarray]:
        return {}


def heard(end, audio: bytes) -> np.ndarray:
    """The frames (frames, channels), float32, that the next samples complete."""
    frames = []
    while audio:
        output = end.process_samples(audio)
        audio = audio[2 * output.samples_read :]
        if output.features:
            frames.append(output.features)
    return np.array(frames, np.float32).reshape(-1, CHANNELS)
