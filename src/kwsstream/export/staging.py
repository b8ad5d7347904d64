"""A folder to make files in, of which all or none come to stand where they belong."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kwsstream.files import writing


@contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder in `folder`, whose files move there at the end. On failure nothing is left.

    Names that start with a dot stay behind. UserError where the folder cannot be written.
    """
    existed = folder.exists()
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=".part-", dir=folder))
        try:
            yield beside
            for file in sorted(beside.glob("[!.]*")):
                file.replace(folder / file.name)
        finally:
            shutil.rmtree(beside)
            if not existed and not any(folder.iterdir()):
                folder.rmdir()
