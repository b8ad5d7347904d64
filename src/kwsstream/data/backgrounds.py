"""Background recordings, end to end in one array, for the augmentation to cut from."""

from pathlib import Path
from typing import NamedTuple

import torch

from kwsstream.data.decode import BadAudioError, decode
from kwsstream.data.listing import audio_files
from kwsstream.data.report import warn_of
from kwsstream.errors import UserError


class Backgrounds(NamedTuple):
    """Recordings joined: audio, int16 (sum of lengths,); lengths in samples, int64 (recordings,)."""

    audio: torch.Tensor
    lengths: torch.Tensor

    def pieces(self, samples: int) -> torch.Tensor:
        """Where each recording starts, and the largest offset of `samples` in it, int64 (recordings, 2)."""
        return torch.stack([self.lengths.cumsum(0) - self.lengths, self.lengths - samples], 1)


def read_backgrounds(folder: Path, samples: int, sample_rate_hz: int) -> Backgrounds:
    """Read all recordings of `folder` that are at least `samples` long, a clip; warns of the others.

    Raises UserError when the folder is missing or nothing in it can be used.
    """
    recordings, skipped = [], {}
    for path in audio_files(folder) if folder.is_dir() else []:
        try:
            audio = decode(path, sample_rate_hz).audio
            if len(audio) < samples:
                raise BadAudioError(f"{len(audio)} samples, shorter than a clip of {samples}")
            recordings.append(torch.from_numpy(audio))
        except BadAudioError as error:
            skipped[path.name] = str(error)
    warn_of("skipped", skipped, folder)
    if not recordings:
        raise UserError(
            f"no background recording in {folder}: expected sound files of at least {samples} samples; "
            "put some there, or train with background_volume=0"
        )
    return Backgrounds(torch.cat(recordings), torch.tensor([len(recording) for recording in recordings]))
