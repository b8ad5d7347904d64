"""What TensorFlow's converter leaves to be put right in a TFLite file."""

from pathlib import Path

import numpy as np

from kwsstream.export.flatbuffer import choose, operator, read, renumber, schema, write
from kwsstream.export.graph import Graph
from kwsstream.export.watch import operators

ROUNDING = 1e-6
LONGEST_NAME = 300


def tidy(path: Path, graph: Graph) -> None:
    """Name the inputs and outputs of a file as the graph does, put them in its order, give each state one scale.

    Where a state comes out with another scale than it goes in with, it is rescaled by a last operator. What the
    quantiser wrote for each operator that uses it, is left once.
    """
    model = read(path)
    share_constants(model)
    shorten_names(model)
    main, signature = model.subgraphs[0], model.signatureDefs[0]
    for entry in (*signature.inputs, *signature.outputs):
        main.tensors[entry.tensorIndex].name = entry.name  # all that a runtime without signatures knows
    choose(model, signature.inputs, signature.outputs, graph.inputs, graph.outputs)
    by_name = {tensor.name.decode(): tensor for tensor in main.tensors}
    for name, after in graph.states.items():
        share_scale(by_name[name].quantization, by_name[after].quantization)
        if not same_numbers(by_name[name].quantization, by_name[after].quantization):
            rescale(model, by_name[name], after)
    write(model, path)


def share_constants(model) -> None:
    """One tensor for all constants that are the same: a recurrent layer's weights would have one in each frame."""
    kept, known, places = [], {}, []
    for tensor in model.subgraphs[0].tensors:
        number = known.setdefault(contents(model, tensor), len(kept))
        if number == len(kept):
            kept.append(tensor)
        places.append(number)
    renumber(model, kept, places)


def contents(model, tensor):
    """What two constants have in common if they are the same; of a tensor that is not constant, itself."""
    data, q = model.buffers[tensor.buffer].data, tensor.quantization
    if data is None or not len(data):
        return id(tensor)
    scale = None if q is None or q.scale is None else (tuple(q.scale), tuple(q.zeroPoint), q.quantizedDimension)
    shape = () if tensor.shape is None else tuple(tensor.shape)
    return tensor.type, shape, np.asarray(data, np.uint8).tobytes(), scale


def shorten_names(model) -> None:
    """Cut the names that the quantiser joins of all outputs of an operator: of a hundred, each has a hundred names."""
    for index, tensor in enumerate(model.subgraphs[0].tensors):
        if len(tensor.name) > LONGEST_NAME:
            tensor.name = b"%s_%d" % (tensor.name.split(b";")[0][:LONGEST_NAME], index)


def rescale(model, state, after: str) -> None:
    """Give a successor of a state the state's own scale and zero point, by an operator of its own."""
    main, signature = model.subgraphs[0], model.signatureDefs[0]
    entry = next(entry for entry in signature.outputs if entry.name.decode() == after)
    before = main.tensors[entry.tensorIndex]
    before.name = f"{after}_before".encode()
    main.tensors.append(schema().TensorT(state.shape, state.type, 0, after.encode(), state.quantization))
    last = len(main.tensors) - 1
    main.operators.append(operator(model, "QUANTIZE", [entry.tensorIndex], [last], schema().QuantizeOptionsT()))
    main.outputs = [last if index == entry.tensorIndex else index for index in main.outputs]
    entry.tensorIndex = last


def rescaled(path: Path, graph: Graph) -> list[str]:
    """The states that a file with external state rescales at the end of each step."""
    model = read(path)
    last = {model.subgraphs[0].tensors[o].name.decode() for one in operators(model) if one.name == "QUANTIZE"
            for o in one.outputs}  # fmt: skip
    return [name for name, after in graph.states.items() if after in last]


def same_numbers(state, after) -> bool:
    """Whether equal integers of two tensors stand for equal numbers."""
    if state is None or state.scale is None:
        return True
    return np.array_equal(state.scale, after.scale) and np.array_equal(state.zeroPoint, after.zeroPoint)


def share_scale(state, after) -> None:
    """Take the scale of a state for the next one too, where the two differ by no more than their rounding.

    The converter computes both from the same range, along two ways: in int16 files they may differ in the last bit.
    """
    if state is None or state.scale is None or not np.array_equal(state.zeroPoint, after.zeroPoint):
        return
    if np.allclose(state.scale, after.scale, rtol=ROUNDING, atol=0):
        after.scale = state.scale
