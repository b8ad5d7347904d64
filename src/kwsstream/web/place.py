"""The folder that a run is written to for JavaScript."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kwsstream.errors import UserError
from kwsstream.files import whole
from kwsstream.runs import Run
from kwsstream.streaming import why_whole


@contextmanager
def replacing(folder: Path, what: str, *marks: str) -> Iterator[Path]:
    """Yield a new folder to write into, which takes the place of `folder` at the end.

    UserError where that holds files and none of the marks, which tell that it was written by the same command.
    """
    if folder.exists() and any(folder.iterdir()) and not any((folder / mark).is_file() for mark in marks):
        raise UserError(f"{folder} is not empty and no {what}: give another folder with --out")
    with whole(folder) as beside:
        beside.mkdir()
        yield beside
        if folder.exists():
            shutil.rmtree(folder)


def check_streams(run: Run) -> None:
    """UserError where a run cannot be taken step by step."""
    if reason := why_whole(run.model):
        raise UserError(f"{run.name} cannot stream, {reason}: train a model that steps")
