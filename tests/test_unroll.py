"""GRU operators as plain operators: ONNX Runtime computes the same of both."""

import numpy as np
import pytest

pytest.importorskip("onnx2tf", reason="the export extra is not installed")

import onnx
import onnxruntime

from kwsstream.export.unroll import unroll

INPUTS, UNITS = 5, 4


def gru(path, frames, directions, biases):
    """A file of one GRU operator with random weights."""
    draw = np.random.default_rng(0)
    shapes = {"w": (3 * UNITS, INPUTS), "r": (3 * UNITS, UNITS), "b": (6 * UNITS,)}
    numbers = {name: draw.normal(size=(directions, *shape)).astype(np.float32) for name, shape in shapes.items()}
    numbers["b"] *= biases
    kind = {"direction": "bidirectional" if directions == 2 else "forward", "linear_before_reset": 1}
    node = onnx.helper.make_node("GRU", ["x", "w", "r", "b"], ["y"], hidden_size=UNITS, **kind)
    inside, outside = ([frames, 1, INPUTS], [frames, directions, 1, UNITS])
    ends = [
        onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, s) for n, s in (("x", inside), ("y", outside))
    ]
    constants = [onnx.numpy_helper.from_array(array, name) for name, array in numbers.items()]
    graph = onnx.helper.make_graph([node], "gru", ends[:1], ends[1:], constants)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, str(path))


def result(path, x):
    return onnxruntime.InferenceSession(str(path)).run(None, {"x": x})[0]


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize(("frames", "biases"), [(1, True), (2, False), (7, True)])
def test_frame_by_frame_gives_the_same(frames, biases, directions, tmp_path):
    path = tmp_path / "gru.onnx"
    gru(path, frames, directions, biases)
    x = np.random.default_rng(1).normal(size=(frames, 1, INPUTS)).astype(np.float32)
    expected = result(path, x)
    assert unroll(path)
    onnx.checker.check_model(str(path), full_check=True)
    assert "GRU" not in {node.op_type for node in onnx.load(str(path)).graph.node}
    np.testing.assert_allclose(result(path, x), expected, atol=1e-6)


def test_a_file_without_one_stays_as_it_is(tmp_path):
    path = tmp_path / "gru.onnx"
    gru(path, 3, 1, True)
    unroll(path)
    before = path.read_bytes()
    assert not unroll(path)
    assert path.read_bytes() == before
