"""Every config of the zoo: its size, the law, what it learns, and the table of it in the README."""

import json
import math
import sys
from pathlib import Path

import pytest
import torch
from law import check_receptive_field, check_steps
from torch import nn

from kwsstream import config as configs
from kwsstream import zoo
from kwsstream.data.labels import label_names
from kwsstream.features import Features
from kwsstream.layers import ChannelDropout
from kwsstream.models import MODELS, build
from kwsstream.norms import Norm
from kwsstream.runs import build_model
from kwsstream.streaming import CannotStreamError, why_whole
from kwsstream.summary import statistics

ROOT = Path(__file__).parents[1]
PATHS = zoo.configs_in([ROOT / "conf"])
COUNTS = {  # all, trained: those that the original prints or its layers give
    "12_labels/att_mh_rnn": (756_711, None),
    "12_labels/bc_resnet_1": (14_024, 11_032),
    "12_labels/bc_resnet_2": (36_272, 30_288),
    "12_labels/ds_tc_resnet": (73_220, 71_684),
    "30k_12_labels/mobilenet": (36_364, 35_084),
    "30k_12_labels/mobilenet_v2": (None, 28_316),
    "30k_12_labels/svdf": (32_716, None),
    "30k_12_labels/svdf_resnet": (34_508, 33_568),
    "30k_12_labels/tc_resnet": (31_864, 31_200),
    "35_labels/att_mh_rnn": (758_206, None),
    "35_labels/ds_tc_resnet": (76_187, None),
    "paper_12_labels/att_mh_rnn": (743_047, None),
    "paper_12_labels/att_rnn": (496_519, None),
    "paper_12_labels/cnn": (606_732, 606_732),
    "paper_12_labels/cnn_stride": (529_036, None),
    "paper_12_labels/crnn": (467_772, None),
    "paper_12_labels/crnn_state": (467_772, None),
    "paper_12_labels/dnn": (447_308, None),
    "paper_12_labels/dnn_raw": (486_988, None),
    "paper_12_labels/ds_cnn_stream": (497_412, None),
    "paper_12_labels/ds_cnn_stride": (492_312, None),
    "paper_12_labels/gru": (593_836, None),
    "paper_12_labels/gru_state": (593_836, None),
    "paper_12_labels/lstm": (630_956, None),
    "paper_12_labels/lstm_peep": (545_912, None),
    "paper_12_labels/svdf": (354_444, None),
    "paper_12_labels/tc_resnet": (366_894, 365_274),
}


def distinct() -> list[str]:
    """One config for each front end and model: many differ in their training alone."""
    of = {}
    for name, path in PATHS.items():
        config = configs.read(path)
        of.setdefault(json.dumps([config.features.model_dump(), config.model.model_dump()]), name)
    return list(of.values())


def model_of(name: str) -> nn.Module:
    """The untrained model of a config, from a fixed seed, with running statistics that are not zeros and ones."""
    config = configs.read(PATHS[name])
    data = config.data
    torch.manual_seed(0)
    model = build_model(config, len(label_names(data.words, data.silence_percentage, data.unknown_percentage)))
    for norm in (module for module in model.modules() if isinstance(module, Norm)):
        norm.running_mean.normal_(0, 0.1), norm.running_var.uniform_(0.8, 1.2)
    return model.eval()


@pytest.mark.parametrize("name", COUNTS)
def test_models_have_as_many_parameters_as_the_original(name):
    model = model_of(f"paper/{name}")
    trained = sum(p.numel() for p in model.parameters())
    for found, expected in zip((trained + statistics(model), trained), COUNTS[name], strict=True):
        assert expected in (None, found)


def test_the_later_cnn_has_as_many_parameters_as_the_original():
    model = build("cnn", Features(), 16000, 12, padding="causal", norm=True)
    assert sum(p.numel() for p in model.parameters()) + statistics(model) == 9_259_788


def test_the_smaller_ds_tc_resnet_has_as_many_parameters_as_the_original():
    """The size that its notebook 01_train prints, and issue 966 of its repository."""
    model = model_of("best")
    trained = sum(p.numel() for p in model.parameters())
    assert (trained + statistics(model), trained) == (71_300, 69_764)


