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
    return schema().ModelT.InitFromPackedBuf(bytearray(path.read_bytes()))


def write(model, path: Path) -> None:
    """Write a ModelT."""
    for buffer in model.buffers:
        buffer.Pack = aligned(buffer)
    builder = extra("flatbuffers").Builder(1 << 20)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    path.write_bytes(builder.Output())


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
