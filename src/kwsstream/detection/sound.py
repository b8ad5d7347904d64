"""Sound files read block by block: the same blocks wherever a file is listened to, so that results are the same."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile

from kwsstream.errors import UserError

BLOCK_S = 1.0


@contextmanager
def open_sound(path: Path) -> Iterator[soundfile.SoundFile]:
    """A sound file to read from. UserError where it is missing, unreadable or empty."""
    if not path.is_file():
        raise UserError(f"no sound file {path}: expected a WAV or FLAC file")
    try:
        with soundfile.SoundFile(path) as file:
            if not file.frames:
                raise UserError(f"{path} is empty: expected a WAV or FLAC file with samples")
            yield file
    except soundfile.SoundFileError as error:
        raise UserError(f"{path} cannot be read as sound ({error}): expected a WAV or FLAC file") from error


def blocks(file: soundfile.SoundFile, block_s: float = BLOCK_S) -> Iterator[np.ndarray]:
    """The file's samples, float32 in [-1, 1], channels averaged, `block_s` at a time."""
    for block in file.blocks(max(1, round(block_s * file.samplerate)), dtype="float32", always_2d=True):
        yield block[:, 0].copy() if block.shape[1] == 1 else block.mean(1)
