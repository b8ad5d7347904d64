"""Exported files as runners: the file alone, or its front end's file before it."""

from pathlib import Path

import numpy as np

from kwsstream.errors import UserError
from kwsstream.manifest import Interface, Manifest, read_manifest
from kwsstream.runners.device import DeviceSession
from kwsstream.runners.front import check_front, without_file
from kwsstream.runners.onnx import OnnxSession
from kwsstream.runners.runner import Runner
from kwsstream.runners.session import Session
from kwsstream.runners.tflite import LiteRTSession


class FileRunner(Runner):
    """Sessions one after another, from audio to logits: the model's, or the front end's and the net's."""

    def __init__(self, manifest: Manifest, sessions: list[Session]):
        clock = manifest.clock
        super().__init__(manifest.labels, manifest.stream, clock.timing, clock.clip_samples)
        self.manifest, self.sessions = manifest, sessions

    def reset(self) -> None:
        for session in self.sessions:
            session.reset()

    def _run(self, hops: np.ndarray) -> np.ndarray:
        return run_chain(self.sessions, hops)


def run_chain(sessions: list[Session], hops: np.ndarray) -> np.ndarray:
    """Samples (steps, hop) through sessions one after another to logits (steps, labels)."""
    results = list(hops.reshape(len(hops), 1, -1, 1, 1))
    for session in sessions:
        results = session.steps(results)
    return np.concatenate(results)


def open_runner(file: Path | str, threads: int = 1, device: bool = False) -> FileRunner:
    """A runner of an exported model, at the start of a stream.

    With `device`, its features are made by the code that devices run (kwsstream.runners.device). UserError where the
    file, its manifest or its front end is missing or belongs to something else, and where the file is a front end,
    which has no logits.
    """
    file = Path(file)
    manifest = read_manifest(file)
    if manifest.output.name != "logits":
        raise UserError(f"{file} is a front end, which gives no logits: open the file that takes its features")
    sessions = [open_session(file, manifest, threads)]
    if device:
        sessions.insert(0, DeviceSession.of(file, manifest))
    elif manifest.front_end:
        front = file.with_name(manifest.front_end)
        its = read_manifest(front)
        check_front(file, manifest, front, its)
        sessions.insert(0, open_session(front, its, threads))
    elif manifest.input.name == "features":
        sessions.insert(0, without_file(file, manifest))
    return FileRunner(manifest, sessions)


def open_session(file: Path, interface: Interface, threads: int = 1) -> Session:
    """The session of a file by its suffix."""
    return {".onnx": OnnxSession, ".tflite": LiteRTSession}[file.suffix](file, interface, threads)
