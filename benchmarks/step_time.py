"""Time of one step of the paper's CNN in LiteRT: one thread, float32, external state, audio in.

    python benchmarks/step_time.py

The baseline is the same graph with its DFT as one matrix product, as kws_streaming exports it. All files run in one
process, interleaved in rounds; a number is the median of the rounds. Weights are random: time does not depend on them.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch import Tensor, nn

from kwsstream.dft import wave
from kwsstream.errors import command
from kwsstream.export.calibration import calibration
from kwsstream.export.convert import Made, make_tflite
from kwsstream.export.graph import PARTS, Graph, graph_of
from kwsstream.export.tflite import Calibration
from kwsstream.features import Features, Matrix, mel_matrix
from kwsstream.models import build
from kwsstream.report import table
from kwsstream.streaming import Sequential

SAMPLES, LABELS, UPPER_HZ = 16000, 12, 7600.0
ROUNDS, STEPS = 60, 100
STEP_BAR, FRONT_BAR, MB_BAR = 0.72, 0.15, 2.6


class MatrixSpectrum(nn.Module):
    """The magnitudes of `bins` of the DFT as one product with a matrix (window, real and imaginary parts)."""

    def __init__(self, window: int, size: int, bins: int):
        super().__init__()
        waves = wave(torch.arange(bins), torch.arange(window), size)
        self.register_buffer("matrix", torch.cat([waves.real, waves.imag]).float())

    def forward(self, frames: Tensor) -> Tensor:
        real, imaginary = nn.functional.linear(frames, self.matrix).chunk(2, -1)
        return (real * real + imaginary * imaginary).sqrt()


def model(baseline: bool) -> Sequential:
    """The CNN with its front end, or with the front end of the original."""
    torch.manual_seed(0)
    front = Features(upper_hz=UPPER_HZ)
    if baseline:
        weights = mel_matrix(front.spectrum.size, SAMPLES, front.dct.matrix.shape[1], 20.0, UPPER_HZ, "htk")
        bins = int(weights.sum(1).nonzero().max()) + 1
        front.spectrum = MatrixSpectrum(front.window.constants.numel(), front.spectrum.size, bins)
        front.mel = Matrix(weights[:bins])
    return build("cnn", front, SAMPLES, LABELS).eval()


def files(folder: Path) -> dict[str, Made]:
    """The files to time, by what they are."""
    ours, baseline = folder / "ours", folder / "baseline"
    made = convert(model(baseline=False), ours, audio=["float32"], front=["float32"], features=["float32", "int8"])
    return {
        "CNN, DFT as one matrix": convert(model(baseline=True), baseline, audio=["float32"])["audio"][0],
        "CNN": made["audio"][0],
        "front end": made["front"][0],
        "net": made["features"][0],
        "net, int8": made["features"][1],
    }


def convert(model: Sequential, folder: Path, **precisions: list[str]) -> dict[str, list[Made]]:
    """The files of parts of a model, calibrated with noise."""
    folder.mkdir()
    graphs = {part: graph_of(model, "external", part, SAMPLES) for part in PARTS}
    plan = {part: {p: folder / f"{part}_{p}.tflite" for p in chosen} for part, chosen in precisions.items()}
    return make_tflite(graphs, plan, False, noise)


def noise(graph: Graph) -> Calibration:
    return lambda precision: calibration(graph, torch.randn(50, *graph.example.shape))


def step_times(made: list[Made]) -> list[float]:
    """The median microseconds of a step of each file: the interpreter alone, without passing states in and out."""
    interpreters = [one.session().interpreter for one in made]
    rounds = [[microseconds(interpreter) for interpreter in interpreters] for _ in range(ROUNDS)]
    return [statistics.median(times) for times in zip(*rounds, strict=True)]


def microseconds(interpreter) -> float:
    """Of one step, the mean of STEPS."""
    start = time.perf_counter()
    for _ in range(STEPS):
        interpreter.invoke()
    return (time.perf_counter() - start) / STEPS * 1e6


def main() -> None:
    """Print times, their share of the baseline's, sizes, and the bars; exit code 1 where a bar is missed."""
    with tempfile.TemporaryDirectory() as folder:
        made = files(Path(folder))
        times = dict(zip(made, step_times(list(made.values())), strict=True))
        size = {name: one.file.stat().st_size / 1e6 for name, one in made.items()}
    baseline = times["CNN, DFT as one matrix"]
    bars = {"CNN": STEP_BAR, "front end": FRONT_BAR}
    rows = [
        [name, f"{t:.1f}", f"{t / baseline:.3f}", f"{bars[name]:.2f}" if name in bars else "-", f"{size[name]:.2f}"]
        for name, t in times.items()
    ]
    print(table(["step", "us", "of baseline", "at most", "MB"], rows))
    if any(times[name] / baseline > bar for name, bar in bars.items()) or size["CNN"] > MB_BAR:
        sys.exit(f"a bar is missed (the CNN's file: at most {MB_BAR} MB)")


if __name__ == "__main__":
    command(main)
