"""Streams with truth, what a model hears in them, and the thresholds of its detector.

    python -m kwsstream.detect stream --run RUN --minutes 60 --out FOLDER
    python -m kwsstream.detect eval --file X [Y ...] --stream FOLDER/stream.wav --truth FOLDER/truth.csv [--out FOLDER]
    python -m kwsstream.detect tune --file X --stream FOLDER/stream.wav --truth FOLDER/truth.csv --target 1.0
    python -m kwsstream.detect set --file X [window_ms=200 thresholds.yes=0.7 ...]

X is a run folder (PyTorch), .onnx or .tflite. Parameters of the detector are kept beside it and change no file of a
model. Tune on a stream of the validation partition: what was tuned on says nothing of what is to come.
"""

import argparse
import json
import math
from dataclasses import asdict
from pathlib import Path

from kwsstream import config as configs
from kwsstream import runs
from kwsstream.data.labels import is_keyword
from kwsstream.detection import evaluation
from kwsstream.detection.curve import TARGETS, operating_point, save_curve, save_curves
from kwsstream.detection.evaluation import Result
from kwsstream.detection.material import material
from kwsstream.detection.settings import changed, save_parameters
from kwsstream.detection.spotter import open_model
from kwsstream.detection.streams import STREAM, Recipe, write_stream
from kwsstream.detection.tuning import tune
from kwsstream.errors import UserError, command
from kwsstream.files import writing
from kwsstream.report import table
from kwsstream.runs import write_json

HEAD = ["model", "keywords", "hits", "misses", "wrong word", "false accepts", "an hour", "delay ms", "95 %", "seconds"]
POINTS_HEAD = ["model", "at most an hour", "threshold", "false accepts an hour", "false rejects %", "wrong word"]


def stream_command(given: argparse.Namespace) -> None:
    """Write a stream with truth of clips that a partition holds."""
    recipe = Recipe(
        given.minutes, given.snr_db, given.level_db, given.spread_db, tuple(given.gap_s),
        given.keywords, given.unknown, given.seed,
    )  # fmt: skip
    if given.config:
        data = runs.speech_data(configs.read(given.config))
        data.prepare_data()
        data.setup()
    else:
        data = runs.load(given.run or runs.newest()).data()
    spans = write_stream(material(data, given.partition), recipe, given.out)
    keywords = sum(is_keyword(span.label) for span in spans)
    print(f"{given.out / STREAM}: {given.minutes:g} minutes, {keywords} keywords, {len(spans) - keywords} other words")


def eval_command(given: argparse.Namespace) -> None:
    """Print what each model hears in a stream, and what it could; with --out, save all that and a picture."""
    check(given)
    if given.out:  # before an hour is heard for nothing
        with writing(given.out):
            given.out.mkdir(parents=True, exist_ok=True)
    results = evaluation.evaluate_all(given.file, given.stream, given.truth, given.tolerance_ms, given.out)
    print(table(HEAD, [row(result) for result in results]))
    print()
    print(table(POINTS_HEAD, [points_row(result, target) for result in results for target in TARGETS]))
    hours = results[0].now.hours
    if hours * min(TARGETS) < 1:
        print(f"\nThe stream has {hours:.3g} h: {min(TARGETS):g} false accepts an hour are none in it.")
    if given.out:
        for result in results:
            save_curve(given.out / f"{result.name}.det.csv", result.points)
        curves = {result.name: result.points for result in results}
        save_curves(given.out / "det.png", curves, {result.name: result.now for result in results}, hours)
        write_json(given.out / "report.json", [report(result) for result in results])


def tune_command(given: argparse.Namespace) -> None:
    """Choose thresholds on a stream with truth, and write them beside the model."""
    check(given)
    for path in given.file:
        heard = evaluation.hear(path, given.stream, given.truth, given.tolerance_ms, progress=True)
        parameters, judged = tune(heard.model, heard.posteriors, heard.judge, given.target)
        written = save_parameters(path, parameters)
        print(
            f"{written}: {judged.false_accepts_per_hour:.3g} false accepts an hour, {judged.false_rejects:.2f} % of "
            f"{judged.keywords} keywords missed, {judged.wrong} wrong words on this stream"
        )
        print(table(["label", "threshold"], [[k, f"{v:.6g}"] for k, v in parameters.thresholds.items()]))


