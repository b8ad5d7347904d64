"""A run on micro features: trained, exported, and fed from audio as a device would be."""

import shutil
import sys

import numpy as np
import pytest
import soundfile
import torch
import yaml

from kwsstream import config as configs
from kwsstream import evaluate, fit, runs
from kwsstream.detection.material import material
from kwsstream.detection.spotter import Spotter, open_model
from kwsstream.detection.streams import Recipe, write_stream
from kwsstream.errors import UserError, command
from kwsstream.runners import TorchRunner, open_runner

FILES = ["external_features_float32.tflite", "external_features_int8.tflite", "external_features_float32.onnx"]


@pytest.fixture(scope="module")
def heard(small, tmp_path_factory):
    """The folder of a run of the small CNN on the features of devices."""
    folder = tmp_path_factory.mktemp("micro")
    given = yaml.safe_load(small.read_text().replace("yes, no", "'yes', 'no'"))
    given |= {"features": {"kind": "micro"}}
    given["model"] |= {"kernels": [[4, 3], [5, 3]], "strides": [[2, 2], [1, 1]]}
    (folder / "micro.yaml").write_text(yaml.safe_dump(given))
    fit.fit(configs.read(folder / "micro.yaml"), folder / "run")
    fit.finish(folder / "run", 0.0)
    return folder / "run"


@pytest.fixture(scope="module")
def exported(heard, tmp_path_factory):
    """That run as files that take features."""
    pytest.importorskip("onnx2tf", reason="the export extra is not installed")
    from kwsstream.export.exporter import Exporter

    folder, run = tmp_path_factory.mktemp("export"), runs.load(heard)
    less = {"parity_steps": 100, "calibration_steps": 500}
    less |= {"strict": False}  # of 19 test clips, one of another label in int8 would be over the tolerance
    Exporter(run, "tflite", "external", **less).export(["float32", "int8"], "features", folder)
    for stream in ("external", "none"):
        Exporter(run, "onnx", stream, **less).export(["float32"], "features", folder)
    return folder


def clips(run, count=8):
    return run.data().partition("testing").audio(slice(0, count)).astype(np.float32) / 32768


def test_whole_streamed_and_reset_agree(heard):
    run = runs.load(heard)
    whole, reset, _ = evaluate.score_run(run.model, run.labels, run.data().partition("testing"))
    np.testing.assert_allclose(reset.logits, whole.logits, rtol=1e-3, atol=1e-4)
    assert whole.accuracy > 60


def test_files_are_fed_from_audio(heard, exported):
    """Float files give PyTorch's logits, hop after hop; the int8 file its labels. No file holds the front end."""
    run, names = runs.load(heard), sorted(path.name for path in exported.glob("*"))
    assert not any("front" in name or "audio" in name for name in names)
    torch_runner = TorchRunner(run.model, run.labels)
    for name in FILES:
        runner = open_runner(exported / f"cnn_{name}")
        assert runner.manifest.front_end is None and runner.manifest.features["kind"] == "micro"
        assert runner.hop == run.model.timing.stride == 320
        equal = []
        for clip in clips(run):
            torch_runner.reset(), runner.reset()
            expected = torch_runner.run(clip)
            cut = [runner.run(part) for part in np.split(clip, [320, 3200, 3520])]
            if "int8" in name:
                equal.append(np.concatenate(cut).argmax(1) == expected.argmax(1))
            else:
                np.testing.assert_allclose(np.concatenate(cut), expected, atol=1e-5 * np.abs(expected).max())
        assert "int8" not in name or np.mean(equal) > 0.9


