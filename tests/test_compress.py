"""Training that rounds as integer files will: its levels, its ranges, and the files that they reach."""

import sys

import numpy as np
import pytest
import torch
from torch.nn.utils import parametrize

from kwsstream import config, fit, runs
from kwsstream.compress.prepare import FEATURES, fold, plain, prepare, ranges, weighted
from kwsstream.compress.rounding import Range, Rounded
from kwsstream.errors import UserError
from kwsstream.fixed.formats import dec_bits, quantise
from kwsstream.layers import Conv
from kwsstream.models.ds_tc_resnet import DSTCResNet
from kwsstream.streaming import Sequential, flatten

RESIDUAL = {"filters": [8, 8, 8], "repeats": [1, 2, 1], "separable": [True] * 3, "residual": [False, True, False]}
RESIDUAL |= {"kernels": [3, 5, 1], "strides": [1] * 3, "dilations": [1, 2, 1], "pools": [1] * 3}
FEW = ["training.updates=[6]", "training.rates=[0.0003]", "training.validate_every=6"]


def tuned(small, trained, folder, *overrides):
    """A run that goes on from another for a few updates."""
    fit.fit(config.read(small, [*FEW, *overrides]), folder, trained)
    return runs.load(folder)


@pytest.fixture(scope="module")
def eight(small, trained, tmp_path_factory) -> runs.Run:
    return tuned(small, trained, tmp_path_factory.mktemp("eight") / "run", "quantise.bits=8")


@pytest.fixture(scope="module")
def exported(eight, tmp_path_factory):
    """The int8 file of a run that was trained for it."""
    pytest.importorskip("onnx2tf", reason="the export extra is not installed")
    from kwsstream.export.exporter import Exporter

    folder = tmp_path_factory.mktemp("exported")
    Exporter(eight, "tflite", "external", parity_steps=50, calibration_steps=100).export(["int8"], "features", folder)
    return folder / "cnn_external_features_int8.tflite"


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("power_of_two", [False, True])
def test_weights_are_at_few_levels_that_int8_holds_exactly(bits, power_of_two):
    torch.manual_seed(0)
    weight = torch.randn(5, 3, 2, 4) * torch.tensor([0.01, 0.1, 1, 10, 100]).view(-1, 1, 1, 1)
    rounded = Rounded(bits, power_of_two)(weight)
    assert all(row.unique().numel() <= 2**bits for row in rounded)
    if power_of_two:
        levels = rounded.double() * 2.0 ** dec_bits(weight.abs().max().item())
        assert levels.abs().max() <= 128
    else:
        levels = rounded.double() / rounded.abs().flatten(1).amax(1).view(-1, 1, 1, 1) * 127
        step = weight.abs().flatten(1).amax(1).view(-1, 1, 1, 1) / (2 ** (bits - 1) - 1)
        assert ((rounded - weight).abs() <= 0.55 * step).all()
    assert (levels - levels.round()).abs().max() < 1e-4


def test_gradients_pass_as_if_nothing_were_rounded():
    weight = torch.randn(3, 4, requires_grad=True)
    (Rounded(8, False)(weight) * torch.arange(4)).sum().backward()
    torch.testing.assert_close(weight.grad, torch.arange(4.0).expand(3, 4))


def test_a_range_follows_batches_and_holds_zero():
    layer = Range(updates=4, power_of_two=False).train()
    layer(torch.tensor([1.0, 3.0]))
    assert layer.limits == (0, 3)
    layer(torch.tensor([-4.0, 7.0]))
    assert layer.limits == (-1, 4)
    levels = layer.eval()(torch.linspace(-3, 6, 5000)).unique()
    assert levels.numel() == 256 and 0 in levels
    assert layer.limits == (-1, 4), "an evaluation moved it"
    given = Range(4, False, learns=False)
    given.keep(-2, 5)
    given.train()(torch.tensor([100.0]))
    assert given.limits == (-2, 5)
    power = Range(4, True).train()
    power(torch.tensor([-0.3, 3.0]))
    assert power.limits == (-4, 127 / 32)


