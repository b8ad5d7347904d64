"""Single words to put into a stream, cut to their speech; and what sounds like a keyword but is none."""

from typing import NamedTuple

import numpy as np

from kwsstream.data.hard_negatives import FADE_S, FRAME_S, SPEECH_DB
from kwsstream.data.labels import UNKNOWN
from kwsstream.detection.material import Material

MARGIN_S = 0.05
PART = 0.45


class Said(NamedTuple):
    """Something to put into a stream: float32 (samples,), and where in it the speech is."""

    audio: np.ndarray
    speech: slice
    label: str
    note: str

    @property
    def level(self) -> float:
        """The rms of the speech; never 0."""
        return max(float(np.sqrt(np.square(self.audio[self.speech]).mean())), 1e-6)


def something(made_of: Material, keywords: float, unknown: float, draw: np.random.Generator) -> Said:
    """A keyword, another word, or a hard negative, by their shares in percent."""
    rate, kind, form = made_of.sample_rate_hz, 100 * draw.uniform(), draw.uniform()
    label = str(draw.choice(list(made_of.keywords)))
    row = int(draw.choice(made_of.keywords[label]))
    if kind < keywords:
        return said(made_of.audio[row], rate, label, label)
    if made_of.others and kind < keywords + unknown:
        row = int(draw.choice(made_of.others))
        return said(made_of.audio[row], rate, UNKNOWN, f"other: {made_of.words[row]}")
    clip = made_of.audio[row]
    if form < 0.5 and label[::-1] not in made_of.keywords:  # "on" backwards is "no"
        return said(clip[::-1], rate, UNKNOWN, f"backwards: {label}")
    start, end = speech_of(clip, rate)
    return said(clip[: start + round(PART * (end - start))], rate, UNKNOWN, f"beginning: {label}")


def said(clip: np.ndarray, rate: int, label: str, note: str) -> Said:
    """The speech of a clip, with a margin on either side, faded in and out."""
    start, end = speech_of(clip, rate)
    first, last = max(0, start - round(MARGIN_S * rate)), min(len(clip), end + round(MARGIN_S * rate))
    audio = clip[first:last].astype(np.float32) / 32768
    fade = min(round(FADE_S * rate), len(audio) // 2)
    slope = np.linspace(0, 1, fade, endpoint=False, dtype=np.float32)
    audio[:fade] *= slope
    audio[len(audio) - fade :] *= slope[::-1]
    return Said(audio, slice(start - first, end - first), label, note)


def speech_of(clip: np.ndarray, rate: int) -> tuple[int, int]:
    """First and last sample (exclusive) of the speech in a clip, judged by its level."""
    frame = max(1, round(FRAME_S * rate))
    padded = np.pad(clip.astype(np.float32), (0, -len(clip) % frame))
    energy = np.square(padded.reshape(-1, frame)).mean(1)
    loud = np.flatnonzero(energy >= energy.max() * 10 ** (SPEECH_DB / 10))
    return int(loud[0]) * frame, min(len(clip), (int(loud[-1]) + 1) * frame)
