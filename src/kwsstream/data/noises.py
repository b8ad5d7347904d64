"""The background recordings of the spoken corpus: coloured noise, mains hum, and many voices at once."""

import zlib
from pathlib import Path

import numpy as np

from kwsstream.data.espeak import Utterance
from kwsstream.data.labels import BACKGROUND
from kwsstream.data.speech import RATE_HZ, speech_16_khz, write_wav
from kwsstream.data.split import hash_partition
from kwsstream.data.voices import ACCENTS, speakers

NOISES = ("white", "pink", "brown", "hum", "babble")
SAMPLES = 40 * RATE_HZ
RMS = 0.2
TALKERS = 8
TALK = (  # none of the 35 words, so that no keyword is heard behind an unknown or a silence clip
    "The birch canoe slid past smooth planks. Glue the sheet to a dark blue background. These days a chicken leg is "
    "rare. Rice is often served in round bowls. The juice of lemons makes fine punch. Her box was thrown beside a "
    "parked truck. Hogs are fed chopped corn and garbage. A large size in stockings is hard to sell. Smoky fires lack "
    "flame and heat. The soft cushion broke a man's fall. A salt breeze came across from an angry sea."
)


def make_noise(root: Path, name: str, seed: int) -> None:
    """Write one of NOISES, 40 s at 16 kHz, into the background folder of `root`, unless it is there."""
    path = root / BACKGROUND / f"{name}.wav"
    if path.is_file():
        return
    draw = np.random.default_rng([seed, zlib.crc32(name.encode())])
    noise = {"hum": _hum, "babble": _babble}[name](draw) if name in ("hum", "babble") else _coloured(name, draw)
    noise *= RMS / np.sqrt(np.mean(noise**2))
    write_wav(path, np.clip(np.rint(noise * 32767), -32768, 32767).astype(np.int16))


def _coloured(name: str, draw: np.random.Generator) -> np.ndarray:
    """Noise whose power falls with frequency f as 1, 1/f or 1/f^2, level below 20 Hz."""
    spectrum = np.fft.rfft(draw.standard_normal(SAMPLES))
    frequency_hz = np.maximum(np.fft.rfftfreq(SAMPLES, 1 / RATE_HZ), 20)
    return np.fft.irfft(spectrum * frequency_hz ** {"white": 0, "pink": -0.5, "brown": -1}[name], SAMPLES)


def _hum(draw: np.random.Generator) -> np.ndarray:
    """Mains hum: 50 Hz, then 60 Hz, with harmonics that fall off and a little noise."""
    time_s = np.arange(SAMPLES) / RATE_HZ
    mains_hz = np.where(time_s < time_s[-1] / 2, 50, 60)
    harmonics = range(1, 21)
    tones = sum(np.sin(2 * np.pi * (k * mains_hz * time_s + draw.uniform())) * draw.uniform() / k for k in harmonics)
    return tones + 0.05 * draw.standard_normal(SAMPLES)


def _babble(draw: np.random.Generator) -> np.ndarray:
    """Eight voices of the training partition, each repeating the text from a place of its own."""
    people = [variants[0] for name, variants in speakers().items() if hash_partition(name) == "training"][:TALKERS]
    talk = [
        Utterance(f"{draw.choice(ACCENTS)}+{voice}", TALK, int(draw.integers(140, 190)), 50, 50) for voice in people
    ]
    voices = speech_16_khz(talk)
    return sum(np.roll(np.resize(voice, SAMPLES), draw.integers(SAMPLES)) / voice.std() for voice in voices)
