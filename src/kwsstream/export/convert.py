"""Graphs to files that are not proven yet, each with what its runtime has to know."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from kwsstream.export.graph import Graph, Part
from kwsstream.export.interface import internal, onnx_interface, tflite_interface
from kwsstream.export.internal import internalise
from kwsstream.export.join import join
from kwsstream.export.limits import Estimate
from kwsstream.export.onnx import to_onnx
from kwsstream.export.tflite import INTEGER, Calibration, Precision, to_tflite
from kwsstream.manifest import Interface
from kwsstream.runners.files import open_session
from kwsstream.runners.session import Session

Plan = dict[Part, dict[Precision, Path]]
"""The files to make of each part of a model."""


@dataclass(frozen=True)
class Made:
    """A file, and the one with external state that it was made from where it keeps its states inside."""

    file: Path
    precision: Precision
    interface: Interface
    external: "Made | None" = None

    def session(self) -> Session:
        return open_session(self.file, self.interface)


def make_onnx(graphs: dict[Part, Graph], plan: Plan) -> dict[Part, list[Made]]:
    """The ONNX files of a plan, all float32."""
    made = {}
    for part, files in plan.items():
        to_onnx(graphs[part], files["float32"])
        made[part] = [Made(files["float32"], "float32", onnx_interface(graphs[part], files["float32"]))]
    return made


def make_tflite(
    graphs: dict[Part, Graph],
    plan: Plan,
    inside: bool,
    calibration: Callable[[Graph], Calibration],
    estimate: Callable[[Graph, Precision], Estimate | None] = lambda *_: None,
) -> dict[Part, list[Made]]:
    """The TFLite files of a plan. Those on the way to them are left beside, their names starting with a dot.

    The front end and the net are converted, and joined to the model from audio. Beside integer files a float net is
    left in any case: see float_net_of.
    """
    folder = next(iter(next(iter(plan.values())).values())).parent
    piece = partial(piece_in, folder)
    precisions = dict.fromkeys(precision for files in plan.values() for precision in files)  # each once, in order
    if precisions.keys() & set(INTEGER):
        precisions["float32"] = None
    front = ["float32"] if plan.keys() & {"front", "audio"} else []
    for part, wanted in {"front": front, "features": precisions}.items():
        if not wanted:
            continue
        onnx_file = folder / f".{part}.onnx"
        graph, files = graphs[part], {p: piece(part, p) for p in wanted}
        to_onnx(graph, onnx_file)
        to_tflite(graph, onnx_file, files, calibration(graph), partial(estimate, graph))
    for precision in plan.get("audio", {}):
        graph = graphs["audio"]
        pieces = piece("front", "float32"), piece("features", precision)
        join(*pieces, piece("audio", precision), graph.inputs, graph.outputs)
    finish = finish_internal if inside else finish_external
    return {
        part: [finish(graphs[part], piece(part, precision), file, precision) for precision, file in files.items()]
        for part, files in plan.items()
    }


def piece_in(folder: Path, part: Part, precision: Precision) -> Path:
    """A file on the way, of a part of a model with external state."""
    return folder / f".{part}_{precision}.tflite"


def float_net_of(made: dict[Part, list[Made]]) -> Path:
    """The float32 file, with external state, of the net that integer files were made from."""
    nets = [one.external or one for one in made["features"]]
    named = [one.file for one in nets if one.precision == "float32"]
    return named[0] if named else piece_in(nets[0].file.parent, "features", "float32")


def finish_external(graph: Graph, piece: Path, file: Path, precision: Precision) -> Made:
    return Made(piece.rename(file), precision, tflite_interface(graph, file))


def finish_internal(graph: Graph, piece: Path, file: Path, precision: Precision) -> Made:
    return internal_of(graph, Made(piece, precision, tflite_interface(graph, piece)), file)


def internal_of(graph: Graph, external: Made, file: Path) -> Made:
    """The file with its states inside."""
    internalise(graph, external.file, file)
    return Made(file, external.precision, internal(external.interface), external)
