"""What listen shows: bars of the live scores in a terminal, and a line for each detection anywhere."""

import sys
from contextlib import AbstractContextManager, nullcontext

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from kwsstream.detection.spotter import Model

WIDTH = 40
SHOWS_A_SECOND = 15
SHOWN_S = 1.0


class Display:
    """Detections on stdout, one a line: time in seconds, label, mean posterior; below them bars.

    Bars are for terminals; `bars` says that stdout is one, or that it is none.
    """

    def __init__(self, model: Model, bars: bool | None = None):
        self.console = Console(file=sys.stdout, highlight=False, soft_wrap=True, force_terminal=bars)
        self.labels, self.thresholds = model.runner.labels, model.parameters.thresholds
        bars = self.console.is_terminal
        self.live = Live(console=self.console, auto_refresh=False, transient=True) if bars else None
        self.shown, self.last = -1.0, {}

    def running(self) -> AbstractContextManager:
        return self.live or nullcontext()

    def detection(self, time_s: float, label: str, score: float) -> None:
        self.last[label] = time_s
        self.console.print(Text(f"{time_s:10.3f} s  {label}  {score:.3f}"))
        if not self.live:
            self.console.file.flush()

    def scores(self, now: float, time_s: float, scores, dropped_s: float, waiting: int) -> None:
        """Draw bars of posteriors (labels,), no more often than eyes can follow; `now` is a clock in seconds."""
        if not self.live or now - self.shown < 1 / SHOWS_A_SECOND:
            return
        self.shown = now
        table = Table.grid(padding=(0, 1))
        for label, score in zip(self.labels, scores.tolist(), strict=True):
            fired = time_s - self.last.get(label, -SHOWN_S) < SHOWN_S
            name = Text(label, style="bold green" if fired else "")
            table.add_row(name, self.bar(score, self.thresholds.get(label)), Text(f"{score:.2f}"))
        lost = f", {dropped_s:.1f} s DROPPED" if dropped_s else ""
        state = f"{time_s:.1f} s, {waiting} blocks waiting{lost}"
        table.add_row("", Text(state, style="bold red" if dropped_s else "dim"), "")
        self.live.update(table, refresh=True)

    def bar(self, score: float, threshold: float | None) -> Text:
        """A bar with a mark at its threshold."""
        full = round(score * WIDTH)
        cells = ["█"] * full + ["·"] * (WIDTH - full)
        if threshold is not None:
            cells[min(WIDTH - 1, round(threshold * WIDTH))] = "|"
        above = threshold is not None and score >= threshold
        return Text("".join(cells), style="green" if above else "cyan" if threshold is not None else "dim")
