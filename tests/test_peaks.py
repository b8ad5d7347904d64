"""The loss at peaks: between the ends of clips, every step counts, and only keywords that a clip is not."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kwsstream import config as configs
from kwsstream.classifier import Classifier
from kwsstream.data.effects import Treatment
from kwsstream.data.module import SpeechData
from kwsstream.loss import Loss
from kwsstream.peaks import peak_loss, stretches, wrong_keywords

LABELS = ["_silence_", "_unknown_", "yes", "no"]


@given(st.integers(1, 5), st.integers(2, 30), st.integers(0, 40))
def test_each_step_is_heard_of_one_clip(clips, steps, let_go):
    ends = [steps * (clip + 1) - 1 for clip in range(clips)]
    heard = stretches(ends, steps * clips, let_go)
    assert [i for part in heard for i in range(part.start, part.stop)] == list(range(steps * clips))
    for end, part in zip(ends, heard, strict=True):
        assert part.start <= end < part.stop <= end + 1 + let_go


@given(st.integers(1, 3), st.integers(1, 4), st.integers(0, 100))
def test_the_loss_is_that_of_the_likeliest_wrong_keyword_of_each_clip(streams, clips, seed):
    draw = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(streams, 6 * clips, 4, generator=draw)
    target = torch.randint(4, (streams * clips,), generator=draw)
    heard = stretches([6 * (clip + 1) - 1 for clip in range(clips)], 6 * clips, 2)
    probability = logits.double().softmax(2)
    expected = 0.0
    for n, label in enumerate(target.tolist()):
        here = probability[n // clips, heard[n % clips]]
        expected -= torch.log1p(-max(sum(here[:, k] for k in (2, 3) if k != label))) / len(target)
    torch.testing.assert_close(peak_loss(logits, wrong_keywords(LABELS, target), heard), expected.float())


def test_both_labels_of_a_blended_clip_are_right():
    wrong = wrong_keywords(LABELS, torch.tensor([2, 0, 1]), torch.tensor([0, 3, 1]))
    assert wrong.tolist() == [[False, False, False, True], [False, False, True, False], [False, False, True, True]]


@pytest.mark.parametrize("joined", [1, 2])
@pytest.mark.parametrize("mixup", [0.0, 0.3])
def test_training_on_peaks_adds_their_weighted_loss(joined, mixup, small, monkeypatch):
    settings = [f"training.clips_per_stream={joined}", f"training.mixup={mixup}", "features.padding=causal"]
    data = SpeechData(**dict(configs.read(small).data))
    data.prepare_data()
    data.setup()
    batch, losses = next(iter(data.training_batches(1))), {}
    for weight in (0, 1, 2):
        config = configs.read(small, [*settings, f"training.peak_loss={weight}"])
        torch.manual_seed(0)
        made = Classifier(config, data.labels)
        made.treat, made.loss = Treatment(config, data), Loss()
        monkeypatch.setattr(made, "log", lambda *_, **__: None)
        losses[weight] = made.training_step(batch, 0)
    assert losses[1] > losses[0]
    torch.testing.assert_close(losses[2] - losses[0], 2 * (losses[1] - losses[0]))
