"""Weights of few values and of zeros: chosen, kept through training, and found in the file."""

import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from test_compress import tuned

from kwsstream import runs
from kwsstream.compress.__main__ import main, weights, zipped
from kwsstream.compress.cluster import Clusters, centres, nearest
from kwsstream.compress.prepare import plain, weighted
from kwsstream.compress.prune import Pruned, share_at
from kwsstream.errors import UserError
from kwsstream.settings import Prune

CLUSTERS = 8


def draws():
    return torch.Generator().manual_seed(0)


@given(st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=60), st.integers(1, 8))
def test_every_number_is_nearest_to_the_mean_of_its_cluster(numbers, count):
    values = torch.tensor(numbers, dtype=torch.float64)
    found = centres(values, count, draws())
    assert 1 <= len(found) <= count and torch.equal(found, found.sort().values)
    distances = (values[:, None] - found).abs()
    chosen = distances.gather(1, nearest(values, found)[:, None])[:, 0]
    torch.testing.assert_close(chosen, distances.amin(1), rtol=1e-9, atol=1e-9)


def test_groups_that_are_apart_are_found():
    middles = torch.tensor([-5.0, -1, 0, 3], dtype=torch.float64)
    values = (middles[:, None] + 0.05 * torch.randn(4, 100, generator=draws(), dtype=torch.float64)).flatten()
    torch.testing.assert_close(centres(values, 4, draws()), middles, rtol=0, atol=0.05)
    torch.testing.assert_close(centres(middles.repeat(3), 32, draws()), middles)


def test_the_weights_of_a_cluster_move_as_one():
    weight = torch.randn(6, 5, requires_grad=True)
    layer = Clusters(3, weight)
    layer.fit(weight, draws())
    (layer(weight) * torch.randn(6, 5)).sum().backward()
    for cluster in range(3):
        assert weight.grad[layer.cluster == cluster].unique().numel() == 1
    assert weight.grad.unique().numel() == 3


@pytest.fixture(scope="module")
def clustered(small, trained, tmp_path_factory) -> runs.Run:
    return tuned(small, trained, tmp_path_factory.mktemp("clustered") / "run", f"cluster.clusters={CLUSTERS}")


def test_training_moves_clusters_and_keeps_them(clustered, trained):
    before = weighted(runs.load(trained).model.net)
    for layer, first in zip(weighted(plain(clustered.model).net), before, strict=True):
        assert layer.weight.unique().numel() <= CLUSTERS
        of = nearest(first.weight.flatten(), centres(first.weight.detach().flatten().double(), CLUSTERS, draws()))
        members = [layer.weight.flatten()[of == c] for c in of.unique()]
        assert not torch.equal(layer.weight, first.weight)
        assert len(members) > CLUSTERS // 2
    assert clustered.model.net.conv1.conv.parametrizations.weight[0].cluster.dtype == torch.uint8


@pytest.fixture(scope="module")
def file(clustered, tmp_path_factory):
    pytest.importorskip("onnx2tf", reason="the export extra is not installed")
    from kwsstream.export.exporter import Exporter

    folder = tmp_path_factory.mktemp("exported")
    Exporter(clustered, "tflite", "external", parity_steps=50).export(["float32"], "features", folder)
    return folder / "cnn_external_features_float32.tflite"


def test_the_file_has_the_clusters_and_a_small_zip(file, exports, clustered, monkeypatch, capsys):
    before = exports / file.name
    layers = weights(file)
    assert [kind.split()[1] for kind, _ in layers] == ["CONV_2D"] * 2 + ["FULLY_CONNECTED"] * 2
    assert all(len(np.unique(w)) <= CLUSTERS for _, w in layers)
    assert all(len(np.unique(w)) > CLUSTERS for _, w in weights(before))
    sizes = [layer.weight.numel() for layer in weighted(clustered.model.net)]
    assert [w.size for _, w in layers] == sizes
    assert zipped(file) < 0.7 * zipped(before)
    monkeypatch.setattr(sys, "argv", ["compress", str(before), str(file)])
    main()
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row[1] for row in rows if row[:1] == ["all"]] == [str(sum(sizes))] * 2
    assert [row[2] for row in rows if len(row) == 3 and row[0].endswith("tflite")] == [
        f"{zipped(path) / 1000:.1f}" for path in (before, file)
    ]


def test_what_is_no_file_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["compress", str(tmp_path / "none.tflite")])
    with pytest.raises(UserError, match=r"no TensorFlow Lite file .*none\.tflite"):
        main()


def test_the_share_of_zeros_rises_to_what_was_asked_for():
    settings = Prune(share=0.8, updates=100)
    shares = [share_at(update, settings) for update in range(0, 140, 10)]
    assert shares[0] == 0 and shares == sorted(shares)
    assert shares[10:] == [0.8] * 4
    assert shares[5] == pytest.approx(0.8 * 0.875)


def test_the_smallest_go_and_do_not_come_back():
    weight = torch.tensor([[3.0, -0.1, 0.2, -4.0, 0.5]])
    layer = Pruned(weight)
    layer.choose(weight, 0.4)
    assert layer(weight).tolist() == [[3, 0, 0, -4, 0.5]]
    layer.choose(torch.tensor([[3.0, 9, 9, -4, 5]]), 0.6)
    assert layer.kept.sum() == 2 and not layer.kept[0, 1:3].any()


def test_training_ends_with_the_share_of_zeros_in_each_layer(small, trained, tmp_path):
    run = tuned(
        small, trained, tmp_path / "run", "prune={share: 0.6, updates: 6, every: 2}", "training.validate_every=3"
    )
    for layer in weighted(plain(run.model).net):
        zeros = (layer.weight == 0).float().mean().item()
        assert zeros == pytest.approx(0.6, abs=1 / layer.weight.numel())
