"""Accuracy of a run, or of a file exported from it, on clips: whole, and streamed step by step.

    python -m kwsstream.evaluate RUN [--file X.onnx|X.tflite [--runtime micro]] [--partition testing]

A streamed clip is judged by the logits of its last step: with the state reset before each clip ("reset", the
original's reset1), or carried from clip to clip ("carried", its reset0).
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from kwsstream import runs
from kwsstream.data.module import Partition
from kwsstream.errors import UserError, command
from kwsstream.manifest import read_manifest
from kwsstream.report import confusion, save_confusion, table
from kwsstream.runners import RUNTIMES, Runner, TorchRunner, open_runner
from kwsstream.streaming import Sequential, Timing, why_whole

PARTITIONS = ("training", "validation", "testing")
CLIPS_AT_ONCE = 100


@dataclass(frozen=True)
class Scores:
    """The logits (clips, labels) of one way of running a partition, and its true labels (clips,)."""

    name: str
    logits: np.ndarray
    labels: np.ndarray

    @property
    def accuracy(self) -> float:
        """Percent of clips whose largest logit is that of their label."""
        return 100 * float((self.logits.argmax(1) == self.labels).mean())

    def confusion(self) -> np.ndarray:
        """Clips (true label, predicted label)."""
        return confusion(self.labels, self.logits.argmax(1), self.logits.shape[1])


def clips(partition: Partition, description: str) -> Iterator[np.ndarray]:
    """The clips of a partition in order, float32 (samples,) in [-1, 1], with a progress bar."""
    for start in tqdm(range(0, len(partition), CLIPS_AT_ONCE), description, leave=False, delay=1):
        yield from partition.audio(slice(start, start + CLIPS_AT_ONCE)).astype(np.float32) / 32768


@torch.no_grad()
def score_whole(model: Sequential, partition: Partition, name: str = "PyTorch, whole clip") -> Scores:
    """The model's forward on whole clips, many at once."""
    logits = []
    for start in tqdm(range(0, len(partition), CLIPS_AT_ONCE), name, leave=False, delay=1):
        audio = torch.from_numpy(partition.audio(slice(start, start + CLIPS_AT_ONCE)).astype(np.float32) / 32768)
        logits.append(model(audio[:, :, None, None])[:, -1, 0])
    return Scores(name, torch.cat(logits).numpy(), partition.labels)


def score(runner: Runner, partition: Partition, name: str, carried: bool = False) -> Scores:
    """Clips one after another through a runner: streamed, or whole where the runner's file takes whole clips."""
    logits = []
    runner.reset()
    for clip in clips(partition, name):
        if not carried:
            runner.reset()
        logits.append(runner.run(clip if runner.stream == "none" else stream_of(clip, runner.timing))[-1])
    return Scores(name, np.stack(logits), partition.labels)


def stream_of(clip: np.ndarray, timing: Timing) -> np.ndarray:
    """The samples to step through for the last step to end with the last frame that the whole clip has."""
    return timing.fit(torch.from_numpy(clip)[None, :, None, None]).flatten().numpy()


def score_run(model: Sequential, labels: list[str], partition: Partition) -> list[Scores]:
    """PyTorch on whole clips, and where it can stream, streamed with reset state and with carried state."""
    if why_whole(model):
        return [score_whole(model, partition)]
    runner = TorchRunner(model, labels)
    return [
        score_whole(model, partition),
        score(runner, partition, "PyTorch, streamed, reset"),
        score(runner, partition, "PyTorch, streamed, carried", carried=True),
    ]


def score_file(path: Path, partition: Partition, runtime: str | None = None, device: bool = False) -> list[Scores]:
    """An exported file on clips: whole, or streamed with reset and with carried state; see open_runner for `device`."""
    runner = open_runner(path, runtime=runtime, device=device)
    name = f"{path.name} in {runtime}" if runtime else path.name
    if runner.stream == "none":
        return [score(runner, partition, f"{name}, whole clip")]
    return [
        score(runner, partition, f"{name}, reset"),
        score(runner, partition, f"{name}, carried", carried=True),
    ]


def check_features(path: Path, run: runs.Run) -> None:
    """UserError where a file was made for other features than those of the run."""
    theirs, ours = {"kind": "mel"} | read_manifest(path).features, run.config.features.model_dump(mode="json")
    for key in ("kind", *sorted(theirs.keys() & ours.keys())):
        if theirs[key] != ours[key]:
            raise UserError(
                f"{path} was made for features of {key} {theirs[key]!r}, and the run {run.folder} has {ours[key]!r}: "
                "give the run that it was exported from"
            )


def main() -> None:
    """Print the accuracies, and save each confusion matrix in RUN/evaluation."""
    parser = argparse.ArgumentParser("python -m kwsstream.evaluate", description=main.__doc__)
    parser.add_argument("run", type=Path, nargs="?", help="a run folder; the newest by default")
    parser.add_argument("--file", type=Path, help="a file exported from the run; PyTorch by default")
    parser.add_argument("--runtime", choices=RUNTIMES, help="what runs the file; ONNX Runtime or LiteRT by default")
    parser.add_argument("--device", action="store_true", help="micro features for the file, by pymicro-features")
    parser.add_argument("--partition", nargs="+", choices=PARTITIONS, default=list(PARTITIONS))
    given = parser.parse_args()
    if given.runtime and not given.file:
        raise UserError(f"--runtime {given.runtime} runs an exported file: give it by --file")
    run = runs.load(given.run or runs.newest())
    if given.file:
        check_features(given.file, run)
    elif given.device:
        raise UserError("--device makes the features for an exported file: give it with --file")
    rows = []
    for name in given.partition:
        partition = run.data().partition(name)
        scores = (
            score_file(given.file, partition, given.runtime, given.device)
            if given.file
            else score_run(run.model, run.labels, partition)
        )
        for one in scores:
            rows.append([name, one.name, len(partition), f"{one.accuracy:.2f}"])
            stem = f"{name} {one.name}".replace(",", "").replace(" ", "_").replace(".", "_")
            save_confusion(run.folder / "evaluation" / stem, one.confusion(), run.labels, one.accuracy)
    print(table(["partition", "model", "clips", "accuracy %"], rows))


if __name__ == "__main__":
    command(main)
