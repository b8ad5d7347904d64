"""A run to a TensorFlow.js graph model, proven against PyTorch.

From audio in one model. A spectrum bears no weights of fewer bits, so a quantised model takes features, and the front
end stands beside it as a float model of its own: `front/model.json` and `net/model.json`. Of a run on micro features,
which no graph makes, there is `net/model.json` alone.

The signature of a model has its inputs and outputs by name, so that `model.predict` takes and gives them by name; what
belongs together, and all else that is to know, is in `model.metadata`.
"""

import json
import shutil
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kwsstream.export.audio import audio_runs, data_of
from kwsstream.export.calibration import named
from kwsstream.export.graph import Graph, Part, graph_of
from kwsstream.export.onnx import to_onnx
from kwsstream.export.parity import replay
from kwsstream.export.tflite import failing_as_user_error, keras_model, save_model
from kwsstream.fronts import exportable
from kwsstream.manifest import Clock
from kwsstream.runs import Run
from kwsstream.tfjs.converter import Quantise, convert
from kwsstream.tfjs.parity import Parity, enforce, measured
from kwsstream.tfjs.session import TfjsSession
from kwsstream.web.place import check_streams, replacing

STEPS = 300


def export(run: Run, quantise: Quantise, folder: Path) -> dict[str, Parity]:
    """Write the model, or front end and net, and return how each compares with PyTorch, by folder.

    UserError, and no folder, where a conversion fails or a model is further from PyTorch than it may be.
    """
    parities = {}
    with replacing(folder, "TensorFlow.js model", "model.json", "net/model.json") as beside:
        for name, part in parts(run, quantise).items():
            graph = graph_of(run.model, "external", part, run.data().samples)
            chosen = "none" if part == "front" else quantise
            make(graph, chosen, beside / name)
            facts = metadata(run, graph, chosen)
            describe(beside / name, graph, facts)
            parities[name] = prove(run, graph, chosen, beside / name)
            describe(beside / name, graph, facts | {"parity": asdict(parities[name])})
    return parities


def parts(run: Run, quantise: Quantise) -> dict[str, Part]:
    """The parts of a run's model by folder. UserError where it cannot stream."""
    check_streams(run)
    if not exportable(run.model.front):
        return {"net": "features"}
    return {"": "audio"} if quantise == "none" else {"front": "front", "net": "features"}


def make(graph: Graph, quantise: Quantise, folder: Path) -> None:
    """The graph model as the converter writes it."""
    folder.mkdir(exist_ok=True)
    onnx_file, saved = folder / ".graph.onnx", folder / ".saved"
    to_onnx(graph, onnx_file)
    with failing_as_user_error("conversion to TensorFlow"):
        save_model(keras_model(graph, onnx_file, saved), graph, saved)
    convert(saved, folder, quantise)
    shutil.rmtree(saved)
    onnx_file.unlink()


def describe(folder: Path, graph: Graph, metadata: dict[str, Any]) -> None:
    """Put the graph's names, in its order, in the signature, and the metadata beside it."""
    path = folder / "model.json"
    model = json.loads(path.read_text())
    inputs, outputs = (by_name(model["signature"][side]) for side in ("inputs", "outputs"))
    model["signature"]["inputs"] = {name: inputs[name] for name in graph.inputs}
    model["signature"]["outputs"] = {name: outputs[name] for name in graph.outputs}
    # without the keys, predict gives an array in the order of the signature
    model["userDefinedMetadata"] = {**metadata, "structuredOutputKeys": graph.outputs}
    path.write_text(json.dumps(model))


def by_name(side: dict[str, Any]) -> dict[str, Any]:
    """One side of a signature; the converter adds the number of an output to some names."""
    return {key.removesuffix(":0"): value for key, value in side.items()}


def metadata(run: Run, graph: Graph, quantise: Quantise) -> dict[str, Any]:
    """What a program has to know of a model, and cannot see in it."""
    result, _ = graph.run(graph.example, graph.silence)
    shapes = {name: list(state.shape) for name, state in named(graph, graph.silence).items()}
    return {
        "model": run.name,
        "quantise": quantise,
        "input": {"name": graph.input, "shape": list(graph.example.shape)},
        "output": {"name": graph.output, "shape": list(result.shape)},
        "states": [{"name": name, "next": after, "shape": shapes[name]} for name, after in graph.states.items()],
        "labels": run.labels,
        "clock": Clock.of(run.model.timing, run.model.front.sample_rate_hz, run.data().samples).model_dump(),
        "features": run.config.model_dump(mode="json")["features"],
    }


def prove(run: Run, graph: Graph, quantise: Quantise, folder: Path) -> Parity:
    """Replay a model against PyTorch on test audio, every state by its name."""
    audio = audio_runs(run.data().partition("testing"), run.model.timing.stride, STEPS)
    with closing(TfjsSession(folder)) as session:
        (replayed,) = replay(graph, data_of(run.model, graph, audio), [session])
    parity = measured(replayed)
    enforce(quantise, parity)
    return parity
