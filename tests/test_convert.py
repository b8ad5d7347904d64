"""Runs of the original kws_streaming as ours: its weights, its logits."""

import json
import sys

import numpy as np
import pytest
import torch
from conftest import SHARED, shared
from law import check_steps

from kwsstream import convert, runs
from kwsstream.errors import UserError
from kwsstream.original.models import FROM_FLAGS
from kwsstream.streaming import why_whole

GOLDEN = [path.stem for path in sorted((SHARED / "golden" / "models").glob("*.npz"))] or ["none"]
STREAMS_WRONG = {"bc_resnet_1"}  # padding same, which the original steps through frame by frame alone


@pytest.fixture(scope="module")
def golden():
    """The arrays of the golden files by name, each read once."""
    found = {}

    def load(name):
        if name not in found:
            found[name] = convert.read(shared("golden", "models", f"{name}.npz"))
        return found[name]

    return load


@pytest.mark.parametrize("name", GOLDEN)
def test_whole_and_streamed_logits_are_the_originals(name, golden):
    arrays = golden(name)
    _, _, model = convert.convert(arrays)
    given = torch.from_numpy(arrays["input"])
    assert convert.difference(convert.whole_clips(model, given), arrays["logits_non_stream_inference_mode"]) <= 1e-4
    if "logits_stream" in arrays and name not in STREAMS_WRONG:
        steps = convert.streamed(model, given)
        assert steps.shape == arrays["logits_stream"].shape
        assert convert.difference(steps, arrays["logits_stream"]) <= 1e-4


def test_what_the_original_streams_wrong_ours_streams_as_its_own_whole_clips(golden):
    _, _, model = convert.convert(golden("bc_resnet_1"))
    t = model.net.timing
    features = torch.randn(1, int(t.receptive_field) + t.lookahead + 120, 1, 40)
    check_steps(model.net, features, [1, 3], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ["crnn", "lstm_peep", "att_mh_rnn"])
def test_the_command_leaves_a_run(name, tmp_path, capsys, monkeypatch):
    file = shared("golden", "models", f"{name}.npz")
    run_command(monkeypatch, file, tmp_path / "run")
    printed = capsys.readouterr().out
    assert "whole clips: " in printed and f"run folder: {tmp_path / 'run'}" in printed
    run = runs.load(tmp_path / "run")
    assert run.labels[:3] == ["_silence_", "_unknown_", "yes"] and len(run.labels) == 12
    assert ("not at all" in printed) == (why_whole(run.model) is not None)
    with np.load(file) as arrays:
        given, expected = torch.from_numpy(arrays["input"]), arrays["logits_non_stream_inference_mode"]
    assert convert.difference(convert.whole_clips(run.model, given), expected) <= 1e-4


def run_command(monkeypatch, file, out):
    monkeypatch.setattr(sys, "argv", ["convert", str(file), "--out", str(out)])
    convert.main()


@pytest.fixture
def spoiled(golden, tmp_path):
    """A golden file with something changed, written anew."""

    def write(change, name="dnn"):
        arrays = dict(golden(name))
        flags = json.loads(str(arrays["flags_json"]))
        change(arrays, flags)
        if "flags_json" in arrays:
            arrays["flags_json"] = np.array(json.dumps(flags))
        np.savez(tmp_path / "spoiled.npz", **arrays)
        return tmp_path / "spoiled.npz"

    return write


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a, f: a.pop("flags_json"), "has no flags_json"),
        (lambda a, f: a.pop("w003"), "has no w003"),
        (lambda a, f: a.update(w000=a["w000"] + 0.1), "whole clips differ by"),
        (lambda a, f: a.update(w000=a["w000"][:, :-1]), "no weights left for frame_dense1"),
        (lambda a, f: f.update(units2="128", act2="'relu'"), "no weights left for labels"),
        (lambda a, f: f.update(model_name="alexnet"), "'alexnet' is not one of att_mh_rnn"),
        (lambda a, f: f.pop("units1"), "the flags have no units1"),
        (lambda a, f: f.update(units1="64,,128"), "is not a list of the original's"),
        (lambda a, f: f.update(preprocess="micro"), "'micro' is a front end outside"),
    ],
)
def test_a_file_that_does_not_fit_leaves_nothing(change, message, spoiled, tmp_path, monkeypatch):
    with pytest.raises(UserError, match=message):
        run_command(monkeypatch, spoiled(change), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_what_is_no_npz_is_refused(tmp_path, monkeypatch):
    (tmp_path / "x.npz").write_bytes(b"PK\x03\x04 not a zip file")
    with pytest.raises(UserError, match="cannot be read as"):
        run_command(monkeypatch, tmp_path / "x.npz", tmp_path / "run")


def test_a_folder_that_is_there_is_not_touched(tmp_path, monkeypatch):
    (tmp_path / "run").mkdir()
    with pytest.raises(UserError, match="is there already"):
        run_command(monkeypatch, shared("golden", "models", "dnn.npz"), tmp_path / "run")


def test_every_model_of_the_original_has_a_way_over():
    assert len(FROM_FLAGS) == 19


def test_weights_of_equal_shape_go_by_the_order_in_which_layers_were_made(golden):
    """Keras lists layers by depth, so in an inception block a branch's layers are apart."""
    arrays = golden("inception")
    layers = convert.keras_layers(
        [str(n) for n in arrays["weight_names"]],
        [arrays[f"w{i:03d}"] for i in range(len(arrays["weight_names"]))],
    )
    numbers = [layer.number for layer in layers if layer.series == "conv2d"]
    assert numbers == sorted(numbers) and len(numbers) > 20