def set_command(given: argparse.Namespace) -> None:
    """Change parameters of the detectors of models, or only print them."""
    for path in given.file:
        model = open_model(path)
        parameters = changed(model.parameters, given.parameter)
        model.detector(parameters)  # that names labels it has
        if given.parameter:
            save_parameters(path, parameters)
        print(f"{path}: {json.dumps(asdict(parameters), indent=2)}")


def check(given: argparse.Namespace) -> None:
    """UserError for numbers that make no sense."""
    for name in ("target", "tolerance_ms"):
        value = getattr(given, name, 0)
        if not 0 <= value < math.inf:
            raise UserError(f"--{name.replace('_', '-')} {value:g}: expected a number from 0 up")


def row(result: Result) -> list:
    now, delays = result.now, [result.delay_ms(50), result.delay_ms(95)]
    return [
        result.name, now.keywords, now.hits, now.misses, now.wrong, now.false_accepts,
        f"{now.false_accepts_per_hour:.3g}", *("-" if ms is None else f"{ms:.0f}" for ms in delays),
        f"{result.seconds:.1f}",
    ]  # fmt: skip


def points_row(result: Result, target: float) -> list:
    one = operating_point(result.points, target)
    if one is None:
        return [result.name, f"{target:g}", *["-"] * 4]
    accepts, rejects = f"{one.false_accepts_per_hour:.3g}", f"{one.false_rejects:.2f}"
    return [result.name, f"{target:g}", f"{one.threshold:.6g}", accepts, rejects, one.wrong]


def report(result: Result) -> dict:
    now = result.now
    return {
        "model": result.name,
        "hours": now.hours,
        "keywords": now.keywords,
        "hits": now.hits,
        "misses": now.misses,
        "wrong_words": now.wrong,
        "false_accepts": now.false_accepts,
        "false_accepts_per_hour": now.false_accepts_per_hour,
        "delay_ms": {"median": result.delay_ms(50), "percentile_95": result.delay_ms(95)},
        "operating_points": {
            f"{target:g}": asdict(one) if (one := operating_point(result.points, target)) else None
            for target in TARGETS
        },
    }


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m kwsstream.detect", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True, metavar="stream | eval | tune | set")
    stream = commands.add_parser("stream", description=stream_command.__doc__)
    stream.set_defaults(work=stream_command)
    of = stream.add_mutually_exclusive_group()
    of.add_argument("--run", type=Path, help="the run whose data to use; the newest by default")
    of.add_argument("--config", type=Path, help="the config whose data to use")
    stream.add_argument("--out", type=Path, required=True, help="the folder to write to")
    stream.add_argument("--partition", choices=["training", "validation", "testing"], default="testing")
    stream.add_argument("--minutes", type=float, default=Recipe.minutes)
    stream.add_argument("--snr-db", type=float, default=Recipe.snr_db, help="level of words over background")
    stream.add_argument("--level-db", type=float, default=Recipe.level_db, help="level of words")
    stream.add_argument("--spread-db", type=float, default=Recipe.spread_db, help="how far levels vary")
    stream.add_argument("--gap-s", type=float, nargs=2, default=Recipe.gap_s, help="shortest and longest gap")
    stream.add_argument("--keywords", type=float, default=Recipe.keywords, help="percent of what is said")
    stream.add_argument("--unknown", type=float, default=Recipe.unknown, help="percent of what is said")
    stream.add_argument("--seed", type=int, default=Recipe.seed)
    for name, work in (("eval", eval_command), ("tune", tune_command), ("set", set_command)):
        one = commands.add_parser(name, description=work.__doc__)
        one.set_defaults(work=work)
        count = 1 if name == "set" else "+"  # a parameter that follows is no file
        one.add_argument("--file", type=Path, nargs=count, action="extend", required=True, help="run folders or files")
        if name == "set":
            one.add_argument("parameter", nargs="*", default=[], help="key=number; thresholds.word=null: none")
            continue
        one.add_argument("--stream", type=Path, required=True, help="a WAV or FLAC file")
        one.add_argument("--truth", type=Path, required=True, help="a CSV with the columns label,start,end in seconds")
        one.add_argument("--tolerance-ms", type=float, default=evaluation.TOLERANCE_MS, help="after the end of a word")
        if name == "eval":
            one.add_argument("--out", type=Path, help="a folder for curves, picture, posteriors and detections")
        else:
            one.add_argument("--target", type=float, default=1.0, help="false accepts per hour")
    return parser


def main(arguments: list[str] | None = None) -> None:
    """The command that was given."""
    given = parser().parse_args(arguments)
    given.work(given)


if __name__ == "__main__":
    command(main)
