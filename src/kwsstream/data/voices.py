"""Who speaks: espeak-ng's voice variants, those of one vocal tract as one speaker, and the accents of a language."""

import hashlib
import re
from functools import cache
from pathlib import Path

import espeakng_loader

from kwsstream.data.split import speaker_percentage
from kwsstream.errors import UserError

ACCENTS = ("en-us", "en", "en-gb-x-rp", "en-gb-scotland", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-us-nyc", "en-029")

# A linear classifier of words, trained on the other voices, gets under 70 % of these right; 90 % and more of most.
UNCLEAR = {"Alicia", "Demonic", "RicishayMax3", "zac"}

_SCRIPT = re.compile(r"-[A-Za-z]{4}(-|$)")  # a subtag of four letters: text that is written in another alphabet


@cache
def speakers() -> dict[str, list[str]]:
    """The variants of each speaker, by the speaker's name in file names, 8 hexadecimal digits.

    In an order whose every beginning is spread over the hash split: of the first five, one validates and one tests.
    """
    voices = Path(espeakng_loader.get_data_path()) / "voices" / "!v"
    found: dict[str, list[str]] = {}
    for variant in sorted(path.name for path in voices.iterdir()):
        if variant not in UNCLEAR:
            found.setdefault(_speaker(variant), []).append(variant)
    by_hash = sorted(found, key=speaker_percentage)
    return {by_hash[rank]: found[by_hash[rank]] for rank in _spread(len(by_hash))}


def accents(language: str) -> list[str]:
    """The voices of a language code such as "en", "de" or "es-419" and of its regions. UserError for one unknown."""
    known = _languages()
    code = language.lower()
    found = sorted({voice for name, voice in known.items() if name == code or name.startswith(f"{code}-")})
    if not found:
        raise UserError(f"espeak-ng speaks no language {language!r}: expected one of {', '.join(sorted(known))}")
    return list(ACCENTS) if code == "en" else [voice for voice in found if not _SCRIPT.search(voice)] or found


@cache
def _languages() -> dict[str, str]:
    """The voice of every language code, in lower case. It is known by the name of its file, not by the code."""
    found: dict[str, str] = {}
    for path in sorted((Path(espeakng_loader.get_data_path()) / "lang").rglob("*")):
        if path.is_file():
            codes = re.findall(r"^language\s+(\S+)", path.read_text(encoding="utf-8"), re.MULTILINE)
            found |= {code.lower(): path.name for code in codes if code == codes[0] or code.lower() not in found}
    return found


def _speaker(variant: str) -> str:
    """Gene2 is Gene at another pitch, whisperf is whisper with another timbre; but f1 to f5 and m1 to m8 are people."""
    family = re.sub(r"(?<=\w\w)\d$|(?<=anika)Robot$|(?<=whisper)f$", "", variant).lower()
    return hashlib.sha1(f"espeak {family}".encode()).hexdigest()[:8]


def _spread(count: int) -> list[int]:
    """0 to count - 1 in the order in which 0, 1/2, 1/4, 3/4, 1/8, ... visits them (van der Corput, 1935)."""
    bits = count.bit_length()
    shares = (int(format(k, f"0{bits}b")[::-1], 2) / 2**bits for k in range(2**bits))
    return list(dict.fromkeys(int(share * count) for share in shares))