@pytest.mark.parametrize("name", distinct())
def test_every_config_keeps_the_law_from_audio_and_from_features(name):
    model = model_of(name)
    draw = torch.Generator().manual_seed(len(name))
    chunks = torch.randint(1, 20, (7,), generator=draw).tolist()
    if why_whole(model):
        with pytest.raises(CannotStreamError, match=r"cannot stream: .+; use it on whole clips"):
            model.step(torch.zeros(1, model.front.timing.stride, 1, 1))
        return
    for layer, width in ((model, 1), (model.net, model.front.outputs)):
        x = torch.randn(1, length(layer.timing), 1, width, generator=draw)
        scale = layer(x).abs().max().item()
        check_steps(layer, x, chunks, rtol=0, atol=1e-4 * scale)
        if math.isfinite(layer.timing.receptive_field):
            check_receptive_field(layer, x)


def length(timing) -> int:
    """Frames that hold two receptive fields, or where they have no end, forty steps."""
    field = 20 * timing.stride if math.isinf(timing.receptive_field) else timing.receptive_field + timing.lookahead
    return 2 * field + timing.warmup + 4 * timing.stride


@pytest.mark.parametrize("name", distinct())
def test_an_update_lowers_the_loss_of_a_batch(name):
    model = model_of(name).train()
    for module in model.modules():
        if isinstance(module, nn.Dropout | ChannelDropout):
            module.p = 0.0
    seconds = torch.arange(16000) / 16000
    labels = torch.arange(8) % 4
    audio = torch.stack([torch.sin(2 * math.pi * (300 + 500 * label) * seconds) for label in labels.tolist()])
    audio = (0.3 * audio + 0.01 * torch.randn(audio.shape)).reshape(8, -1, 1, 1)

    def loss():
        return nn.functional.cross_entropy(model(audio)[:, -1].flatten(1), labels)

    before = loss()
    before.backward()
    assert all(p.grad is not None for p in model.net.parameters())
    torch.optim.Adam(model.parameters(), lr=1e-4).step()
    assert loss() < before


def test_every_architecture_has_a_config_and_a_docstring():
    assert {configs.read(path).model.name for path in PATHS.values()} == set(MODELS)
    assert all(model.__doc__ for model in MODELS.values())


def test_no_model_is_longer_than_a_page():
    for file in (ROOT / "src" / "kwsstream" / "models").glob("*.py"):
        assert len(file.read_text().splitlines()) <= 120, file.name


@pytest.fixture(scope="module")
def rows():
    """The table of all configs, as lines of markdown."""
    return zoo.markdown(zoo.HEAD, [zoo.row(path, name) for name, path in PATHS.items()]).splitlines()


def test_the_table_of_the_readme_is_the_command_s(rows):
    readme = (ROOT / "README.md").read_text().splitlines()
    missing = [row for row in rows if row not in readme]
    assert not missing, "write the README's table anew: python -m kwsstream.zoo --markdown"


def test_the_command_prints_some_configs_with_the_sizes_of_their_files(tmp_path, capsys, monkeypatch):
    (tmp_path / "gru").mkdir()
    (tmp_path / "gru" / "gru_external_audio_float32.tflite").write_bytes(bytes(123_456))
    given = [str(ROOT / "conf/paper/paper_12_labels" / name) for name in ("gru.yaml", "att_rnn.yaml")]
    monkeypatch.setattr(sys, "argv", ["zoo", *given, "--exports", str(tmp_path)])
    zoo.main()
    head, _, gru, attention = (line.split("  ") for line in capsys.readouterr().out.splitlines())
    assert "TFLite kB" in " ".join(head)
    assert "593,836" in " ".join(gru) and "123" in " ".join(gru) and "unbounded" in " ".join(gru)
    assert "whole clips" in " ".join(attention)


def test_a_folder_without_configs_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["zoo", str(tmp_path)])
    with pytest.raises(zoo.UserError, match="no config in"):
        zoo.main()
