"""Losses, averages and teachers: each option's effect on the loss, and that a run with them goes on as it was."""

import pytest
import torch
from torch.nn import functional as F

from kwsstream import config as configs
from kwsstream import fit, runs
from kwsstream.average import MovingAverage
from kwsstream.data.mixup import Mixed
from kwsstream.errors import UserError
from kwsstream.loss import Loss, label_weights
from kwsstream.teacher import Teacher, teacher_of

LOGITS = torch.tensor([[2.0, 0.0, -1.0], [0.5, 0.1, 0.3], [0.0, 1.0, 0.0], [1.0, 1.0, 3.0]])
LABELS = torch.tensor([0, 2, 1, 2])
AUDIO = torch.zeros(4, 16000)


def test_the_loss_of_no_option_is_the_cross_entropy_to_the_bit():
    assert Loss(0.1)(LOGITS, LABELS, AUDIO) == F.cross_entropy(LOGITS, LABELS, label_smoothing=0.1)


def test_smoothing_is_the_cross_entropy_of_softened_targets():
    soft = 0.7 * F.one_hot(LABELS, 3) + 0.1
    torch.testing.assert_close(Loss(0.3)(LOGITS, LABELS, AUDIO), F.cross_entropy(LOGITS, soft))


def test_balanced_weights_make_labels_weigh_alike():
    weights = label_weights("balanced", torch.tensor([0, 2, 2, 2]), 4)
    torch.testing.assert_close(weights[0], 3 * weights[2])
    losses = F.cross_entropy(LOGITS, torch.tensor([0, 2, 2, 2]), reduction="none")
    found = Loss(weights=weights[:3])(LOGITS, torch.tensor([0, 2, 2, 2]), AUDIO)
    torch.testing.assert_close(found, (losses[0] + losses[1:].mean()) / 2)
    with pytest.raises(UserError, match="2 numbers, expected 3"):
        label_weights([1.0, 2.0], LABELS, 3)


@pytest.mark.parametrize("weights", [None, torch.tensor([1.0, 2.0, 5.0])])
def test_mixed_labels_are_mixed_losses(weights):
    mixed = Mixed(torch.tensor([1, 2, 3, 0]), torch.tensor([1.0, 0.75, 0.5, 0.9]))
    own, other = (F.cross_entropy(LOGITS, to, weights, reduction="none") for to in (LABELS, LABELS[mixed.other]))
    total = (mixed.share * own + (1 - mixed.share) * other).sum()
    w = torch.ones(3) if weights is None else weights
    count = (mixed.share * w[LABELS] + (1 - mixed.share) * w[LABELS[mixed.other]]).sum()
    torch.testing.assert_close(Loss(0.0, weights)(LOGITS, LABELS, AUDIO, mixed), total / count)
    alone = Mixed(mixed.other, torch.ones(4))
    torch.testing.assert_close(
        Loss(0.2, weights)(LOGITS, LABELS, AUDIO, alone), Loss(0.2, weights)(LOGITS, LABELS, AUDIO)
    )


def test_a_pupil_like_its_teacher_has_no_loss_to_it(trained):
    run = runs.load(trained)
    audio = 0.1 * torch.randn(4, 16000, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        logits = run.model(audio[:, :, None, None])[:, -1, 0]
    alike = Loss(teacher=Teacher(run.model, 1.0, 2.0))
    torch.testing.assert_close(alike(logits, LABELS, audio), torch.tensor(0.0), atol=1e-5, rtol=0)
    other = (0.1 * logits).requires_grad_()
    half = Loss(teacher=Teacher(run.model, 0.5, 2.0))(other, LABELS, audio)
    soft, hard = alike(other, LABELS, audio), F.cross_entropy(other, LABELS)
    assert soft > 0.01
    torch.testing.assert_close(half, (soft + hard) / 2)
    nearer = other.detach() - 0.1 * torch.autograd.grad(soft, other)[0]
    assert alike(nearer, LABELS, audio) < soft


def test_a_teacher_that_does_not_fit_is_refused(small, trained, tmp_path):
    config = configs.read(small, [f"teacher={trained}", "data.words=[yes, up]"])
    with pytest.raises(UserError, match="train it on the same words"):
        fit.fit(config, tmp_path / "run")
    with pytest.raises(UserError, match=r"data\.clip_ms 1000, expected 1200"):
        teacher_of(configs.read(small, [f"teacher={trained}", "data.clip_ms=1200"]), runs.load(trained).labels)
    with pytest.raises(UserError, match="is not a run folder"):
        fit.fit(configs.read(small, ["teacher=absent"]), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_average_decays_as_asked_once_it_is_warm():
    averaged = MovingAverage(0.9)._kwargs["avg_fn"]
    zero, one = torch.zeros(()), torch.ones(())
    assert averaged(zero, one, torch.tensor(8)) == 0.5
    torch.testing.assert_close(averaged(zero, one, torch.tensor(1000)), torch.tensor(0.1))
    assert averaged(torch.tensor(3), torch.tensor(4), torch.tensor(8)) == 4


def test_a_run_with_every_option_goes_on_as_if_it_had_not_stopped(small, tones, trained, tmp_path, monkeypatch):
    settings = [
        f"teacher={trained}", "training.average=0.9", "training.mixup=0.3", "training.class_weights=balanced",
        "effects.voice={}", "effects.reverb={}", f"effects.noise.folders=[{tones / '_background_noise_'}]",
        "training.updates=[6]", "training.validate_every=3", "data.batch_size=10", "training.peak_loss=0.5",
    ]  # fmt: skip
    config = configs.read(small, settings)
    fit.fit(config, tmp_path / "whole")

    def stop(classifier, *_):
        assert classifier.trainer.global_step < 4, "stopped"

    with monkeypatch.context() as patch:
        patch.setattr("kwsstream.classifier.Classifier.on_train_batch_end", stop)
        with pytest.raises(AssertionError, match="stopped"):
            fit.fit(config, tmp_path / "broken")
    fit.fit(config, tmp_path / "broken")
    whole, broken = (
        torch.load(tmp_path / name / "checkpoints" / "last.ckpt", weights_only=True) for name in ("whole", "broken")
    )
    for part in ("state_dict", "current_model_state"):
        for key, weight in whole[part].items():
            assert torch.equal(weight, broken[part][key]), (part, key)
    average, current = whole["state_dict"], whole["current_model_state"]
    assert any(not torch.equal(average[key], current[key]) for key in average)
    assert all(key.startswith("model.") for key in average), "neither teacher nor noise is kept"
    for key, weight in runs.load(tmp_path / "whole", "last").model.state_dict().items():
        assert torch.equal(weight, average[f"model.{key}"]), "the average is what is evaluated and exported"
