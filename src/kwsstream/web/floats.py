"""An integer TFLite file with floats for inputs and outputs: LiteRT.js has no tensors of int8 or int16.

Each input is quantised before the first operator, each output dequantised after the last. A state that is fed back
so comes to the same integer again: the stream is that of the integer file.
"""

from pathlib import Path

from kwsstream.export.flatbuffer import operator, read, schema, write
from kwsstream.manifest import Interface


def float_ends(integer: Path, file: Path) -> None:
    """Write an integer file with float inputs and outputs of the same names, shapes and order."""
    model, t = read(integer), schema()
    main, signature = model.subgraphs[0], model.signatureDefs[0]
    first, last = [], []
    for entry in signature.inputs:
        outside, inside = add_float(main, entry), entry.tensorIndex
        first.append(operator(model, "QUANTIZE", [outside], [inside], t.QuantizeOptionsT()))
        entry.tensorIndex = outside
    for entry in signature.outputs:
        outside, inside = add_float(main, entry), entry.tensorIndex
        last.append(operator(model, "DEQUANTIZE", [inside], [outside], t.DequantizeOptionsT()))
        entry.tensorIndex = outside
    main.operators = first + main.operators + last
    main.inputs = [entry.tensorIndex for entry in signature.inputs]
    main.outputs = [entry.tensorIndex for entry in signature.outputs]
    write(model, file)


def add_float(main, entry) -> int:
    """A float tensor like that of an entry, whose name it takes."""
    t, inside = schema(), main.tensors[entry.tensorIndex]
    main.tensors.append(t.TensorT(shape=inside.shape, type=t.TensorType.FLOAT32, name=entry.name, buffer=0))
    inside.name = entry.name + b"_quantised"
    return len(main.tensors) - 1


def float_interface(integer: Interface) -> Interface:
    """The interface of a file with floats for inputs and outputs; zero is zero again."""
    plain = {"dtype": "float32", "scale": None, "zero_point": None}
    return Interface(
        input=integer.input.model_copy(update=plain),
        output=integer.output.model_copy(update=plain),
        states=[state.model_copy(update=plain | {"reset_value": 0}) for state in integer.states],
    )
