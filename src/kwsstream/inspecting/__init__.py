"""What a model's file takes, gives and computes, for every format; one reader a file here.

facts = read(Path("runs/cnn/export/cnn_external_features_int8.tflite"))
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from kwsstream.errors import UserError
from kwsstream.inspecting import onnx, savedmodel, states, tfjs, tflite
from kwsstream.inspecting.facts import Facts, StatePair, TensorFacts

__all__ = ["Facts", "StatePair", "TensorFacts", "read"]

INSIDE = "a variable inside the file"


def read(path: Path) -> Facts:
    """The facts of a file, or of a SavedModel folder. UserError where it is missing, unknown or damaged."""
    reader, kind = reader_of(path)
    try:
        facts = reader(path)
    except UserError:
        raise
    except Exception as error:  # parsers of a damaged file raise whatever they come across
        words = " ".join(str(error).split())[:200]
        raise UserError(f"{path} is not a whole {kind} ({type(error).__name__}: {words}): write it again") from error
    if not (facts.inputs or facts.outputs):
        raise UserError(f"{path} is not a whole {kind}: nothing goes in or out; write it again")
    pairs, notes = states.of_manifest(path)
    if pairs is None:
        inside = [StatePair(name, None, INSIDE) for name in facts.variables]
        pairs = states.guessed(facts.inputs, facts.outputs) + inside
    return replace(facts, states=pairs, notes=[*facts.notes, *notes])


def reader_of(path: Path) -> tuple[Callable[[Path], Facts], str]:
    """The reader of a path by its suffix, and what it reads."""
    if not path.exists():
        raise UserError(f"no file {path}: give a model's file, or the folder of a SavedModel")
    if path.is_dir():
        if not (path / savedmodel.FILE).is_file():
            raise UserError(f"{path} is no SavedModel: it has no {savedmodel.FILE}; give such a folder, or a file")
        return savedmodel.read, "SavedModel"
    readers = {
        ".tflite": (tflite.read, "TensorFlow Lite file"),
        ".onnx": (onnx.read, "ONNX file"),
        ".json": (tfjs.read, "TensorFlow.js model"),
    }
    if path.suffix not in readers:
        raise UserError(f"{path} ends in {path.suffix!r}: expected {', '.join(readers)} or the folder of a SavedModel")
    return readers[path.suffix]
