"""Training speed of a config: updates a second, and where the time of an update goes.

    python benchmarks/training.py [conf/cnn.yaml] [key.sub=value ...]

Trains for some updates as fit does, without validation, and prints medians: milliseconds that passed, and those that
all cores together computed, which other programs on the machine disturb less. The figures of the original's trainer,
which loads one clip after another in 79 ms of each update, are from two cores of a machine like the one the README's
numbers come from.
"""

import argparse
import logging
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import lightning
import torch
from lightning.pytorch.callbacks import Callback

from kwsstream import config as configs
from kwsstream.average import MovingAverage
from kwsstream.classifier import Classifier
from kwsstream.fit import Training
from kwsstream.report import table

ORIGINAL = {"cnn": 2.95, "ds_tc_resnet": 7.22}  # updates a second at batch 100
WARMUP = 5
DATA = ("load", "augment", "features")


Times = tuple[float, float]  # seconds passed, seconds computed


def now() -> Times:
    return time.perf_counter(), time.process_time()


class Watch(Callback):
    """The times of each part of each update, by name."""

    def __init__(self):
        self.times: dict[str, list[Times]] = {}
        self.since: dict[str, Times] = {}

    def timed(self, name: str, work: Callable) -> Callable:
        def watched(*given, **named):
            started = now()
            result = work(*given, **named)
            self.add(name, started)
            return result

        return watched

    def add(self, name: str, started: Times) -> None:
        passed, computed = (end - start for end, start in zip(now(), started, strict=True))
        self.times.setdefault(name, []).append((passed, computed))

    def on_train_start(self, trainer, classifier) -> None:
        classifier.treat = self.timed("augment", classifier.treat)
        classifier.features = self.timed("features", classifier.features)
        classifier.at_ends = self.timed("forward", classifier.at_ends)
        classifier.loss = self.timed("loss", classifier.loss)
        self.since["update"] = self.since["load"] = now()

    def on_train_batch_start(self, *_) -> None:
        self.add("load", self.since["load"])

    def on_before_backward(self, *_) -> None:
        self.since["backward"] = now()

    def on_after_backward(self, *_) -> None:
        self.add("backward", self.since["backward"])

    def on_before_optimizer_step(self, *_) -> None:
        self.since["optimiser"] = now()

    def on_train_batch_end(self, *_) -> None:
        self.add("optimiser", self.since["optimiser"])
        self.add("update", self.since["update"])
        self.since["update"] = self.since["load"] = now()


def measure(config: configs.Config, updates: int) -> dict[str, Times]:
    """Median milliseconds of each part of an update, passed and computed, and of the whole."""
    watch = Watch()
    average = [MovingAverage(config.training.average)] if config.training.average else []
    trainer = lightning.Trainer(
        **config.trainer | {"enable_progress_bar": False, "enable_model_summary": False},
        max_steps=updates + WARMUP,
        callbacks=[*average, watch],
        logger=False,
        enable_checkpointing=False,
        limit_val_batches=0,
        use_distributed_sampler=False,
    )
    data = Training(config)
    trainer.fit(Classifier(config, data.labels), data)
    return {
        name: tuple(1000 * statistics.median(clock) for clock in zip(*found[WARMUP:], strict=True))
        for name, found in watch.times.items()
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", nargs="?", type=Path, default=Path("conf/cnn.yaml"))
    parser.add_argument("overrides", nargs="*", metavar="key.sub=value")
    parser.add_argument("--updates", type=int, default=30)
    given = parser.parse_intermixed_args()
    warnings.filterwarnings("ignore", module="lightning|torch.jit")
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    rate = configs.read(given.config, given.overrides).training.rates[0]
    some = [f"training.updates=[{given.updates + WARMUP}]", f"training.rates=[{rate}]"]
    config = configs.read(given.config, [*given.overrides, *some])
    times = measure(config, given.updates)
    passed, computed = times.pop("update")
    rest = zip((passed, computed), zip(*times.values(), strict=True), strict=True)
    times["rest"] = tuple(whole - sum(parts) for whole, parts in rest)
    print(f"{config.model.name}: {torch.get_num_threads()} threads, batch {config.data.batch_size}")
    rows = [[n, f"{ms:.1f}", f"{cpu:.1f}", f"{100 * cpu / computed:.1f}"] for n, (ms, cpu) in times.items()]
    print(table(["part", "ms", "computed ms", "% computed"], rows))
    print(f"an update: {passed:.1f} ms, {computed:.1f} computed")
    print(f"data and features: {100 * sum(times[name][1] for name in DATA) / computed:.1f} % of it (bar: under 10)")
    print(f"training: {1000 / passed:.2f} updates a second", end="")
    original = ORIGINAL.get(config.model.name)
    print(f", {1000 / passed / original:.2f} of the original's (bar: at least 1.5)" if original else "")


if __name__ == "__main__":
    main()
