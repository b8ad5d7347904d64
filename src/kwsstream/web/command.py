"""The command behind export/to_web.py."""

import argparse
import sys
import tempfile
from pathlib import Path

from kwsstream import runs
from kwsstream.errors import UserError
from kwsstream.export.exporter import Exporter
from kwsstream.export.tflite import PRECISIONS
from kwsstream.runs import Run
from kwsstream.web.folder import write_page
from kwsstream.web.place import check_streams


def main(description: str, arguments: list[str] | None = None) -> None:
    """Write the page of a run, and say how to open it."""
    given = parser(description).parse_args(arguments)
    run = runs.load(given.run or runs.newest())
    check_streams(run)
    folder = given.out or run.folder / "web"
    if given.file:
        write_page(run, given.file, folder)
    else:
        with tempfile.TemporaryDirectory() as scratch:
            write_page(run, export(run, given.runtime, given.precision, Path(scratch)), folder)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{folder}: {size / 1e6:.1f} MB. See it with: python -m http.server --directory {folder} --bind 127.0.0.1")


def parser(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--run", type=Path, help="a run folder; the newest by default")
    parser.add_argument("--out", type=Path, help="the folder to write to; RUN/web by default")
    parser.add_argument("--file", type=Path, help="a file exported from the run; by default one is exported")
    parser.add_argument("--runtime", choices=["litert", "onnx"], default="litert", help="LiteRT.js or onnxruntime-web")
    parser.add_argument("--precision", choices=PRECISIONS, default="float32", help="of the file that is exported")
    return parser


def export(run: Run, runtime: str, precision: str, folder: Path) -> Path:
    """Export a run's front end and net, proven against PyTorch; the file of the net.

    Two files where one would do: what passes between them are the features, which the page shows.
    """
    if runtime == "onnx" and precision != "float32":
        raise UserError(f"--precision {precision}: ONNX files are float32; use --runtime litert")
    format = {"litert": "tflite", "onnx": "onnx"}[runtime]
    print(f"exporting {run.folder} and replaying it against PyTorch", file=sys.stderr)
    manifests = Exporter(run, format, "external").export([precision], "features", folder)
    return folder / manifests[-1].file
