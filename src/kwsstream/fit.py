"""Train an experiment, and leave a run folder.

    python -m kwsstream.fit conf/cnn.yaml training.validate_every=200 trainer.devices=2

A run that was stopped goes on from its last validation with --resume, to the same result as one that was not.
"""

import argparse
import logging
import os
import sys
import time
import types
import warnings
from pathlib import Path

import lightning
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, LearningRateMonitor, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from kwsstream import config as configs
from kwsstream import evaluate, precision, runs
from kwsstream.average import MovingAverage
from kwsstream.classifier import Classifier
from kwsstream.compress.begin import begin
from kwsstream.compress.prepare import compresses
from kwsstream.config import Config
from kwsstream.data.effects import Treatment
from kwsstream.data.module import SpeechData
from kwsstream.errors import UserError, command
from kwsstream.loss import loss_of
from kwsstream.report import save_confusion, save_curves, table
from kwsstream.summary import describe, summarise

FOLDER = "KWSSTREAM_RUN"  # tells the processes that Lightning starts which folder the first one chose


class Training(SpeechData):
    """The data of a run as Lightning asks for it: an epoch is the updates from one validation to the next."""

    def __init__(self, config: Config):
        super().__init__(**dict(config.data))
        self.training = config.training

    def train_dataloader(self):
        done, trainer = self.trainer.global_step, self.trainer
        updates = min(self.training.validate_every, self.training.total - done)
        return self.training_batches(updates, first=done, rank=trainer.global_rank, world=trainer.world_size)

    def val_dataloader(self):
        return self.evaluation_batches("validation", rank=self.trainer.global_rank, world=self.trainer.world_size)


def fit(config: Config, folder: Path, start: Path | None = None) -> lightning.Trainer:
    """Train in a run folder, from its last checkpoint where it has one, or else from the best weights of `start`."""
    data = Training(config)
    torch.manual_seed(config.seed)
    classifier = Classifier(config, data.labels)
    facts = summarise(classifier.model, data.sample_rate_hz, data.samples)
    last = folder / "checkpoints" / "last.ckpt"
    if last.is_file():
        runs.saved(last, config)
    elif start:
        begin(classifier.model, config, start)
    elif compresses(config):
        raise UserError("quantise.bits, cluster and prune are for a run that is trained already: give it by --from RUN")
    trainer = trainer_of(config, folder)
    if trainer.is_global_zero:
        check_data(data, config)
        start_folder(folder, config, data.labels, facts)
        print(describe(config.model.name, facts))
        if config.trainer.get("precision") == "auto":
            print(f"trainer.precision: auto is {trainer.precision} on this machine")
    trainer.fit(classifier, data, ckpt_path=last if last.is_file() else None, weights_only=True)
    return trainer


def check_data(data: SpeechData, config: Config) -> None:
    """Make the data ready. UserError where it cannot be trained on, before a run folder is there."""
    data.prepare_data()
    data.setup()
    Treatment(config, data)
    loss_of(config, data)


def start_folder(folder: Path, config: Config, labels: list[str], facts: dict) -> None:
    """What a run folder holds from the start."""
    configs.write(config, folder / "config.yaml")
    runs.write_text(folder / "labels.txt", "".join(f"{label}\n" for label in labels))
    runs.write_json(folder / "summary.json", facts)


