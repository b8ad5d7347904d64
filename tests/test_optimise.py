import math

import pytest
import torch
from torch import nn

from kwsstream.optimise import NovoGrad, optimiser, schedule
from kwsstream.settings import Training

UPDATES, RATES = [10, 20, 10], [0.01, 0.005, 0.001]


def rates(**given):
    training = Training(updates=UPDATES, rates=RATES, **given)
    factor = schedule(training)
    return [RATES[0] * factor(update) for update in range(training.total + 1)]


def test_piecewise_holds_each_rate_for_its_updates():
    assert rates(schedule="piecewise") == pytest.approx([0.01] * 10 + [0.005] * 20 + [0.001] * 11)


def test_exponential_falls_from_the_first_rate_to_the_last():
    fall = -math.log(0.001 / 0.01) / 40  # kws_streaming: rate0 * exp(-fall * update), the middle rates ignored
    assert rates(schedule="exponential") == pytest.approx([0.01 * math.exp(-fall * update) for update in range(41)])


def test_cosine_rises_then_falls_to_the_last_rate():
    found = rates(schedule="cosine", warmup_updates=4)
    assert found[:4] == pytest.approx([0.0025, 0.005, 0.0075, 0.01])
    assert found[22] == pytest.approx((0.01 + 0.001) / 2)
    assert found[-1] == pytest.approx(0.001)
    assert sorted(found[4:], reverse=True) == found[4:]


def test_novograd_follows_its_formula_for_two_updates():
    weight = nn.Parameter(torch.tensor([1.0, -2.0]))
    optimiser = NovoGrad([weight], lr=0.1, betas=(0.9, 0.5), eps=0.0, weight_decay=0.01)
    weight.grad = torch.tensor([3.0, 4.0])
    optimiser.step()
    moment = -0.1 * (torch.tensor([0.6, 0.8]) + 0.01 * torch.tensor([1.0, -2.0]))  # norm 5
    after = torch.tensor([1.0, -2.0]) + moment
    torch.testing.assert_close(weight.data, after)
    weight.grad = torch.tensor([0.0, 1.0])
    optimiser.step()
    root = math.sqrt(0.5 * 25 + 0.5 * 1)
    moment = 0.9 * moment - 0.1 * (torch.tensor([0.0, 1.0]) / root + 0.01 * after)
    torch.testing.assert_close(weight.data, after + moment)


@pytest.mark.parametrize("name", ["adam", "adamw", "momentum", "novograd"])
def test_every_optimiser_learns(name):
    torch.manual_seed(0)
    x = torch.randn(256, 8)
    y = (x @ torch.randn(8, 3)).argmax(1)
    layer = nn.Linear(8, 3)
    training = Training(optimiser=name, updates=[100], rates=[0.05], schedule="cosine", weight_decay=1e-4)
    update = optimiser(training, layer.parameters())
    losses = []
    for _ in range(100):
        losses.append(nn.functional.cross_entropy(layer(x), y))
        update.zero_grad()
        losses[-1].backward()
        update.step()
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("name", ["adam", "adamw", "momentum"])
def test_fused_updates_are_the_others(name):
    training = Training(optimiser=name, updates=[5], rates=[0.1], weight_decay=0.1)
    ends = []
    for fused in (True, False):
        torch.manual_seed(0)
        layer = nn.Linear(8, 3)
        update = optimiser(training, layer.parameters(), fused)
        for _ in range(5):
            update.zero_grad()
            layer(torch.randn(4, 8)).square().sum().backward()
            update.step()
        ends.append(layer.weight.detach())
    torch.testing.assert_close(*ends)
