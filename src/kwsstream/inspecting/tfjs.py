"""TensorFlow.js models: a model.json and the shards of weights beside it, read as plain JSON."""

import json
from collections import Counter
from math import prod
from pathlib import Path

from kwsstream.inspecting.facts import NO_WORK, Facts, TensorFacts

BYTES = {"float32": 4, "int32": 4, "float16": 2, "uint16": 2, "uint8": 1, "int8": 1, "bool": 1, "complex64": 8}
DTYPES = {"DT_FLOAT": "float32", "DT_INT32": "int32", "DT_BOOL": "bool", "DT_STRING": "string", "DT_HALF": "float16"}


def read(path: Path) -> Facts:
    """The facts of a graph model or of a layers model. An error of any kind where it is neither."""
    model = json.loads(path.read_bytes())
    topology = model["modelTopology"]
    inputs, outputs, operators = graph(model, topology) if "node" in topology else layers(topology)
    total, notes = weights(path, model.get("weightsManifest", []))
    return Facts(
        file=path.name,
        format="TensorFlow.js, " + ("graph model" if "node" in topology else "layers model"),
        bytes=path.stat().st_size + total,
        inputs=inputs,
        outputs=outputs,
        operators=dict(Counter(op for op in operators if op not in NO_WORK).most_common()),
        macs=None,
        notes=[*notes, "the file does not say the shapes between its operators: their work is not counted"],
    )


def graph(model: dict, topology: dict) -> tuple[list[TensorFacts], list[TensorFacts], list[str]]:
    """Inputs and outputs of the signature (of the nodes, where there is none), and operators of TensorFlow."""
    nodes = topology["node"]
    signature = model.get("signature") or model.get("userDefinedMetadata", {}).get("signature") or {}
    inputs, outputs = (
        [signature_tensor(name, given) for name, given in signature.get(side, {}).items()]
        for side in ("inputs", "outputs")
    )
    used = {name.lstrip("^").split(":")[0] for node in nodes for name in node.get("input", [])}
    inputs = inputs or [placeholder(node) for node in nodes if node["op"] == "Placeholder"]
    last = [node for node in nodes if node["name"] not in used and node["op"] not in ("Placeholder", "NoOp")]
    outputs = outputs or [TensorFacts(node["name"], "unknown", []) for node in last]
    library = [node for f in topology.get("library", {}).get("function", []) for node in f.get("nodeDef", [])]
    return inputs, outputs, [node["op"] for node in (*nodes, *library)]


def signature_tensor(name: str, given: dict) -> TensorFacts:
    return TensorFacts(name, dtype(given.get("dtype", "")), sizes(given.get("tensorShape", {})))


def placeholder(node: dict) -> TensorFacts:
    attributes = node.get("attr", {})
    kind, shape = attributes.get("dtype", {}).get("type", ""), attributes.get("shape", {}).get("shape", {})
    return TensorFacts(node["name"], dtype(kind), sizes(shape))


def dtype(name: str) -> str:
    return DTYPES.get(name, name.removeprefix("DT_").lower() or "unknown")


def sizes(shape: dict) -> list[int | None]:
    """A shape in the JSON of protocol buffers: sizes are text, and -1 is any."""
    found = [int(dimension.get("size", 0)) for dimension in shape.get("dim", [])]
    return [None if size < 0 else size for size in found]


def layers(topology: dict) -> tuple[list[TensorFacts], list[TensorFacts], list[str]]:
    """Inputs of a Keras model, the names of its output layers (their shapes are not in the file), and its layers."""
    config = topology.get("model_config", topology)["config"]
    listed = config if isinstance(config, list) else config["layers"]
    inputs = [
        TensorFacts(layer["config"]["name"], layer["config"].get("dtype") or "float32", input_shape(layer))
        for layer in listed
        if input_shape(layer)
    ]
    given = config.get("output_layers") if isinstance(config, dict) else None
    names = [entry[0] for entry in given] if given else [listed[-1]["config"]["name"]]
    outputs = [TensorFacts(name, "float32", []) for name in names]
    return inputs[:1] if not given else inputs, outputs, [layer["class_name"] for layer in listed]


def input_shape(layer: dict) -> list[int | None]:
    """The shape that a layer of inputs, or the first of a Sequential, is given; [] of any other."""
    return layer["config"].get("batch_input_shape") or layer["config"].get("batch_shape") or []


def weights(path: Path, manifest: list[dict]) -> tuple[int, list[str]]:
    """The bytes of all weights, and notes. UserError where a shard that is there has another size than listed."""
    shards = [path.parent / name for group in manifest for name in group["paths"]]
    listed = sum(weight_bytes(weight) for group in manifest for weight in group["weights"])
    missing = [shard.name for shard in shards if not shard.is_file()]
    if missing:
        return listed, [
            f"{missing[0]} is not beside it ({len(missing)} files missing): weights as listed, not as found"
        ]
    found = sum(shard.stat().st_size for shard in shards)
    return found, [] if found == listed else [f"its shards have {found} bytes, and {listed} are listed: not whole"]


def weight_bytes(weight: dict) -> int:
    kept = weight.get("quantization", {}).get("dtype") or weight["dtype"]
    return prod(weight["shape"]) * BYTES[kept]
