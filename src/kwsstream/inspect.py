"""What a model's file is: inputs, outputs, operators, size, multiplications, states.

    python -m kwsstream.inspect FILE [--json]      FILE: .onnx, .tflite, a SavedModel folder, TensorFlow.js model.json
    python -m kwsstream.inspect --match A B        which output of A is which of B

Conversions lose names: --match runs two files of one model on the same random input, and prints the map as JSON.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from kwsstream.errors import UserError, command
from kwsstream.inspecting import Facts, TensorFacts, read
from kwsstream.inspecting.match import match
from kwsstream.report import table


def main() -> None:
    """Print the facts of a file, or the map between two."""
    parser = argparse.ArgumentParser("python -m kwsstream.inspect", description=main.__doc__)
    parser.add_argument("file", type=Path, nargs="?", help=".onnx, .tflite, model.json, or a SavedModel folder")
    parser.add_argument("--json", action="store_true", help="the same facts as JSON")
    parser.add_argument("--match", type=Path, nargs=2, metavar=("A", "B"), help="two files of one model")
    given = parser.parse_args()
    if bool(given.file) == bool(given.match):
        raise UserError("expected one FILE, or --match A B, and not both")
    if given.match:
        print(json.dumps(match(*given.match), indent=2))
    else:
        facts = read(given.file)
        print(json.dumps(asdict(facts), indent=2) if given.json else described(facts))


def described(facts: Facts) -> str:
    """The facts as tables."""
    work = "unknown" if facts.macs is None else f"{facts.macs:,}"
    blocks = [
        f"{facts.file}: {facts.format}, {facts.bytes / 1000:,.1f} kB, MACs in one run: {work}",
        table(
            ["tensor", "name", "dtype", "shape", "scale", "zero point"],
            [tensor_row("input", t) for t in facts.inputs] + [tensor_row("output", t) for t in facts.outputs],
        ),
        table(["operator", "count"], [[name, str(count)] for name, count in facts.operators.items()]),
    ]
    if facts.states:
        rows = [[pair.name, pair.next or "-", pair.known_by] for pair in facts.states]
        blocks.append(table(["state", "becomes", "known by"], rows))
    blocks += [f"note: {note}" for note in facts.notes]
    return "\n\n".join(blocks)


def tensor_row(side: str, tensor: TensorFacts) -> list[str]:
    shape = " x ".join("?" if size is None else str(size) for size in tensor.shape) or "-"
    scale = "-" if tensor.scale is None else f"{tensor.scale:.7g}"
    return [side, tensor.name, tensor.dtype, shape, scale, "-" if tensor.scale is None else str(tensor.zero_point)]


if __name__ == "__main__":
    command(main)
