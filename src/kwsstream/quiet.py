"""Silence for libraries that print from Python and from C++, with their last words kept for an error message."""

import logging
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from typing import IO

STANDARD_OUTPUTS = (1, 2)
COLOUR = re.compile(r"\x1b\[[\d;]*m")


class Chatter:
    """What was printed while a block was quiet."""

    def __init__(self, file: IO[str]):
        self._file = file

    @property
    def last_line(self) -> str:
        """The last line, or ""."""
        return next(reversed(self.lines), "")

    @property
    def lines(self) -> list[str]:
        """The lines that are not empty, without indentation and colours."""
        self._file.flush()
        with open(self._file.name, errors="replace") as file:  # noqa: PTH123 (a name, not a path of ours)
            lines = [COLOUR.sub("", line).strip() for line in file]
        return [line for line in lines if line]


@contextmanager
def quiet() -> Iterator[Chatter]:
    """Keep stdout and stderr of the whole process, warnings and log records out of sight, and in the Chatter."""
    with ExitStack() as stack:
        file = stack.enter_context(tempfile.NamedTemporaryFile("w", suffix=".log"))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        level = logging.root.manager.disable
        stack.callback(logging.disable, level)
        logging.disable(logging.CRITICAL)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        for descriptor in STANDARD_OUTPUTS:
            stack.callback(_restore, os.dup(descriptor), descriptor)
            os.dup2(file.fileno(), descriptor)
        stack.enter_context(redirect_stdout(file))
        stack.enter_context(redirect_stderr(file))
        yield Chatter(file)


def _restore(saved: int, descriptor: int) -> None:
    os.dup2(saved, descriptor)
    os.close(saved)
