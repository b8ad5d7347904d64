"""Integer files fitted as the config says, their states on one scale, the noise of their layers, a second opinion."""

import math

import numpy as np
import pytest

pytest.importorskip("onnx2tf", reason="the export extra is not installed")

from ai_edge_litert.interpreter import Interpreter
from test_export_errors import spoil

from kwsstream import runs
from kwsstream.errors import UserError
from kwsstream.export import noise
from kwsstream.export.command import main
from kwsstream.export.graph import graph_of
from kwsstream.export.interface import tflite_interface
from kwsstream.export.internal import internalise
from kwsstream.export.limits import united
from kwsstream.export.noise import layer_noise, noise_path, read_noise
from kwsstream.export.tidy import rescaled, tidy
from kwsstream.export.watch import Watched
from kwsstream.manifest import read_manifest
from kwsstream.runners import open_session

INT8 = "cnn_external_features_int8.tflite"
INT8_ALONE = "--precision", "int8"
SECOND = "the same by ai-edge-quantizer"


def command(*words) -> None:
    main("tflite", "a test", [str(word) for word in words])


@pytest.fixture(scope="module")
def asked(trained, tmp_path_factory):
    """An export with every option of integer files, and what the command printed."""
    pytest.importorskip("ai_edge_quantizer", reason="the second extra is not installed")
    folder, patch = tmp_path_factory.mktemp("asked"), pytest.MonkeyPatch()
    printed = []
    patch.setattr("builtins.print", lambda *words, **_: printed.append(" ".join(map(str, words))))
    choice = "quantise.ranges=percentile", "quantise.percentile=99", "quantise.calibration_steps=400"
    more = "quantise.calibration_seed=7", "quantise.narrow_features=false"
    command("--run", trained, "--out", folder, "--precision", "int8", "--report", "--second-opinion", *choice, *more)
    patch.undo()
    return folder, "\n".join(printed)


def test_the_manifest_says_how_a_file_was_fitted(exports, asked):
    usual = read_manifest(exports / INT8).quantisation
    assert (usual.runs, usual.seed, usual.ranges, usual.percentile, usual.rescaled) == (1500, 0, "min_max", None, [])
    assert usual.feature_range[0] < usual.feature_range[1]
    assert read_manifest(exports / INT8.replace("int8", "int16")).quantisation.feature_range is None
    assert read_manifest(exports / "cnn_external_audio_float32.tflite").quantisation is None
    ours = read_manifest(asked[0] / INT8)
    found = ours.quantisation
    assert (found.runs, found.seed, found.ranges, found.percentile) == (400, 7, "percentile", 99)
    assert found.feature_range is None
    assert ours.config["quantise"]["percentile"] == 99


def test_percentiles_are_narrower_than_all_that_was_seen(exports, asked):
    before, after = (read_manifest(folder / INT8) for folder in (exports, asked[0]))
    scales = [(b.scale, a.scale) for b, a in zip(before.states, after.states, strict=True)]
    assert all(a < b for b, a in scales[1:]), scales  # the first state holds features, whose ranges differ here
    assert after.output.scale < before.output.scale


def test_the_report_names_the_noise_of_each_layer_worst_first(asked):
    folder, printed = asked
    layers = read_noise(noise_path(folder / INT8))
    assert [one.decibels for one in layers] == sorted(one.decibels for one in layers)
    assert {"CONV_2D", "CONCATENATION", "FULLY_CONNECTED"} <= {one.operator for one in layers}
    assert {"logits", "next_net_conv1", "next_net_conv2"} <= {one.tensor for one in layers}
    for one in layers:
        assert 5 < one.decibels < 60
        assert one.rounding >= one.decibels - 3, "a layer has at least the noise of its own rounding"
    assert "signal over noise of its layers, worst first" in printed
    assert all(f"{one.decibels:.1f}" in printed for one in layers)


def test_a_second_quantiser_is_judged_on_the_same_clips(asked):
    folder, printed = asked
    (row,) = (line for line in printed.splitlines() if line.startswith(SECOND))
    agreement, accuracy = map(float, row.split()[-2:])
    manifest = read_manifest(folder / INT8)
    assert agreement >= 90 and abs(accuracy - manifest.parity.accuracy) <= 10
    assert manifest.second_opinion.accuracy == pytest.approx(accuracy, abs=0.01)
    assert manifest.second_opinion.agreement == pytest.approx(agreement, abs=0.01)
    assert sorted(path.name for path in folder.iterdir() if "second" in path.name) == []


