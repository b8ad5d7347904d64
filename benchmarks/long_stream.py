"""An hour of audio through PyTorch and the exported files of a run: drift, logits that stick, NaN, restored states.

    python benchmarks/long_stream.py RUN [--minutes 60] [--data FOLDER] [--files FILE ...]

The audio is clips, noise and silence joined, of the run's data or of a folder in the layout of Speech Commands.
"""

import argparse
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from kwsstream import runs
from kwsstream.data.module import SpeechData
from kwsstream.data.partition import Partition
from kwsstream.errors import UserError, command
from kwsstream.long_stream import Watch, minutes, watch
from kwsstream.manifest import read_manifest
from kwsstream.report import table
from kwsstream.runners import FileRunner, TorchRunner, open_runner

HEAD = ["file", "steps", "first minute", "last minute", "largest", "stuck %, first", "last", "state restored", "faults"]


def streaming_files(folder: Path) -> list[Path]:
    """The exported models of a folder that stream. UserError where there are none."""
    files = sorted(path for path in folder.glob("*.*") if path.suffix in (".onnx", ".tflite"))
    manifests = {file: read_manifest(file) for file in files}
    found = [f for f, m in manifests.items() if m.stream != "none" and m.output.name == "logits"]
    if not found:
        raise UserError(f"no streaming model in {folder}: export one with export/to_tflite.py")
    return found


def openers(files: list[Path]) -> dict[str, partial[FileRunner]]:
    """How to open each file; integer ones in TensorFlow Lite Micro too, where it is installed."""
    found = {}
    for file in files:
        found[file.name] = partial(open_runner, file)
        if find_spec("tflite_micro") and read_manifest(file).precision in ("int8", "int16"):
            found[f"{file.name} in micro"] = partial(open_runner, file, runtime="micro")
    return found


def audio(run: runs.Run, folder: Path | None) -> Partition:
    """The test clips of the run's data, or of a folder."""
    if folder is None:
        return run.data().partition("testing")
    data = SpeechData(corpus="speech_commands", root=folder, sample_rate_hz=run.config.data.sample_rate_hz)
    data.prepare_data()
    data.setup()
    return data.partition("testing")


def row(seen: Watch) -> list[str]:
    restored = {None: "inside", True: "identical", False: "another"}[seen.restored]
    return [
        seen.name,
        f"{seen.steps}",
        f"{seen.differences[0]:.2e}",
        f"{seen.differences[-1]:.2e}",
        f"{seen.largest:.1f}",
        f"{seen.stuck[0]:.2f}",
        f"{seen.stuck[-1]:.2f}",
        restored,
        "; ".join(seen.faults) or "none",
    ]


def main() -> None:
    """Print what was seen of each file; exit code 1 where anything is not as it should be."""
    parser = argparse.ArgumentParser("python benchmarks/long_stream.py", description=main.__doc__)
    parser.add_argument("run", type=Path, nargs="?", help="a run folder; the newest by default")
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--data", type=Path, help="a folder like Speech Commands; the run's data by default")
    parser.add_argument("--files", type=Path, nargs="+", help="exported files; all of RUN/export by default")
    given = parser.parse_args()
    run = runs.load(given.run or runs.newest())
    files = openers(given.files or streaming_files(run.folder / "export"))
    rate, hop = run.config.data.sample_rate_hz, run.model.timing.stride
    stream = minutes(audio(run, given.data), given.minutes, rate, hop)
    found = watch(TorchRunner(run.model, run.labels), files, stream, given.minutes)
    print(table(HEAD, [row(seen) for seen in found]))
    if any(seen.faults for seen in found):
        sys.exit("a stream is not what it was at its start")


if __name__ == "__main__":
    command(main)
