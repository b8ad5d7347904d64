"""A folder to make files in, of which all or none come to stand where they belong."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kwsstream.errors import UserError


@contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder in `folder`, whose files move there at the end. On failure nothing is left.

    Names that start with a dot stay behind. UserError where the folder cannot be written.
    """
    existed = folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder))
    except OSError as error:
        raise unwritable(folder, error) from error
    try:
        yield beside
        for file in sorted(beside.glob("[!.]*")):
            file.replace(folder / file.name)
    except OSError as error:
        raise unwritable(folder, error) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        if not existed and not any(folder.iterdir()):
            folder.rmdir()


def unwritable(folder: Path, error: OSError) -> UserError:
    return UserError(f"cannot write {folder} ({error.strerror or error}): give a writable folder with --out")
