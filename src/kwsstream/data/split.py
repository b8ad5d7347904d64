"""Partitions: which clips train, validate and test, so that no speaker is heard in two of them.

hash      by the speaker's name in the file name, as Speech Commands defines it
lists     by the data set's validation_list.txt and testing_list.txt
folders   by ready folders training/, validation/ and testing/, each with a folder a word
"""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from kwsstream.errors import UserError

Split = Literal["hash", "lists", "folders"]
PARTITIONS = ("training", "validation", "testing")
LISTS = {"validation": "validation_list.txt", "testing": "testing_list.txt"}
_HASHES = 2**27 - 1


def speaker_percentage(file_name: str) -> float:
    """Where the speaker of a file stands in [0, 100], by the SHA-1 of the name without `_nohash_...` (Warden, 2018).

    A name without `_nohash_` is a speaker of its own, extension included, as in the original.
    """
    speaker = re.sub(r"_nohash_.*$", "", file_name)
    digest = int(hashlib.sha1(speaker.encode()).hexdigest(), 16)
    return (digest % (_HASHES + 1)) * (100.0 / _HASHES)


def hash_partition(file_name: str, validation_percentage: float = 10, testing_percentage: float = 10) -> str:
    """The partition of a file, by its speaker."""
    percentage = speaker_percentage(file_name)
    if percentage < validation_percentage:
        return "validation"
    if percentage < validation_percentage + testing_percentage:
        return "testing"
    return "training"


def partitions(
    root: Path, paths: Sequence[str], split: Split, validation_percentage: float = 10, testing_percentage: float = 10
) -> list[str]:
    """The partition of each of `paths`, which are relative to `root`: ".../word/file.wav".

    Raises UserError when the lists of `split="lists"` are missing.
    """
    if split == "folders":
        return [Path(path).parts[0] for path in paths]
    if split == "lists":
        listed = {_stem(line): name for name in LISTS for line in _lines(root, LISTS[name])}
        return [listed.get(_stem(path), "training") for path in paths]
    return [hash_partition(Path(path).name, validation_percentage, testing_percentage) for path in paths]


def _stem(path: str) -> str:
    """Word and file without the extension: the lists say .wav, a folder may hold the same clips as .flac."""
    return Path(path).with_suffix("").as_posix()


def _lines(root: Path, name: str) -> list[str]:
    if not (root / name).is_file():
        raise UserError(f"{root / name} is missing: split=lists expects {list(LISTS.values())} there; try split=hash")
    return [line.strip() for line in (root / name).read_text(encoding="utf-8").splitlines() if line.strip()]
