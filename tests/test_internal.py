"""States inside a file: reset, a new interpreter, and two interpreters at once, in every runtime and precision."""

import numpy as np
import pytest

pytest.importorskip("onnx2tf", reason="the export extra is not installed")

from kwsstream.errors import UserError
from kwsstream.manifest import read_manifest
from kwsstream.runners import open_runner, open_session

FILES = [
    "cnn_internal_front_float32.tflite",
    "cnn_internal_audio_float32.tflite",
    "cnn_internal_features_int8.tflite",
    "cnn_internal_features_int16.tflite",
]
STEPS = 60


@pytest.fixture(params=["litert", "micro"])
def runtime(request):
    if request.param == "micro":
        pytest.importorskip("tflite_micro", reason="the micro extra is not installed")
    return request.param


@pytest.fixture(params=FILES)
def new(request, runtime, exports):
    """A function that opens the file anew."""
    file = exports / request.param
    return lambda: open_session(file, read_manifest(file), runtime=runtime)


def data(session, seed=0):
    tensor = session.input
    size = 0.1 if tensor.scale is None else 60 * tensor.scale * (1 if tensor.dtype == "int8" else 256)
    draw = np.random.default_rng(seed)
    return size * draw.standard_normal((STEPS, *tensor.shape)).astype(np.float32)


def run(session, x):
    return np.concatenate([session.step(one) for one in x])


def test_reset_starts_from_silence(new):
    session = new()
    x = data(session)
    first = run(session, x)
    assert not np.array_equal(run(session, x), first), "nothing is carried"
    session.reset()
    np.testing.assert_array_equal(run(session, x), first)
    session.reset()
    session.reset()
    np.testing.assert_array_equal(run(session, x), first)


def test_a_new_interpreter_starts_from_silence(new):
    session = new()
    x = data(session)
    first = run(session, x)
    session = new()
    np.testing.assert_array_equal(run(session, x), first)


def test_two_interpreters_share_no_state(new):
    a, b = new(), new()
    x, y = data(a), data(a, seed=1)
    expected = run(new(), x), run(new(), y)
    found = [], []
    for one, other in zip(x, y, strict=True):
        found[0].append(a.step(one))
        found[1].append(b.step(other))
    np.testing.assert_array_equal(np.concatenate(found[0]), expected[0])
    np.testing.assert_array_equal(np.concatenate(found[1]), expected[1])
    a.reset()
    assert not np.array_equal(b.step(y[0]), expected[1][:1]), "a reset of one resets the other"


@pytest.mark.parametrize("name", FILES)
def test_silence_is_the_state_that_the_manifest_names(name, exports, runtime):
    """From the first step on, the file does what the one with external state does, fed its reset values."""
    file = exports / name.replace("internal", "external")
    outside = open_session(file, read_manifest(file), runtime=runtime)
    outside.state = {s.name: np.full(s.shape, s.reset_value, s.dtype) for s in outside.outside}
    inside = open_session(exports / name, read_manifest(exports / name), runtime=runtime)
    x = data(inside)
    np.testing.assert_array_equal(run(inside, x), run(outside, x))


def test_the_manifest_says_how_to_reset(exports):
    for name in FILES:
        manifest = read_manifest(exports / name)
        assert "signature reset" in manifest.reset and "reset_all_variables does nothing" in manifest.reset
        assert all(state.next is None for state in manifest.states)
    assert read_manifest(exports / "cnn_external_features_int8.tflite").reset is None


def test_reset_all_variables_does_what_the_manifest_says(exports):
    """Nothing: should a later LiteRT clear resource variables too, the manifest can say so."""
    file = exports / "cnn_internal_features_int8.tflite"
    sessions = [open_session(file, read_manifest(file)) for _ in range(2)]
    x = data(sessions[0])
    for session in sessions:
        run(session, x)
    sessions[0].interpreter.reset_all_variables()
    np.testing.assert_array_equal(run(sessions[0], x), run(sessions[1], x))


def test_a_state_inside_can_be_neither_read_nor_set(exports):
    runner = open_runner(exports / "cnn_internal_audio_float32.tflite")
    with pytest.raises(UserError, match=r"keeps its state inside, .* use a file with external state"):
        _ = runner.state
    with pytest.raises(UserError, match="keeps its state inside"):
        runner.state = {}
