"""The command behind export/to_onnx.py and export/to_tflite.py."""

import argparse
import sys
from pathlib import Path
from typing import get_args

from kwsstream import runs
from kwsstream.export.exporter import Exporter, Format, check
from kwsstream.export.graph import Input, Stream
from kwsstream.export.tflite import INTEGER, PRECISIONS
from kwsstream.manifest import Manifest
from kwsstream.report import table

HEAD = [
    "file",
    "kB",
    "largest difference",
    "median",
    "of largest",
    "states",
    "argmax equal, steps %",
    "argmax equal, clips %",
    "accuracy %",
]


def main(format: Format, description: str, arguments: list[str] | None = None) -> None:
    """Export a run as the arguments say, and print how each file compares with PyTorch."""
    given = parser(format, description).parse_args(arguments)
    check(format, given.stream, given.precision)
    run = runs.load(given.run or runs.newest())
    folder = given.out or run.folder / "export"
    if given.input == "audio" and (integer := [p for p in given.precision if p in INTEGER]):
        print(f"{' and '.join(integer)} take features: a float32 front end is exported beside", file=sys.stderr)
    print(f"exporting {run.folder} to {folder} and replaying it against PyTorch", file=sys.stderr)
    manifests = Exporter(run, format, given.stream).export(given.precision, given.input, folder)
    print(table(HEAD, rows(manifests, folder)))


def parser(format: Format, description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    precisions = list(PRECISIONS) if format == "tflite" else ["float32"]
    parser.add_argument("--stream", choices=get_args(Stream), default="external", help="where the states are kept")
    parser.add_argument("--precision", nargs="+", choices=PRECISIONS, default=precisions, help="all by default")
    parser.add_argument("--input", choices=get_args(Input), default="audio", help="integer files take features always")
    parser.add_argument("--run", type=Path, help="a run folder; the newest by default")
    parser.add_argument("--out", type=Path, help="the folder to write to; RUN/export by default")
    return parser


def rows(manifests: list[Manifest], folder: Path) -> list[list[str]]:
    """The parity of files as text, and PyTorch's own accuracy on the same clips first."""
    accuracies = [m.parity.pytorch_accuracy for m in manifests if m.parity.pytorch_accuracy is not None]
    first = ["PyTorch", *["-"] * (len(HEAD) - 2), percent(accuracies[0] if accuracies else None)]
    return [first, *(row(manifest, folder) for manifest in manifests)]


def row(manifest: Manifest, folder: Path) -> list[str]:
    parity = manifest.parity
    return [
        manifest.file,
        f"{(folder / manifest.file).stat().st_size / 1000:.0f}",
        f"{parity.largest_difference:.1e}",
        f"{parity.median_difference:.1e}",
        f"{parity.largest_result:.1f}",
        states(manifest),
        percent(parity.step_agreement if manifest.output.name == "logits" else None),
        percent(parity.clip_agreement),
        percent(parity.accuracy),
    ]


def states(manifest: Manifest) -> str:
    """How far next states are from PyTorch's, or over how many steps internal state equals external."""
    parity = manifest.parity
    if parity.identical_steps is not None:
        return f"{parity.identical_steps} steps identical"
    return "-" if parity.state_difference is None else f"{parity.state_difference:.1e}"


def percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
