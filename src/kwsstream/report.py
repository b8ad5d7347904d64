"""Tables for people and for spreadsheets, and the pictures of a run."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from kwsstream.files import whole


def table(head: list[str], rows: list[list]) -> str:
    """Plain text in columns; what is not text stands to the right."""
    cells = [[str(cell) for cell in row] for row in [head, *rows]]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    left = [all(isinstance(row[i], str) and not is_number(row[i]) for row in rows) for i in range(len(head))]
    lines = [
        "  ".join(
            cell.ljust(w) if to_left else cell.rjust(w) for cell, w, to_left in zip(row, widths, left, strict=True)
        )
        for row in cells
    ]
    return "\n".join(line.rstrip() for line in [lines[0], "-" * len(lines[0]), *lines[1:]])


def is_number(text: str) -> bool:
    return text[:1].isdigit() or text in ("-", "")


def confusion(labels: np.ndarray, predicted: np.ndarray, size: int) -> np.ndarray:
    """Counts (true label, predicted label)."""
    return np.bincount(labels * size + predicted, minlength=size * size).reshape(size, size)


def save_confusion(stem: Path, counts: np.ndarray, labels: list[str], accuracy: float) -> None:
    """The counts as stem.csv, and as picture stem.png with each row in percent."""
    text = io.StringIO()
    csv.writer(text).writerows(
        [["true \\ predicted", *labels], *([name, *row] for name, row in zip(labels, counts.tolist(), strict=True))]
    )
    with whole(stem.with_suffix(".csv")) as path:
        path.write_text(text.getvalue())
    percent = 100 * counts / counts.sum(1, keepdims=True).clip(1)
    side = 3 + 0.35 * len(labels)
    figure = Figure((side, side), layout="constrained")
    axes = figure.subplots()
    axes.imshow(percent, cmap="Blues", vmin=0, vmax=100)
    for (row, column), share in np.ndenumerate(percent):
        if share >= 0.5:
            colour = "white" if share > 50 else "black"
            axes.text(column, row, f"{share:.0f}", ha="center", va="center", fontsize=7, color=colour)
    axes.set_xticks(range(len(labels)), labels, rotation=90)
    axes.set_yticks(range(len(labels)), labels)
    axes.set(xlabel="predicted", ylabel="true", title=f"{accuracy:.2f} % of {counts.sum()} clips; rows in %")
    save_picture(figure, stem.with_suffix(".png"))


def save_curves(path: Path, logs: list[Path]) -> None:
    """Loss, validation accuracy and learning rate over updates, from the metrics.csv of a run and its resumptions."""
    values: dict[str, dict[int, float]] = {}
    for log in logs:
        with log.open(newline="") as file:
            for row in csv.DictReader(file):
                for key, value in row.items():
                    if value and key not in ("epoch", "step"):
                        values.setdefault(key, {})[int(row["step"]) + 1] = float(value)
    figure = Figure((8, 8), layout="constrained")
    panels: list[tuple[str, Callable[[str], bool]]] = [
        ("loss", lambda key: key.endswith("loss")),
        ("accuracy", lambda key: key.endswith("accuracy")),
        ("learning rate", lambda key: key.startswith("lr")),
    ]
    for axes, (name, belongs) in zip(figure.subplots(len(panels), sharex=True), panels, strict=True):
        for key in filter(belongs, values):
            updates = sorted(values[key])
            axes.plot(updates, [values[key][u] for u in updates], label=key)
        axes.set_ylabel(name)
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend()
    axes.set_xlabel("update")
    save_picture(figure, path)


def save_picture(figure: Figure, path: Path) -> None:
    with whole(path) as beside:
        figure.savefig(beside, format="png", dpi=120)
