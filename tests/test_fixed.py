"""Power-of-two fixed point: CMSIS-NN's arithmetic, the law in whole numbers, the search of formats."""

import math

import numpy as np
import pytest
import torch
from fixed_nets import HELLO_EDGE_DNN, INPUTS, LABELS, NETS, found_for, integers, seasoned
from hypothesis import given
from hypothesis import strategies as st
from law import check_steps
from torch import nn

from kwsstream.branches import Residual
from kwsstream.errors import UserError
from kwsstream.fixed.formats import dec_bits, quantise
from kwsstream.fixed.layers import Weighted, average, shifted
from kwsstream.fixed.network import FEATURES, fixed, formats, largest
from kwsstream.fixed.search import Found, search
from kwsstream.layers import Conv
from kwsstream.models.dnn import DNN
from kwsstream.streaming import Sequential, flatten


@pytest.fixture(scope="module", params=NETS)
def net(request) -> Sequential:
    return seasoned(request.param)


@pytest.fixture(scope="module")
def found(net) -> Found:
    return found_for(net)


@given(st.floats(1e-30, 1e30))
def test_formats_are_the_formula(number):
    int_bits = 7 - dec_bits(number)
    assert 2.0 ** (int_bits - 1) < number <= 2.0**int_bits
    exact = math.log2(number)
    if abs(exact - round(exact)) > 1e-9:
        assert int_bits == math.ceil(exact)


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=20))
def test_numbers_are_off_by_half_a_bit_at_most(numbers):
    x = torch.tensor(numbers, dtype=torch.float64)
    bits = dec_bits(x.abs().max().item())
    back = quantise(x, bits).double() / 2.0**bits
    saturated = x * 2.0**bits > 127.5
    assert ((back - x).abs() <= 0.5 / 2.0**bits)[~saturated].all()
    assert (back[saturated] == 127 / 2.0**bits).all()


@given(st.lists(st.integers(-(2**30), 2**30), min_size=1), st.integers(0, 24), st.integers(1, 60))
def test_shifts_and_means_round_halves_up_and_saturate(sums, shift, count):
    x = torch.tensor(sums)
    assert shifted(x, shift).tolist() == [saturate(math.floor(s / 2**shift + (0.5 if shift else 0))) for s in sums]
    small = x % 4001 - 2000
    assert average(small, count, 3).tolist() == [saturate((16 * s + count) // (2 * count)) for s in small.tolist()]


def saturate(x: int) -> int:
    return min(max(x, -128), 127)


@pytest.mark.parametrize("groups", [1, 4])
def test_sums_are_those_of_cmsis_nn(groups):
    """Beside its reference kernels for processors without DSP, written out: x is frequency, y is time."""
    torch.manual_seed(0)
    conv = Conv(4, 4, (3, 2), (1, 2), groups=groups, frequency_padding="same", norm=True).eval()
    layer, x = Weighted(conv, 3, 2), integers(1, 6, 9, 4)
    ours = layer.windows(x)[0]
    weight, below = layer.weight.tolist(), layer.frequency_pads(9)[0]
    for (y, f, o), number in np.ndenumerate(ours.numpy()):
        total = (layer.bias[o].item() << layer.bias_lshift) + ((1 << layer.out_rshift) >> 1)
        for m in range(3):
            for n in range(2):
                column = f * 2 + n - below
                if 0 <= column < 9:
                    for c in range(4 if groups == 1 else 1):
                        channel = c if groups == 1 else o
                        total += x[0, y + m, column, channel].item() * weight[o][c][m][n]
        assert number == saturate(total >> layer.out_rshift)


@pytest.mark.parametrize("chunks", [[1], [2, 1, 3]])
def test_whole_is_streamed_exactly(net, found, chunks):
    assert found.network.timing == net.timing
    check_steps(found.network, integers(2, 180, 1, INPUTS), chunks, rtol=0, atol=0)


def test_states_are_int8_and_silence_is_zero(found):
    state = flatten(found.network.step(integers(1, found.network.timing.stride, 1, INPUTS))[1])
    assert state and all(tensor.dtype == torch.int8 for tensor in state.values())


def test_the_fixed_network_is_the_float_one_nearly(net, found):
    x = 10 * torch.randn(20, 49, 1, INPUTS)
    with torch.no_grad():
        wanted = net(x)
    ours = found.network(quantise(x, found.formats[FEATURES])).double() / 2.0**found.dec_bits
    assert (ours - wanted).square().mean() < 0.01 * wanted.square().mean()


def test_the_search_spends_no_bits_on_what_changes_nothing():
    torch.manual_seed(0)
    net = DNN(frames=4, inputs=INPUTS, labels=LABELS, **HELLO_EDGE_DNN).eval()
    with torch.no_grad():
        net.dense1.weight[:, 0] = 0  # of the first feature of the first frame
    features = torch.randn(100, 4, 1, INPUTS)
    features[:, 0, 0, 0] = 100
    first, found = formats(largest(net, features)), search(net, features)
    assert first[FEATURES] == 0
    assert found.formats[FEATURES] >= 3
    assert found.after < found.before / 4


def test_sums_that_may_pass_32_bits_are_refused_and_others_hold():
    def dense(inputs: int) -> Weighted:
        net = Sequential(dense=nn.Linear(inputs, 1, bias=False))
        nn.init.constant_(net.dense.weight, 0.99)
        return fixed(net, {FEATURES: 7, "dense": 0}, inputs).dense

    holds = dense(132_000)
    assert 128 * 127 * 132_000 <= holds.largest_sum() < 2**31
    assert holds(torch.full((1, 1, 1, 132_000), -128, dtype=torch.int8)).item() == -128
    with pytest.raises(UserError, match=r"layer dense: a sum may reach 2162.*32 bits"):
        dense(133_000)


def test_a_bias_that_32_bits_cannot_hold_beside_the_weights_is_refused():
    net = Sequential(dense=nn.Linear(2, 2))
    with torch.no_grad():
        net.dense.weight.fill_(1e-8)
        net.dense.bias.fill_(100)
    with pytest.raises(UserError, match="layer dense: a sum may reach"):
        fixed(net, {FEATURES: 7, "dense": 0}, 2)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (nn.ReLU6(), "layer wrong is ReLU6"),
        (Residual(nn.ReLU()), "layer wrong is Sum"),
        (Sequential(inner=nn.Tanh()), "layer wrong_inner is Tanh"),
        (Conv(4, 4, groups=2), "layer wrong has 2 groups of 4 channels"),
        (Conv(4, 8, groups=4), "layer wrong makes 8 channels of 4"),
    ],
)
def test_a_layer_without_fixed_point_is_named(layer, message):
    with pytest.raises(UserError, match=message) as error:
        largest(Sequential(first=nn.ReLU(), wrong=layer), torch.zeros(1, 5, 1, 4))
    assert "\n" not in str(error.value)
