"""A user's own recordings of phrases, beside the spoken ones: found, cut to clips and shared out by speaker."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kwsstream.data.decode import BadAudioError, decode
from kwsstream.data.labels import BACKGROUND, UNKNOWN
from kwsstream.data.listing import audio_files
from kwsstream.data.report import warn_of
from kwsstream.data.speech import RATE_HZ, write_wav
from kwsstream.data.takes import TAIL
from kwsstream.errors import UserError

FRAME = RATE_HZ // 100
SPEECH_DB = -35  # what counts as speech: frames within so much of the loudest
FLOOR_DB = -60  # noise where a recording is shorter than a clip, relative to full scale
LONGEST_S = 2.8  # speech longer than this is more than a phrase


class Recording(NamedTuple):
    """One recording: its folder, file, speaker, samples int16 (samples,) at 16 kHz, and where in them the speech is."""

    word: str
    path: Path
    speaker: str
    audio: np.ndarray
    speech: slice


def read_recordings(root: Path, phrases: Sequence[str]) -> list[Recording]:
    """The recordings below root/PHRASE/, and below root/_unknown_/ those of what is no phrase. Warns of unusable ones.

    A file's speaker is what stands before the first underscore of its name; files without one are of one speaker.
    Raises UserError for a folder that is no phrase's, and where nothing is usable.
    """
    if not root.is_dir():
        raise UserError(f"recordings {root} is no folder: expected one with a folder for each phrase")
    found, skipped = [], {}
    for folder in sorted(path for path in root.iterdir() if path.is_dir() and path.name != BACKGROUND):
        word = folder.name.lower()
        if word not in (*phrases, UNKNOWN):
            raise UserError(
                f"recordings {folder}: no phrase is called {word!r}; name it like one of {', '.join(phrases)}, or "
                f"{UNKNOWN} for what is none"
            )
        for path in audio_files(folder):
            try:
                audio = decode(path, RATE_HZ).audio
                found.append(Recording(word, path, speaker_of(path), audio, speech_of(audio)))
            except BadAudioError as error:
                skipped[f"{folder.name}/{path.name}"] = str(error)
    warn_of("skipped", skipped, root)
    if not found:
        raise UserError(f"no usable recording in {root}: expected {root}/{phrases[0]}/SPEAKER_1.wav and such")
    return found


def speaker_of(path: Path) -> str:
    return path.stem.split("_")[0] if "_" in path.stem else ""


def speech_of(audio: np.ndarray) -> slice:
    """Where the speech of a recording is, by its level. BadAudioError for silence, and for more than a phrase."""
    frames = np.pad(audio, (0, -len(audio) % FRAME)).astype(np.float64).reshape(-1, FRAME)
    energy = np.square(frames).mean(1)
    if not energy.any():
        raise BadAudioError("silent")
    loud = np.flatnonzero(energy >= energy.max() * 10 ** (SPEECH_DB / 10))
    first, last = int(loud[0]) * FRAME, min(len(audio), (int(loud[-1]) + 1) * FRAME)
    if last - first > LONGEST_S * RATE_HZ:
        raise BadAudioError(f"{(last - first) / RATE_HZ:.1f} s of speech, more than {LONGEST_S}: cut it to the phrase")
    return slice(first, last)


def shared_out(recordings: Sequence[Recording]) -> dict[str, str]:
    """The partition of each speaker: of three speakers one validates and one tests, of ten likewise, and so on.

    One or two speakers train.
    """
    names = sorted({r.speaker for r in recordings}, key=lambda name: hashlib.sha1(name.encode()).hexdigest())
    share = -(-len(names) // 10) if len(names) > 2 else 0
    return {
        name: "validation" if n < share else "testing" if n < 2 * share else "training" for n, name in enumerate(names)
    }


def write_recordings(root: Path, recordings: Sequence[Recording], samples: int) -> None:
    """Write each as a clip of so many samples below root/PARTITION/, where it is not there yet."""
    members, numbers = shared_out(recordings), defaultdict(int)
    for recording in recordings:
        word = "unknown.own" if recording.word == UNKNOWN else recording.word
        numbers[word] += 1
        path = root / members[recording.speaker] / word / f"own_{recording.speaker}_{numbers[word]}.wav"
        if not path.is_file():
            write_wav(path, clip_of(recording, samples))


def clip_of(recording: Recording, samples: int) -> np.ndarray:
    """The clip, int16 (samples,), in which the speech ends TAIL before the end; noise where nothing was recorded."""
    noise = np.random.default_rng(len(recording.audio)).standard_normal(samples) * 10 ** (FLOOR_DB / 20)
    clip = np.rint(32767 * noise).astype(np.int16)
    first = recording.speech.stop + TAIL - samples
    there = recording.audio[max(first, 0) : first + samples]
    clip[max(-first, 0) : max(-first, 0) + len(there)] = there
    return clip
