"""Training on streams: clips joined end to end, and states carried from one update to the next."""

import pytest
import torch

from kwsstream import config as configs
from kwsstream import fit, runs
from kwsstream.classifier import Classifier, detached, joined
from kwsstream.errors import UserError

SAMPLES, LABELS = 16000, ["a", "b", "c"]


@pytest.fixture
def config(tones, tmp_path):
    """The config of a small GRU on the tones, with overrides."""
    path = tmp_path / "gru.yaml"
    path.write_text(
        f"""
data: {{corpus: folder, root: {tones}, words: [yes, no, up], batch_size: 20}}
features: {{mels: 20, coefficients: 10, padding: causal}}
model: {{name: gru, recurrent_units: [16], units: [], unit_activations: [], dropout: 0.0}}
training: {{updates: [6], rates: [0.003], validate_every: 3}}
trainer: {{enable_progress_bar: false}}
"""
    )
    return lambda *overrides: configs.read(path, list(overrides))


def classifier(config):
    torch.manual_seed(0)
    return Classifier(config, LABELS).eval()


def logits_of(classifier, audio):
    """Logits (clips, labels) at the ends of the clips of a batch (clips, samples), as training_step computes them."""
    streams = joined(audio, classifier.config.training.clips_per_stream)
    logits = classifier.over_streams(classifier.features(streams))
    return logits[:, classifier.ends(SAMPLES, logits.shape[1])].flatten(0, 1)


@torch.no_grad()
def test_each_clip_of_a_stream_is_judged_where_it_ends(config):
    made = classifier(config("training.clips_per_stream=2"))
    audio = torch.randn(4, SAMPLES)
    found = logits_of(made, audio)
    stream = audio[2:].reshape(1, -1, 1, 1)
    torch.testing.assert_close(found[2], made.model(stream[:, :SAMPLES])[0, -1, 0])
    torch.testing.assert_close(found[3], made.model(stream)[0, -1, 0])
    alone = classifier(config())(audio)
    torch.testing.assert_close(found[0::2], alone[0::2])
    assert not torch.allclose(found[1::2], alone[1::2], atol=1e-3)


@torch.no_grad()
def test_a_carried_state_goes_on_where_the_update_before_ended(config):
    made = classifier(config("training.carry_state=true"))
    first, second = torch.randn(3, SAMPLES), torch.randn(3, SAMPLES)
    logits_of(made, first)
    features = torch.cat([made.features(first), made.features(second)], dim=1)
    torch.testing.assert_close(logits_of(made, second), made.model.net(features)[:, -1, 0])


def test_no_gradient_flows_into_the_update_before(config):
    made = classifier(config("training.carry_state=true"))
    for _ in range(2):
        logits_of(made, torch.randn(3, SAMPLES)).sum().backward()  # a graph of before would have been freed
    assert not detached({"a": torch.ones(1, requires_grad=True) * 2})["a"].requires_grad


def test_a_run_on_streams_resumes_as_if_unbroken(config, tmp_path):
    settings = "training.clips_per_stream=2", "training.carry_state=true"
    fit.fit(config(*settings), tmp_path / "unbroken")
    fit.fit(config(*settings, "training.updates=[3]"), tmp_path / "broken")
    checkpoint = torch.load(tmp_path / "broken" / "checkpoints" / "last.ckpt", weights_only=True)
    assert any(tensor.abs().max() > 0 for tensor in checkpoint["carried"].values() if torch.is_tensor(tensor))
    fit.fit(config(*settings), tmp_path / "broken")
    ours, theirs = (runs.load(tmp_path / name).model.state_dict() for name in ("broken", "unbroken"))
    for name, tensor in theirs.items():
        torch.testing.assert_close(ours[name], tensor)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.clips_per_stream=3", "data.batch_size 20 is not a multiple of training.clips_per_stream 3"),
        ("training.clips_per_stream=0", "greater than 0"),
    ],
)
def test_streams_that_do_not_come_out_even_are_refused(override, message, config):
    with pytest.raises(UserError, match=message):
        config(override)


def test_a_model_without_a_state_to_carry_says_so(config, tmp_path):
    text = (tmp_path / "gru.yaml").read_text()
    start, end = text.index("model:"), text.index("training:")
    (tmp_path / "gru.yaml").write_text(f"{text[:start]}model: {{name: att_rnn}}\n{text[end:]}")
    with pytest.raises(UserError, match=r"training.carry_state: att_rnn has no state to carry on: .*end of the clip"):
        Classifier(config("training.carry_state=true"), LABELS)
