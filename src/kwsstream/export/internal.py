"""External state to internal: the same TFLite file, its states kept in variables of the interpreter.

In place of each state input a variable is read, each next state is assigned to it after the last operator, and a
second subgraph, called once before all others, assigns the reset values: zero, which is the zero point in an integer
file. That subgraph is the signature "reset" too, so that a stream can start anew without a new interpreter.

LiteRT's reset_all_variables cannot do it: it clears tensors marked as variables, which only a few operators (LSTM,
SVDF) may write, and no operator copies to; resource variables are what is left, and it does not know of them.
"""

from pathlib import Path

import numpy as np

from kwsstream.export.flatbuffer import choose, operator, read, schema, write
from kwsstream.export.graph import Graph

RESET = "reset"
HOW_TO_RESET = (
    "LiteRT: run the signature reset, or make a new interpreter; reset_all_variables does nothing, since it resets "
    "variable tensors, and these states are resource variables. TensorFlow Lite Micro: Reset() of the interpreter."
)


def internalise(graph: Graph, external: Path, internal: Path) -> None:
    """Rewrite a file with the external states of a graph so that it keeps them to itself."""
    model = read(external)
    main = model.subgraphs[0]
    tensors = {t.name.decode(): i for i, t in enumerate(main.tensors)}
    add_variables(model, main, {name: (tensors[name], tensors[after]) for name, after in graph.states.items()})
    signature = model.signatureDefs[0]
    choose(model, signature.inputs, signature.outputs, [graph.input], [graph.output])
    write(model, internal)


def add_variables(model, main, pairs: dict[str, tuple[int, int]]) -> None:
    """Read each state before the first operator, assign it after the last, reset it in a subgraph called once."""
    t = schema()
    reset = t.SubGraphT(tensors=[], inputs=[], outputs=[], operators=[], name=RESET.encode())
    first, last = [operator(model, "CALL_ONCE", [], [], t.CallOnceOptionsT(len(model.subgraphs)))], []
    for name, (state, after) in pairs.items():
        handle = add_handle(model, main, name, first)
        first.append(operator(model, "READ_VARIABLE", [handle], [state], t.ReadVariableOptionsT()))
        last.append(operator(model, "ASSIGN_VARIABLE", [handle, after], [], t.AssignVariableOptionsT()))
        handle = add_handle(model, reset, name, reset.operators)
        value = add_reset_value(model, reset, main.tensors[state])
        reset.operators.append(operator(model, "ASSIGN_VARIABLE", [handle, value], [], t.AssignVariableOptionsT()))
    model.signatureDefs.append(
        t.SignatureDefT(inputs=[], outputs=[], signatureKey=RESET, subgraphIndex=len(model.subgraphs))
    )
    main.operators = first + main.operators + last
    model.subgraphs.append(reset)


def add_handle(model, subgraph, name: str, operators: list) -> int:
    """A tensor that stands for the variable of that name, and the operator that makes it."""
    t = schema()
    subgraph.tensors.append(t.TensorT(shape=[], type=t.TensorType.RESOURCE, name=f"{name}_handle".encode()))
    handle = len(subgraph.tensors) - 1
    options = t.VarHandleOptionsT(container="", sharedName=name)
    operators.append(operator(model, "VAR_HANDLE", [], [handle], options))
    return handle


def add_reset_value(model, subgraph, state) -> int:
    """A constant like the state, of its reset value."""
    t = schema()
    kind = {t.TensorType.FLOAT32: np.float32, t.TensorType.INT8: np.int8, t.TensorType.INT16: np.int16}[state.type]
    quantised = state.quantization is not None and state.quantization.zeroPoint is not None
    value = state.quantization.zeroPoint[0] if quantised and len(state.quantization.zeroPoint) else 0
    data = np.full(state.shape, value, kind).tobytes()
    subgraph.tensors.append(
        t.TensorT(state.shape, state.type, add_buffer(model, data), state.name + b"_reset", state.quantization)
    )
    return len(subgraph.tensors) - 1


def add_buffer(model, data: bytes) -> int:
    """The index of a buffer with these bytes, shared with any that has them already."""
    for index, buffer in enumerate(model.buffers):
        if buffer.data is not None and len(buffer.data) == len(data) and bytes(buffer.data) == data:
            return index
    model.buffers.append(schema().BufferT(np.frombuffer(data, np.uint8)))
    return len(model.buffers) - 1
