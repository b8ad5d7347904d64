"""Biases that the converter leaves behind a dense layer: in its files they are in the layer, whose numbers stay."""

import numpy as np
import pytest
from replays import operators

from kwsstream.export import flatbuffer, watch
from kwsstream.export.biases import fold_biases

pytest.importorskip("onnx2tf", reason="the export extra is not installed")


@pytest.fixture
def apart(exports):
    """A float file, as a ModelT, of which one bias is an addition again, as the converter leaves it."""
    model = flatbuffer.read(exports / "cnn_external_features_float32.tflite")
    main, t = model.subgraphs[0], flatbuffer.schema()
    at = next(i for i, one in enumerate(watch.operators(model)) if one.name == "FULLY_CONNECTED")
    dense = main.operators[at]
    options = t.AddOptionsT(fusedActivationFunction=dense.builtinOptions.fusedActivationFunction)
    dense.builtinOptions.fusedActivationFunction = t.ActivationFunctionType.NONE
    result = main.tensors[dense.outputs[0]]
    main.tensors.append(t.TensorT(result.shape, result.type, 0, b"product"))
    product, bias = len(main.tensors) - 1, dense.inputs[2]
    main.tensors[bias].shape = [1, 1, 1, *main.tensors[bias].shape]
    addition = flatbuffer.operator(model, "ADD", [product, bias], dense.outputs, options)
    dense.inputs, dense.outputs = [*dense.inputs[:2], -1], [product]
    main.operators.insert(at + 1, addition)
    return model


@pytest.mark.parametrize("precision", ["float32", "dynamic"])
def test_files_have_no_addition(exports, precision):
    found = operators(exports / f"cnn_external_features_{precision}.tflite")
    assert "FULLY_CONNECTED" in found and "ADD" not in found


def test_integer_file_rounds_a_dense_layer_once(exports):
    (file,) = exports.glob("cnn_external_*_int8.tflite")
    assert "ADD" not in operators(file)


def test_folding_keeps_the_numbers(apart):
    content = flatbuffer.pack(apart)
    folded = fold_biases(content)
    names = [[one.name for one in watch.operators(flatbuffer.parse(each))] for each in (content, folded)]
    assert "ADD" in names[0] and [name for name in names[0] if name != "ADD"] == names[1]
    tensors = [len(flatbuffer.parse(each).subgraphs[0].tensors) for each in (content, folded)]
    assert tensors[1] == tensors[0] - 1  # the product is gone
    before, after = watch.Watched(content), watch.Watched(folded)
    draw = np.random.default_rng(0)
    given = {
        name: draw.standard_normal(before.tensors[i].shape).astype(np.float32) for name, i in before.inputs.items()
    }
    for one in (before, after):
        one.run(given)
    for name, index in before.outputs.items():
        np.testing.assert_allclose(after.value(after.outputs[name]), before.value(index), rtol=1e-5, atol=1e-5)


def test_an_addition_whose_product_is_needed_stays(apart):
    main = apart.subgraphs[0]
    names = [one.name for one in watch.operators(apart)]
    main.outputs = [*main.outputs, main.operators[names.index("ADD")].inputs[0]]
    content = flatbuffer.pack(apart)
    assert fold_biases(content) == content


def test_an_addition_of_one_number_for_all_units_stays(apart):
    main = apart.subgraphs[0]
    names = [one.name for one in watch.operators(apart)]
    bias = main.tensors[main.operators[names.index("ADD")].inputs[1]]
    bias.shape, apart.buffers[bias.buffer].data = [1], apart.buffers[bias.buffer].data[:4]
    content = flatbuffer.pack(apart)
    assert fold_biases(content) == content
