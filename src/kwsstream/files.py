"""Files and folders that are there whole or not at all: written beside their place, then renamed."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock
from platformdirs import user_cache_dir

from kwsstream.errors import UserError


def cache_folder() -> Path:
    """The folder of what can be made again: the environment's KWSSTREAM_CACHE, or the user's cache folder."""
    return Path(os.environ.get("KWSSTREAM_CACHE") or user_cache_dir("kwsstream"))


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a name beside `path` to write a file or a folder under; renamed to `path` at the end, removed on failure.

    What a killed run left under that name is removed first. Raises UserError where the place cannot be written.
    """
    beside = path.with_name(f".{path.name}.part")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove(beside)
        try:
            yield beside
            beside.replace(path)
        finally:
            _remove(beside)


@contextmanager
def making(path: Path) -> Iterator[None]:
    """Hold the lock on making `path`: another process that wants to make it waits, and then finds it made."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path.with_name(f".{path.name}.lock"))
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an error of the operating system into a UserError that names `path`."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"cannot write {path} ({error.strerror or error}): a writable place with space left is needed; "
            "choose another (for cached data, by KWSSTREAM_CACHE)"
        ) from error


def _remove(beside: Path) -> None:
    if beside.is_dir():
        shutil.rmtree(beside)
    beside.unlink(missing_ok=True)
