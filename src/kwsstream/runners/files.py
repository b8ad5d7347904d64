"""Exported files as runners: the file alone, or its front end's file before it."""

from pathlib import Path

import numpy as np

from kwsstream.errors import UserError
from kwsstream.manifest import Interface, Manifest, read_manifest
from kwsstream.runners.device import DeviceSession
from kwsstream.runners.front import check_front, without_file
from kwsstream.runners.micro import MicroSession
from kwsstream.runners.onnx import OnnxSession
from kwsstream.runners.runner import Runner
from kwsstream.runners.session import Session
from kwsstream.runners.tflite import LiteRTSession, ReferenceLiteRTSession

RUNTIMES = {
    "onnx": OnnxSession,
    "litert": LiteRTSession,
    "litert-reference": ReferenceLiteRTSession,
    "micro": MicroSession,
}
OF_SUFFIX = {".onnx": ("onnx",), ".tflite": ("litert", "litert-reference", "micro")}
"""The runtimes of a kind of file; the first where none is named."""


class FileRunner(Runner):
    """Sessions one after another, from audio to logits: the model's, or the front end's and the net's."""

    def __init__(self, manifest: Manifest, sessions: list[Session]):
        clock = manifest.clock
        super().__init__(manifest.labels, manifest.stream, clock.timing, clock.clip_samples)
        self.manifest, self.sessions = manifest, sessions

    def reset(self) -> None:
        for session in self.sessions:
            session.reset()

    @property
    def state(self) -> dict[str, np.ndarray]:
        """The states by name, in the numbers of their files. UserError where they are kept inside."""
        self._check_outside()
        return {name: value for session in self.sessions for name, value in session.state.items()}

    @state.setter
    def state(self, state: dict[str, np.ndarray]) -> None:
        self._check_outside()
        for session in self.sessions:
            session.state = state

    def _check_outside(self) -> None:
        if self.stream == "internal":
            raise UserError(
                f"{self.manifest.file} keeps its state inside, where it can be reset, but neither read nor set: "
                "use a file with external state"
            )

    def _run(self, hops: np.ndarray) -> np.ndarray:
        return run_chain(self.sessions, hops)


def run_chain(sessions: list[Session], hops: np.ndarray) -> np.ndarray:
    """Samples (steps, hop) through sessions one after another to logits (steps, labels)."""
    results = list(hops.reshape(len(hops), 1, -1, 1, 1))
    for session in sessions:
        results = session.steps(results)
    return np.concatenate(results)


def open_runner(file: Path | str, threads: int = 1, runtime: str | None = None, device: bool = False) -> FileRunner:
    """A runner of an exported model, at the start of a stream; a front end of its own runs in the same runtime.

    With `device`, its features are made by the code that devices run (kwsstream.runners.device). UserError where the
    file, its manifest or its front end is missing or belongs to something else, where the file is a front end, which
    has no logits, and where the runtime cannot run it.
    """
    file = Path(file)
    manifest = read_manifest(file)
    if manifest.output.name != "logits":
        raise UserError(f"{file} is a front end, which gives no logits: open the file that takes its features")
    sessions = [open_session(file, manifest, threads, runtime)]
    if device:
        sessions.insert(0, DeviceSession.of(file, manifest))
    elif manifest.front_end:
        front = file.with_name(manifest.front_end)
        its = read_manifest(front)
        check_front(file, manifest, front, its)
        sessions.insert(0, open_session(front, its, threads, runtime))
    elif manifest.input.name == "features":
        sessions.insert(0, without_file(file, manifest))
    return FileRunner(manifest, sessions)


def open_session(file: Path, interface: Interface, threads: int = 1, runtime: str | None = None) -> Session:
    """The session of a file in a runtime of its suffix. UserError for a runtime that cannot read it."""
    fitting = OF_SUFFIX[file.suffix]
    if runtime is not None and runtime not in fitting:
        raise UserError(f"{file.name} does not run in {runtime!r}: expected {' or '.join(fitting)}")
    return RUNTIMES[runtime or fitting[0]](file, interface, threads)
