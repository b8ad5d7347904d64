"""Two TFLite files one after another as one: the front end, and the net that takes its features.

The converter lowers the precision of every constant of a file. A front end bears that no better than integers: its
spectrum spans more than float16 can hold, and its logarithm magnifies what is lost. Joined, it stays float32.
"""

from pathlib import Path

from kwsstream.export.flatbuffer import choose, read, write


def join(front: Path, net: Path, joined: Path, inputs: list[str], outputs: list[str]) -> None:
    """Write the net's file with the front end before it, with inputs and outputs in this order.

    The front end's first output is the net's first input.
    """
    model, before = read(net), read(front)
    main, first = model.subgraphs[0], before.subgraphs[0]
    operators = appended(model, before)
    features, offset = main.inputs[0], len(main.tensors) - len(first.tensors)
    for operator in main.operators:
        operator.inputs = [offset + first.outputs[0] if i == features else i for i in operator.inputs]
    main.operators = operators + main.operators
    signature, signature_before = model.signatureDefs[0], before.signatureDefs[0]
    for entry in (*signature_before.inputs, *signature_before.outputs):
        entry.tensorIndex += offset
    entering = signature.inputs + signature_before.inputs
    choose(model, entering, signature.outputs + signature_before.outputs, inputs, outputs)
    write(model, joined)


def appended(model, other) -> list:
    """Add the tensors, buffers and operator codes of another file; its operators, renumbered to fit."""
    main, first = model.subgraphs[0], other.subgraphs[0]
    offset, buffers = len(main.tensors), len(model.buffers)
    for tensor in first.tensors:
        tensor.buffer += buffers
    codes = [len(model.operatorCodes) + i for i in range(len(other.operatorCodes))]
    for operator in first.operators:
        operator.opcodeIndex = codes[operator.opcodeIndex]
        operator.inputs = [i if i < 0 else i + offset for i in operator.inputs]  # -1: an input left out
        operator.outputs = [i + offset for i in operator.outputs]
    main.tensors += first.tensors
    model.buffers += other.buffers
    model.operatorCodes += other.operatorCodes
    return first.operators
