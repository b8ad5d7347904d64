"""The speakers of the spoken corpus: espeak-ng's voice variants, those that share a vocal tract as one speaker."""

import hashlib
import re
from functools import cache
from pathlib import Path

import espeakng_loader

from kwsstream.data.split import speaker_percentage

ACCENTS = ("en-us", "en", "en-gb-x-rp", "en-gb-scotland", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-us-nyc", "en-029")

# A linear classifier of words, trained on the other voices, gets under 70 % of these right; 90 % and more of most.
UNCLEAR = {"Alicia", "Demonic", "RicishayMax3", "zac"}


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


def _speaker(variant: str) -> str:
    """Gene2 is Gene at another pitch, whisperf is whisper with another timbre; but f1 to f5 and m1 to m8 are people."""
    family = re.sub(r"(?<=\w\w)\d$|(?<=anika)Robot$|(?<=whisper)f$", "", variant).lower()
    return hashlib.sha1(f"espeak {family}".encode()).hexdigest()[:8]


def _spread(count: int) -> list[int]:
    """0 to count - 1 in the order in which 0, 1/2, 1/4, 3/4, 1/8, ... visits them (van der Corput, 1935)."""
    bits = count.bit_length()
    shares = (int(format(k, f"0{bits}b")[::-1], 2) / 2**bits for k in range(2**bits))
    return list(dict.fromkeys(int(share * count) for share in shares))
