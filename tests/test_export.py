"""Exported files against PyTorch, for every stream and precision, over streams longer than the receptive field."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("onnx2tf", reason="the export extra is not installed")

from ai_edge_litert.interpreter import Interpreter

from kwsstream import runs
from kwsstream.errors import UserError
from kwsstream.export.parity import identical_steps
from kwsstream.manifest import read_manifest
from kwsstream.runners import TorchRunner, open_runner, open_session

FLOATS = {"float32": 1e-5, "float16": 1e-2, "dynamic": 0.1}
INTEGERS = {"int8": 0.15, "int16": 0.02}
STREAMS = ("external", "internal", "none")
TFLITE = [f"cnn_{s}_audio_{p}.tflite" for s in STREAMS for p in FLOATS] + [
    f"cnn_{s}_features_{p}.tflite" for s in STREAMS for p in INTEGERS
]
ONNX = [f"cnn_{s}_{i}_float32.onnx" for s in ("external", "none") for i in ("audio", "features")]
FEATURES = [f"cnn_external_features_{p}.tflite" for p in FLOATS]
FRONTS = [f"cnn_{s}_front_float32.tflite" for s in STREAMS] + ["cnn_external_front_float32.onnx"]
MODELS = TFLITE + ONNX + FEATURES


@pytest.fixture(scope="module")
def run(trained) -> runs.Run:
    return runs.load(trained)


@pytest.fixture(scope="module")
def clips(run) -> np.ndarray:
    """Test clips of real audio, float32 (clips, samples)."""
    return run.data().partition("testing").audio(slice(0, 8)).astype(np.float32) / 32768


@pytest.fixture(scope="module")
def expected(run, clips) -> np.ndarray:
    """PyTorch's logits, hop by hop over the clips as one stream: longer than the receptive field, many times."""
    assert clips.size > 5 * run.model.timing.receptive_field
    return TorchRunner(run.model, run.labels, hop_by_hop=True).run(clips.ravel())


@pytest.fixture(scope="module")
def expected_whole(run, clips) -> np.ndarray:
    runner = TorchRunner(run.model, run.labels)
    logits = []
    for clip in clips:
        runner.reset()
        logits.append(runner.run(clip)[-1])
    return np.stack(logits)


def logits_of(runner, clips):
    return np.concatenate([runner.run(clip) for clip in clips])


@pytest.mark.parametrize("name", MODELS)
def test_a_file_does_what_pytorch_does(name, exports, clips, expected, expected_whole):
    runner = open_runner(exports / name)
    precision = runner.manifest.precision
    found, wanted = logits_of(runner, clips), expected_whole if runner.stream == "none" else expected
    assert found.shape == wanted.shape and found.dtype == np.float32
    difference = np.abs(found - wanted).max() / np.abs(wanted).max()
    assert difference <= (FLOATS | INTEGERS)[precision]
    if precision != "float32":
        assert difference > 1e-7, "the file is no less precise than float32: is it what it says?"


@pytest.mark.parametrize("name", MODELS)
def test_a_stream_is_carried_until_it_is_reset(name, exports, clips):
    runner, other = open_runner(exports / name), open_runner(exports / name)
    first = logits_of(runner, clips[:2])
    second = logits_of(runner, clips[:2])
    np.testing.assert_array_equal(logits_of(other, clips[:2]), first)  # nothing shared, and silence at the start
    if runner.stream != "none":
        assert not np.array_equal(first, second)
    runner.reset()
    np.testing.assert_array_equal(logits_of(runner, clips[:2]), first)


@pytest.mark.parametrize("name", [name for name in TFLITE if "internal" in name])
def test_internal_state_is_external_state_bit_for_bit(name, exports, run):
    audio = run.data().partition("testing").audio(slice(0, 11)).astype(np.float32).ravel() / 32768
    internal, external = open_runner(exports / name), open_runner(exports / name.replace("internal", "external"))
    found = internal.run(audio)
    assert len(found) > 500
    np.testing.assert_array_equal(found, external.run(audio))
    assert internal.manifest.parity.identical_steps >= 300
    details = Interpreter(str(exports / name)).get_input_details()
    assert [detail["name"] for detail in details] == [internal.manifest.input.name]


def test_internal_state_that_is_not_external_state_is_an_error(exports):
    names = "cnn_internal_features_int8.tflite", "cnn_external_features_int16.tflite"
    sessions = [open_session(exports / name, read_manifest(exports / name)) for name in names]
    with pytest.raises(UserError, match=r"cnn_internal.*: differs from the file with external state at step 0"):
        identical_steps(names[0], *sessions, torch.randn(3, 1, 1, 1, 10))


