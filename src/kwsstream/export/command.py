"""The command behind export/to_onnx.py and export/to_tflite.py."""

import argparse
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import yaml
from pydantic import ValidationError

from kwsstream import evaluate, runs
from kwsstream.config import first_line
from kwsstream.errors import UserError
from kwsstream.export.exporter import Exporter, Format, check
from kwsstream.export.graph import Input, Stream
from kwsstream.export.noise import noise_path, read_noise
from kwsstream.export.second import NAME as SECOND
from kwsstream.export.tflite import INTEGER, PRECISIONS
from kwsstream.manifest import Manifest
from kwsstream.report import table
from kwsstream.runners import TorchRunner
from kwsstream.runs import Run
from kwsstream.settings import Quantise
from kwsstream.streaming import why_whole

LONGEST_NAME = 60
TRAINED = {"bits", "power_of_two", "range_updates"}
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
    given = parser(format, description).parse_intermixed_args(arguments)
    check(format, given.stream, given.precision)
    if (given.report or given.second_opinion) and not set(given.precision) & set(INTEGER):
        raise UserError(f"--report and --second-opinion are about {' and '.join(INTEGER)}: add one to --precision")
    run = runs.load(given.run or runs.newest())
    run.config = run.config.model_copy(update={"quantise": overridden(run.config.quantise, given.overrides)})
    folder = given.out or run.folder / "export"
    if given.input == "audio" and (integer := [p for p in given.precision if p in INTEGER]):
        print(f"{' and '.join(integer)} take features: a float32 front end is exported beside", file=sys.stderr)
    print(f"exporting {run.folder} to {folder} and replaying it against PyTorch", file=sys.stderr)
    manifests = []
    if format == "tflite":  # the graphs that TFLite files come from are worth a file, too
        stream = "external" if given.stream == "internal" else given.stream
        manifests += Exporter(run, "onnx", stream).export(["float32"], given.input, folder)
    exporter = Exporter(run, format, given.stream, report=given.report, second=given.second_opinion)
    manifests += exporter.export(given.precision, given.input, folder)
    print(table(HEAD, [*pytorch_rows(run), *file_rows(manifests, folder)]))
    for manifest in manifests:
        say_more(manifest, folder, given.report)


def file_rows(manifests: list[Manifest], folder: Path) -> list[list[str]]:
    """A row for each file, and one below it for what another quantiser made of it."""
    rows = []
    for manifest in manifests:
        rows.append(row(manifest, folder))
        if opinion := manifest.second_opinion:
            found = percent(opinion.agreement), percent(opinion.accuracy)
            rows.append([f"the same by {SECOND}", *["-"] * (len(HEAD) - 3), *found])
    return rows


def say_more(manifest: Manifest, folder: Path, report: bool) -> None:
    """What is to be known of an integer file beyond its row."""
    if manifest.quantisation is None:
        return
    if manifest.quantisation.rescaled:
        print(f"{manifest.file}: rescaled at the end of each step: {', '.join(manifest.quantisation.rescaled)}")
    if report:
        layers = read_noise(noise_path(folder / manifest.file))
        print(f"\n{manifest.file}: signal over noise of its layers, worst first")
        rows = [[n.operator, n.tensor[-LONGEST_NAME:], f"{n.decibels:.1f}", f"{n.rounding:.1f}"] for n in layers]
        print(table(["operator", "tensor", "dB", "dB, its own rounding alone"], rows))


def overridden(quantise: Quantise, overrides: list[str]) -> Quantise:
    """The section of a config with overrides quantise.key=value. UserError where one does not fit."""
    if wrong := [o for o in overrides if not o.startswith("quantise.") or "=" not in o]:
        raise UserError(f"{wrong[0]!r}: an export can override quantise.KEY=VALUE alone; train anew for other keys")
    values = {k.removeprefix("quantise."): yaml.safe_load(v) for k, v in (o.split("=", 1) for o in overrides)}
    if wrong := sorted(values.keys() & TRAINED):
        raise UserError(f"quantise.{wrong[0]} is for training: give it to python -m kwsstream.fit, with --from RUN")
    try:
        return Quantise.model_validate(quantise.model_dump() | values)
    except ValidationError as error:
        raise UserError(first_line(error, ("quantise",))) from error


def parser(format: Format, description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    precisions = list(PRECISIONS) if format == "tflite" else ["float32"]
    parser.add_argument("overrides", nargs="*", metavar="quantise.key=value", help="other than in the run's config")
    parser.add_argument("--stream", choices=get_args(Stream), default="external", help="where the states are kept")
    parser.add_argument("--precision", nargs="+", choices=PRECISIONS, default=precisions, help="all by default")
    parser.add_argument("--input", choices=get_args(Input), default="audio", help="integer files take features always")
    if format == "tflite":
        parser.add_argument("--report", action="store_true", help="the noise of each layer of integer files")
        parser.add_argument("--second-opinion", action="store_true", help=f"quantise by {SECOND} as well")
    else:
        parser.set_defaults(report=False, second_opinion=False)
    parser.add_argument("--run", type=Path, help="a run folder; the newest by default")
    parser.add_argument("--out", type=Path, help="the folder to write to; RUN/export by default")
    return parser


def pytorch_rows(run: Run) -> list[list[str]]:
    """The model itself on the test clips: whole, and streamed with how far that is from whole."""
    testing = run.data().partition("testing")
    whole = evaluate.score_whole(run.model, testing)
    rows = [[whole.name, *["-"] * (len(HEAD) - 2), percent(whole.accuracy)]]
    if why_whole(run.model):
        return rows
    streamed = evaluate.score(TorchRunner(run.model, run.labels), testing, "PyTorch, streamed")
    difference = np.abs(streamed.logits - whole.logits)
    equal = 100 * float((streamed.logits.argmax(1) == whole.logits.argmax(1)).mean())
    return [
        *rows,
        [
            streamed.name,
            "-",
            f"{difference.max():.1e}",
            f"{np.median(difference):.1e}",
            f"{np.abs(whole.logits).max():.1f}",
            "-",
            "-",
            percent(equal),
            percent(streamed.accuracy),
        ],
    ]


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
