"""What TensorFlow's converter leaves to be put right in a TFLite file."""

from pathlib import Path

import numpy as np

from kwsstream.export.flatbuffer import choose, read, write
from kwsstream.export.graph import Graph

ROUNDING = 1e-6


def tidy(path: Path, graph: Graph) -> None:
    """Name the inputs and outputs of a file as the graph does, put them in its order, give each state one scale."""
    model = read(path)
    main, signature = model.subgraphs[0], model.signatureDefs[0]
    for entry in (*signature.inputs, *signature.outputs):
        main.tensors[entry.tensorIndex].name = entry.name  # all that a runtime without signatures knows
    choose(model, signature.inputs, signature.outputs, graph.inputs, graph.outputs)
    by_name = {tensor.name.decode(): tensor for tensor in main.tensors}
    for name, after in graph.states.items():
        share_scale(by_name[name].quantization, by_name[after].quantization)
    write(model, path)


def share_scale(state, after) -> None:
    """Take the scale of a state for the next one too, where the two differ by no more than their rounding.

    The converter computes both from the same range, along two ways: in int16 files they may differ in the last bit.
    """
    if state is None or state.scale is None or not np.array_equal(state.zeroPoint, after.zeroPoint):
        return
    if np.allclose(state.scale, after.scale, rtol=ROUNDING, atol=0):
        after.scale = state.scale
