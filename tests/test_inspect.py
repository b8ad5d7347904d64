"""What inspect says of a file is what its manifest says, what PyTorch counts, and what it was made of."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx2tf", reason="the export extra is not installed")

import onnx

from kwsstream import inspecting, runs
from kwsstream.errors import UserError
from kwsstream.export import flatbuffer
from kwsstream.inspect import main
from kwsstream.inspecting.match import match
from kwsstream.inspecting.states import GUESS, MANIFEST, NAMES
from kwsstream.manifest import read_manifest
from kwsstream.summary import summarise

STREAMING = [
    "cnn_external_audio_float32.onnx",
    "cnn_external_audio_float32.tflite",
    "cnn_external_features_int8.tflite",
    "cnn_internal_features_int16.tflite",
    "cnn_none_audio_float32.onnx",
]
INTEGER = "cnn_external_features_int8.tflite"
FLOAT = "cnn_external_features_float32.onnx"


@pytest.fixture
def inspect(monkeypatch, capsys):
    """The command, without the seconds that a process of its own takes: what it prints."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["inspect", *map(str, arguments)])
        main()
        return capsys.readouterr().out

    return run


@pytest.mark.parametrize("name", STREAMING)
def test_the_facts_are_those_of_the_manifest(name, exports):
    manifest, facts = read_manifest(exports / name), inspecting.read(exports / name)
    outside = [state for state in manifest.states if state.next]
    assert [(t.name, t.dtype, t.shape) for t in facts.inputs] == [
        (t.name, t.dtype, t.shape) for t in (manifest.input, *outside)
    ]
    assert [t.name for t in facts.outputs] == [manifest.output.name, *(state.next for state in outside)]
    assert [(t.scale, t.zero_point) for t in facts.inputs] == [
        (t.scale, t.zero_point) for t in (manifest.input, *outside)
    ]
    assert [(p.name, p.next, p.known_by) for p in facts.states] == [(s.name, s.next, MANIFEST) for s in manifest.states]
    assert facts.bytes == (exports / name).stat().st_size


def test_the_work_of_a_step_is_what_pytorch_counts(exports, trained):
    run = runs.load(trained)
    expected = summarise(run.model, 16000, 16000)["macs_per_step"]
    for name in ("cnn_external_audio_float32.onnx", "cnn_external_audio_float32.tflite"):
        assert inspecting.read(exports / name).macs == expected
    facts = inspecting.read(exports / INTEGER)
    assert facts.operators["CONV_2D"] == 2 and facts.operators["FULLY_CONNECTED"] == 2
    assert 0 < facts.macs < expected


def test_states_without_a_manifest_are_paired_by_name_and_else_guessed(exports, tmp_path):
    for name in (INTEGER, FLOAT):
        shutil.copy(exports / name, tmp_path)
        facts, expected = inspecting.read(tmp_path / name), read_manifest(exports / name).states
        assert [(p.name, p.next, p.known_by) for p in facts.states] == [(s.name, s.next, NAMES) for s in expected]
    nameless(tmp_path / INTEGER, reverse=False)
    facts = inspecting.read(tmp_path / INTEGER)
    assert [(p.name, p.next, p.known_by) for p in facts.states] == [
        (f"in{i}", f"out{i}", GUESS) for i in range(1, len(expected) + 1)
    ]


def test_states_inside_are_named_with_how_to_reset_them(exports, tmp_path):
    name = "cnn_internal_audio_float32.tflite"
    shutil.copy(exports / name, tmp_path)
    facts = inspecting.read(tmp_path / name)
    assert [(p.name, p.next) for p in facts.states] == [(s.name, None) for s in read_manifest(exports / name).states]
    assert any("reset_all_variables leaves them" in note and "signature reset" in note for note in facts.notes)


def test_a_manifest_of_another_file_is_not_used(exports, tmp_path):
    shutil.copy(exports / FLOAT, tmp_path)
    shutil.copy(exports / f"{INTEGER}.json", tmp_path / f"{FLOAT}.json")
    facts = inspecting.read(tmp_path / FLOAT)
    assert facts.states[0].known_by == NAMES
    assert any("manifest is not used" in note for note in facts.notes)