@pytest.mark.parametrize("name", [name for name in MODELS + FRONTS if name.endswith(".tflite") and "none" not in name])
def test_streaming_files_are_lean(name, exports):
    operators = [op["op_name"] for op in Interpreter(str(exports / name))._get_ops_details()]
    assert "TRANSPOSE" not in operators
    assert not any(op.startswith("Flex") for op in operators)
    assert operators.count("CONV_2D") == (0 if "front" in name else 2)


@pytest.mark.parametrize("name", MODELS + FRONTS)
def test_the_manifest_describes_the_file(name, exports, run):
    manifest = read_manifest(exports / name)
    tensors = [manifest.input, manifest.output, *manifest.states]
    if name.endswith(".tflite"):
        interpreter = Interpreter(str(exports / name))
        found = {d["name"]: d for d in interpreter.get_input_details() + interpreter.get_output_details()}
        visible = [t for t in tensors if t.name in found]
        assert len(visible) == (2 if manifest.stream == "internal" else len(tensors))
        for tensor in visible:
            check_tensor(tensor, found[tensor.name])
        for state in manifest.states:
            if state.next is not None:
                check_tensor(state, found[state.next])
            assert state.reset_value == (state.zero_point or 0)
    assert (manifest.parity.state_difference is not None) == (manifest.stream == "external")
    assert manifest.clock.timing == run.model.timing
    assert manifest.clock.latency_ms == manifest.clock.hop_ms == 20
    assert manifest.labels == run.labels
    assert manifest.config == run.config.model_dump(mode="json")
    assert manifest.features["mels"] == 20
    assert manifest.parity.steps == 300
    if "front" not in name:
        assert manifest.parity.clips == len(run.data().partition("testing"))
        assert manifest.parity.pytorch_accuracy > 80
    assert str(Path.cwd()) not in (exports / name).read_bytes().decode("latin-1"), "a path of this machine is inside"


def check_tensor(tensor, detail):
    assert tensor.shape == detail["shape"].tolist()
    assert tensor.dtype == np.dtype(detail["dtype"]).name
    scales, zeros = (detail["quantization_parameters"][key].tolist() for key in ("scales", "zero_points"))
    assert ([] if tensor.scale is None else [np.float32(tensor.scale)]) == scales
    assert ([] if tensor.zero_point is None else [tensor.zero_point]) == zeros


def test_states_are_named_by_their_layers(exports):
    manifest = read_manifest(exports / "cnn_external_audio_float32.tflite")
    names = [(state.name, state.next) for state in manifest.states]
    assert names[0] == ("state_front_frame", "next_front_frame")
    assert ("state_net_conv2", "next_net_conv2") in names
    details = Interpreter(str(exports / manifest.file)).get_input_details()
    assert [d["name"] for d in details] == [manifest.input.name, *(name for name, _ in names)]


def test_the_front_end_of_feature_files_is_proven_and_named(exports):
    manifest = read_manifest(exports / "cnn_external_features_int8.tflite")
    assert manifest.front_end == "cnn_external_front_float32.tflite"
    front = read_manifest(exports / manifest.front_end)
    assert (front.output.name, front.precision, front.front_end) == ("features", "float32", None)
    assert front.output.shape == manifest.input.shape
    assert front.parity.largest_difference <= 1e-5 * front.parity.largest_result


def test_silence_saturates_in_int8_and_fits_in_int16(exports):
    """Digital silence has features of -247: they would leave speech a handful of 256 numbers, but many of 65,536."""
    file = exports / "cnn_external_front_float32.tflite"
    silence = open_session(file, read_manifest(file)).step(np.zeros((1, 320, 1, 1), np.float32)).min()
    assert silence < lowest(exports / "cnn_external_features_int8.tflite")
    assert silence > 1.01 * lowest(exports / "cnn_external_features_int16.tflite")


def lowest(file):
    features = read_manifest(file).input
    return (np.iinfo(features.dtype).min - features.zero_point) * features.scale


def test_nothing_else_is_left(exports):
    files = {path.name for path in exports.iterdir()}
    assert files == {n for f in MODELS + FRONTS + ["cnn_none_front_float32.onnx"] for n in (f, f"{f}.json")}
    for name in files:
        if name.endswith(".json"):
            assert json.loads((exports / name).read_text())["schema_version"] == 1