def trainer_of(config: Config, folder: Path) -> lightning.Trainer:
    """Lightning's Trainer, as the config sets it."""
    # TensorBoard would load all of TensorFlow, where it is installed, unless it finds this
    sys.modules.setdefault("tensorboard.compat.notf", types.ModuleType("notf"))
    training = config.training
    given = {
        "log_every_n_steps": min(50, training.validate_every, training.total),
        "enable_model_summary": False,
        "num_sanity_val_steps": 0,
    } | precision.resolved(config)
    try:
        return lightning.Trainer(
            **given,
            max_epochs=-(-training.total // training.validate_every),
            reload_dataloaders_every_n_epochs=1,
            use_distributed_sampler=False,
            callbacks=callbacks(config, folder / "checkpoints"),
            logger=[CSVLogger(folder, name="logs"), TensorBoardLogger(folder, name="logs", version="tensorboard")],
        )
    except (ValueError, TypeError, lightning.fabric.utilities.exceptions.MisconfigurationException) as error:
        raise UserError(f"trainer {config.trainer}: {' '.join(str(error).split())}") from error


def callbacks(config: Config, checkpoints: Path) -> list[Callback]:
    """The best weights by validation accuracy, the last state of training, and what is watched."""
    keep = {"dirpath": checkpoints, "enable_version_counter": False, "save_top_k": 1, "save_on_train_epoch_end": True}
    found: list[Callback] = [
        Best(config.prune.updates if config.prune else 0, filename="best", monitor="val_accuracy", mode="max", **keep),
        ModelCheckpoint(filename="last", **keep),
        LearningRateMonitor("step"),
    ]
    if config.trainer.get("enable_progress_bar", True):
        found.append(Progress(refresh_rate=5))
    if config.training.average:
        found.insert(0, MovingAverage(config.training.average))
    if config.training.patience:
        found.append(EarlyStopping("val_accuracy", mode="max", patience=config.training.patience))
    return found


class Best(ModelCheckpoint):
    """The best weights, of those after so many updates: those before are not as sparse as they are to be."""

    def __init__(self, updates: int, **given):
        super().__init__(**given)
        self.updates = updates

    def check_monitor_top_k(self, trainer: lightning.Trainer, current: torch.Tensor | None = None) -> bool:
        return trainer.global_step >= self.updates and super().check_monitor_top_k(trainer, current)


class Progress(TQDMProgressBar):
    """Lightning's bar, without the version number of the logs."""

    def get_metrics(self, *given):
        return {key: value for key, value in super().get_metrics(*given).items() if key != "v_num"}


def finish(folder: Path, seconds: float) -> None:
    """Measure the best weights and leave the report: accuracies, confusion matrix, curves."""
    run = runs.load(folder)
    scores = {
        name: evaluate.score_run(run.model, run.labels, run.data().partition(name))
        for name in ("validation", "testing")
    }
    whole = scores["testing"][0]
    save_confusion(folder / "confusion", whole.confusion(), run.labels, whole.accuracy)
    save_curves(
        folder / "curves.png", sorted(folder.glob("logs/version_*/metrics.csv"), key=lambda p: p.stat().st_mtime)
    )
    runs.write_json(
        folder / "report.json",
        {
            "run": folder.name,
            "seconds": round(seconds, 1),
            "summary": summarise(run.model, run.config.data.sample_rate_hz, run.data().samples),
            "clips": {name: len(run.data().partition(name)) for name in evaluate.PARTITIONS},
            "accuracy": {name: {one.name: one.accuracy for one in several} for name, several in scores.items()},
        },
    )
    rows = [
        [name, one.name, len(one.labels), f"{one.accuracy:.2f}"] for name, several in scores.items() for one in several
    ]
    print(table(["partition", "model", "clips", "accuracy %"], rows))
    print(f"run folder: {folder}")


def folder_of(name: str, given: Path | None, resume: bool) -> Path:
    """The run folder: as given, the newest of that name to resume, or a new one."""
    if given or FOLDER in os.environ:
        folder = Path(given or os.environ[FOLDER])
    elif resume:
        started = sorted(runs.ROOT.glob(f"{name}-*/config.yaml"), key=lambda path: path.stat().st_mtime)
        if not started:
            raise UserError(f"no run of {name} in {runs.ROOT.resolve()} to resume: start one without --resume")
        folder = started[-1].parent
    else:
        folder = runs.ROOT / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
    if resume and not (folder / "config.yaml").is_file():
        raise UserError(f"{folder} is not a run folder: there is nothing to resume")
    if not resume and FOLDER not in os.environ and (folder / "config.yaml").is_file():
        raise UserError(f"{folder} holds a run already: continue it with --resume or give another folder")
    return folder


def main() -> None:
    """Train the model of a config file."""
    parser = argparse.ArgumentParser("python -m kwsstream.fit", description=main.__doc__)
    parser.add_argument("config", type=Path, help="an experiment, such as conf/cnn.yaml")
    parser.add_argument("overrides", nargs="*", metavar="key.sub=value")
    parser.add_argument("--run", type=Path, help="the run folder; runs/NAME-TIME by default")
    parser.add_argument("--from", type=Path, dest="start", metavar="RUN", help="start from the best weights of a run")
    parser.add_argument("--resume", action="store_true", help="go on with the run given, or the newest of this config")
    given = parser.parse_intermixed_args()
    config = configs.read(given.config, given.overrides)
    folder = folder_of(given.config.stem, given.run, given.resume)
    os.environ[FOLDER] = str(folder)
    started = time.monotonic()
    warnings.filterwarnings("ignore", module="lightning|torch.jit")
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    trainer = fit(config, folder, given.start)
    if trainer.is_global_zero:
        finish(folder, time.monotonic() - started)


if __name__ == "__main__":
    command(main)
