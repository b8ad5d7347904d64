"""Inspect reads what TensorFlow and TensorFlow.js write."""

import json

import pytest

pytest.importorskip("onnx2tf", reason="the export extra is not installed")

import tensorflow

from kwsstream import inspecting
from kwsstream.errors import UserError
from kwsstream.inspecting.match import match
from kwsstream.inspecting.states import NAMES


class Convolution(tensorflow.Module):
    def __init__(self):
        super().__init__()
        self.kernel = tensorflow.Variable(tensorflow.ones((3, 3, 2, 4)))
        self.past = tensorflow.Variable(tensorflow.zeros((1, 3, 4, 2)))

    @tensorflow.function(input_signature=[tensorflow.TensorSpec((None, 6, 4, 2), tensorflow.float32)])
    def whole(self, x):
        return {"y": tensorflow.nn.relu(tensorflow.nn.conv2d(x, self.kernel, 1, "SAME"))}

    @tensorflow.function(input_signature=[tensorflow.TensorSpec((1, 1, 4, 2), tensorflow.float32)])
    def step(self, x):
        joined = tensorflow.concat([self.past, x], 1)
        self.past.assign(joined[:, 1:])
        return {"y": tensorflow.reduce_sum(joined, 1)}


def test_a_saved_model(tmp_path):
    module = Convolution()
    signatures = {"serving_default": module.whole, "step": module.step}
    tensorflow.saved_model.save(module, str(tmp_path / "saved"), signatures=signatures)
    facts = inspecting.read(tmp_path / "saved")
    assert [(t.name, t.dtype, t.shape) for t in facts.inputs] == [("x", "float32", [None, 6, 4, 2])]
    assert [(t.name, t.shape) for t in facts.outputs] == [("y", [None, 6, 4, 4])]
    assert facts.operators["Conv2D"] == facts.operators["Relu"] == 1
    assert facts.macs == 6 * 4 * 4 * 3 * 3 * 2
    assert facts.bytes > 2000 and "others: step" in facts.notes[0]
    lite = tensorflow.lite.TFLiteConverter.from_saved_model(str(tmp_path / "saved"), signature_keys=["serving_default"])
    (tmp_path / "lite.tflite").write_bytes(lite.convert())
    converted = inspecting.read(tmp_path / "lite.tflite")
    assert (converted.macs, converted.operators["CONV_2D"]) == (facts.macs, 1)
    assert match(tmp_path / "saved", tmp_path / "lite.tflite")["outputs"]["y"]["distance"] < 1e-6


def test_a_saved_model_that_keeps_a_state(tmp_path):
    module = Convolution()
    tensorflow.saved_model.save(module, str(tmp_path), signatures={"step": module.step})
    facts = inspecting.read(tmp_path)
    assert len(facts.states) == 1 and facts.states[0].next is None
    assert facts.macs is None and facts.operators["AssignVariableOp"] == 1


def dimensions(*sizes):
    return {"dim": [{"size": str(size)} for size in sizes]}


GRAPH = {
    "format": "graph-model",
    "signature": {
        "inputs": {
            "audio": {"name": "audio:0", "dtype": "DT_FLOAT", "tensorShape": dimensions(-1, 320)},
            "state_gru": {"name": "state:0", "dtype": "DT_FLOAT", "tensorShape": dimensions(1, 16)},
        },
        "outputs": {
            "logits": {"name": "Identity:0", "dtype": "DT_FLOAT", "tensorShape": dimensions(-1, 5)},
            "next_gru": {"name": "Add:0", "dtype": "DT_FLOAT", "tensorShape": dimensions(1, 16)},
        },
    },
    "modelTopology": {
        "node": [
            {"name": "w", "op": "Const"},
            {"name": "audio", "op": "Placeholder"},
            {"name": "MatMul", "op": "_FusedMatMul", "input": ["audio", "w"]},
            {"name": "Identity", "op": "Identity", "input": ["MatMul"]},
        ]
    },
    "weightsManifest": [{"paths": ["shard.bin"], "weights": [{"name": "w", "shape": [320, 5], "dtype": "float32"}]}],
}
LAYERS = {
    "format": "layers-model",
    "modelTopology": {
        "model_config": {
            "class_name": "Sequential",
            "config": {
                "layers": [
                    {"class_name": "Conv2D", "config": {"name": "conv", "batch_input_shape": [None, 98, 40, 1]}},
                    {"class_name": "Dense", "config": {"name": "dense"}},
                ]
            },
        }
    },
    "weightsManifest": [],
}


def test_a_graph_model_of_tensorflow_js(tmp_path):
    file = tmp_path / "model.json"
    file.write_text(json.dumps(GRAPH))
    facts = inspecting.read(file)
    assert [(t.name, t.dtype, t.shape) for t in facts.inputs] == [
        ("audio", "float32", [None, 320]),
        ("state_gru", "float32", [1, 16]),
    ]
    assert facts.operators == {"_FusedMatMul": 1} and facts.macs is None
    assert [(p.name, p.next, p.known_by) for p in facts.states] == [("state_gru", "next_gru", NAMES)]
    assert facts.bytes == file.stat().st_size + 320 * 5 * 4 and "shard.bin is not beside it" in facts.notes[0]
    (tmp_path / "shard.bin").write_bytes(bytes(100))
    assert "100 bytes, and 6400 are listed" in inspecting.read(file).notes[0]
    with pytest.raises(UserError, match=r"model.json cannot be run here: --match takes \.tflite"):
        match(file, file)


def test_a_layers_model_of_tensorflow_js(tmp_path):
    (tmp_path / "model.json").write_text(json.dumps(LAYERS))
    facts = inspecting.read(tmp_path / "model.json")
    assert [(t.name, t.shape) for t in facts.inputs] == [("conv", [None, 98, 40, 1])]
    assert [t.name for t in facts.outputs] == ["dense"]
    assert facts.operators == {"Conv2D": 1, "Dense": 1}


def test_folders_that_are_no_saved_model_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"is no SavedModel: it has no saved_model.pb"):
        inspecting.read(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"nothing")
    with pytest.raises(UserError, match="is not a whole SavedModel"):
        inspecting.read(tmp_path)
