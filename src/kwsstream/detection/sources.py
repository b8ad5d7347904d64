"""Audio as it comes: from a file, a pipe or a microphone."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np

from kwsstream.detection.inlet import Inlet
from kwsstream.detection.sound import BLOCK_S, blocks, open_sound
from kwsstream.errors import UserError
from kwsstream.extra import extra

LIVE_S = 0.1


class Source(NamedTuple):
    """Where audio comes from: its rate, and what starts it to give to an inlet."""

    name: str
    sample_rate_hz: int
    live: bool
    start: Callable[[Inlet], object]


def wav_source(path: Path, realtime: bool) -> Source:
    """A sound file, as fast as it is heard, or at the pace it was recorded at."""
    with open_sound(path) as file:
        rate = file.samplerate

    def audio() -> Iterator[np.ndarray]:
        with open_sound(path) as file:
            yield from paced(blocks(file, LIVE_S), rate) if realtime else blocks(file, BLOCK_S)

    return Source(path.name, rate, realtime, lambda inlet: inlet.give_all(audio()))


def pipe_source(descriptor: int, rate: int, live: bool) -> Source:
    """Raw PCM from a pipe: signed 16 bit, little endian, one channel. The pipe waits, unless `live`."""

    def audio() -> Iterator[np.ndarray]:
        odd = b""
        # os.read: a thread that waits in a buffered reader would hold its lock, and the end of Python with it
        while data := os.read(descriptor, 2 * max(1, round(LIVE_S * rate))):
            data = odd + data
            whole = len(data) - len(data) % 2
            odd = data[whole:]
            if whole:
                yield np.frombuffer(data[:whole], "<i2").astype(np.float32) / 32768

    return Source("stdin", rate, live, lambda inlet: inlet.give_all(audio()))


def microphone_source(device: str | None, rate: int) -> Source:
    """A microphone by number or part of its name; at `rate` if it can, else at its own."""
    sounddevice = microphones()
    number = int(device) if device and device.isdigit() else device
    try:
        try:
            sounddevice.check_input_settings(device=number, channels=1, dtype="float32", samplerate=rate)
        except sounddevice.PortAudioError:
            rate = round(sounddevice.query_devices(number, "input")["default_samplerate"])
            sounddevice.check_input_settings(device=number, channels=1, dtype="float32", samplerate=rate)
    except (sounddevice.PortAudioError, ValueError) as error:
        first = str(error).splitlines()[0]
        raise UserError(f"no microphone {device or '(default)'} ({first}): list them by --devices") from error

    def start(inlet: Inlet) -> object:
        def hear(audio: np.ndarray, _frames, _time, status) -> None:
            if status.input_overflow:  # dropped before they came here, nobody counted how many
                inlet.dropped += len(audio)
            inlet.give(audio[:, 0].copy())

        size = round(LIVE_S * rate)
        stream = sounddevice.InputStream(rate, size, number, channels=1, dtype="float32", callback=hear)
        stream.start()
        return stream

    return Source(f"microphone {device or '(default)'}", rate, True, start)


def microphones() -> ModuleType:
    """The library that knows them. UserError where it, or the PortAudio that it needs, is missing."""
    try:
        return extra("sounddevice", "listen")
    except OSError as error:
        raise UserError(f"{error}: sounddevice needs PortAudio; install libportaudio2, or use --stdin") from error


def paced(audio: Iterator[np.ndarray], rate: int) -> Iterator[np.ndarray]:
    """Blocks no sooner than they would have been recorded."""
    start, heard = time.monotonic(), 0
    for one in audio:
        heard += len(one)
        time.sleep(max(0.0, start + heard / rate - time.monotonic()))
        yield one
