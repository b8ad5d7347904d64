"""Long streams end as they began, faults are seen, and a stream goes on from a state that was kept."""

import os
import subprocess
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from conftest import SHARED

pytest.importorskip("onnx2tf", reason="the export extra is not installed")

from kwsstream import runs
from kwsstream.errors import UserError
from kwsstream.long_stream import minutes, watch
from kwsstream.runners import TorchRunner, open_runner

ROOT = Path(__file__).parents[1]
FILES = [
    "cnn_external_audio_float32.onnx",
    "cnn_external_audio_float32.tflite",
    "cnn_internal_audio_float32.tflite",
    "cnn_external_features_int8.tflite",
    "cnn_internal_features_int8.tflite",
    "cnn_external_features_int16.tflite",
]
MICRO = ["cnn_external_features_int8.tflite", "cnn_internal_features_int8.tflite"] if find_spec("tflite_micro") else []
RUNNERS = [(name, None) for name in FILES] + [(name, "micro") for name in MICRO]


@pytest.fixture(scope="module")
def run(trained):
    return runs.load(trained)


@pytest.fixture(scope="module")
def stream(run):
    """Three minutes of audio."""
    return list(minutes(run.data().partition("testing"), 3, 16000, run.model.timing.stride))


def test_the_last_minute_is_the_first_and_no_other_is(run, stream):
    first, middle, last = stream
    np.testing.assert_array_equal(first, last)
    assert not np.array_equal(first, middle)
    for audio in stream:
        assert audio.dtype == np.float32 and audio.shape == (60 * 16000,)
        assert 0.3 < np.abs(audio).max() <= 1
        assert (audio.reshape(-1, 1600) == 0).all(1).any(), "no silence"
    again = list(minutes(run.data().partition("testing"), 3, 16000, run.model.timing.stride))
    np.testing.assert_array_equal(np.stack(again), np.stack(stream))


def test_every_file_ends_as_it_began(run, stream, exports):
    openers = {f"{name} {runtime}": partial(open_runner, exports / name, runtime=runtime) for name, runtime in RUNNERS}
    found = watch(TorchRunner(run.model, run.labels), openers, iter(stream), len(stream))
    for seen in found:
        assert seen.faults == [], seen.name
        assert seen.steps == 3 * 3000 and seen.restored is (None if "internal" in seen.name else True)
        share = seen.differences[0] / seen.largest
        assert share < (1e-5 if "float32" in seen.name else 0.02 if "int16" in seen.name else 0.15), seen.name


def spoiled(runner, spoil):
    """A runner whose logits are spoiled; `spoil` takes them and the steps before them."""
    whole, steps = runner._run, [0]

    def run(hops):
        logits = spoil(whole(hops), steps[0])
        steps[0] += len(hops)
        return logits

    runner._run = run
    return runner


def sticking(runner):
    """A runner whose logits are the greatest number of its file, from the last minute on."""
    output = runner.manifest.output
    greatest = np.float32((np.iinfo(output.dtype).max - output.zero_point) * output.scale)
    return spoiled(runner, lambda logits, step: np.full_like(logits, greatest) if step >= 6000 else logits)


def forgetful(runner):
    """A runner that shows zeros for its state."""

    class Forgetful(runner.__class__):
        @property
        def state(self):
            return {name: np.zeros_like(value) for name, value in super().state.items()}

        @state.setter
        def state(self, given):
            super(Forgetful, type(self)).state.fset(self, given)

    runner.__class__ = Forgetful
    return runner


FAULTS = {
    "drift": partial(spoiled, spoil=lambda logits, step: logits + np.float32(1e-3 * step)),
    "stuck": sticking,
    "NaN": partial(spoiled, spoil=lambda logits, step: np.where(step == 3000, np.nan, logits).astype(np.float32)),
    "another result": forgetful,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_goes_wrong_is_seen(fault, run, stream, exports):
    file = exports / "cnn_external_features_int8.tflite"
    found = watch(
        TorchRunner(run.model, run.labels), {"file": lambda: FAULTS[fault](open_runner(file))}, iter(stream), 3
    )
    assert any(words.startswith(fault) for words in found[0].faults)


def test_a_stream_has_a_first_a_middle_and_a_last_minute(run, stream):
    with pytest.raises(UserError, match="2 minutes: expected 3 or more"):
        watch(TorchRunner(run.model, run.labels), {}, iter(stream), 2)


@pytest.fixture(params=["torch", *(r for r in RUNNERS if "internal" not in r[0])], ids=str)
def new(request, run, exports):
    """A function that makes a runner anew."""
    if request.param == "torch":
        return lambda: TorchRunner(run.model, run.labels, hop_by_hop=True)
    name, runtime = request.param
    return lambda: open_runner(exports / name, runtime=runtime)


def test_a_stream_goes_on_from_a_state_that_was_kept(new, stream):
    runner, other = new(), new()
    audio = stream[0][: 320 * 200]
    runner.run(audio[: 320 * 100])
    kept = runner.state
    expected = runner.run(audio[320 * 100 :])
    other.state = kept
    np.testing.assert_array_equal(other.run(audio[320 * 100 :]), expected)
    runner.state = kept
    np.testing.assert_array_equal(runner.run(audio[320 * 100 :]), expected)
    runner.reset()
    assert not np.array_equal(runner.run(audio[320 * 100 :]), expected), "the state says nothing"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda state: {}, "state state_front_frame is missing: expected float32"),
        (lambda s: s | {"state_net_conv2": s["state_net_conv2"][:, 1:]}, r"state_net_conv2 is int8 \[1, 7, "),
        (lambda s: s | {"state_net_conv1": s["state_net_conv1"].astype(np.int16)}, "state_net_conv1 is int16"),
    ],
)
def test_a_state_of_something_else_is_refused(spoil, message, exports):
    runner = open_runner(exports / "cnn_external_features_int8.tflite")
    with pytest.raises(UserError, match=message):
        runner.state = spoil(runner.state)


def command(*arguments):
    line = [sys.executable, str(ROOT / "benchmarks" / "long_stream.py"), *map(str, arguments)]
    return subprocess.run(line, env=dict(os.environ), capture_output=True, text=True, check=False)


def test_the_command_prints_a_row_for_each_file(trained, exports):
    done = command(trained, "--minutes", 3, "--files", exports / FILES[0], exports / FILES[3])
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("cnn")]
    assert len(rows) == 2 + bool(MICRO) and all(row.endswith(" none") for row in rows)


@pytest.mark.slow
def test_an_hour_of_audio(trained, exports):
    """In every streaming file, over the real recordings where they are beside the repository."""
    files = [f for f in exports.iterdir() if f.suffix in (".onnx", ".tflite") and "ternal_" in f.name]
    speech = SHARED / "data" / "speech_commands"
    data = ["--data", speech] if speech.is_dir() else []
    done = command(trained, "--files", *(f for f in files if "_front_" not in f.name), *data)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(" 180000 ") >= 15
