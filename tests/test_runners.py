"""Runners take what they should, refuse what they should not, and cut the stream anywhere."""

import shutil

import numpy as np
import pytest

pytest.importorskip("onnx2tf", reason="the export extra is not installed")

from kwsstream import runs
from kwsstream.errors import UserError
from kwsstream.runners import TorchRunner, open_runner

FILES = ["cnn_external_audio_float32.onnx", "cnn_external_features_int8.tflite", "cnn_internal_audio_float32.tflite"]


@pytest.fixture(params=["torch", *FILES])
def runner(request, trained, exports):
    if request.param == "torch":
        run = runs.load(trained)
        return TorchRunner(run.model, run.labels)
    return open_runner(exports / request.param)


def noise(samples):
    return 0.1 * np.random.default_rng(0).standard_normal(samples).astype(np.float32)


def test_a_stream_may_be_cut_at_any_hop(runner):
    audio = noise(60 * runner.hop)
    whole = runner.run(audio)
    assert whole.shape == (60, len(runner.labels)) and whole.dtype == np.float32
    runner.reset()
    cut = np.concatenate([runner.run(part) for part in np.split(audio, np.array([1, 4, 5, 33]) * runner.hop)])
    np.testing.assert_allclose(cut, whole, atol=1e-5 * np.abs(whole).max())


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda x: np.where(np.arange(len(x)) == 7, np.nan, x).astype(np.float32), "1 samples of NaN or infinity"),
        (lambda x: np.where(np.arange(len(x)) < 2, np.inf, x).astype(np.float32), "2 samples of NaN or infinity"),
        (lambda x: (x * 32768).astype(np.int16), r"int16 \(640,\): expected a float32 array"),
        (lambda x: x[None], r"float32 \(1, 640\): expected"),
        (lambda x: x.tolist(), "audio is list: expected"),
        (lambda x: x[:-1], "639 samples: expected a multiple of 320 samples"),
        (lambda x: x[:0], "0 samples: expected a multiple of 320 samples"),
    ],
)
def test_wrong_audio_is_refused_and_leaves_the_stream_alone(runner, spoil, message):
    audio = noise(2 * runner.hop)
    runner.run(audio)
    expected = runner.run(audio)
    runner.reset()
    runner.run(audio)
    with pytest.raises(UserError, match=message) as error:
        runner.run(spoil(audio))
    assert "\n" not in str(error.value)
    np.testing.assert_array_equal(runner.run(audio), expected)


def test_a_whole_clip_file_takes_clips_only(exports):
    runner = open_runner(exports / "cnn_none_audio_float32.tflite")
    assert runner.run(noise(16000)).shape == (1, len(runner.labels))
    with pytest.raises(UserError, match="32000 samples: expected a clip of 16000 samples"):
        runner.run(noise(32000))


def test_hops_at_once_are_hops_one_by_one(trained):
    run = runs.load(trained)
    audio = noise(100 * run.model.timing.stride)
    at_once = TorchRunner(run.model, run.labels).run(audio)
    one_by_one = TorchRunner(run.model, run.labels, hop_by_hop=True).run(audio)
    np.testing.assert_allclose(at_once, one_by_one, atol=1e-5 * np.abs(at_once).max())


@pytest.fixture
def copied(exports, tmp_path):
    """A feature file and its front end, to be spoiled."""
    for name in ("cnn_external_features_int8.tflite", "cnn_external_front_float32.tflite"):
        shutil.copy(exports / name, tmp_path)
        shutil.copy(exports / f"{name}.json", tmp_path)
    open_runner(tmp_path / "cnn_external_features_int8.tflite")
    return tmp_path / "cnn_external_features_int8.tflite"


def refused(file, message):
    with pytest.raises(UserError, match=message) as error:
        open_runner(file)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_named(copied):
    refused(copied.with_name("other.tflite"), "no file .*other.tflite")


def test_a_missing_manifest_is_named(copied):
    copied.with_name(f"{copied.name}.json").unlink()
    refused(copied, "no file .*cnn_external_features_int8.tflite.json")


def test_a_missing_front_end_is_named(copied):
    copied.with_name("cnn_external_front_float32.tflite").unlink()
    refused(copied, "no file .*cnn_external_front_float32.tflite")


def test_another_file_under_the_same_name_is_refused(copied):
    copied.write_bytes(copied.read_bytes()[:-1] + b"?")
    refused(copied, "its hash differs")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"schema_version": 1', '"schema_version": 2', "schema_version"),
        ('"sha256"', '"sha"', "sha256: Field required"),
        ('"dtype": "int8"', '"dtype": "float64"', "input.dtype"),
        ("{", "", "is not a manifest"),
    ],
)
def test_what_is_not_a_manifest_is_refused(copied, old, new, message):
    path = copied.with_name(f"{copied.name}.json")
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    refused(copied, message)


def test_a_front_end_has_no_logits(exports):
    refused(exports / "cnn_external_front_float32.tflite", "is a front end")
