"""What a corpus folder holds: its clips, by word, and its background recordings."""

from pathlib import Path
from typing import NamedTuple

from kwsstream.data.split import PARTITIONS, Split
from kwsstream.errors import UserError

AUDIO = {".wav", ".flac", ".ogg", ".aiff", ".aif", ".mp3"}


class Clip(NamedTuple):
    """One recording: its path relative to the corpus, as a posix string, and the word it says, in lower case."""

    path: str
    word: str


def clips(root: Path, split: Split = "hash") -> list[Clip]:
    """All clips under root/word/, or under root/partition/word/ for the split "folders", sorted by path.

    Folders whose name starts with "_" or "." hold no words. Raises UserError when there is no root or no clip.
    """
    if not root.is_dir():
        raise UserError(f"data.root={root} is no folder: expected a corpus with a folder a word; give its path")
    homes = [_partition_folder(root, name) for name in PARTITIONS] if split == "folders" else [root]
    words = sorted(folder for home in homes for folder in home.iterdir() if folder.is_dir() and _is_word(folder))
    found = [Clip(path.relative_to(root).as_posix(), word.name.lower()) for word in words for path in audio_files(word)]
    if not found:
        where = f"{root}/{{{','.join(PARTITIONS)}}}" if split == "folders" else root
        raise UserError(f"no audio under {where}: expected word/*.wav or word/*.flac there; check data.root")
    return found


def audio_files(folder: Path) -> list[Path]:
    """The sound files of one folder, sorted."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in AUDIO and not path.name.startswith("."))


def _is_word(folder: Path) -> bool:
    return not folder.name.startswith(("_", "."))


def _partition_folder(root: Path, name: str) -> Path:
    if not (root / name).is_dir():
        raise UserError(f"{root / name} is missing: split=folders expects {list(PARTITIONS)} there; try split=hash")
    return root / name
