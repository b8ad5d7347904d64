"""Layers and models other than the small run's, through the same conversions."""

import math

import numpy as np
import pytest
from torch import nn

pytest.importorskip("onnx2tf", reason="the export extra is not installed")

from ai_edge_litert.schema_py_generated import Model
from replays import difference, operators, random, speechlike

from kwsstream.branches import Residual
from kwsstream.export.calibration import calibration
from kwsstream.export.convert import internal_of, make_onnx, make_tflite
from kwsstream.export.graph import PARTS, graph_of
from kwsstream.export.parity import identical_steps
from kwsstream.features import Features
from kwsstream.layers import Conv, Mean, Spread
from kwsstream.models import build
from kwsstream.recurrent import GRU
from kwsstream.streaming import Sequential

SAMPLES, LABELS, STEPS = 16000, 4, 120


def front(**more):
    return Features(
        window_ms=25, hop_ms=10, preemphasis=0.97, mels=20, coefficients=8, lifter=22, upper_hz=7600, **more
    )


def small_cnn():
    shape = {"filters": [4, 6], "kernels": [(3, 3), (4, 2)], "activations": ["relu"] * 2, "units": [8]}
    flags = {"strides": [(1, 1), (2, 1)], "dilations": [(2, 1), (1, 1)], "unit_activations": ["relu"], "norm": True}
    return build("cnn", front(), SAMPLES, LABELS, **shape, **flags)


def separable():
    """Depthwise and pointwise convolutions with a shortcut, and a recurrent head."""
    body = [Conv(8, 8, (5, 1), groups=8, norm=True), nn.Linear(8, 8), nn.ReLU()]
    net = Sequential(residual=Residual(*body), gru=GRU(8, 6), head=nn.Linear(6, LABELS))
    return Sequential(front=front(padding="causal"), net=net)


def stateless():
    net = Sequential(hidden=nn.Linear(8, 8), active=nn.ReLU(), head=nn.Linear(8, LABELS))
    return Sequential(front=front(), net=net)


def late():
    """Half of each window lies ahead: steps run behind forward."""
    conv = Conv(1, 4, (3, 3), padding="same")
    return Sequential(front=front(), net=Sequential(spread=Spread(), conv=conv, mean=Mean(5), head=Head()))


class Head(nn.Module):
    """All that is left of a frame to logits."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(24, LABELS)

    def forward(self, x):
        return self.linear(x.flatten(2).unsqueeze(2))


MODELS = {"cnn": small_cnn, "late": late, "separable": separable, "stateless": stateless}


LIMITS = {"float32": 1e-5, "int8": 0.15, "int16": 0.03}


@pytest.mark.parametrize("name", MODELS)
def test_every_model_converts_and_streams(name, tmp_path):
    model = random(MODELS[name]())
    graphs = {part: graph_of(model, "external", part, SAMPLES) for part in PARTS}
    assert STEPS * model.timing.stride > model.timing.receptive_field or math.isinf(model.timing.receptive_field)
    plan = {
        "audio": {"float32": tmp_path / "audio.tflite"},
        "features": {precision: tmp_path / f"{precision}.tflite" for precision in LIMITS},
    }
    made = make_tflite(
        graphs, plan, False, lambda graph: lambda precision: calibration(graph, speechlike(graph, STEPS))
    )
    made["audio"] += make_onnx(graphs, {"audio": {"float32": tmp_path / "audio.onnx"}})["audio"]
    for part, files in made.items():
        for one in files:
            assert difference(graphs[part], one, STEPS) <= LIMITS[one.precision], one.file.name
            check_operators(one.file, depthwise=name == "separable")
    for one in made["features"]:
        inside = internal_of(graphs["features"], one, tmp_path / f"inside_{one.precision}.tflite")
        data = speechlike(graphs["features"], STEPS)
        assert identical_steps(inside.file.name, inside.session(), one.session(), data) == STEPS
    check_alignment(made["audio"][0].file)
    check_alignment(tmp_path / "inside_int8.tflite")


def check_operators(file, depthwise):
    """A depthwise convolution stays one, and nothing is transposed."""
    if file.suffix == ".tflite":
        assert "TRANSPOSE" not in operators(file)
        assert ("DEPTHWISE_CONV_2D" in operators(file)) == depthwise


def check_alignment(file):
    """TFLite reads constants where they stand in the file: a microcontroller faults on one that is not aligned."""
    data = file.read_bytes()
    model = Model.GetRootAs(data)
    start = np.frombuffer(data, np.uint8).ctypes.data
    buffers = [model.Buffers(i) for i in range(model.BuffersLength())]
    offsets = [buffer.DataAsNumpy().ctypes.data - start for buffer in buffers if buffer.DataLength()]
    assert len(offsets) > 5
    assert not any(offset % 16 for offset in offsets)
