"""An export that fails says why in one line, and leaves nothing new behind."""

import sys

import numpy as np
import pytest
import torch

pytest.importorskip("onnx2tf", reason="the export extra is not installed")

import onnx2tf
import tensorflow

from kwsstream import runs
from kwsstream.errors import UserError
from kwsstream.export import convert, parity
from kwsstream.export.exporter import Exporter
from kwsstream.export.flatbuffer import read, write
from kwsstream.export.graph import graph_of
from kwsstream.export.interface import tflite_interface
from kwsstream.manifest import read_manifest


@pytest.fixture
def run(trained):
    return runs.load(trained)


@pytest.fixture
def folder(tmp_path):
    """A folder that holds a file, which must be all that it holds after a failure."""
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "older.tflite").write_text("older")
    return folder


def fails(run, folder, message, format="tflite", stream="external", precisions=("float32",)):
    before = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else None
    with pytest.raises(UserError, match=message) as error:
        Exporter(run, format, stream, parity_steps=5).export(list(precisions), "audio", folder)
    assert "\n" not in str(error.value) and "\x1b" not in str(error.value)
    assert (sorted(path.name for path in folder.iterdir()) if folder.is_dir() else None) == before


def fail(error):
    def failing(*arguments, **more):
        print("the converter's last words")
        raise error

    return failing


@pytest.mark.parametrize("error", [SystemExit(1), ValueError("no such\noperator"), RuntimeError("\x1b[31mred\x1b[0m")])
def test_a_conversion_that_fails_in_the_middle(run, folder, monkeypatch, error, capfd):
    monkeypatch.setattr(onnx2tf, "convert", fail(error))
    fails(run, folder, rf"front.onnx: conversion to TensorFlow failed \({type(error).__name__}.*converter's last words")
    assert "last words" not in "".join(capfd.readouterr())


def test_a_later_precision_that_fails(run, folder, monkeypatch):
    whole = tensorflow.lite.TFLiteConverter.from_saved_model
    calls = []

    def sometimes(saved):
        calls.append(saved)
        return whole(saved) if len(calls) < 3 else fail(RuntimeError("not quantised"))()

    monkeypatch.setattr(tensorflow.lite.TFLiteConverter, "from_saved_model", sometimes)
    fails(run, folder, "conversion to int8 failed .*not quantised", precisions=["float32", "int8"])


def test_a_model_that_onnx_cannot_hold(run, folder, monkeypatch):
    monkeypatch.setattr(torch.onnx, "export", fail(RuntimeError("unsupported")))
    fails(run, folder, r"export to ONNX failed \(RuntimeError: unsupported\)", format="onnx")


def test_a_file_that_onnx_does_not_accept(run, folder, monkeypatch):
    import onnx

    monkeypatch.setattr(onnx.checker, "check_model", fail(onnx.checker.ValidationError("bad graph")))
    fails(run, folder, "export to ONNX failed .*bad graph", format="onnx")


@pytest.mark.parametrize(
    ("table", "precision", "limit", "message"),
    [
        (
            parity.LARGEST_DIFFERENCE,
            "float32",
            1e-12,
            "audio_float32.tflite: largest difference is .* 1e-12",
        ),
        (parity.CLIP_AGREEMENT, "int8", 100.5, "features_int8.tflite: argmax agreement on .* 100.5 %"),
    ],
)
def test_a_file_over_its_tolerance(run, folder, monkeypatch, table, precision, limit, message):
    monkeypatch.setitem(table, precision, limit)
    fails(run, folder, message, precisions=[precision])


def test_a_file_that_gives_nan(run, folder, monkeypatch):
    run_of = convert.Made.session

    def spoiled(made):
        session = run_of(made)
        step = session.step
        session.step = lambda x: step(x) * np.float32(np.nan)
        return session

    monkeypatch.setattr(convert.Made, "session", spoiled)
    fails(run, folder, "largest difference is nan")


def test_no_folder_is_left_that_was_not_there(run, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx2tf, "convert", fail(SystemExit(1)))
    fails(run, tmp_path / "new", "conversion to TensorFlow failed")
    assert not (tmp_path / "new").exists()


def test_a_place_that_cannot_be_written(run, tmp_path):
    (tmp_path / "file").write_text("a file where a folder should be")
    fails(run, tmp_path / "file", "cannot write .*file")


@pytest.mark.parametrize(
    ("stream", "precisions", "message"),
    [
        ("internal", ["float32"], "--stream internal: an ONNX file keeps no state"),
        ("external", ["float32", "int8"], "--precision int8: ONNX files are float32"),
    ],
)
def test_what_onnx_cannot_hold(run, folder, stream, precisions, message):
    fails(run, folder, message, format="onnx", stream=stream, precisions=precisions)


@pytest.mark.parametrize("missing", ["onnx2tf", "onnx", "onnxscript", "ai_edge_litert.interpreter", "tensorflow"])
def test_a_missing_extra_names_its_cure(run, folder, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    fails(run, folder, rf"{missing} is not installed .*pip install -e '.\[export\]'")


def test_a_program_that_onnx2tf_needs(run, folder, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("sysconfig.get_path", lambda name: "")
    fails(run, folder, "onnxsim is not installed: run pip install")


def spoil(file, states, factor):
    model = read(file)
    tensors = {t.name.decode(): t for t in model.subgraphs[0].tensors}
    quantization = tensors[states["state_net_conv2"]].quantization
    quantization.scale = np.asarray(quantization.scale) * np.float32(factor)
    write(model, file)


def test_a_state_that_comes_out_with_another_scale(run, exports, tmp_path):
    file = tmp_path / "int8.tflite"
    file.write_bytes((exports / "cnn_external_features_int8.tflite").read_bytes())
    graph = graph_of(run.model, "external", "features", 16000)
    assert [state.name for state in tflite_interface(graph, file).states] == list(graph.states)
    spoil(file, graph.states, 1.01)
    with pytest.raises(UserError, match=r"state state_net_conv2 goes in with .* and comes out with"):
        tflite_interface(graph, file)


def test_a_failed_export_leaves_an_older_one_as_it_was(run, exports, monkeypatch):
    """The folder of the other tests: all in it is whole still."""
    monkeypatch.setitem(parity.LARGEST_DIFFERENCE, "float32", 1e-12)
    fails(run, exports, "largest difference")
    assert read_manifest(exports / "cnn_external_audio_float32.tflite").parity.largest_difference > 0
