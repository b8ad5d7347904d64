"""Integer files in TensorFlow Lite Micro: what LiteRT gives, to two steps of the output; internal state is external."""

import shutil
import sys

import numpy as np
import pytest
import torch

pytest.importorskip("onnx2tf", reason="the export extra is not installed")
pytest.importorskip("tflite_micro", reason="the micro extra is not installed")

from kwsstream import evaluate, runs
from kwsstream.errors import UserError
from kwsstream.export import flatbuffer
from kwsstream.export.convert import Made
from kwsstream.export.micro import measure_micro, same_label
from kwsstream.manifest import Micro, read_manifest
from kwsstream.runners import open_runner, open_session

STEPS = 1000
PRECISIONS = ("int8", "int16")
STREAMS = ("external", "internal")


def name(stream, precision):
    return f"cnn_{stream}_features_{precision}.tflite"


@pytest.fixture(scope="module")
def features(exports, trained) -> np.ndarray:
    """Features of clips as one stream, (steps, *shape of one)."""
    testing = runs.load(trained).data().partition("testing")
    audio = testing.audio(np.arange(22) % len(testing)).astype(np.float32) / 32768
    front = exports / "cnn_external_front_float32.tflite"
    session = open_session(front, read_manifest(front))
    found = [session.step(hop.reshape(1, -1, 1, 1)) for hop in audio.reshape(-1, 320)]
    assert len(found) >= STEPS
    return np.stack(found[:STEPS])


def opened(exports, stream, precision, runtime):
    file = exports / name(stream, precision)
    return open_session(file, read_manifest(file), runtime=runtime)


def results(session, features):
    return np.concatenate([session.step(x) for x in features])


@pytest.mark.parametrize("runtime", ["litert", "litert-reference"])
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("stream", STREAMS)
def test_micro_is_litert_within_two_steps_of_the_output(stream, precision, runtime, exports, features):
    lite, micro = (results(opened(exports, stream, precision, r), features) for r in (runtime, "micro"))
    scale = read_manifest(exports / name(stream, precision)).output.scale
    steps = np.rint(np.abs(lite - micro) / scale)
    assert steps.max() <= 2
    assert same_label(lite, micro) >= 99.5
    rows = np.flatnonzero(lite.argmax(1) != micro.argmax(1))
    close = np.abs(lite[rows, lite[rows].argmax(1)] - lite[rows, micro[rows].argmax(1)])
    assert len(rows) <= 0.02 * STEPS and (close <= 2.5 * scale).all(), "labels differ that are not close"
    assert len(np.unique(lite.argmax(1))) > 1 and np.ptp(lite) > 20 * scale, "the stream says nothing"


@pytest.mark.parametrize("runtime", ["litert", "micro"])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_internal_state_is_external_state_bit_for_bit(precision, runtime, exports, features):
    internal, external = (results(opened(exports, s, precision, runtime), features) for s in ("internal", "external"))
    np.testing.assert_array_equal(internal, external)


def test_the_manifest_holds_the_arena_and_the_difference(exports):
    for stream in ("external", "internal", "none"):
        for precision in PRECISIONS:
            micro = read_manifest(exports / name(stream, precision)).micro
            assert isinstance(micro, Micro), micro
            assert micro.arena["total"] == micro.arena["head"] + micro.arena["tail"] > 1000
            assert sum(size for kind, size in micro.arena.items() if kind[0].isupper()) <= micro.arena["tail"]
            for one in (micro.litert, micro.litert_reference):
                assert one.agreement >= 99.5 and one.largest_difference <= 2
            assert micro.steps == (10 if stream == "none" else 300)
            assert micro.identical_steps == (300 if stream == "internal" else None)
    assert read_manifest(exports / "cnn_external_audio_float32.tflite").micro is None


@pytest.fixture
def spoiled(exports, tmp_path):
    """The int8 file with its convolutions turned into an operator that microcontrollers lack."""
    shutil.copy(exports / name("external", "int8"), tmp_path / "spoiled.tflite")
    model = flatbuffer.read(tmp_path / "spoiled.tflite")
    codes = flatbuffer.schema().BuiltinOperator
    (code,) = (code for code in model.operatorCodes if code.builtinCode == codes.CONV_2D)
    code.builtinCode, code.deprecatedBuiltinCode = codes.ATAN2, 127  # 127: see the other
    flatbuffer.write(model, tmp_path / "spoiled.tflite")
    return tmp_path / "spoiled.tflite"


def refused(file, interface, message, capfd):
    with pytest.raises(UserError, match=message) as error:
        open_session(file, interface, runtime="micro")
    assert "\n" not in str(error.value)
    assert capfd.readouterr() == ("", "")


def test_an_operator_that_it_lacks_is_named(spoiled, exports, capfd):
    interface = read_manifest(exports / name("external", "int8"))
    refused(spoiled, interface, "spoiled.tflite: TensorFlow Lite Micro cannot run it .*ATAN2", capfd)


def test_an_operator_that_lacks_the_type_is_named(exports, capfd):
    file = exports / "cnn_external_audio_dynamic.tflite"
    refused(file, read_manifest(file), "cannot run it .*FULLY_CONNECTED", capfd)


def test_a_runtime_is_refused_what_it_cannot_read(exports):
    with pytest.raises(UserError, match=r"float32.onnx does not run in 'micro': expected onnx"):
        open_runner(exports / "cnn_external_audio_float32.onnx", runtime="micro")


def test_a_runtime_without_a_file_is_refused(trained, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["evaluate", str(trained), "--runtime", "micro"])
    with pytest.raises(UserError, match="--runtime micro runs an exported file: give it by --file"):
        evaluate.main()


def test_without_the_wheel_its_extra_is_named(exports, monkeypatch):
    monkeypatch.setitem(sys.modules, "tflite_micro.python.tflite_micro.runtime", None)
    with pytest.raises(UserError, match=r"is not installed .*pip install -e '.\[micro\]'"):
        open_runner(exports / name("external", "int8"), runtime="micro")


@pytest.fixture
def made(exports):
    file = exports / "cnn_external_audio_dynamic.tflite"
    return Made(file, "dynamic", read_manifest(file))


def test_a_file_that_it_cannot_run_is_exported_with_the_reason(made):
    assert "FULLY_CONNECTED" in measure_micro(made, False, torch.zeros(1), np.zeros(1))


def test_without_the_wheel_nothing_is_measured(made, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert measure_micro(made, False, torch.zeros(1), np.zeros(1)) is None


def test_clips_are_judged_as_litert_judges_them(exports, trained):
    testing = runs.load(trained).data().partition("testing")
    file = exports / name("internal", "int8")
    lite, micro = (evaluate.score_file(file, testing, runtime) for runtime in (None, "micro"))
    assert [score.name for score in micro] == [f"{file.name} in micro, {state}" for state in ("reset", "carried")]
    for a, b in zip(lite, micro, strict=True):
        assert np.mean(a.logits.argmax(1) == b.logits.argmax(1)) >= 0.9 and abs(a.accuracy - b.accuracy) <= 10
