"""How well TensorFlow Lite files compress: different weights of each layer, zeros, and sizes before and after zip.

python -m kwsstream.compress BEFORE.tflite AFTER.tflite
"""

import argparse
import io
import zipfile
from pathlib import Path

import numpy as np

from kwsstream.errors import UserError, command
from kwsstream.export.flatbuffer import read, schema
from kwsstream.export.watch import operators
from kwsstream.report import table

WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
HEAD = ["layer", "weights", "different", "zero %"]


def main() -> None:
    """Print the weights of files layer by layer, and what a zip makes of each file."""
    parser = argparse.ArgumentParser("python -m kwsstream.compress", description=main.__doc__)
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="a TensorFlow Lite file")
    given = parser.parse_args()
    for file in given.files:
        if not file.is_file() or file.suffix != ".tflite":
            raise UserError(f"no TensorFlow Lite file {file}: give what export/to_tflite.py wrote")
    for file in given.files:
        print(f"{file}\n{table(HEAD, rows(file))}\n")
    sizes = [
        [str(file), *(f"{size / 1000:.1f}" for size in (file.stat().st_size, zipped(file)))] for file in given.files
    ]
    print(table(["file", "kB", "kB zipped"], sizes))


def rows(file: Path) -> list[list]:
    """A row for the weights of each layer, and one for all."""
    layers = weights(file)
    everything = [w for _, w in layers]
    last = ["all", sum(w.size for w in everything), len(np.unique(np.concatenate([w.ravel() for w in everything])))]
    zeros = sum((w == 0).sum() for w in everything) / last[1]
    return [*([name, w.size, len(np.unique(w)), zero(np.mean(w == 0))] for name, w in layers), [*last, zero(zeros)]]


def zero(share: float) -> str:
    return f"{100 * share:.1f}"


def weights(file: Path) -> list[tuple[str, np.ndarray]]:
    """The weights of each layer in the numbers of the file, in the order of the layers, by the operator's name."""
    model, types = read(file), schema().TensorType
    kinds = {types.FLOAT32: np.float32, types.FLOAT16: np.float16, types.INT8: np.int8}
    tensors, run = model.subgraphs[0].tensors, operators(model)
    widened = {one.outputs[0]: one.inputs[0] for one in run if one.name == "DEQUANTIZE"}  # float16 to float32
    found = []
    for one in run:
        if one.name in WEIGHTED:
            tensor = tensors[widened.get(one.inputs[1], one.inputs[1])]
            data = model.buffers[tensor.buffer].data
            if data is not None:
                found.append((f"{len(found) + 1} {one.name}", np.frombuffer(bytes(data), kinds[tensor.type])))
    return found


def zipped(file: Path) -> int:
    """Bytes of a zip of one file."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as written:
        written.write(file, file.name)
    return len(archive.getvalue())


if __name__ == "__main__":
    command(main)
