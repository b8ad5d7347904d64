import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from law import check_receptive_field, check_steps
from torch import nn

from kwsstream.branches import Residual, Sum
from kwsstream.layers import Conv, Flatten, Mean
from kwsstream.recurrent import GRU
from kwsstream.streaming import Delay, Sequential, Timing, flatten, silence

layers = st.fixed_dictionaries(
    {
        "kernel": st.integers(1, 5),
        "stride": st.integers(1, 3),
        "dilation": st.integers(1, 3),
        "padding": st.sampled_from(["causal", "same", "valid"]),
    }
)
chunks = st.lists(st.integers(1, 4), min_size=1, max_size=4)


def noise_for(layer):
    """Noise long enough for frames that see no padding."""
    t = layer.timing
    strides = -(-t.receptive_field // t.stride) * 2 + t.lookahead + max(t.warmup, 0) + 20
    return torch.randn(2, strides * t.stride, 1, 2)


def conv(kernel, stride, dilation, padding):
    return Conv(2, 2, (kernel, 1), (stride, 1), (dilation, 1), padding=padding, norm=True)


@settings(deadline=None)
@given(st.lists(layers, min_size=1, max_size=4), chunks)
def test_any_stack_of_convolutions_keeps_the_law_in_any_chunks(specs, sizes):
    layer = Sequential(*[part for spec in specs for part in (conv(**spec), nn.ReLU())])
    check_steps(layer, noise_for(layer), sizes)


@settings(deadline=None)
@given(st.integers(1, 6), st.integers(2, 5), st.sampled_from(["causal", "same", "valid"]), st.integers(26, 40))
def test_a_dilated_depthwise_convolution_is_the_same_in_training(kernel, dilation, padding, time):
    layer = Conv(6, 12, (kernel, 1), dilation=(dilation, 1), groups=6, padding=padding)
    assert layer.interleaves
    check_training(layer, torch.randn(2, time, 3, 6))


@settings(deadline=None)
@given(layers, layers, st.sampled_from([1, 4]), st.sampled_from(["same", "valid"]), st.integers(26, 33))
def test_a_convolution_is_the_same_in_training_however_it_is_padded(time, frequency, groups, frequency_padding, frames):
    pairs = ((time[key], frequency[key]) for key in ("kernel", "stride", "dilation"))
    pads = {"padding": time["padding"], "frequency_padding": frequency_padding, "clip": frames}
    check_training(Conv(4, 8, *pairs, groups, **pads), torch.randn(2, frames, 15, 4))


def check_training(layer, x):
    """Outputs and gradients in training are those in eval mode."""
    grown, x = {}, x.requires_grad_()
    for trains in (True, False):
        layer.zero_grad()
        x.grad = None
        y = layer.train(trains)(x)
        y.square().sum().backward()
        grown[trains] = y.detach(), x.grad, layer.conv.weight.grad.clone(), layer.conv.bias.grad.clone()
    torch.testing.assert_close(grown[True], grown[False], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("window", "stride"), [(5, 1), (4, 3), (7, 2)])
def test_a_mean_is_the_same_in_training(window, stride):
    layer, x = Mean(window, stride=stride), torch.randn(2, 20, 3, 6)
    torch.testing.assert_close(layer.train()(x), layer.eval()(x))


@settings(deadline=None)
@given(st.lists(layers, min_size=1, max_size=3), chunks)
def test_any_stack_of_residuals_balances_itself(specs, sizes):
    def shortcut(stride):
        return None if stride == 1 else Conv(2, 2, (1, 1), (stride, 1))

    layer = Sequential(*[Residual(conv(**spec), nn.ReLU(), shortcut=shortcut(spec["stride"])) for spec in specs])
    x = noise_for(layer)
    check_steps(layer, x, sizes)
    check_receptive_field(layer, x)


@pytest.mark.parametrize("padding", ["causal", "same", "valid"])
def test_pooling_after_a_delay_keeps_the_law(padding):
    layer = Sequential(conv(5, 2, 1, padding), Mean(4, padding), Flatten(3), nn.Linear(6, 3))
    x = torch.randn(2, 120, 1, 2)
    check_steps(layer, x, [1])
    check_steps(layer, x, [3, 1])
    check_receptive_field(layer, x)


def test_recurrent_layer_keeps_the_law_in_any_chunks():
    check_steps(
        Sequential(conv(3, 2, 1, "causal"), GRU(2, 4)), torch.randn(2, 60, 1, 2), [2, 1, 5], atol=1e-6, rtol=1e-5
    )


@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 4), st.integers(0, 300))
def test_a_fitted_sequence_gives_one_step_for_each_frame_and_delay(lookahead, warmup, stride, length):
    t = Timing(1, stride, lookahead, warmup)
    if t.frames(length) > 0:
        fitted = t.fit(torch.zeros(1, length, 1, 1)).shape[1]
        assert fitted == (t.frames(length) + t.delay) * stride


def test_state_has_names_and_starts_at_zero():
    layer = Sequential(first=conv(3, 1, 1, "causal"), relu=nn.ReLU(), second=Residual(conv(2, 1, 2, "causal")))
    states = flatten(silence(layer, torch.randn(1, 1, 1, 2)))
    assert {name: tuple(state.shape) for name, state in states.items()} == {
        "state.first": (1, 2, 1, 2),
        "state.second.body.branch.0": (1, 2, 1, 2),
    }
    assert all((state == 0).all() for state in states.values())


def test_step_does_not_change_the_state_it_is_given():
    layer, x = conv(3, 1, 1, "causal").eval(), torch.randn(1, 1, 1, 2)
    _, state = layer.step(x)
    before = state.clone()
    layer.step(x, state)
    assert torch.equal(state, before)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Sequential(conv(5, 1, 1, "valid"), GRU(2, 4)), "causal"),
        (lambda: Sum(a=conv(3, 2, 1, "causal"), b=nn.Identity()), "same stride"),
        (lambda: conv(5, 1, 1, "valid")(torch.zeros(1, 4, 1, 2)), "needs 5 frames and got 4"),
        (lambda: conv(3, 2, 1, "causal").step(torch.zeros(1, 3, 1, 2)), "multiple of 2"),
        (lambda: conv(3, 1, 1, "causal").step(torch.zeros(1, 0, 1, 2)), "multiple of 1"),
    ],
)
def test_what_cannot_stream_says_why(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_delay_is_derived_through_a_stack():
    layer = Sequential(conv(5, 2, 1, "same"), conv(3, 1, 2, "valid"), Delay(lookahead=1))
    assert layer.timing == Timing(5 + 2 * 4, 2, 2 + 2, 8)
    assert (layer.timing.lead, layer.timing.delay) == (0, 6)
    assert math.isinf(Sequential(conv(3, 1, 1, "causal"), GRU(2, 2)).timing.receptive_field)