def nameless(file: Path, reverse: bool):
    """Take the names of a TFLite file's inputs and outputs away, and turn the order of its outputs around."""
    model = flatbuffer.read(file)
    signature = model.signatureDefs[0]
    if reverse:
        signature.outputs.reverse()
        model.subgraphs[0].outputs = [entry.tensorIndex for entry in signature.outputs]
    for side, entries in (("in", signature.inputs), ("out", signature.outputs)):
        for i, entry in enumerate(entries):
            entry.name = f"{side}{i}".encode()
            model.subgraphs[0].tensors[entry.tensorIndex].name = entry.name
    flatbuffer.write(model, file)


@pytest.mark.parametrize("name", [INTEGER, "cnn_external_features_float32.tflite"])
def test_outputs_that_lost_their_names_are_found_again(name, inspect, exports, tmp_path):
    shutil.copy(exports / name, tmp_path)
    nameless(tmp_path / name, reverse=True)
    manifest = read_manifest(exports / name)
    found = json.loads(inspect("--match", exports / FLOAT, tmp_path / name))
    names = [manifest.output.name, *(state.next for state in manifest.states)]
    assert {a: b["name"] for a, b in found["outputs"].items()} == {
        a: f"out{i}" for a, i in zip(names, reversed(range(len(names))), strict=True)
    }
    assert found["inputs"]["features"] == "in0"
    assert max(b["distance"] for b in found["outputs"].values()) < (0.2 if name == INTEGER else 1e-5)


def test_an_output_that_nothing_is_near_to_has_no_partner(exports, tmp_path):
    model = onnx.load(str(exports / FLOAT))
    for weights in model.graph.initializer:
        values = onnx.numpy_helper.to_array(weights)
        if values.dtype == np.float32:
            weights.CopyFrom(onnx.numpy_helper.from_array(-values[..., ::-1].copy(), weights.name))
    onnx.save(model, str(tmp_path / "other.onnx"))
    found = match(exports / FLOAT, tmp_path / "other.onnx")["outputs"]
    assert found["logits"] is None and found["next_net_conv1"]["name"] == "next_net_conv1"


def test_files_of_different_models_do_not_match(exports):
    with pytest.raises(UserError, match=r"input audio \[1, 320, 1, 1\] of .* has no partner"):
        match(exports / "cnn_external_audio_float32.onnx", exports / INTEGER)


def test_the_command_prints_tables_or_json(inspect, exports):
    text = inspect(exports / INTEGER)
    assert "TensorFlow Lite" in text and "state_net_conv2" in text and "CONV_2D" in text
    facts = json.loads(inspect(exports / INTEGER, "--json"))
    assert facts["inputs"][0]["scale"] == read_manifest(exports / INTEGER).input.scale
    assert facts["states"][0]["known_by"] == MANIFEST


@pytest.mark.parametrize("name", [INTEGER, FLOAT, "cnn_internal_features_int8.tflite"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.99])
def test_a_file_that_is_cut_is_refused(name, share, exports, tmp_path):
    data = (exports / name).read_bytes()
    file = tmp_path / name
    file.write_bytes(data[: int(share * len(data))])
    with pytest.raises(UserError, match=f"{name} is not a whole ") as error:
        inspecting.read(file)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("noise.tflite", bytes(range(256)) * 20, "is not a whole TensorFlow Lite file"),
        ("noise.onnx", bytes(range(256)) * 20, "is not a whole ONNX file"),
        ("model.json", b"{", "is not a whole TensorFlow.js model"),
        ("model.json", b'{"labels": []}', "is not a whole TensorFlow.js model .*modelTopology"),
        ("model.h5", b"", r"ends in '.h5': expected .tflite, .onnx, .json or the folder"),
        ("missing.onnx", None, "no file"),
    ],
)
def test_what_is_not_a_model_is_refused_in_one_line(name, content, message, tmp_path):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message) as error:
        inspecting.read(tmp_path / name)
    assert "\n" not in str(error.value)


def test_the_command_fails_in_one_line(inspect, tmp_path):
    (tmp_path / "noise.tflite").write_bytes(b"noise")
    line = [sys.executable, "-m", "kwsstream.inspect", str(tmp_path / "noise.tflite")]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    with pytest.raises(UserError, match="expected one FILE, or --match A B"):
        inspect()
