"""Training speed of the paper's CNN: updates a second, and the share of an update that data takes.

    python benchmarks/training.py [--precision bf16-mixed] [key.sub=value ...]

Prints medians over interleaved rounds. The original's trainer, on two cores of a machine like the one the README's
numbers come from: 2.95 updates a second, of each of which 79 ms is loading data one clip after another.
"""

import argparse
import statistics
import time

import torch

from kwsstream import config as configs
from kwsstream.classifier import Classifier
from kwsstream.data.augment import Augment
from kwsstream.optimise import optimiser
from kwsstream.runs import speech_data

ORIGINAL_UPDATES_PER_SECOND = 2.95
ROUNDS, WARMUP = 30, 5


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="conf/cnn.yaml")
    parser.add_argument("--precision", choices=["32-true", "bf16-mixed"], default="32-true")
    parser.add_argument("overrides", nargs="*")
    given = parser.parse_intermixed_args()
    config = configs.read(given.config, given.overrides)
    data = speech_data(config)
    data.prepare_data()
    data.setup()
    classifier = Classifier(config, data.labels)
    augment = Augment(data.samples, data.backgrounds, sample_rate_hz=data.sample_rate_hz, **dict(config.augment))
    update = optimiser(config.training, classifier.parameters())
    batches = iter(data.training_batches(ROUNDS + WARMUP))
    times = {"load": [], "augment": [], "features": [], "update": []}

    def timed(name, work):
        started = time.perf_counter()
        result = work()
        times[name].append(time.perf_counter() - started)
        return result

    def learn(features, label):
        with torch.autocast("cpu", torch.bfloat16, enabled=given.precision == "bf16-mixed"):
            loss = torch.nn.functional.cross_entropy(classifier.classify(features), label)
        update.zero_grad()
        loss.backward()
        update.step()

    for _ in range(ROUNDS + WARMUP):
        batch = timed("load", lambda: next(batches))
        draws = torch.Generator().manual_seed(batch["update"])
        audio = timed("augment", lambda batch=batch, draws=draws: augment(batch["audio"], batch["silence"], draws))
        features = timed("features", lambda audio=audio: classifier.features(audio))
        timed("update", lambda features=features, batch=batch: learn(features, batch["label"]))
    ms = {name: 1000 * statistics.median(found[WARMUP:]) for name, found in times.items()}
    whole = sum(ms.values())
    data_ms = whole - ms["update"]
    print(f"{torch.get_num_threads()} threads, {given.precision}, batch {config.data.batch_size}")
    for name, value in ms.items():
        print(f"  {name:9} {value:7.1f} ms  {100 * value / whole:5.1f} %")
    clips, share = 1000 * config.data.batch_size / data_ms, 100 * data_ms / whole
    print(f"data pipeline: {clips:.0f} clips a second, {share:.1f} % of an update (bar: under 15 %)")
    ratio = 1000 / whole / ORIGINAL_UPDATES_PER_SECOND
    print(f"training: {1000 / whole:.2f} updates a second, {ratio:.2f} of the original's (bar: at least 1.3)")


if __name__ == "__main__":
    main()
