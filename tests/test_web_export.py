"""Folders of pages: what they hold, and what is refused."""

import json
import os
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from web import NODE

pytest.importorskip("onnx2tf", reason="the export extra is not installed")

from kwsstream import runs
from kwsstream.errors import UserError
from kwsstream.features import Features
from kwsstream.manifest import read_manifest
from kwsstream.models import build
from kwsstream.runners import open_session
from kwsstream.tfjs.command import main as tfjs_main
from kwsstream.web.command import main
from kwsstream.web.floats import float_ends, float_interface
from kwsstream.web.folder import write_page
from kwsstream.web.npm import Package, fetched


@pytest.mark.parametrize("precision", ["int8", "int16"])
def test_float_ends_change_no_number(precision, exports, trained, tmp_path):
    file = exports / f"cnn_external_features_{precision}.tflite"
    manifest = read_manifest(file)
    float_ends(file, tmp_path / "floats.tflite")
    integer = open_session(file, manifest)
    floats = open_session(tmp_path / "floats.tflite", float_interface(manifest))
    draw = np.random.default_rng(0)
    for _ in range(300):
        x = draw.normal(0, 30 * manifest.input.scale, manifest.input.shape).astype(np.float32)
        np.testing.assert_array_equal(floats.step(x), integer.step(x))
    for name, state in integer.states().items():
        np.testing.assert_array_equal(floats.states()[name], state)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--runtime", "onnx", "--precision", "int8"], "--precision int8: ONNX files are float32"),
        (
            ["--file", "{exports}/cnn_internal_audio_float32.tflite"],
            "has stream 'internal'.*external",
        ),
        (["--file", "{exports}/cnn_none_audio_float32.tflite"], "has stream 'none'"),
        (["--file", "{exports}/cnn_external_front_float32.tflite"], "gives features: a page takes a file .* logits"),
        (["--file", "{exports}/nothing.tflite"], "no file .*nothing.tflite"),
    ],
)
def test_what_no_page_can_run_is_refused(arguments, message, trained, exports, tmp_path):
    with pytest.raises(UserError, match=message):
        main(
            "",
            ["--run", str(trained), "--out", str(tmp_path / "page"), *(a.format(exports=exports) for a in arguments)],
        )
    assert not list(tmp_path.iterdir())


def test_without_npm_there_is_no_page(trained, exports, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", os.devnull)
    monkeypatch.setenv("KWSSTREAM_CACHE", str(tmp_path / "cache"))
    run = runs.load(trained)
    run.data()
    with pytest.raises(
        UserError, match=r"npm is not installed: @litertjs/core@2.5.3 comes through it; install Node.js"
    ):
        write_page(run, exports / "cnn_external_audio_float32.tflite", tmp_path / "page")
    assert not (tmp_path / "page").exists()


@pytest.mark.parametrize(("command", "what"), [(main, "no page"), (tfjs_main, "no TensorFlow.js model")])
def test_a_folder_of_something_else_is_left_alone(command, what, trained, exports, tmp_path):
    (tmp_path / "thesis.txt").touch()
    file = ["--file", str(exports / "cnn_external_audio_float32.tflite")] if command is main else []
    with pytest.raises(UserError, match=f"is not empty and {what}: give another folder"):
        command("", ["--run", str(trained), "--out", str(tmp_path), *file])
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("command", [main, tfjs_main])
def test_a_run_that_cannot_stream_is_refused(command, tmp_path, monkeypatch):
    run = SimpleNamespace(name="att_rnn", folder=tmp_path, model=build("att_rnn", Features(), samples=16000, labels=5))
    monkeypatch.setattr(runs, "load", lambda folder: run)
    with pytest.raises(UserError, match=r"att_rnn cannot stream, .*: train a model that steps"):
        command("", ["--run", str(tmp_path), "--out", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


def test_features_that_no_file_makes_are_refused(trained, exports, tmp_path):
    name = "cnn_external_features_float32.tflite"
    shutil.copy(exports / name, tmp_path)
    manifest = json.loads((exports / f"{name}.json").read_text())
    (tmp_path / f"{name}.json").write_text(json.dumps(manifest | {"front_end": None, "features": {"kind": "micro"}}))
    with pytest.raises(UserError, match="takes micro features, which no file makes: train a run on mel features"):
        write_page(runs.load(trained), tmp_path / name, tmp_path / "page")


@pytest.mark.skipif(NODE is None or shutil.which("npm") is None, reason="node and npm are not installed")
def test_a_package_that_is_not_there_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("KWSSTREAM_CACHE", str(tmp_path))
    with pytest.raises(UserError, match=r"npm cannot fetch @litertjs/core@0.0.0-none"):
        fetched(Package("@litertjs/core", "0.0.0-none", {"dist/index.js": "index.js"}))


def test_the_description_has_all_that_a_runner_needs(trained, exports, tmp_path):
    run = runs.load(trained)
    try:
        write_page(run, exports / "cnn_external_features_int8.tflite", tmp_path / "page")
    except UserError as error:
        pytest.skip(str(error))
    write_page(run, exports / "cnn_external_features_int8.tflite", tmp_path / "page")  # again, over it
    description = json.loads((tmp_path / "page" / "model.json").read_text())
    front, net = description["files"]
    assert (front["input"]["name"], net["input"]["name"], net["output"]["name"]) == ("audio", "features", "logits")
    assert description["labels"] == run.labels and description["clock"]["hop_samples"] == 320
    assert [clip["label"] for clip in description["clips"]] == ["yes", "no", "up"]
    for name in [file["file"] for file in description["files"]] + [clip["file"] for clip in description["clips"]]:
        assert (tmp_path / "page" / name).is_file()
    assert not (tmp_path / "page" / "onnx.js").exists()
