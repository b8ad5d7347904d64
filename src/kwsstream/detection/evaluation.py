"""Models over a stream with truth: each model is run over it once, several at a time in processes of their own."""

import csv
import multiprocessing
import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from kwsstream.detection.curve import Point, sweep
from kwsstream.detection.judge import Judge, Judged
from kwsstream.detection.sound import BLOCK_S, blocks, open_sound
from kwsstream.detection.spotter import Model, Spotter, open_model
from kwsstream.detection.truth import Span, read_truth
from kwsstream.detector import Detection
from kwsstream.errors import UserError
from kwsstream.files import whole

TOLERANCE_MS = 750.0


@dataclass(frozen=True)
class Heard:
    """A model after a stream: posteriors, float32 (steps, labels), and the truth it is judged by."""

    model: Model
    posteriors: np.ndarray
    detections: list[Detection]
    truth: list[Span]
    judge: Judge
    seconds: float
    """Time that the model and the detector took."""


@dataclass(frozen=True)
class Result:
    """What a model made of a stream, as its detector is set and with one threshold for all labels."""

    name: str
    now: Judged
    points: list[Point]
    sample_rate_hz: int
    seconds: float

    def delay_ms(self, percentile: float) -> float | None:
        """Time from the end of a word to its detection; None where there is no hit."""
        delays = self.now.delays
        return float(np.percentile(delays, percentile)) * 1000 / self.sample_rate_hz if delays else None


def hear(path: Path, stream: Path, truth: Path, tolerance_ms: float = TOLERANCE_MS, progress: bool = False) -> Heard:
    """Run a model over a stream. UserError where stream, truth and model do not belong together."""
    model = open_model(path)
    spotter, start = Spotter(model), time.perf_counter()
    with open_sound(stream) as file:
        if file.samplerate != model.sample_rate_hz:
            raise UserError(
                f"{stream} is sampled at {file.samplerate} Hz, {path} takes {model.sample_rate_hz} Hz: resample it"
            )
        words = list(model.parameters.thresholds)
        spans = read_truth(truth, file.frames, file.samplerate, model.runner.labels)
        judge = Judge(spans, words, file.frames, file.samplerate, tolerance_ms)
        if file.frames < model.runner.hop:
            raise UserError(f"{stream} has {file.frames} samples: expected at least a hop of {model.runner.hop}")
        seconds = int(-(-file.frames // (BLOCK_S * file.samplerate)))
        bar = tqdm(blocks(file), model.name, seconds, disable=not progress, unit="s", delay=1, leave=False)
        results = [spotter.push(block) for block in bar]
    posteriors = np.concatenate([posteriors for posteriors, _ in results])
    detections = [one for _, found in results for one in found]
    return Heard(model, posteriors, detections, spans, judge, time.perf_counter() - start)


def evaluate(
    stream: Path, truth: Path, tolerance_ms: float, out: Path | None, path: Path, name: str, progress: bool = False
) -> Result:
    """Judge one model, and write its posteriors and detections to `out` under `name` if given."""
    heard = hear(path, stream, truth, tolerance_ms, progress)
    now = heard.judge(heard.detections)
    if out:
        with whole(out / f"{name}.posteriors.npy") as beside, beside.open("wb") as file:
            np.save(file, heard.posteriors)
        save_detections(out / f"{name}.detections.csv", heard, now)
    points = sweep(heard.model, heard.posteriors, heard.judge)
    return Result(name, now, points, heard.model.sample_rate_hz, heard.seconds)


def evaluate_all(paths: Sequence[Path], *arguments) -> list[Result]:
    """Judge models as `evaluate` does, as many at a time as there are processors."""
    names = distinct(paths)
    processes = min(len(paths), os.cpu_count() or 1)
    work = partial(evaluate, *arguments)
    if len(paths) == 1:
        return [work(paths[0], names[0], progress=True)]
    context = multiprocessing.get_context("spawn")  # runtimes keep threads, which a fork would lose
    try:
        with ProcessPoolExecutor(processes, context, torch.set_num_threads, (1,)) as pool:
            futures = [pool.submit(work, path, name) for path, name in zip(paths, names, strict=True)]
            done = tqdm(futures, "models", delay=1, leave=False)
            try:
                return [future.result() for future in done]
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
    except BrokenProcessPool as error:
        raise UserError("a process ended before its model was judged (out of memory?): give fewer files") from error


def distinct(paths: Sequence[Path]) -> list[str]:
    """Names of models: of their paths' last parts, as few as tell them apart. UserError for the same path twice."""
    parts = [path.resolve().parts[1:] for path in paths]
    for one in parts:
        if parts.count(one) > 1:
            raise UserError(f"--file names {Path(*one)} twice: name it once")
    least = next(n for n in range(1, max(map(len, parts)) + 1) if len({p[-n:] for p in parts}) == len(parts))
    return ["-".join(one[-least:]) for one in parts]


def save_detections(path: Path, heard: Heard, judged: Judged) -> None:
    """Each detection with its time in seconds, its verdict, and what was being said or said last."""
    rate, starts = heard.model.sample_rate_hz, [span.start for span in heard.truth]
    with whole(path) as beside, beside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["label", "time", "score", "verdict", "after", "after_start"])
        for one, verdict in zip(heard.detections, judged.verdicts, strict=True):
            before = int(np.searchsorted(starts, one.sample, "right")) - 1
            said = heard.truth[before] if before >= 0 else None
            last = [said.label, f"{said.start / rate:.3f}"] if said else ["", ""]
            writer.writerow([one.label, f"{one.sample / rate:.3f}", f"{one.score:.6f}", verdict, *last])
