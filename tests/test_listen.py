"""Listening to files, pipes and microphones: what eval hears, no waiting, and an end in good order."""

import io
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch
from torchaudio.functional import resample

from kwsstream import listen, runs
from kwsstream.detection.display import Display
from kwsstream.detection.evaluation import hear
from kwsstream.detection.material import material
from kwsstream.detection.settings import save_parameters
from kwsstream.detection.sources import LIVE_S, microphone_source
from kwsstream.detection.spotter import open_model
from kwsstream.detection.streams import Recipe, write_stream
from kwsstream.detector import Parameters
from kwsstream.errors import UserError

RATE_HZ = 16000
FRONT = "cnn_external_front_float32.tflite"
EAGER = Parameters({"yes": 0.3, "no": 0.3, "up": 0.3})
SUMMARY = r"{}: (\d+) detections in {} s, {} s dropped, real-time factor \d+\.\d+"


@pytest.fixture(scope="module")
def stream(trained, tmp_path_factory):
    """The folder of a minute of stream."""
    folder = tmp_path_factory.mktemp("minute")
    write_stream(material(runs.load(trained).data(), "testing"), Recipe(minutes=1, snr_db=25), folder)
    return folder


@pytest.fixture(scope="module")
def eager(trained, tmp_path_factory):
    """The run with thresholds low enough for what it has learnt in 30 updates."""
    folder = shutil.copytree(trained, tmp_path_factory.mktemp("runs") / "eager")
    save_parameters(folder, EAGER)
    return folder


@pytest.fixture(scope="module")
def expected(eager, stream):
    """What eval hears in it, as lines."""
    found = hear(eager, stream / "stream.wav", stream / "truth.csv").detections
    assert len(found) > 5
    return [f"{one.sample / RATE_HZ:10.3f} s  {one.label}  {one.score:.3f}" for one in found]


def command(*words):
    """The command in a process of its own."""
    line = [sys.executable, "-m", "kwsstream.listen", *map(str, words)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1] / "src")}
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    return subprocess.Popen(line, env=environment, **pipes)


def listened(capfd, monkeypatch, *words):
    """Lines on stdout, and the last one on stderr, of the command in this process."""
    monkeypatch.setattr(sys, "argv", ["listen", *map(str, words)])
    capfd.readouterr()
    listen.main()
    out, err = capfd.readouterr()
    return out.splitlines(), err.splitlines()[-1]


def test_a_file_is_heard_as_eval_hears_it(eager, stream, expected, capfd, monkeypatch):
    lines, last = listened(capfd, monkeypatch, "--file", eager, "--wav", stream / "stream.wav")
    assert lines == expected
    assert re.fullmatch(SUMMARY.format("stream.wav", "60.0", "0.0"), last)


@pytest.mark.parametrize("form", ["cnn_external_audio_float32.onnx", "cnn_external_features_int8.tflite"])
def test_an_exported_file_hears_what_eval_hears(form, exports, stream, capfd, monkeypatch, tmp_path):
    for file in (form, f"{form}.json", FRONT, f"{FRONT}.json"):
        shutil.copy(exports / file, tmp_path)
    save_parameters(tmp_path / form, EAGER)
    found = hear(tmp_path / form, stream / "stream.wav", stream / "truth.csv").detections
    lines, _ = listened(capfd, monkeypatch, "--file", tmp_path / form, "--wav", stream / "stream.wav")
    assert len(lines) > 5
    assert lines == [f"{one.sample / RATE_HZ:10.3f} s  {one.label}  {one.score:.3f}" for one in found]


def test_another_rate_and_more_channels_are_heard_too(eager, stream, expected, capfd, monkeypatch, tmp_path):
    audio, _ = soundfile.read(stream / "stream.wav", dtype="float32")
    fast = resample(torch.from_numpy(audio), RATE_HZ, 44100).numpy()
    soundfile.write(tmp_path / "fast.flac", np.stack([fast, fast], 1), 44100)
    lines, last = listened(capfd, monkeypatch, "--file", eager, "--wav", tmp_path / "fast.flac")
    assert abs(len(lines) - len(expected)) <= 2
    found, there = ([(line.split()[2], float(line.split()[0])) for line in some] for some in (lines, expected))
    near = [any(label == one and abs(time - when) < 0.1 for one, when in found) for label, time in there]
    assert sum(near) >= 0.7 * len(near)
    assert re.fullmatch(SUMMARY.format("fast.flac", "60.0", "0.0"), last)


def test_a_pipe_waits_and_may_break_anywhere(eager, stream, expected):
    pcm = soundfile.read(stream / "stream.wav", dtype="int16")[0].astype("<i2").tobytes()
    process = command("--file", eager, "--stdin", "--rate", RATE_HZ)
    for part in (pcm[:1], pcm[1:100001], pcm[100001:]):
        process.stdin.write(part)
        process.stdin.flush()
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    # hops come in other pieces than from a file, which PyTorch rounds in other ways
    assert [line.split()[0:3:2] for line in out.decode().splitlines()] == [line.split()[0:3:2] for line in expected]
    assert re.search(SUMMARY.format("stdin", "60.0", "0.0"), err.decode())