def graph(trained):
    return graph_of(runs.load(trained).model, "external", "features", 16000)


@pytest.fixture(scope="module")
def features(trained) -> np.ndarray:
    """Features of test clips as one stream, (steps, *shape of one)."""
    import torch

    run = runs.load(trained)
    audio = run.data().partition("testing").audio(slice(0, 4)).astype(np.float32) / 32768
    with torch.no_grad():
        found = run.model.front.step(torch.from_numpy(audio).reshape(1, -1, 1, 1))[0]
    return found.numpy().reshape(-1, 1, 1, 1, found.shape[3])


def test_the_noise_of_the_logits_is_what_two_runtimes_show(exports, trained, features):
    files = [exports / INT8.replace("int8", precision) for precision in ("float32", "int8")]
    exact, rounded = (np.stack([s.step(x) for x in features]) for s in map(session, files))
    wanted = 10 * math.log10(np.square(exact).sum() / np.square(rounded - exact).sum())
    layers = layer_noise(*(file.read_bytes() for file in files), graph(trained).states, features)
    (logits,) = (one for one in layers if one.tensor == "logits")
    assert abs(logits.decibels - wanted) < 3
    same = layer_noise(files[0].read_bytes(), files[0].read_bytes(), graph(trained).states, features[:20])
    assert all(one.decibels == math.inf for one in same)


def session(file):
    return open_session(file, read_manifest(file))


def test_a_state_on_two_scales_is_rescaled_and_said(exports, trained, features, tmp_path):
    file, states = tmp_path / "int8.tflite", graph(trained).states
    file.write_bytes((exports / INT8).read_bytes())
    spoil(file, states, 0.5)
    tidy(file, graph(trained))
    assert rescaled(file, graph(trained)) == ["state_net_conv2"]
    assert rescaled(exports / INT8, graph(trained)) == []
    assert [state.name for state in tflite_interface(graph(trained), file).states] == list(states)
    halved, before = (Watched(path.read_bytes()) for path in (file, exports / INT8))
    found, wanted = (after_one_step(one, states, features[30])["next_net_conv2"] for one in (halved, before))
    scale = read_manifest(exports / INT8).states[1].scale
    assert np.abs(wanted).max() > 8 * scale
    np.testing.assert_allclose(found, wanted / 2, atol=0.51 * scale)
    internalise(graph(trained), file, tmp_path / "inside.tflite")
    operators = [op["op_name"] for op in Interpreter(str(tmp_path / "inside.tflite"))._get_ops_details()]
    assert operators.count("QUANTIZE") == 1 and operators[-1] == "ASSIGN_VARIABLE"


def after_one_step(file: Watched, states: dict[str, str], x: np.ndarray) -> dict[str, np.ndarray]:
    """The outputs of a first step, as float32."""
    given = {name: noise.silence(file, name) for name in states}
    file.run({"features": noise.quantise(file, file.inputs["features"], x), **given})
    return {name: file.value(index) for name, index in file.outputs.items()}


def test_pairs_become_sets():
    assert united([("a", "b"), ("c", "d"), ("b", "c"), ("e", "f")]) == [{"a", "b", "c", "d"}, {"e", "f"}]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["training.updates=[1]"], r"'training.updates=\[1\]': an export can override quantise.KEY=VALUE alone"),
        (["quantise.bits=4"], "quantise.bits is for training: give it to python -m kwsstream.fit, with --from RUN"),
        (["quantise.percentile=20"], "quantise.percentile: input should be greater than 50, not 20"),
        (["quantise.range=x"], "quantise.range: unknown key; did you mean ranges"),
        (["--report", "--precision", "float32"], "--report and --second-opinion are about int8 and int16"),
    ],
)
def test_what_an_export_cannot_do(trained, tmp_path, words, message):
    with pytest.raises(UserError, match=message) as error:
        command(*words, "--run", trained, "--out", tmp_path / "out", *([] if "--precision" in words else INT8_ALONE))
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()
