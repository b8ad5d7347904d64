"""Background without end, of recordings that do end."""

import numpy as np

PIECE_S, CROSSFADE_S = (5.0, 15.0), 0.1


class Background:
    """Pieces of the recordings in random order, each brought to one level, crossfaded."""

    def __init__(self, recordings: list[np.ndarray], rms: float, rate: int, draw: np.random.Generator):
        self.recordings, self.rms, self.rate, self.draw = recordings, rms, rate, draw
        self.fade = round(CROSSFADE_S * rate)
        self.ready, self.tail = np.zeros(0, np.float32), np.zeros(self.fade, np.float32)

    def take(self, samples: int) -> np.ndarray:
        """The next samples, float32 (samples,)."""
        parts = [self.ready]
        while sum(map(len, parts)) < samples:
            parts.append(self.next())
        joined = np.concatenate(parts)
        self.ready = joined[samples:]
        return joined[:samples].copy()

    def next(self) -> np.ndarray:
        recording = self.recordings[self.draw.integers(len(self.recordings))]
        wanted = round(self.draw.uniform(*PIECE_S) * self.rate)
        start = self.draw.integers(max(len(recording) - wanted, 0) + 1)
        piece = recording[start : start + wanted].astype(np.float32) / 32768
        rms = float(np.sqrt(np.square(piece).mean()))
        if rms * 32768 >= 1:  # less is no sound, and stays none
            piece *= self.rms / rms
        slope = np.sin(np.linspace(0, np.pi / 2, self.fade, endpoint=False, dtype=np.float32))  # of equal power
        piece[: self.fade] *= slope
        piece[: self.fade] += self.tail
        self.tail = piece[len(piece) - self.fade :] * slope[::-1]
        return piece[: len(piece) - self.fade]
