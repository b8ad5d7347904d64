"""TensorFlow Lite files."""

from collections import Counter
from pathlib import Path

from kwsstream.export.flatbuffer import read as read_flatbuffer
from kwsstream.export.flatbuffer import schema
from kwsstream.inspecting.facts import Facts, TensorFacts, elements

IDENTIFIER = b"TFL3"
RESOURCES = {"VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE"}
UNCOUNTED = {"LSTM", "RNN", "BIDIRECTIONAL_SEQUENCE_LSTM", "UNIDIRECTIONAL_SEQUENCE_RNN", "BIDIRECTIONAL_SEQUENCE_RNN"}


def read(path: Path) -> Facts:
    """The facts of a TFLite file, of its first subgraph. ValueError and worse where it is not a whole one."""
    if path.read_bytes()[4:8] != IDENTIFIER:
        raise ValueError("it does not begin as one")
    model = read_flatbuffer(path)
    main, *others = model.subgraphs
    names = {code: name for name, code in vars(schema().BuiltinOperator).items() if not name.startswith("_")}
    kinds = [operator_name(code, names) for code in model.operatorCodes]
    operators = [(kinds[operator.opcodeIndex], operator) for operator in main.operators]
    entering, leaving = signature_names(model)
    notes = [f"subgraph {text(g.name)} is not counted: {len(g.operators or [])} operators" for g in others]
    notes += [
        f"the multiplications of {kind} are not counted" for kind in sorted(UNCOUNTED & {k for k, _ in operators})
    ]
    variables = [text(o.builtinOptions.sharedName) for kind, o in operators if kind == "VAR_HANDLE"]
    if variables:
        notes.append(
            "states are kept inside, as resources: LiteRT's reset_all_variables leaves them as they are; "
            + reset_cure(model)
        )
    return Facts(
        file=path.name,
        format="TensorFlow Lite",
        bytes=path.stat().st_size,
        inputs=[tensor_facts(main.tensors[i], entering.get(i)) for i in main.inputs],
        outputs=[tensor_facts(main.tensors[i], leaving.get(i)) for i in main.outputs],
        operators=dict(Counter(kind for kind, _ in operators).most_common()),
        macs=sum(macs(kind, operator, main.tensors) for kind, operator in operators),
        variables=variables,
        notes=notes,
    )


def reset_cure(model) -> str:
    keys = [text(signature.signatureKey) for signature in model.signatureDefs or []]
    return "run the signature reset, or make a new interpreter" if "reset" in keys else "make a new interpreter"


def operator_name(code, names: dict[int, str]) -> str:
    number = max(code.builtinCode, code.deprecatedBuiltinCode)  # files older than 2020 know the second only
    return f"custom {text(code.customCode)}" if names[number] == "CUSTOM" else names[number]


def signature_names(model) -> tuple[dict[int, str], dict[int, str]]:
    """Names of inputs and of outputs by tensor, as the first signature has them; {} without one."""
    if not model.signatureDefs:
        return {}, {}
    first = model.signatureDefs[0]
    entering, leaving = (
        {entry.tensorIndex: text(entry.name) for entry in entries or []} for entries in (first.inputs, first.outputs)
    )
    return entering, leaving


def tensor_facts(tensor, name: str | None) -> TensorFacts:
    types = {number: kind.lower() for kind, number in vars(schema().TensorType).items() if not kind.startswith("_")}
    signature = tensor.shapeSignature if tensor.shapeSignature is not None else shape_of(tensor)
    scales, zeros = ([], [])
    if tensor.quantization is not None and tensor.quantization.scale is not None:
        scales, zeros = tensor.quantization.scale, tensor.quantization.zeroPoint
    return TensorFacts(
        name=name or text(tensor.name),
        dtype=types[tensor.type],
        shape=[None if size < 0 else int(size) for size in signature],
        scale=float(scales[0]) if len(scales) else None,
        zero_point=int(zeros[0]) if len(scales) else None,
    )


def macs(kind: str, operator, tensors: list) -> int:
    """Multiplications with addition of one operator, from the shapes of its tensors (layouts: schema.fbs)."""
    shapes = [shape_of(tensors[i]) if i >= 0 else [] for i in operator.inputs]  # -1: an input left out
    out = elements(shape_of(tensors[operator.outputs[0]])) if len(operator.outputs) else 0
    match kind:
        case "CONV_2D":  # weights (outputs, height, width, inputs)
            return out * elements(shapes[1][1:])
        case "DEPTHWISE_CONV_2D":  # weights (1, height, width, outputs)
            return out * elements(shapes[1][1:3])
        case "CONV_3D":  # weights (depth, height, width, inputs, outputs)
            return out * elements(shapes[1][:-1])
        case "TRANSPOSE_CONV":  # shape, weights (outputs, height, width, inputs), data
            return elements(shapes[2]) * elements(shapes[1][:-1])
        case "FULLY_CONNECTED":  # weights (outputs, inputs)
            return out * shapes[1][-1]
        case "BATCH_MATMUL":
            return out * shapes[0][-2 if operator.builtinOptions.adjX else -1]
        case "SVDF":  # data (batch, inputs), weights of features, weights of time
            return shapes[0][0] * (elements(shapes[1]) + elements(shapes[2]))
        case "UNIDIRECTIONAL_SEQUENCE_LSTM":  # data (batch, time, inputs) in either order, then eight weights
            return elements(shapes[0][:2]) * sum(elements(shape) for shape in shapes[1:9] if shape)
    return 0


def shape_of(tensor) -> list[int]:
    return [] if tensor.shape is None else [int(size) for size in tensor.shape]


def text(name: bytes | str | None) -> str:
    return name.decode() if isinstance(name, bytes) else name or ""
