"""Biases that TensorFlow's converter leaves behind a dense layer as an addition, put into the layer.

It does so where an activation follows. In an integer file the product would then be rounded before its bias is added,
and once more after.
"""

import numpy as np

from kwsstream.export.flatbuffer import pack, parse, renumber, schema
from kwsstream.export.watch import operators


def fold_biases(content: bytes) -> bytes:
    """The bytes of a TFLite file, float but for its weights, with each such bias in its layer."""
    model = parse(content)
    main, names = model.subgraphs[0], [one.name for one in operators(model)]
    made = {one.outputs[0]: one for one, name in zip(main.operators, names, strict=True) if name == "FULLY_CONNECTED"}
    folded = []
    for one, name in zip(main.operators, names, strict=True):
        dense = made.get(one.inputs[0]) if name == "ADD" else None
        if dense is not None and folds(model, dense, one):
            main.tensors[one.inputs[1]].shape = [main.tensors[dense.inputs[1]].shape[0]]
            dense.inputs, dense.outputs = [*dense.inputs[:2], one.inputs[1]], one.outputs
            dense.builtinOptions.fusedActivationFunction = one.builtinOptions.fusedActivationFunction
            folded.append(one)
    if not folded:
        return content
    main.operators = [one for one in main.operators if not any(one is other for other in folded)]
    drop_unused(model)
    return pack(model)


def folds(model, dense, addition) -> bool:
    """Whether an addition to what a dense layer gives is a bias of that layer, which has none."""
    tensors, (product, bias) = model.subgraphs[0].tensors, addition.inputs
    units = tensors[dense.inputs[1]].shape[0]
    data = model.buffers[tensors[bias].buffer].data
    return (
        not any(index >= 0 for index in dense.inputs[2:])
        and dense.builtinOptions.fusedActivationFunction == schema().ActivationFunctionType.NONE
        and uses(model, product) == uses(model, bias) == 1
        and tensors[bias].type == schema().TensorType.FLOAT32
        and data is not None
        and len(data) == units * np.float32().nbytes
        and tensors[bias].shape[-1] == units
    )


def uses(model, index: int) -> int:
    """How often a tensor is an input of an operator or an output of the model."""
    main = model.subgraphs[0]
    return sum(list(one.inputs).count(index) for one in main.operators) + list(main.outputs).count(index)


def drop_unused(model) -> None:
    """Leave out the tensors that nothing takes or gives."""
    main = model.subgraphs[0]
    used = {index for one in main.operators for index in (*one.inputs, *one.outputs)}
    used |= {*main.inputs, *main.outputs}
    kept = [index for index in range(len(main.tensors)) if index in used]
    places = [-1] * len(main.tensors)
    for place, index in enumerate(kept):
        places[index] = place
    renumber(model, [main.tensors[index] for index in kept], places)
