"""The command behind export/to_tfjs.py."""

import argparse
import sys
from pathlib import Path
from typing import get_args

from kwsstream import runs
from kwsstream.report import table
from kwsstream.tfjs.converter import Quantise
from kwsstream.tfjs.export import export

HEAD = ["model", "kB", "steps", "largest difference", "of largest", "states", "argmax equal, steps %"]


def main(description: str, arguments: list[str] | None = None) -> None:
    """Export a run to TensorFlow.js, and print how it compares with PyTorch."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--run", type=Path, help="a run folder; the newest by default")
    parser.add_argument("--out", type=Path, help="the folder to write to; RUN/tfjs/QUANTISE by default")
    parser.add_argument("--quantise", choices=get_args(Quantise), default="none", help="weights in fewer bits")
    given = parser.parse_args(arguments)
    run = runs.load(given.run or runs.newest())
    folder = given.out or run.folder / "tfjs" / given.quantise
    print(f"exporting {run.folder} to {folder} and replaying it against PyTorch", file=sys.stderr)
    rows = []
    for name, parity in export(run, given.quantise, folder).items():
        size = sum(path.stat().st_size for path in (folder / name).iterdir() if path.is_file())
        rows.append(
            [
                str(Path(name) / "model.json"),
                f"{size / 1000:.0f}",
                parity.steps,
                f"{parity.largest_difference:.1e}",
                f"{parity.largest_result:.1f}",
                f"{parity.state_difference:.1e}",
                "-" if name == "front" else f"{parity.step_agreement:.2f}",
            ]
        )
    print(table(HEAD, rows))
