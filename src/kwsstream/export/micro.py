"""An integer file in TensorFlow Lite Micro: the arena it takes, and how far its results are from LiteRT's."""

import importlib.util

import numpy as np
from torch import Tensor

from kwsstream.errors import UserError
from kwsstream.export.convert import Made
from kwsstream.export.parity import identical_steps
from kwsstream.manifest import Apart, Micro
from kwsstream.runners.micro import MicroSession
from kwsstream.runners.session import Session
from kwsstream.runners.tflite import ReferenceLiteRTSession

MOST_RUNS = {True: 10, False: 1000}
"""By whether a run is a whole clip: reference kernels are slow."""


def measure_micro(made: Made, whole: bool, data: Tensor, results: np.ndarray) -> Micro | str | None:
    """A file over data (runs, *shape of one) of which LiteRT gave results (runs, numbers).

    The reason where the interpreter refuses the file, and None where it is not installed. UserError where a file with
    internal state is not bit for bit the one it was made from.
    """
    if importlib.util.find_spec("tflite_micro") is None:
        return None
    try:
        session = MicroSession(made.file, made.interface)
    except UserError as error:
        return str(error)
    runs = min(len(data), MOST_RUNS[whole])
    found, reference = (
        replayed(one, data[:runs]) for one in (session, ReferenceLiteRTSession(made.file, made.interface))
    )
    identical = None
    if made.external:
        external = MicroSession(made.external.file, made.external.interface)
        identical = identical_steps(f"{made.file.name} in TensorFlow Lite Micro", session, external, data[:runs])
    scale = made.interface.output.scale
    return Micro(
        arena=session.arena(),
        steps=runs,
        litert=apart(results[:runs], found, scale),
        litert_reference=apart(reference, found, scale),
        identical_steps=identical,
    )


def replayed(session: Session, data: Tensor) -> np.ndarray:
    """Results (runs, numbers) of a session over data (runs, *shape of one)."""
    return np.stack([session.step(x.numpy()).ravel() for x in data])


def apart(expected: np.ndarray, found: np.ndarray, scale: float) -> Apart:
    """How far results are from those expected, in steps of their scale."""
    difference = round(float(np.abs(found - expected).max()) / scale)
    return Apart(largest_difference=difference, agreement=same_label(expected, found))


def same_label(a: np.ndarray, b: np.ndarray) -> float:
    """Percent of rows (rows, labels) in which the largest number of one is a largest number of the other."""
    rows = np.arange(len(a))
    same = (b[rows, a.argmax(1)] == b.max(1)) | (a[rows, b.argmax(1)] == a.max(1))
    return 100 * float(same.mean())
