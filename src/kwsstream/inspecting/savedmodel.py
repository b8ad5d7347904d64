"""Folders that tf.saved_model.save writes."""

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kwsstream.errors import UserError
from kwsstream.extra import extra
from kwsstream.inspecting.facts import NO_WORK, Facts, TensorFacts, elements, folder_bytes
from kwsstream.quiet import quiet

FILE = "saved_model.pb"
CALLS = {"PartitionedCall", "StatefulPartitionedCall"}


def read(path: Path) -> Facts:
    """The facts of a SavedModel folder, of one of its signatures. An error of any kind where it is not a whole one."""
    saved = load(path)
    signature = saved.signature
    inside = nodes(signature.graph.as_graph_def())
    constant = frozen(signature)
    counted = [macs(operator) for operator in constant] if constant is not None else [None]
    notes = [f"the signature {saved.name} is read; others: {', '.join(saved.others)}"] if saved.others else []
    if constant is None:
        notes.append("it assigns variables: its multiplications are not counted")
    return Facts(
        file=path.name,
        format="SavedModel",
        bytes=folder_bytes(path),
        inputs=[tensor_facts(key, spec) for key, spec in signature.structured_input_signature[1].items()],
        outputs=[tensor_facts(key, spec) for key, spec in signature.structured_outputs.items()],
        operators=dict(Counter(op for op in inside if op not in NO_WORK | CALLS).most_common()),
        macs=None if None in counted else sum(counted),
        variables=[variable.name for variable in signature.variables] if constant is None else [],
        notes=notes,
    )


@dataclass(frozen=True)
class Saved:
    """A function of a loaded folder. Its variables live as long as `loaded` does."""

    loaded: Any
    signature: Any
    name: str
    others: list[str]


def load(path: Path) -> Saved:
    """A folder's signature serving_default, or its first."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    with quiet():
        loaded = extra("tensorflow").saved_model.load(str(path))
    if not loaded.signatures:
        raise UserError(f"{path} has no signature, so nothing says what goes in and out: save it with one")
    name, *others = sorted(loaded.signatures, key=lambda key: (key != "serving_default", key))
    return Saved(loaded, loaded.signatures[name], name, others)


def frozen(signature) -> list | None:
    """The operators of a function, its variables constant and all it calls put in place; None where it assigns any."""
    convert = extra("tensorflow.python.framework.convert_to_constants").convert_variables_to_constants_v2
    if any("Assign" in op for op in nodes(signature.graph.as_graph_def())):
        return None
    with quiet():
        return convert(signature).graph.get_operations()


def nodes(definition) -> list[str]:
    """The types of the operators of a graph and of all functions that it calls, once for each call."""
    library = {function.signature.name: function.node_def for function in definition.library.function}

    def inside(operators) -> list[str]:
        found = []
        for node in operators:
            found.append(node.op)
            called = node.attr["f"].func.name if node.op in CALLS else ""
            found += inside(library[called]) if called in library else []
        return found

    return inside(definition.node)


def tensor_facts(name: str, spec) -> TensorFacts:
    return TensorFacts(name, spec.dtype.name, list(spec.shape))


def macs(operator) -> int | None:
    """Multiplications with addition of one operator; None where its shapes are not known."""
    shapes = {
        "Conv2D": lambda a, b: elements(b[:-1]),  # weights (height, width, inputs, outputs)
        "Conv3D": lambda a, b: elements(b[:-1]),
        "DepthwiseConv2dNative": lambda a, b: elements(b[:2]),  # weights (height, width, inputs, multiplier)
        "MatMul": lambda a, b: a[0 if operator.get_attr("transpose_a") else -1],
        "BatchMatMulV2": lambda a, b: a[-2 if operator.get_attr("adj_x") else -1],
    }
    if operator.type not in shapes:
        return 0
    tensors = (*operator.inputs[:2], operator.outputs[0])
    if any(tensor.shape.rank is None for tensor in tensors):
        return None
    a, b, out = (list(tensor.shape) for tensor in tensors)
    return elements(out) * shapes[operator.type](a, b)
