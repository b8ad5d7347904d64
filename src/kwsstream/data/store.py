"""A corpus decoded once: every clip a row of one memory-mapped array, with an index beside it."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
from tqdm import tqdm

from kwsstream.data.decode import BadAudioError, decode
from kwsstream.data.listing import Clip
from kwsstream.data.report import warn_of
from kwsstream.data.threads import threads
from kwsstream.files import making, whole

REVISION = 1  # of the stored form: raise it when the same files must be decoded anew


@dataclass(frozen=True)
class Store:
    """The clips of a corpus, in the order they were listed in.

    audio: memory-mapped int16 (clips, samples); a row of a skipped clip is silence
    clips: path and word of each row
    skipped: reason by path, of the clips that could not be read
    changed: what was changed by path, of the clips that were stereo or of another rate
    """

    audio: np.ndarray
    clips: list[Clip]
    skipped: dict[str, str]
    changed: dict[str, str]


def open_store(root: Path, clips: Sequence[Clip], folder: Path, samples: int, sample_rate_hz: int) -> Store:
    """The store of these clips, below `folder`; decoded now unless these very files are in it already.

    A file that is new, gone, or of another size or date makes another store. Clips are padded at the end with
    zeros, or cut, to `samples`. Warns of clips skipped and changed. Raises UserError where `folder` is unwritable.
    """
    home = folder / _key(root, clips, samples, sample_rate_hz)
    if not home.is_dir():
        with making(folder):
            _make(root, clips, home, samples, sample_rate_hz)
    index = json.loads((home / "index.json").read_text(encoding="utf-8"))
    store = Store(np.load(home / "audio.npy", mmap_mode="r"), list(clips), index["skipped"], index["changed"])
    warn_of("skipped", store.skipped, root)
    warn_of("converted to mono at the wanted rate", store.changed, root)
    return store


def _key(root: Path, clips: Sequence[Clip], samples: int, sample_rate_hz: int) -> str:
    facts = hashlib.sha256(json.dumps([REVISION, str(root.resolve()), samples, sample_rate_hz]).encode())
    for clip in clips:
        stat = (root / clip.path).stat()
        facts.update(f"{clip.path}\0{stat.st_size}\0{stat.st_mtime_ns}\0".encode())
    return facts.hexdigest()[:20]


def _make(root: Path, clips: Sequence[Clip], home: Path, samples: int, sample_rate_hz: int) -> None:
    if home.is_dir():  # made by another process, while this one waited
        return
    with whole(home) as beside:
        beside.mkdir()
        with (beside / "audio.npy").open("wb") as file:
            skipped, changed = _decode_all(root, clips, file, samples, sample_rate_hz)
        index = {"root": str(root), "skipped": skipped, "changed": changed}
        (beside / "index.json").write_text(json.dumps(index, indent=1), encoding="utf-8")


def _decode_all(
    root: Path, clips: Sequence[Clip], file: BinaryIO, samples: int, sample_rate_hz: int
) -> tuple[dict[str, str], dict[str, str]]:
    """Fill `file`, an .npy, with a row a clip; returns what was skipped and what was changed, by path."""
    header = {"descr": "<i2", "fortran_order": False, "shape": (len(clips), samples)}
    np.lib.format.write_array_header_1_0(file, header)
    file.flush()
    start = file.tell()
    file.truncate(start + 2 * samples * len(clips))  # what no clip fills is zeros
    fill = partial(_fill, file.fileno(), start, samples, sample_rate_hz)
    skipped, changed = {}, {}
    with threads() as pool:
        done = pool.map(fill, range(len(clips)), (root / clip.path for clip in clips))
        for clip, (bad, change) in zip(clips, tqdm(done, "decoding", len(clips), unit="clip"), strict=True):
            if bad:
                skipped[clip.path] = bad
            if change:
                changed[clip.path] = change
    return skipped, changed


def _fill(file: int, start: int, samples: int, sample_rate_hz: int, row: int, path: Path) -> tuple[str, str]:
    """Decode one clip into its row; returns why it was skipped, or what was changed.

    Written, not copied into a memory map: a disk that fills up ends a write with an error, but a map with a crash.
    """
    try:
        audio, changed = decode(path, sample_rate_hz, samples)
    except BadAudioError as error:
        return str(error), ""
    left, place = memoryview(audio[:samples].astype("<i2").tobytes()), start + 2 * samples * row
    while left:  # the write that meets the end of the disk is a short one; the next raises
        written = os.pwrite(file, left, place)
        left, place = left[written:], place + written
    return "", changed