@pytest.fixture
def resnet() -> Sequential:
    torch.manual_seed(0)
    net = DSTCResNet(frames=30, inputs=10, labels=4, **RESIDUAL).eval()
    for name, values in net.named_buffers():
        values.uniform_(0.5, 2) if name.endswith("var") else values.uniform_(-0.5, 0.5)
    return net


def test_folded_norms_change_nothing(resnet):
    x = torch.randn(2, 30, 1, 10)
    wanted = resnet(x)
    for layer in resnet.modules():
        if isinstance(layer, Conv):
            fold(layer)
            assert layer.norm is None
    torch.testing.assert_close(resnet(x), wanted, rtol=1e-4, atol=1e-5)


def prepared(net: Sequential, small, *overrides) -> Sequential:
    prepare(net, config.read(small, ["quantise.bits=8", *overrides]))
    return net


def test_ranges_stand_where_a_file_has_a_tensor(resnet, small):
    names = [name for name, _ in ranges(prepared(resnet, small))]
    assert names[0] == FEATURES and names[-1] == "labels_range"
    assert "activation1_range" in names and "block1.1_range" not in names, "ReLU is part of the convolution before it"
    assert "activation2_range" in names and "block2_range" not in names, "and of the sum"
    assert "block2.shortcut.branch_range" in names and "block2.body.branch.4_range" in names, names
    assert len(weighted(resnet)) == sum(parametrize.is_parametrized(layer) for layer in resnet.modules())


def test_rounded_streams_are_rounded_clips(resnet, small):
    net, x = prepared(resnet, small).train(), torch.randn(2, 60, 1, 10)
    net(x)
    net.eval()
    wanted, state, found = net(x), None, []
    for frame in x.split(1, dim=1):
        y, state = net.step(frame, state)
        found.append(y)
    low, high = dict(ranges(net))["labels_range"].limits
    late = net.timing.receptive_field
    different = (torch.cat(found, 1)[:, -wanted.shape[1] :] - wanted)[:, late - 60 :].abs()
    assert different.max() <= 2.01 * (high - low) / 255
    level = dict(ranges(net))["block1.0_range"].limits
    remembered = flatten(state)["state.block2.body.branch.0"]
    assert remembered.unique().numel() <= 256 and level[0] < level[1]


def test_the_plain_network_has_the_rounded_weights(eight):
    model = plain(eight.model)
    assert not any(parametrize.is_parametrized(layer) for layer in model.modules())
    for ours, theirs in zip(weighted(eight.model), weighted(model), strict=True):
        assert torch.equal(ours.weight, theirs.weight)
    x = torch.randn(1, 60, 1, 10)
    assert not torch.equal(model.net(x), eight.model.net(x)), "activations are not rounded"


def test_ranges_reach_the_file(eight, exported):
    from kwsstream.manifest import read_manifest

    manifest, learnt = read_manifest(exported), dict(ranges(eight.model.net))
    assert manifest.quantisation.ranges == "learnt"
    assert manifest.config["quantise"]["bits"] == 8
    for tensor, name in [(manifest.input, FEATURES), (manifest.states[0], FEATURES), (manifest.output, "labels_range")]:
        check_scale(tensor, learnt[name].limits)
    check_scale(manifest.states[1], learnt["activation1_range"].limits)


def check_scale(tensor, limits):
    low, high = limits
    scale = (high - low) / 255
    assert tensor.scale == pytest.approx(scale, rel=1e-5)
    assert tensor.zero_point == round(-128 - low / scale)


def test_weights_reach_the_file(eight, exported):
    from kwsstream.export.flatbuffer import read

    model = read(exported)
    held = [
        np.frombuffer(bytes(model.buffers[t.buffer].data), np.int8).reshape(t.shape)
        for t in model.subgraphs[0].tensors
        if t.type == 9 and model.buffers[t.buffer].data is not None and len(t.shape) >= 2
    ]
    for layer in weighted(plain(eight.model)):
        weight = layer.weight.detach()
        scale = weight.abs().flatten(1).amax(1).view(-1, *[1] * (weight.ndim - 1)) / 127
        wanted = (weight / scale).round()
        wanted = wanted.permute(0, 2, 3, 1) if weight.ndim == 4 else wanted
        assert any(h.size == wanted.numel() and np.array_equal(h.ravel(), wanted.numpy().ravel()) for h in held)


