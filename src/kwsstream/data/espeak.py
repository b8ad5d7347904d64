"""espeak-ng through ctypes, and a program of its own: utterances in (JSON, stdin), samples out (stdout).

espeak keeps state from one utterance to the next (flutter, noise), so the same call gives other samples later on.
A session - a new process that says a list of utterances in order - always gives the same samples.
Imports nothing but the standard library and the wheel, so that a session starts in milliseconds.
"""

import ctypes
import json
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

SAMPLE_RATE_HZ = 22050
_SYNCHRONOUS, _UTF8 = 2, 1  # AUDIO_OUTPUT_SYNCHRONOUS, espeakCHARS_UTF8 of speak_lib.h
_RATE, _PITCH, _RANGE = 1, 3, 4  # espeak_PARAMETER of speak_lib.h
_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class Utterance(NamedTuple):
    """What to say and how: voice is "accent+variant", rate in words a minute, pitch and range in 0..100."""

    voice: str
    text: str
    rate: int
    pitch: int
    range: int


def session(utterances: Sequence[Utterance]) -> list[bytes]:
    """Each utterance's samples, int16 at 22,050 Hz, said in order by a new process. Raises RuntimeError."""
    command = [sys.executable, "-P", __file__]
    done = subprocess.run(command, input=json.dumps(utterances).encode(), capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"espeak-ng failed: {done.stderr.decode(errors='replace').strip()}")
    return list(_unpacked(done.stdout))


def _unpacked(stream: bytes):
    at = 0
    while at < len(stream):
        (size,) = struct.unpack_from("<I", stream, at)
        yield stream[at + 4 : at + 4 + size]
        at += 4 + size


def _speaker() -> Callable[[Utterance], bytes]:
    """Start espeak-ng in this process; returns the function that says an utterance."""
    import espeakng_loader  # only a session needs it

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    rate = library.espeak_Initialize(_SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), 0)
    if rate != SAMPLE_RATE_HZ:
        raise RuntimeError(f"espeak_Initialize returned {rate}, expected {SAMPLE_RATE_HZ}")
    library.espeak_ng_SetRandSeed(ctypes.c_long(1))  # of breath and whisper; espeak_Initialize seeds it from the clock
    parts = []

    @_Callback
    def collect(samples, count, _events):
        if samples and count > 0:
            parts.append(ctypes.string_at(samples, 2 * count))
        return 0

    library.espeak_SetSynthCallback(collect)

    def say(utterance: Utterance, collect=collect) -> bytes:  # holds the callback, which espeak does not keep alive
        parts.clear()
        _check(library.espeak_SetVoiceByName(utterance.voice.encode()), utterance)
        for parameter, value in ((_RATE, utterance.rate), (_PITCH, utterance.pitch), (_RANGE, utterance.range)):
            _check(library.espeak_SetParameter(parameter, value, 0), utterance)
        text = utterance.text.encode()
        size = ctypes.c_size_t(len(text) + 1)
        _check(library.espeak_Synth(text, size, 0, 0, 0, _UTF8, None, None), utterance)
        return b"".join(parts)

    return say


def _check(code: int, utterance: Utterance) -> None:
    if code:
        raise RuntimeError(f"espeak returned {code} for {utterance}")


def main() -> None:
    say = _speaker()
    for fields in json.load(sys.stdin):
        samples = say(Utterance(*fields))
        sys.stdout.buffer.write(struct.pack("<I", len(samples)) + samples)


if __name__ == "__main__":
    main()
