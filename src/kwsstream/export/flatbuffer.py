"""TFLite files as objects to be changed: read, write, and the names and order of their inputs and outputs."""

import os
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
    """Write a ModelT whole or not at all."""
    for buffer in model.buffers:
        buffer.Pack = aligned(buffer)
    builder = extra("flatbuffers").Builder(1 << 20)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    beside = path.with_name(f".{path.name}.partial")
    beside.write_bytes(builder.Output())
    os.replace(beside, path)


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


def order_and_name(path: Path, inputs: list[str], outputs: list[str]) -> None:
    """Put the inputs and outputs of a file in this order, and name their tensors as the signature does.

    The converter scrambles the order and gives tensors names of its own; a runtime without signatures
    (TensorFlow Lite Micro) knows nothing else.
    """
    model = read(path)
    graph, signature = model.subgraphs[0], model.signatureDefs[0]
    graph.inputs, signature.inputs = ordered(signature.inputs, inputs)
    graph.outputs, signature.outputs = ordered(signature.outputs, outputs)
    for entry in (*signature.inputs, *signature.outputs):
        graph.tensors[entry.tensorIndex].name = entry.name
    write(model, path)


def ordered(entries: list, names: list[str]) -> tuple[list[int], list]:
    by_name = {entry.name.decode(): entry for entry in entries}
    entries = [by_name[name] for name in names]
    return [entry.tensorIndex for entry in entries], entries