def test_the_file_does_what_training_saw(eight, exported):
    from kwsstream.manifest import read_manifest
    from kwsstream.runners import TorchRunner, open_runner

    audio = eight.data().partition("testing").audio(slice(0, 4)).astype(np.float32).ravel() / 32768
    wanted = TorchRunner(eight.model, eight.labels).run(audio)
    found = open_runner(exported).run(audio)
    steps = np.abs(found - wanted) / read_manifest(exported).output.scale
    assert np.median(steps) <= 1.01 and np.quantile(steps, 0.99) <= 4.01


def test_every_range_of_a_residual_network_has_its_tensor(small, tmp_path):
    pytest.importorskip("onnx2tf", reason="the export extra is not installed")
    from kwsstream.export.calibration import calibration
    from kwsstream.export.graph import graph_of
    from kwsstream.export.learnt import tensors_of
    from kwsstream.export.onnx import to_onnx
    from kwsstream.export.tflite import to_tflite

    given = config.read(small, ["quantise.bits=8"]).model_dump(mode="json")
    given["model"] = {"name": "ds_tc_resnet", **RESIDUAL}
    torch.manual_seed(0)
    model = runs.build_model(config.parse(given, "the test"), 4)
    model.train()(torch.randn(4, 16000, 1, 1))
    graph = graph_of(plain(model.eval()), "external", "features", 16000)
    to_onnx(graph, tmp_path / "net.onnx")
    to_tflite(graph, tmp_path / "net.onnx", {"float32": tmp_path / "net.tflite"})
    inputs = calibration(graph, 5 * torch.randn(50, *graph.example.shape))
    tensors = tensors_of(graph, (tmp_path / "net.tflite").read_bytes(), inputs)
    assert list(tensors) == [name for name, _ in ranges(graph.layer)] and all(tensors.values()), tensors
    assert not set.intersection(tensors["block2.shortcut.branch_range"], tensors["activation2_range"])


def test_powers_of_two_are_those_of_fixed_point(small, trained, tmp_path):
    run = tuned(small, trained, tmp_path / "run", "quantise.bits=8", "quantise.power_of_two=true")
    for layer in weighted(plain(run.model)):
        bits = dec_bits(layer.weight.abs().max().item())
        assert torch.equal(quantise(layer.weight, bits) / 2.0**bits, layer.weight)


@pytest.fixture
def refused(small, tmp_path, monkeypatch):
    def check(message, *words):
        given = ["fit", str(small), "--run", str(tmp_path / "run"), *map(str, words)]
        monkeypatch.setattr(sys, "argv", given)
        monkeypatch.setenv(fit.FOLDER, "")  # so that what the command sets there is gone with the test
        monkeypatch.delenv(fit.FOLDER)
        with pytest.raises(UserError, match=message) as error:
            fit.main()
        assert "\n" not in str(error.value)
        assert not (tmp_path / "run").exists()

    return check


def test_what_cannot_be_trained_on(trained, eight, refused, tmp_path):
    refused(
        "quantise.bits, cluster and prune are for a run that is trained already: give it by --from RUN",
        "quantise.bits=8",
    )
    refused("its weights are compressed already", "quantise.bits=8", "--from", eight.folder)
    refused("belongs to another config: its model.dropout", "model.dropout=0.2", "--from", trained)
    refused("is not a run folder", "--from", tmp_path / "none")
    refused("cluster and prune: zeros would be averaged", "cluster.clusters=4", "prune.share=0.5", "--from", trained)
    refused("prune.updates 200 are more than the 30 of training", "prune.share=0.5", "--from", trained)
    refused("quantise.bits", "quantise.bits=5", "--from", trained)
