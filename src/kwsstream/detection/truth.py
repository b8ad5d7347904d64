"""What is said in a stream, and when: a CSV with the columns label, start, end in seconds; Audacity labels beside.

A keyword has its label; everything else that is said has the label `_unknown_`.
"""

import csv
import math
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from kwsstream.data.labels import SILENCE, UNKNOWN
from kwsstream.errors import UserError

COLUMNS = ["label", "start", "end"]


class Span(NamedTuple):
    """Something said, from sample `start` up to sample `end`. `note` is for people."""

    label: str
    start: int
    end: int
    note: str = ""


def write_truth(path: Path, spans: Iterable[Span], sample_rate_hz: int) -> None:
    """Spans as CSV. Seven decimals tell samples apart up to rates of megahertz."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([s.label, f"{s.start / sample_rate_hz:.7f}", f"{s.end / sample_rate_hz:.7f}"] for s in spans)


def write_audacity(path: Path, spans: Iterable[Span], sample_rate_hz: int) -> None:
    """Spans as a label track of Audacity: start, end, text, with tabs between."""
    lines = (f"{s.start / sample_rate_hz:.7f}\t{s.end / sample_rate_hz:.7f}\t{s.note or s.label}\n" for s in spans)
    path.write_text("".join(lines), encoding="utf-8")


def read_truth(path: Path, samples: int, sample_rate_hz: int, labels: Iterable[str]) -> list[Span]:
    """The spans of a CSV, by start. UserError where it is none, or belongs to another stream or another model."""
    known = {*labels, SILENCE, UNKNOWN}
    if not path.is_file():
        raise UserError(f"no truth {path}: expected a CSV with the columns {','.join(COLUMNS)}")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            head, *rows = list(csv.reader(file)) or [[]]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is not a CSV file ({error}): expected the columns {','.join(COLUMNS)}") from error
    if head[:3] != COLUMNS:
        raise UserError(f"{path} starts with {','.join(head)!r}: expected the columns {','.join(COLUMNS)}")
    spans = []
    for number, row in enumerate(rows, start=2):
        try:
            label, start, end = row[0], *(round(float(cell) * sample_rate_hz) for cell in row[1:3])
        except (ValueError, OverflowError, IndexError) as error:
            raise UserError(f"{path}, line {number}: {','.join(row)!r} is not label,start,end in seconds") from error
        if label not in known:
            names = ", ".join(sorted(known))
            raise UserError(f"{path}, line {number}: label {label!r} is unknown to the model: expected one of {names}")
        if not 0 <= start < end <= samples + 1:
            length = f"{math.floor(samples / sample_rate_hz * 10) / 10:g} s"
            raise UserError(
                f"{path}, line {number}: {row[1]} to {row[2]} s is no part of a stream of {length}: "
                "give the truth of this very stream"
            )
        spans.append(Span(label, start, end))
    return sorted(spans, key=lambda span: span.start)
