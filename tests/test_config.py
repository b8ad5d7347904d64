import re
from pathlib import Path

import pytest

from kwsstream import config as configs
from kwsstream.errors import UserError
from kwsstream.runs import build_model

CONF = Path(__file__).parents[1] / "conf"
ALL = sorted(CONF.rglob("*.yaml"))


@pytest.mark.parametrize("path", ALL, ids=lambda path: str(path.relative_to(CONF)))
def test_every_config_is_read_and_built_and_survives_writing(path, tmp_path):
    config = configs.read(path)
    assert path.read_text().startswith("# "), "one line on top says what the experiment is"
    build_model(config, labels=12)
    configs.write(config, tmp_path / "config.yaml")
    assert configs.read(tmp_path / "config.yaml") == config


def test_the_published_config_is_the_published_model():
    config = configs.read(CONF / "paper" / "paper_12_labels" / "cnn.yaml")
    assert sum(p.numel() for p in build_model(config, labels=12).parameters()) == 606_732
    assert config.training.total == 80_000


def test_overrides_reach_every_section():
    config = configs.read(
        CONF / "cnn.yaml",
        [
            "data.batch_size=7",
            "data.words=[yes, no, on, off]",
            "features.mels=32",
            "model.units=[5,6]",
            "trainer.devices=2",
            "masks.spec_augment.time_masks=3",
        ],
    )
    assert (config.data.batch_size, config.features.mels, list(config.model.units)) == (7, 32, [5, 6])
    assert config.data.words == ["yes", "no", "on", "off"]
    assert config.trainer["devices"] == 2
    assert config.masks.spec_augment.time_masks == 3


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.wrods=12", "data.wrods: unknown key; did you mean words?"),
        ("dta.words=12", "dta: unknown key; did you mean data?"),
        ("model.filter=[1]", "model.filter: unknown key; did you mean filters?"),
        ("model.kernel=3", "model.kernel: unknown key; did you mean kernels?"),  # which other models have
        ("masks.cutout.mask=1", "masks.cutout.mask: unknown key; did you mean masks?"),
        ("trainer.device=2", "trainer: unknown key device; did you mean devices?"),
        ("trainer.max_steps=2", "trainer: unknown key max_steps"),
        ("model.name=cnm", "model: no model named 'cnm'; did you mean cnn?"),
        ("model.filters=[a,1]", "model.filters.0: input should be a valid integer"),
        ("features.mels=many", "features.mels: input should be a valid integer"),
        ("features.kind=macro features.mels=4", "features: no features of kind 'macro'; did you mean micro?"),
        ("features=mel", "features: expected keys with values, not 'mel'"),
        ("features.kind=[mel]", "features: no features of kind ['mel']"),
        ("features.kind=micro", "features.lifter: unknown key; known: channels, constants, even"),
        ("features.channels=3", "features.channels: unknown key; known: coefficients, deviation, filterbank"),
        ("features.mels=-1", "features.mels: input should be greater than 0, not -1"),
        ("training.optimiser=sgd", "training.optimiser: input should be 'adam'"),
        ("training.schedule=piecewise training.rates=[0.1,0.2]", "training: 1 updates and 2 rates"),
        ("data.batch_size", "override 'data.batch_size' is not of the form key.sub=value"),
        ("data.words=[", "cannot be read as yaml"),
    ],
)
def test_what_does_not_fit_is_named_in_one_line(override, message):
    with pytest.raises(UserError) as caught:
        configs.read(CONF / "cnn.yaml", override.split())
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("features.hop_ms=50", "features: hop_ms 50 is larger than window_ms 40"),
        ("data.clip_ms=300", "model cnn: layer conv3 needs 9 frames and 8 are left"),
        ("features.coefficients=6", "model cnn: layer conv3 needs 3 frequency bins and 2 are left"),
    ],
)
def test_layers_that_do_not_fit_the_clip_are_named(override, message):
    with pytest.raises(UserError, match=re.escape(message)):
        build_model(configs.read(CONF / "cnn.yaml", [override]), labels=12)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("features.hop_ms=31", "features: hop_ms 31: expected one sample to window_ms 30"),
        (
            "model.kernels=[[3,3],[5,3],[5,3],[5,3],[5,2],[5,1],[10,1]]",
            "model cnn: its steps begin 160 samples before a clip, which micro features would remember",
        ),
    ],
)
def test_what_does_not_fit_micro_features_is_named(override, message):
    with pytest.raises(UserError, match=re.escape(message)):
        build_model(configs.read(CONF / "micro.yaml", [override]), labels=12)


def test_features_are_mel_unless_said():
    assert configs.read(CONF / "paper" / "paper_12_labels" / "cnn.yaml").features.kind == "mel"


def test_a_missing_config_says_what_to_give():
    with pytest.raises(UserError, match=r"no config file nowhere\.yaml"):
        configs.read("nowhere.yaml")
