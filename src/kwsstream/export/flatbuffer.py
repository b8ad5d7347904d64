"""TFLite files as objects to be changed: read, write, and the names and order of their inputs and outputs."""

from pathlib import Path
from types import ModuleType

import numpy as np

from kwsstream.extra import extra

SIGNATURE = "serving_default"
ALIGNMENT = 16  # bytes, of every constant: schema.fbs says so, and a microcontroller may fault without


def schema() -> ModuleType:
    """The classes of the file format."""
    return extra("ai_edge_litert.schema_py_generated")


def read(path: Path):
    """The ModelT of a file."""
    return parse(path.read_bytes())


def parse(content: bytes):
    """The ModelT of a file's bytes."""
    return schema().ModelT.InitFromPackedBuf(bytearray(content))


def write(model, path: Path) -> None:
    """Write a ModelT."""
    path.write_bytes(pack(model))


def pack(model) -> bytes:
    """A ModelT as the bytes of a file."""
    for buffer in model.buffers:
        buffer.Pack = aligned(buffer)
    builder = extra("flatbuffers").Builder(1 << 20)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def aligned(buffer):
    """A Pack for a buffer that keeps the alignment, which the generated one forgets."""
    tables = schema()

    def pack(builder) -> int:
        data = None
        if buffer.data is not None and len(buffer.data):
            payload = np.asarray(buffer.data, np.uint8).tobytes()
            builder.StartVector(1, len(payload), ALIGNMENT)
            builder.head -= len(payload)
            builder.Bytes[builder.head : builder.head + len(payload)] = payload
            builder.vectorNumElems = len(payload)
            data = builder.EndVector()
        tables.BufferStart(builder)
        if data is not None:
            tables.BufferAddData(builder, data)
        return tables.BufferEnd(builder)

    return pack


def choose(model, entering: list, leaving: list, inputs: list[str], outputs: list[str]) -> None:
    """Make the entries of these names, in this order, the inputs and outputs of the model and of its signature."""
    graph, signature = model.subgraphs[0], model.signatureDefs[0]
    signature.inputs, signature.outputs = named(entering, inputs), named(leaving, outputs)
    graph.inputs = [entry.tensorIndex for entry in signature.inputs]
    graph.outputs = [entry.tensorIndex for entry in signature.outputs]


def named(entries: list, names: list[str]) -> list:
    by_name = {entry.name.decode(): entry for entry in entries}
    return [by_name[name] for name in names]


def operator(model, name: str, inputs: list[int], outputs: list[int], options):
    """An operator by its name in schema.fbs, entered in the model's list of operators where it is new."""
    t = schema()
    code = getattr(t.BuiltinOperator, name)
    codes = [c.builtinCode for c in model.operatorCodes]
    if code not in codes:
        model.operatorCodes.append(t.OperatorCodeT(builtinCode=code, deprecatedBuiltinCode=min(code, 127), version=1))
        codes.append(code)
    kind = getattr(t.BuiltinOptions, type(options).__name__.removesuffix("T"))
    return t.OperatorT(codes.index(code), inputs, outputs, builtinOptionsType=kind, builtinOptions=options)


def renumber(model, tensors: list, places: list[int]) -> None:
    """Give a model other tensors, `places` the new index of each that it had."""
    main, signature = model.subgraphs[0], model.signatureDefs[0]
    main.tensors, main.inputs, main.outputs = tensors, moved(main.inputs, places), moved(main.outputs, places)
    for one in main.operators:
        one.inputs, one.outputs = moved(one.inputs, places), moved(one.outputs, places)
    for entry in (*signature.inputs, *signature.outputs):
        entry.tensorIndex = places[entry.tensorIndex]


def moved(indices, places: list[int]) -> list[int]:
    """The new indices of tensors; -1 stands for none."""
    return [places[index] if index >= 0 else -1 for index in indices]
