"""ONNX files."""

from collections import Counter
from pathlib import Path

from kwsstream.extra import extra
from kwsstream.inspecting.facts import Facts, TensorFacts, elements

RECURRENT = ("RNN", "GRU", "LSTM")
WEIGHTS = {"Conv": 1, "ConvInteger": 1, "QLinearConv": 3}
"""Which input of a convolution its weights are: (outputs, inputs of a group, *kernel)."""


def read(path: Path) -> Facts:
    """The facts of an ONNX file. An error of any kind where it is not a whole one."""
    onnx = extra("onnx")
    model = onnx.load(str(path), load_external_data=False)
    onnx.checker.check_model(model)
    graph = onnx.shape_inference.infer_shapes(model).graph
    shapes = {value.name: shape_of(value) for value in (*graph.input, *graph.output, *graph.value_info)}
    shapes |= {constant.name: list(constant.dims) for constant in graph.initializer}
    constants = {constant.name for constant in graph.initializer}
    counted = [macs(node, shapes) for node in graph.node]
    return Facts(
        file=path.name,
        format="ONNX",
        bytes=path.stat().st_size,
        inputs=[tensor_facts(value) for value in graph.input if value.name not in constants],
        outputs=[tensor_facts(value) for value in graph.output],
        operators=dict(Counter(node.op_type for node in graph.node).most_common()),
        macs=None if None in counted else sum(counted),
        notes=notes(model),
    )


def notes(model) -> list[str]:
    found = []
    if any(constant.external_data for constant in model.graph.initializer):
        found.append("its weights lie in other files, which its size leaves out")
    if any(attribute.HasField("g") for node in model.graph.node for attribute in node.attribute):
        found.append("the operators of inner graphs (loops, branches) are not counted")
    return found


def tensor_facts(value) -> TensorFacts:
    kinds = extra("onnx").TensorProto.DataType
    dtype = {"float": "float32", "double": "float64"}
    kind = kinds.Name(value.type.tensor_type.elem_type).lower()
    return TensorFacts(value.name, dtype.get(kind, kind), shape_of(value))


def shape_of(value) -> list[int | None]:
    return [d.dim_value if d.HasField("dim_value") else None for d in value.type.tensor_type.shape.dim]


def macs(node, shapes: dict[str, list[int | None]]) -> int | None:
    """Multiplications with addition of one node, from the shapes of its tensors; None where one is not known."""
    kind = node.op_type
    if not counts(kind):
        return 0
    needed = [*node.input[: 4 if kind.startswith("QLinear") else 3], node.output[0]]
    if kind not in RECURRENT and any(name and name not in shapes for name in (needed[0], needed[1], needed[-1])):
        return None
    data, out = shapes.get(node.input[0], []), elements(shapes.get(node.output[0], []))
    attributes = {attribute.name: attribute.i for attribute in node.attribute}
    if kind in WEIGHTS:
        return out * elements(shapes[node.input[WEIGHTS[kind]]][1:])
    if kind == "ConvTranspose":  # weights (inputs, outputs of a group, *kernel)
        return elements(data) * elements(shapes[node.input[1]][1:])
    if (
        kind in RECURRENT
    ):  # data (time, batch, inputs), weights (directions, gates, inputs) and (directions, gates, units)
        return elements(data[:2]) * sum(elements(shapes[name]) for name in node.input[1:3])
    return out * (data[0 if attributes.get("transA") else -1] or 1)


def counts(kind: str) -> bool:
    products = ("Gemm", "MatMul", "MatMulInteger", "QLinearMatMul", "ConvTranspose")
    return kind in WEIGHTS or kind in RECURRENT or kind in products
