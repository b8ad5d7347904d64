"""Models over streams: judged, swept, tuned; the same for PyTorch and for every file; and as commands."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from kwsstream import detect, runs
from kwsstream.detection.curve import operating_point, sweep
from kwsstream.detection.evaluation import distinct, hear
from kwsstream.detection.material import material
from kwsstream.detection.spotter import Spotter, open_model
from kwsstream.detection.streams import Recipe, write_stream
from kwsstream.detection.tuning import tune
from kwsstream.errors import UserError
from kwsstream.features import Features
from kwsstream.models import build

RATE_HZ = 16000
FORMS = [
    "cnn_external_audio_float32.onnx", "cnn_external_audio_float32.tflite", "cnn_external_features_int8.tflite",
    "cnn_internal_features_int8.tflite",
]  # fmt: skip


@pytest.fixture(scope="module")
def streams(trained, tmp_path_factory):
    """Two streams of four minutes: of the test clips, and of those that validate."""
    folder, data = tmp_path_factory.mktemp("streams"), runs.load(trained).data()
    for name in ("testing", "validation"):
        write_stream(material(data, name), Recipe(minutes=4, snr_db=25, seed=1), folder / name)
    return folder


@pytest.fixture
def run(trained, tmp_path):
    """A copy of the run, to write beside."""
    return shutil.copytree(trained, tmp_path / "run")


def arguments(folder):
    return ["--stream", str(folder / "stream.wav"), "--truth", str(folder / "truth.csv")]


def command(*words):
    """A command in this process: its exit code is its error."""
    return detect.main([str(word) for word in words])


@pytest.fixture(scope="module")
def heard(trained, streams):
    return hear(trained, streams / "testing" / "stream.wav", streams / "testing" / "truth.csv")


def test_a_trained_model_finds_its_words(heard):
    points = sweep(heard.model, heard.posteriors, heard.judge)
    assert heard.posteriors.shape == (4 * 60 * 50, 5)
    np.testing.assert_allclose(heard.posteriors.sum(1), 1, atol=1e-5)
    assert points[0].false_accepts_per_hour > points[-1].false_accepts_per_hour
    assert min(point.false_rejects for point in points) < 50  # of tones, learnt in 30 updates
    assert points[-1].false_rejects > 90


def test_a_point_of_the_curve_is_what_the_detector_does(heard):
    points = sweep(heard.model, heard.posteriors, heard.judge)
    one = operating_point(points, 100)
    assert one.false_accepts_per_hour <= 100
    assert one.false_rejects == min(p.false_rejects for p in points if p.false_accepts_per_hour <= 100)
    parameters = heard.model.parameters.with_thresholds(dict.fromkeys(["yes", "no", "up"], one.threshold))
    found = heard.judge(heard.model.detector(parameters).push(heard.posteriors))
    assert (found.false_accepts_per_hour, found.false_rejects) == (one.false_accepts_per_hour, one.false_rejects)


@pytest.mark.parametrize("target", [15, 120])
def test_tuned_thresholds_hold_their_target_and_do_no_worse_than_one_for_all(heard, target):
    parameters, found = tune(heard.model, heard.posteriors, heard.judge, target)
    assert found.false_accepts_per_hour <= target
    again = heard.judge(heard.model.detector(parameters).push(heard.posteriors))
    assert again == found
    common = [p for p in sweep(heard.model, heard.posteriors, heard.judge) if p.false_accepts_per_hour <= target]
    worth = max(found.keywords * (1 - p.false_rejects / 100) - p.wrong for p in common)
    assert found.hits - found.wrong >= worth - 1e-6


def test_no_thresholds_for_a_model_that_hears_nothing(heard):
    with pytest.raises(UserError, match=r"no thresholds of .* at 1 false accepts per hour .* allows 0: give a longer"):
        tune(heard.model, np.zeros_like(heard.posteriors), heard.judge, 1.0)


@pytest.mark.parametrize("form", FORMS)
def test_every_file_hears_what_the_model_does(form, exports, heard, streams):
    file = hear(exports / form, streams / "testing" / "stream.wav", streams / "testing" / "truth.csv")
    agreement = (file.posteriors.argmax(1) == heard.posteriors.argmax(1)).mean()
    assert agreement > (0.9 if "int8" in form else 0.999)
    assert abs(len(file.detections) - len(heard.detections)) <= (10 if "int8" in form else 1)


def test_a_stream_may_come_in_any_pieces(trained):
    audio = 0.1 * np.random.default_rng(0).standard_normal(16000).astype(np.float32)
    whole, cut = (Spotter(open_model(trained)) for _ in range(2))
    expected, _ = whole.push(audio)
    parts = [cut.push(part)[0] for part in np.split(audio, [1, 319, 320, 960, 5000, 5001])]
    np.testing.assert_allclose(np.concatenate(parts), expected, atol=1e-5)


def test_files_are_told_apart_by_the_last_parts_of_their_paths():
    assert distinct([Path("/r/a/x.onnx"), Path("/r/a/y.onnx")]) == ["x.onnx", "y.onnx"]
    assert distinct([Path("/r/a/e/x"), Path("/r/b/e/x")]) == ["a-e-x", "b-e-x"]
    with pytest.raises(UserError, match="twice"):
        distinct([Path("/r/x"), Path("/r/../r/x")])


def test_eval_leaves_tables_curves_and_a_picture(trained, run, streams, tmp_path, capfd):
    command("eval", "--file", trained, run, *arguments(streams / "testing"), "--out", tmp_path / "out")
    lines = capfd.readouterr().out.splitlines()
    names = distinct([trained, run])
    assert [line.split()[0] for line in lines if line.startswith(tuple(names))] == [
        *names,
        *names[:1] * 3,
        *names[1:] * 3,
    ]
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    first = report[0]
    assert [one["model"] for one in report] == names
    assert first | {"model": ""} == report[1] | {"model": ""}
    assert first["hits"] + first["misses"] == first["keywords"] and set(first["operating_points"]) == {"0.5", "1", "10"}
    assert (tmp_path / "out" / "det.png").read_bytes().startswith(b"\x89PNG")
    with (tmp_path / "out" / f"{names[0]}.det.csv").open() as file:
        curve = list(csv.DictReader(file))
    assert len(curve) > 100 and float(curve[0]["false_accepts_per_hour"]) > float(curve[-1]["false_accepts_per_hour"])
    with (tmp_path / "out" / f"{names[0]}.detections.csv").open() as file:
        verdicts = [row["verdict"] for row in csv.DictReader(file)]
    assert verdicts.count("hit") == first["hits"] and verdicts.count("false accept") == first["false_accepts"]
    assert np.load(tmp_path / "out" / f"{names[0]}.posteriors.npy").shape == (4 * 60 * 50, 5)


def test_tune_writes_what_eval_then_uses(run, streams, capfd):
    command("tune", "--file", run, *arguments(streams / "validation"), "--target", 30)
    assert open_model(run).parameters.thresholds != {"yes": 0.8, "no": 0.8, "up": 0.8}
    capfd.readouterr()
    command("eval", "--file", run, *arguments(streams / "validation"))
    assert float(capfd.readouterr().out.splitlines()[2].split()[6]) <= 30


@pytest.fixture
def bad(tmp_path, trained, streams):
    """What commands may be given, good and bad, by name."""
    good = streams / "testing"
    audio, _ = soundfile.read(good / "stream.wav", frames=8 * RATE_HZ)
    soundfile.write(tmp_path / "slow.wav", audio, 8000)
    soundfile.write(tmp_path / "short.wav", audio, RATE_HZ)
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "else.csv").write_text("label,start,end\nhouse,1,2\n")
    (tmp_path / "none.csv").write_text("label,start,end\n_unknown_,1,2\n")
    return {"tmp": tmp_path, "run": trained, "wav": good / "stream.wav", "csv": good / "truth.csv"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("eval --file {tmp}/x.onnx --stream {wav} --truth {csv}", "no file .*x.onnx"),
        ("eval --file {wav} --stream {wav} --truth {csv}", "stream.wav is no model: expected a run folder"),
        ("eval --file {tmp} --stream {wav} --truth {csv}", "is not a run folder"),
        ("eval --file {run} --stream {tmp}/x.wav --truth {csv}", "no sound file .*x.wav"),
        ("eval --file {run} --stream {tmp}/empty.wav --truth {csv}", "empty.wav cannot be read as sound"),
        ("eval --file {run} --stream {tmp}/slow.wav --truth {csv}", "slow.wav is sampled at 8000 Hz, .* 16000 Hz"),
        ("eval --file {run} --stream {wav} --truth {tmp}/x.csv", "no truth .*x.csv"),
        ("eval --file {run} --stream {wav} --truth {wav}", "stream.wav (is not a CSV file|starts with)"),
        ("eval --file {run} --stream {tmp}/short.wav --truth {csv}", "is no part of a stream of 8 s"),
        ("eval --file {run} --stream {wav} --truth {tmp}/else.csv", "label 'house' is unknown to the model"),
        ("eval --file {run} --stream {wav} --truth {tmp}/none.csv", "the truth has no keyword of yes, no, up"),
        ("eval --file {run} --stream {wav} --truth {csv} --out {wav}", "cannot write .*stream.wav"),
        ("eval --file {run} --stream {wav} --truth {csv} --tolerance-ms -1", "--tolerance-ms -1: expected"),
        ("tune --file {run} --stream {wav} --truth {csv} --target nan", "--target nan: expected"),
        ("stream --run {run} --out {tmp}/else.csv", "cannot write .*else.csv"),
        ("stream --run {run} --out {tmp}/out --minutes 0", "minutes 0: expected"),
        ("stream --config {tmp}/x.yaml --out {tmp}/out", "no config file"),
        ("set --file {run} thresholds.house=0.5", "thresholds name house: expected labels of"),
        ("set --file {run} thresholds.yes=null thresholds.no=null thresholds.up=null", "no detection is possible"),
    ],
)
def test_what_a_user_can_cure_is_one_line(line, message, bad):
    with pytest.raises(UserError, match=message) as error:
        command(*(word.format(**bad) for word in line.split()))
    assert "\n" not in str(error.value)
    assert not (bad["tmp"] / "out").exists() and not (bad["run"] / "detector.json").exists()


def test_a_file_that_takes_whole_clips_is_refused(exports):
    with pytest.raises(UserError, match=r"takes whole clips: a stream needs .* --stream external or internal"):
        open_model(exports / "cnn_none_audio_float32.onnx")


def test_a_run_that_cannot_stream_is_refused(tmp_path, monkeypatch):
    run = SimpleNamespace(model=build("att_rnn", Features(), samples=16000, labels=5))
    monkeypatch.setattr(runs, "load", lambda folder: run)
    with pytest.raises(UserError, match=r"cannot stream, .*: a stream needs a model that steps"):
        open_model(tmp_path)


def test_as_a_command(small, tmp_path):
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1] / "src")}
    line = [sys.executable, "-m", "kwsstream.detect", "stream", "--config", small, "--minutes", "1", "--out", tmp_path]
    done = subprocess.run(list(map(str, line)), capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{tmp_path / 'stream.wav'}: 1 minutes, ")
    done = subprocess.run(
        [*map(str, line), "--seed", "-1"], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 1 and done.stderr.startswith("error: seed -1: expected 0")
