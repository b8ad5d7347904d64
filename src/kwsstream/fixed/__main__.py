"""A run in power-of-two fixed point, and the C files that stream it.

    python -m kwsstream.fixed RUN [--out FOLDER] [--clips 300] [--partition training validation testing]

Prints the formats found on training clips, then accuracy and confusion matrix of each partition, computed in whole
numbers. FOLDER gets weights.h, kws.h and kws.c.
"""

import argparse
from pathlib import Path

from kwsstream import runs
from kwsstream.compress.prepare import plain
from kwsstream.errors import UserError, command
from kwsstream.evaluate import PARTITIONS
from kwsstream.fixed import report
from kwsstream.fixed.header import header, sources
from kwsstream.fixed.network import parts
from kwsstream.fixed.search import Found, search
from kwsstream.runs import Run


def main() -> None:
    """Quantise a run to powers of two, print its accuracy, and write weights.h, kws.h and kws.c."""
    parser = argparse.ArgumentParser("python -m kwsstream.fixed", description=main.__doc__)
    parser.add_argument("run", type=Path, nargs="?", help="a run folder; the newest by default")
    parser.add_argument("--out", type=Path, help="the folder to write to; RUN/fixed by default")
    parser.add_argument("--clips", type=int, default=300, help="training clips to search the formats on")
    parser.add_argument("--partition", nargs="*", choices=PARTITIONS, default=list(PARTITIONS))
    given = parser.parse_args()
    if given.clips < 1:
        raise UserError(f"--clips {given.clips}: expected at least one clip; the more, the better the formats")
    run = runs.load(given.run or runs.newest())
    run.model = plain(run.model)
    found = found_formats(run, given.clips)
    print(report.formats(found))
    print(f"divergence of the labels {found.before:.4f} nats before the search, {found.after:.4f} after\n")
    for name in given.partition:
        scores = report.judge(run.model, found, run.data().partition(name), name)
        print(report.accuracy(name, *scores, run.labels) + "\n")
    write(run, found, given.out or run.folder / "fixed")


def found_formats(run: Run, clips: int) -> Found:
    """The formats that a run's first training clips ask for. UserError where its layers have no fixed point."""
    list(parts(run.model.net))  # before any data is made
    return search(run.model.net, report.features_of(run.model.front, run.data().partition("training"), slice(clips)))


def write(run: Run, found: Found, folder: Path) -> None:
    """Write the three files of C."""
    title = f"{run.name} of {len(run.labels)} labels in power-of-two fixed point, for kws.c"
    text = header(found, run.model.front.outputs, run.labels, title)
    for name, source in {"weights.h": text, **sources()}.items():
        runs.write_text(folder / name, source)
        print(f"wrote {folder / name}")


if __name__ == "__main__":
    command(main)
