"""The benchmark of training, beside the original's trainer rebuilt: both train the same model on the same clips."""

import re
import runpy
import sys
from pathlib import Path

import golden
import numpy as np
import pytest

from kwsstream import config as configs
from kwsstream.data.module import SpeechData
from kwsstream.errors import UserError

FOLDER = Path(__file__).parents[1] / "benchmarks"
CONF = FOLDER.parent / "conf"


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return lambda name: runpy.run_path(str(FOLDER / name), run_name="benchmark")


def printed(benchmark, monkeypatch, capsys, *words):
    """The rows that the command prints, as lists of cells."""
    monkeypatch.setattr(sys, "argv", ["training", *map(str, words)])
    benchmark("training.py")["main"]()
    return [[cell.strip() for cell in line.split("  ") if cell] for line in capsys.readouterr().out.splitlines()]


def test_an_update_is_told_part_by_part(small, benchmark, monkeypatch, capsys):
    rows = printed(benchmark, monkeypatch, capsys, small, "--updates", 2)
    parts = {row[0]: float(row[2]) for row in rows if len(row) == 4 and row[0] != "part"}
    assert list(parts) == ["load", "augment", "features", "forward", "loss", "backward", "optimiser", "rest"]
    whole = next(float(row[0].split()[-2]) for row in rows if row[0].startswith("an update"))
    assert sum(parts.values()) == pytest.approx(whole, abs=1)


@pytest.mark.slow
@pytest.mark.parametrize("model", [{}, {"name": "ds_tc_resnet"}])
def test_the_original_trains_the_same_model_beside(model, small, benchmark, monkeypatch, capsys, tmp_path):
    pytest.importorskip("tf_keras", reason="the export extra is not installed")
    if model:
        config = configs.read(small).model_dump(mode="json") | {"model": model}
        small = tmp_path / "small.yaml"
        configs.write(configs.parse(config, "here"), small)
    rows = printed(benchmark, monkeypatch, capsys, small, "masks.spec_augment={}", "--updates", 7, "--beside")
    ours, theirs = (next(row for row in rows if row[0] == name) for name in ("this one", "the original's, rebuilt"))
    assert all(float(cell) >= 0 for cell in ours[1:] + theirs[1:6])  # a model of other parameters is refused


def test_experiments_that_the_original_is_not_rebuilt_for_are_refused(small, benchmark):
    check = benchmark("beside.py")["check"]
    check(configs.read(small))
    with pytest.raises(UserError, match=r"rebuilt for .*padding"):
        check(configs.read(small, ["model.padding=causal"]))
    config = configs.read(small).model_dump(mode="json") | {"model": {"name": "dnn"}}
    with pytest.raises(UserError, match="cnn and ds_tc_resnet, not dnn"):
        check(configs.parse(config, "here"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cnn_2020_raw", "ds_tc_resnet_causal_raw"])
def test_the_models_rebuilt_are_the_original_ones(name, benchmark, tmp_path):
    """From audio to logits, with its weights."""
    keras = pytest.importorskip("tf_keras", reason="the export extra is not installed")
    numbers = golden.load("models", name)
    conf = {"cnn_2020_raw": "paper_12_labels/cnn", "ds_tc_resnet_causal_raw": "12_labels/ds_tc_resnet"}[name]
    config = configs.read(CONF / "paper" / f"{conf}.yaml", ["masks.spec_augment=null", "data.batch_size=5"])
    config.model.padding = {"ds_tc_resnet": "causal"}.get(config.model.name, config.model.padding)
    original, beside = benchmark("original_trainer.py"), benchmark("beside.py")
    settings, constants = beside["network_of"](config, SpeechData(**dict(config.data)))
    model = original["network"](settings, constants)
    weights = [numbers[key] for key in sorted(numbers) if re.fullmatch(r"w\d+", key)]
    model.set_weights([w.reshape(v.shape) for w, v in zip(weights, model.weights, strict=True)])
    logits = model.predict(numbers["input"], batch_size=5, verbose=0)
    keras.backend.clear_session()
    expected = numbers["logits_non_stream"]
    assert np.abs(logits - expected).max() <= 1e-4 * np.abs(expected).max()