def test_a_file_of_whole_clips_is_fed_from_audio(heard, exported):
    run = runs.load(heard)
    runner, clip = open_runner(exported / "cnn_none_features_float32.onnx"), clips(run, 1)
    with torch.no_grad():
        expected = run.model(torch.from_numpy(clip)[:, :, None, None])[:, -1, 0].numpy()
    for _ in range(2):  # a clip leaves nothing behind
        np.testing.assert_allclose(runner.run(clip[0]), expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("name", ["cnn_external_features_int8.tflite", "cnn_none_features_float32.onnx"])
def test_a_device_hears_what_was_trained(heard, exported, name):
    pytest.importorskip("pymicro_features", reason="the micro extra is not installed")
    ours, device = open_runner(exported / name), open_runner(exported / name, device=True)
    for clip in clips(runs.load(heard)):
        ours.reset(), device.reset()
        np.testing.assert_array_equal(device.run(clip), ours.run(clip))


def test_a_stream_is_heard_by_the_run_and_by_every_file(heard, exported, tmp_path):
    write_stream(material(runs.load(heard).data(), "testing"), Recipe(minutes=0.5, snr_db=25), tmp_path)
    audio, _ = soundfile.read(tmp_path / "stream.wav", dtype="float32")
    expected, _ = Spotter(open_model(heard)).push(audio)
    assert np.ptp(expected, axis=0).max() > 0.1  # there is something to hear
    for name in FILES:
        spotter = Spotter(open_model(exported / f"cnn_{name}"))
        found = np.concatenate([spotter.push(part)[0] for part in np.split(audio, [100, 320, 16000])])
        far = np.abs(found - expected) > (0.05 if "int8" in name else 1e-4)
        assert far.mean() <= (0.01 if "int8" in name else 0)  # of a run of thirty updates


def evaluated(monkeypatch, capsys, *arguments):
    """The exit status and the last line of the command."""
    monkeypatch.setattr(sys, "argv", ["evaluate", *map(str, arguments), "--partition", "testing"])
    try:
        command(evaluate.main)
    except SystemExit as error:
        return 1, str(error)
    return 0, capsys.readouterr().out.splitlines()[-1]


def test_evaluate_prints_the_same_for_either_front_end(heard, exported, monkeypatch, capsys):
    pytest.importorskip("pymicro_features", reason="the micro extra is not installed")
    given = heard, "--file", exported / "cnn_external_features_int8.tflite"
    status, line = evaluated(monkeypatch, capsys, *given)
    assert status == 0 and "int8.tflite, carried" in line
    assert evaluated(monkeypatch, capsys, *given, "--device") == (0, line)


def test_a_file_of_other_features_than_the_run_is_refused(heard, exported, exports, trained, monkeypatch, capsys):
    file = exported / "cnn_external_features_int8.tflite"
    status, line = evaluated(monkeypatch, capsys, trained, "--file", file)
    assert status and "was made for features of kind 'micro', and the run" in line and "has 'mel'" in line
    file = exports / "cnn_external_features_int8.tflite"
    status, line = evaluated(monkeypatch, capsys, heard, "--file", file)
    assert status and "was made for features of kind 'mel', and the run" in line and "\n" not in line
    status, line = evaluated(monkeypatch, capsys, trained, "--file", file, "--device")
    assert status and "other features than devices make (kind mel" in line
    status, line = evaluated(monkeypatch, capsys, heard, "--device")
    assert status and "give it with --file" in line


def copied(source, name, folder, old, new):
    """A file with its manifest changed."""
    shutil.copy(source / name, folder)
    text = (source / f"{name}.json").read_text()
    assert old in text
    (folder / f"{name}.json").write_text(text.replace(old, new, 1))
    return folder / name


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"channels": 40', '"channels": 30', "takes 2 frames of 40 features .* are 2 of 30: it is the wrong front end"),
        ('"hop_ms": 10.0', '"hop_ms": 20.0', "takes 2 frames of 40 features .* are 1 of 40"),
        ('"kind": "micro"', '"kind": "macro"', "describes no front end .*macro"),
        ('"pcan_strength": 0.95', '"pcan_power": 0.95', "describes no front end .*pcan_power"),
        ('"pcan": true', '"pcan": "true", "x": 1', "describes no front end"),
    ],
)
def test_a_manifest_that_does_not_describe_the_features_is_refused(exported, tmp_path, old, new, message):
    file = copied(exported, "cnn_external_features_int8.tflite", tmp_path, old, new)
    with pytest.raises(UserError, match=message) as error:
        open_runner(file)
    assert "\n" not in str(error.value)


def test_the_wrong_front_end_beside_a_file_is_refused(exports, tmp_path):
    file = copied(exports, "cnn_external_features_int8.tflite", tmp_path, '"mels": 20', '"mels": 20')
    copied(exports, "cnn_external_front_float32.tflite", tmp_path, '"upper_hz": 7000.0', '"upper_hz": 7600.0')
    with pytest.raises(UserError, match=r"front_float32.tflite is the wrong front end for .*int8.tflite"):
        open_runner(file)
    front = '"front_end": "cnn_external_front_float32.tflite"'
    file = copied(exports, file.name, tmp_path, front, '"front_end": null')
    with pytest.raises(UserError, match="takes mel features, and its manifest names no front end"):
        open_runner(file)


def test_the_front_end_in_a_file_is_refused(heard, tmp_path):
    pytest.importorskip("onnx2tf", reason="the export extra is not installed")
    from kwsstream.export.exporter import Exporter

    for format in ("tflite", "onnx"):
        with pytest.raises(UserError, match=r"--input audio \(float32\): .*; use --input features") as error:
            Exporter(runs.load(heard), format, "external").export(["float32"], "audio", tmp_path / "out")
        assert "\n" not in str(error.value) and not (tmp_path / "out").exists()
