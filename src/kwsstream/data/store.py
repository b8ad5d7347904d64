"""A corpus decoded once: every clip a row of one memory-mapped array, with an index beside it."""

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from os import cpu_count
from pathlib import Path

import numpy as np
from tqdm import tqdm

from kwsstream.data.decode import BadAudioError, decode
from kwsstream.data.listing import Clip
from kwsstream.data.report import warn_of
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


def open_store(root: Path, clips: Sequence[Clip], folder: Path, clip_ms: float, sample_rate_hz: int) -> Store:
    """The store of these clips, below `folder`; decoded now unless these very files are in it already.

    A file that is new, gone, or of another size or date makes another store. Clips are padded at the end with
    zeros, or cut, to `clip_ms`. Warns of clips skipped and changed. Raises UserError where `folder` is unwritable.
    """
    home = folder / _key(root, clips, clip_ms, sample_rate_hz)
    if not home.is_dir():
        with making(folder):
            _make(root, clips, home, clip_ms, sample_rate_hz)
    index = json.loads((home / "index.json").read_text(encoding="utf-8"))
    store = Store(np.load(home / "audio.npy", mmap_mode="r"), list(clips), index["skipped"], index["changed"])
    warn_of("skipped", store.skipped, root)
    warn_of("converted to mono at the wanted rate", store.changed, root)
    return store


def _key(root: Path, clips: Sequence[Clip], clip_ms: float, sample_rate_hz: int) -> str:
    facts = hashlib.sha256(json.dumps([REVISION, str(root.resolve()), clip_ms, sample_rate_hz]).encode())
    for clip in clips:
        stat = (root / clip.path).stat()
        facts.update(f"{clip.path}\0{stat.st_size}\0{stat.st_mtime_ns}\0".encode())
    return facts.hexdigest()[:20]


def _make(root: Path, clips: Sequence[Clip], home: Path, clip_ms: float, sample_rate_hz: int) -> None:
    if home.is_dir():  # made by another process, while this one waited
        return
    with whole(home) as beside:
        _decode_all(root, clips, beside, clip_ms, sample_rate_hz)


def _decode_all(root: Path, clips: Sequence[Clip], folder: Path, clip_ms: float, sample_rate_hz: int) -> None:
    folder.mkdir()
    shape = len(clips), round(clip_ms * sample_rate_hz / 1000)
    rows = np.lib.format.open_memmap(folder / "audio.npy", mode="w+", dtype=np.int16, shape=shape)
    fill = partial(_fill, root, clips, rows, clip_ms, sample_rate_hz)
    skipped, changed = {}, {}
    with ThreadPoolExecutor(cpu_count()) as threads:
        for clip, (bad, change) in zip(
            clips, tqdm(threads.map(fill, range(len(clips))), "decoding", len(clips), unit="clip"), strict=True
        ):
            if bad:
                skipped[clip.path] = bad
            if change:
                changed[clip.path] = change
    rows.flush()
    index = {"root": str(root), "skipped": skipped, "changed": changed}
    (folder / "index.json").write_text(json.dumps(index, indent=1), encoding="utf-8")


def _fill(
    root: Path, clips: Sequence[Clip], rows: np.ndarray, clip_ms: float, sample_rate_hz: int, row: int
) -> tuple[str, str]:
    """Decode one clip into its row; returns why it was skipped, or what was changed."""
    try:
        audio, changed = decode(root / clips[row].path, sample_rate_hz, clip_ms)
    except BadAudioError as error:
        return str(error), ""
    audio = audio[: rows.shape[1]]
    rows[row, : len(audio)] = audio
    return "", changed