def test_ctrl_c_ends_with_the_summary(eager, stream):
    process = command("--file", eager, "--stdin")
    pcm = soundfile.read(stream / "stream.wav", dtype="int16")[0].astype("<i2").tobytes()
    process.stdin.write(pcm)
    process.stdin.flush()
    assert process.stdout.readline()  # it hears; and then waits for more
    process.send_signal(signal.SIGINT)
    out, err = process.stdout.read(), process.stderr.read().decode()
    assert process.wait(60) == 0
    assert "Traceback" not in err and "Fatal" not in err, (out, err)
    assert re.search(SUMMARY.format("stdin", r"[\d.]+", "0.0"), err)
    process.stdin.close()


def test_detections_after_a_drop_are_told_at_their_own_time(eager, stream, expected):
    model = open_model(eager)
    audio, _ = soundfile.read(stream / "stream.wav", dtype="float32")
    source = SimpleNamespace(name="test", sample_rate_hz=RATE_HZ, live=True)
    display = Display(model, bars=False)
    times = []
    display.detection = lambda time_s, label, score: times.append(time_s)
    ear = listen.Ear(model, source, display)
    ear.hear(lambda: audio, 0)
    ear.hear(lambda: audio, 10 * RATE_HZ)
    first = [float(line.split()[0]) for line in expected]
    np.testing.assert_allclose(times[: len(first)], first, atol=1e-3)
    assert min(times[len(first) :]) >= 70


class Microphone:
    """What sounddevice is to us: a device that can record at 48,000 Hz alone."""

    class PortAudioError(Exception):
        pass

    def __init__(self, audio):
        self.audio, self.closed = audio, False

    def check_input_settings(self, device, channels, dtype, samplerate):
        if device == "none":
            raise ValueError("No input device matching 'none'")
        if samplerate != 48000:
            raise self.PortAudioError("Invalid sample rate")

    def query_devices(self, device, kind):
        return {"default_samplerate": 48000.0}

    def InputStream(self, rate, size, device, channels, dtype, callback):  # noqa: N802 (sounddevice's name)
        def record():
            flags = SimpleNamespace(input_overflow=False)
            for start in range(0, len(self.audio), size):
                callback(self.audio[start : start + size, None], size, None, flags)
                time.sleep(0.001)
            os.kill(os.getpid(), signal.SIGINT)

        assert size == round(LIVE_S * rate)
        thread = threading.Thread(target=record)
        return SimpleNamespace(start=thread.start, close=lambda: setattr(self, "closed", True))


def test_a_microphone_is_heard_at_its_own_rate_until_ctrl_c(eager, stream, expected, capfd, monkeypatch):
    audio, _ = soundfile.read(stream / "stream.wav", dtype="float32")
    audio = resample(torch.from_numpy(audio), RATE_HZ, 48000).numpy()
    microphone = Microphone(audio[: 20 * 48000])
    monkeypatch.setitem(sys.modules, "sounddevice", microphone)
    handler = signal.getsignal(signal.SIGINT)
    _, last = listened(capfd, monkeypatch, "--file", eager, "--device", "0")
    assert re.fullmatch(SUMMARY.format("microphone 0", r"[\d.]+", r"[\d.]+"), last)
    assert microphone.closed
    assert signal.getsignal(signal.SIGINT) is handler
    with pytest.raises(UserError, match=r"no microphone none \(No input device .*: list them by --devices"):
        microphone_source("none", RATE_HZ)


def test_a_microphone_without_its_libraries_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", ["listen", "--devices"])
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    for listening in (listen.main, lambda: microphone_source(None, RATE_HZ)):
        with pytest.raises(UserError, match=r"sounddevice is not installed .*\[listen\]"):
            listening()
    monkeypatch.delitem(sys.modules, "sounddevice")
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')")
    with pytest.raises(UserError, match=r"PortAudio library not found: .*; install libportaudio2"):
        listen.main()


def test_bars_show_scores_thresholds_and_drops(eager, monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    display = Display(replace(open_model(eager), parameters=Parameters({"yes": 0.8, "no": 0.8})), bars=True)
    with display.running():
        display.detection(0.5, "yes", 0.9)
        display.scores(1.0, 1.0, np.array([0, 0, 0.95, 0.5, 0], np.float32), 0.3, 2)
    shown = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", sys.stdout.getvalue())
    assert re.search(r"yes +█{32}\|█{5}·{2} +0.95", shown) and re.search(r"no +█{20}·{12}\|·{7} +0.50", shown)
    assert "0.500 s  yes  0.900" in shown and "0.3 s DROPPED" in shown and "2 blocks waiting" in shown


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--wav", "{tmp}/x.wav"], "no sound file"),
        (["--wav", "{tmp}/text.wav"], "text.wav cannot be read as sound"),
        (["--wav", "{wav}", "--rate", "8000"], "--rate 8000: only raw PCM"),
        (["--stdin", "--rate", "0"], "--rate 0: expected 1000 to 768000"),
        (["--realtime"], "--realtime: a microphone"),
        (["--wav", "{wav}", "--set", "thresholds.yes=7"], "thresholds.yes=7.0: expected"),
    ],
)
def test_what_a_user_can_cure_is_one_line(words, message, eager, stream, tmp_path, monkeypatch):
    (tmp_path / "text.wav").write_text("no sound")
    words = [word.format(tmp=tmp_path, wav=stream / "stream.wav") for word in words]
    monkeypatch.setattr(sys, "argv", ["listen", "--file", str(eager), *words])
    with pytest.raises(UserError, match=message) as error:
        listen.main()
    assert "\n" not in str(error.value)
