"""espeak-ng through ctypes, and a program of its own: utterances in (JSON, stdin), samples or phonemes out (stdout).

espeak keeps state from one utterance to the next (flutter, noise), so the same call gives other samples later on.
A session - a new process that says a list of utterances in order - always gives the same samples.
Imports nothing but the standard library and the wheel, so that a session starts in milliseconds.
"""

import ctypes
import json
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

SAMPLE_RATE_HZ = 22050
_SYNCHRONOUS, _UTF8, _PHONEMES = (
    2,
    1,
    0x100,
)  # AUDIO_OUTPUT_SYNCHRONOUS, espeakCHARS_UTF8, espeakPHONEMES of speak_lib.h
_SEPARATOR = "|"
_RATE, _PITCH, _RANGE = 1, 3, 4  # espeak_PARAMETER
_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class Utterance(NamedTuple):
    """What to say and how: voice is "accent+variant", rate in words a minute, pitch and range in 0..100.

    A text that begins with "[[" is phonemes as `phonemes` gives them, up to "]]". `tract` is the text of a voice
    variant (espeak-ng's docs/voices.md) that espeak-ng does not come with; its voice is the accent alone.
    """

    voice: str
    text: str
    rate: int
    pitch: int
    range: int
    tract: str = ""


def session(utterances: Sequence[Utterance]) -> list[bytes]:
    """Each utterance's samples, int16 at 22,050 Hz, said in order by a new process. Raises RuntimeError."""
    return list(_unpacked(_run("say", utterances)))


def phonemes(texts: Sequence[tuple[str, str]]) -> list[str]:
    """The phonemes of each (voice, text), in espeak's mnemonics: "|" between them, a space between words.

    Raises RuntimeError.
    """
    return json.loads(_run("spell", texts))


def _run(task: str, wanted: Sequence) -> bytes:
    command = [sys.executable, "-P", __file__, task]
    done = subprocess.run(command, input=json.dumps(wanted).encode(), capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"espeak-ng failed: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def _unpacked(stream: bytes):
    at = 0
    while at < len(stream):
        (size,) = struct.unpack_from("<I", stream, at)
        yield stream[at + 4 : at + 4 + size]
        at += 4 + size


def _library(data: Path | None = None) -> ctypes.CDLL:
    """Start espeak-ng in this process, with its own data or another folder of them."""
    import espeakng_loader  # only a session needs it

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    rate = library.espeak_Initialize(_SYNCHRONOUS, 0, str(data or espeakng_loader.get_data_path()).encode(), 0)
    if rate != SAMPLE_RATE_HZ:
        raise RuntimeError(f"espeak_Initialize returned {rate}, expected {SAMPLE_RATE_HZ}")
    return library


def _with_tracts(data: Path, wanted: Sequence[Utterance]) -> list[Utterance]:
    """Write the tracts of utterances as voice variants into `data`, which links to the rest of espeak-ng's data.

    Returns the utterances in the voices that they have there.
    """
    import espeakng_loader

    source = Path(espeakng_loader.get_data_path())
    variants = data / "voices" / "!v"
    variants.mkdir(parents=True)
    for entry in [*source.iterdir(), *(source / "voices").iterdir(), *(source / "voices" / "!v").iterdir()]:
        if entry.name not in ("voices", "!v"):
            (data / entry.relative_to(source)).symlink_to(entry)
    names = {tract: f"tract{n}" for n, tract in enumerate(dict.fromkeys(one.tract for one in wanted if one.tract))}
    for tract, name in names.items():
        (variants / name).write_text(tract, encoding="utf-8")
    return [one._replace(voice=f"{one.voice}+{names[one.tract]}") if one.tract else one for one in wanted]


def _speaker(library: ctypes.CDLL) -> Callable[[Utterance], bytes]:
    """The function that says an utterance."""
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
        flags = _UTF8 | _PHONEMES * utterance.text.startswith("[[")
        _check(library.espeak_Synth(text, size, 0, 0, 0, flags, None, None), utterance)
        return b"".join(parts)

    return say


def _spelled(library: ctypes.CDLL, voice: str, text: str) -> str:
    """The phonemes of a text in the voice, all its clauses."""
    spell = library.espeak_TextToPhonemes
    spell.restype, spell.argtypes = ctypes.c_char_p, [ctypes.POINTER(ctypes.c_char_p), ctypes.c_int, ctypes.c_int]
    _check(library.espeak_SetVoiceByName(voice.encode()), text)
    rest, clauses = ctypes.c_char_p(text.encode()), []
    while rest.value:  # espeak moves it behind the clause that it has spelled
        clauses.append(spell(ctypes.byref(rest), _UTF8, ord(_SEPARATOR) << 8).decode())
    return " ".join(clauses)


def _check(code: int, asked: Utterance | str) -> None:
    if code:
        raise RuntimeError(f"espeak returned {code} for {asked}")


def main() -> None:
    wanted = json.load(sys.stdin)
    if sys.argv[1] == "spell":
        library = _library()
        json.dump([_spelled(library, *given) for given in wanted], sys.stdout)
        return
    utterances = [Utterance(*fields) for fields in wanted]
    with tempfile.TemporaryDirectory() as folder:
        data = None
        if any(one.tract for one in utterances):
            data = Path(folder) / "espeak-ng-data"
            utterances = _with_tracts(data, utterances)
        say = _speaker(_library(data))
        for one in utterances:
            samples = say(one)
            sys.stdout.buffer.write(struct.pack("<I", len(samples)) + samples)


if __name__ == "__main__":
    main()
