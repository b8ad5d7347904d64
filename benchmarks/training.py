"""Training speed of a config: updates a second, and where the time of an update goes.

    python benchmarks/training.py [conf/cnn.yaml] [key.sub=value ...] [--beside]

Trains for some updates as fit does, without validation, and prints medians: milliseconds that passed, and those that
all cores together computed, which other programs on the machine disturb less. With --beside the original's trainer,
rebuilt with TensorFlow (original_trainer.py), trains the same model in turns with ours, five updates each, with as many
threads, and the ratio is to that. The published figures of the original are from two cores of another machine.
"""

import argparse
import contextlib
import logging
import statistics
import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

import kwsstream  # noqa: F401 (before torch: it settles how threads wait)

# isort: split
import lightning
import torch
from beside import Original
from lightning.pytorch.callbacks import Callback

from kwsstream import config as configs
from kwsstream import precision
from kwsstream.average import MovingAverage
from kwsstream.classifier import Classifier
from kwsstream.errors import UserError, command
from kwsstream.fit import Training
from kwsstream.report import table

PUBLISHED = {"cnn": 2.95, "ds_tc_resnet": 7.22}  # updates a second of the original at batch 100
WARMUP = TURN = 5
DATA = ("load", "augment", "features")


Times = tuple[float, float]  # seconds passed, seconds computed


def now() -> Times:
    return time.perf_counter(), time.process_time()


class Watch(Callback):
    """The times of each part of each update, by name; in turns with `original`, where there is one."""

    def __init__(self, original: Original | None):
        self.original, self.theirs = original, []
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
        classifier.over_streams = self.timed("forward", classifier.over_streams)
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
        if self.original and len(self.times["update"]) % TURN == 0:
            self.theirs += self.original.update(TURN)
        self.since["update"] = self.since["load"] = now()


def measure(config: configs.Config, updates: int, beside: bool) -> tuple[dict[str, Times], list]:
    """Median milliseconds of each part of an update, passed and computed, and of the whole; and the original's, as
    Original.update gives them.
    """
    data = Training(config)
    classifier = Classifier(config, data.labels)
    with contextlib.ExitStack() as resources:
        original = None
        if beside:
            data.prepare_data()
            data.setup()
            original = resources.enter_context(Original(config, data))
            ours = sum(values.numel() for values in classifier.model.net.state_dict().values())
            if original.parameters != ours:
                raise UserError(f"the original's model has {original.parameters} parameters, ours {ours}")
        watch = Watch(original)
        trainer_of(config, updates + WARMUP, watch).fit(classifier, data)
    times = {name: median(found[WARMUP:]) for name, found in watch.times.items()}
    return times, watch.theirs[WARMUP:]


def trainer_of(config: configs.Config, updates: int, watch: Watch) -> lightning.Trainer:
    average = [MovingAverage(config.training.average)] if config.training.average else []
    return lightning.Trainer(
        **precision.resolved(config) | {"enable_progress_bar": False, "enable_model_summary": False},
        max_steps=updates,
        callbacks=[*average, watch],
        logger=False,
        enable_checkpointing=False,
        limit_val_batches=0,
        use_distributed_sampler=False,
    )


def median(found: Iterable[Times]) -> Times:
    """In milliseconds."""
    return tuple(1000 * statistics.median(clock) for clock in zip(*found, strict=True))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", nargs="?", type=Path, default=Path("conf/cnn.yaml"))
    parser.add_argument("overrides", nargs="*", metavar="key.sub=value")
    parser.add_argument("--updates", type=int, default=30)
    parser.add_argument("--beside", action="store_true", help="the original's trainer too; needs the export extra")
    given = parser.parse_intermixed_args()
    warnings.filterwarnings("ignore", module="lightning|torch.jit")
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    rate = configs.read(given.config, given.overrides).training.rates[0]
    some = [f"training.updates=[{given.updates + WARMUP}]", f"training.rates=[{rate}]"]
    config = configs.read(given.config, [*given.overrides, *some])
    times, theirs = measure(config, given.updates, given.beside)
    numbers = precision.resolved(config).get("precision", precision.FULL)
    print(f"{config.model.name}: {torch.get_num_threads()} threads, batch {config.data.batch_size}, {numbers}")
    print_parts(dict(times))
    print_trainers(config.model.name, times, theirs)


def print_parts(times: dict[str, Times]) -> None:
    """Where an update's time goes."""
    passed, computed = times.pop("update")
    rest = zip((passed, computed), zip(*times.values(), strict=True), strict=True)
    times["rest"] = tuple(whole - sum(parts) for whole, parts in rest)
    rows = [[n, f"{ms:.1f}", f"{cpu:.1f}", f"{100 * cpu / computed:.1f}"] for n, (ms, cpu) in times.items()]
    print(table(["part", "ms", "computed ms", "% computed"], rows))
    print(f"an update: {passed:.1f} ms, {computed:.1f} computed")
    print(f"data and features: {100 * sum(times[name][1] for name in DATA) / computed:.1f} % of it (bar: under 10)")


def print_trainers(model: str, times: dict[str, Times], theirs: list) -> None:
    """Updates a second beside the original's."""
    ours = times["update"]
    loading = tuple(sum(clock) for clock in zip(times["load"], times["augment"], strict=True))
    rows = [["this one", *speed(ours), f"{loading[0]:.1f}", f"{loading[1]:.1f}", ""]]
    if theirs:
        loading = median(load for load, _ in theirs)
        whole = median(tuple(map(sum, zip(*parts, strict=True))) for parts in theirs)
        ratio = f"{whole[0] / ours[0]:.2f}; computed: {whole[1] / ours[1]:.2f}"
        rows.append(["the original's, rebuilt", *speed(whole), f"{loading[0]:.1f}", f"{loading[1]:.1f}", ratio])
    if model in PUBLISHED:
        ratio = f"{1000 / ours[0] / PUBLISHED[model]:.2f}"
        rows.append(["the original's, on another machine", f"{PUBLISHED[model]:.2f}", "", "", "", "", ratio])
    heads = ["trainer", "updates/s", "ms", "computed ms", "of it loading, ms", "computed ms", "we are times as fast"]
    print(table(heads, rows))
    if len(rows) > 1:
        print("bar: at least 1.5 times as fast")


def speed(update: Times) -> list[str]:
    return [f"{1000 / update[0]:.2f}", f"{update[0]:.1f}", f"{update[1]:.1f}"]


if __name__ == "__main__":
    command(main)
