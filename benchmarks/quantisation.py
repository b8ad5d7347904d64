"""The accuracy of every form that a run takes on a device: whole clips, streamed with reset and with carried state.

    python benchmarks/quantisation.py RUN [--tuned RUN] [--clustered RUN] [--clips 480] [--micro-clips 50]

--tuned names a run that fit made from RUN with quantise.bits, --clustered one with cluster.clusters. TensorFlow Lite
Micro computes with reference kernels, which are slow: it gets the first --micro-clips of the clips.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

from kwsstream import runs
from kwsstream.compress.prepare import plain
from kwsstream.data.partition import Partition
from kwsstream.errors import UserError, command
from kwsstream.evaluate import Scores, score, score_run
from kwsstream.export.exporter import Exporter
from kwsstream.export.tflite import PRECISIONS, Precision
from kwsstream.fixed.__main__ import found_formats
from kwsstream.fixed.report import int8_model
from kwsstream.manifest import Manifest, Micro
from kwsstream.report import table
from kwsstream.runners import open_runner
from kwsstream.runs import Run
from kwsstream.streaming import why_whole

HEAD = ["form", "runtime", "kB", "clips", "whole %", "reset %", "carried %"]
SEARCH_CLIPS = 300


def main() -> None:
    """Export a run in all precisions and print how often each is right."""
    parser = argparse.ArgumentParser("python benchmarks/quantisation.py", description=main.__doc__)
    parser.add_argument("run", type=Path, nargs="?", help="a run folder; the newest by default")
    parser.add_argument("--tuned", type=Path, help="a run trained on from it with quantise.bits")
    parser.add_argument("--clustered", type=Path, help="a run trained on from it with cluster.clusters")
    parser.add_argument("--clips", type=int, help="so many of the test clips; all by default")
    parser.add_argument("--micro-clips", type=int, default=50, help="of those, for TensorFlow Lite Micro")
    parser.add_argument("--precision", nargs="+", choices=PRECISIONS, default=list(PRECISIONS))
    given = parser.parse_args()
    run = runs.load(given.run or runs.newest())
    clips = first(run.data().partition("testing"), given.clips)
    few = first(clips, given.micro_clips)
    rows = [row("float32", "PyTorch", "-", score_run(run.model, run.labels, clips))]
    rows += file_rows(run, given.precision, "", clips, few)
    fixed, reason = fixed_row(run, clips)
    rows.append(fixed)
    if given.tuned:
        rows += file_rows(runs.load(given.tuned), ["int8"], "trained for ", clips, few)
    if given.clustered:
        rows += file_rows(runs.load(given.clustered), ["float32", "int8"], "clustered ", clips, few)
    print(table(HEAD, rows))
    if reason:
        print(f"{fixed[0]}: {reason}")


def first(partition: Partition, clips: int | None) -> Partition:
    return Partition(partition.store, partition.rows[:clips], partition.labels[:clips])


def row(form: str, runtime: str, size: str, scores: list[Scores]) -> list[str]:
    """A row of the table, for scores of whole clips and, where the form can stream, of streamed ones."""
    accuracies = [f"{one.accuracy:.2f}" for one in scores]
    return [form, runtime, size, str(len(scores[0].labels)), *accuracies, *["-"] * (3 - len(accuracies))]


def file_rows(
    run: Run, precisions: list[Precision], kind: str, clips: Partition, few: Partition
) -> Iterator[list[str]]:
    """The rows of a run's files from features, one in LiteRT and, where it runs, one in TensorFlow Lite Micro."""
    streams = ["none"] if why_whole(run.model) else ["none", "external"]
    with tempfile.TemporaryDirectory() as folder:
        exporters = [Exporter(run, "tflite", stream, strict=False) for stream in streams]
        made = [exporter.export(precisions, "features", Path(folder)) for exporter in exporters]
        files = [[one for one in manifests if one.output.name == "logits"] for manifests in made]
        for of_precision in zip(*files, strict=True):
            form, size = kind + of_precision[0].precision, (Path(folder) / of_precision[-1].file).stat().st_size
            kilobytes = f"{size / 1000:.0f}"
            yield row(form, "LiteRT", kilobytes, scores_of(of_precision, Path(folder), clips))
            if all(isinstance(one.micro, Micro) for one in of_precision):
                yield row(form, "TFLM", kilobytes, scores_of(of_precision, Path(folder), few, "micro"))


def scores_of(files: tuple[Manifest, ...], folder: Path, clips: Partition, runtime: str | None = None) -> list[Scores]:
    """The file of whole clips, and the streaming one with reset and with carried state."""
    whole, *streaming = (open_runner(folder / one.file, runtime=runtime) for one in files)
    ways = [(whole, False), *((runner, carried) for runner in streaming for carried in (False, True))]
    return [score(runner, clips, f"{files[0].precision} in {runtime or 'LiteRT'}", carried) for runner, carried in ways]


def fixed_row(run: Run, clips: Partition) -> tuple[list[str], str | None]:
    """The row of fixed point, computed in whole numbers, and the reason where the run has none."""
    run.model = plain(run.model)
    try:
        model = int8_model(run.model.front, found_formats(run, SEARCH_CLIPS))
    except UserError as error:
        return ["int8, powers of two", "whole numbers", *["-"] * (len(HEAD) - 2)], str(error)
    return row("int8, powers of two", "whole numbers", "-", score_run(model, run.labels, clips)), None


if __name__ == "__main__":
    command(main)
