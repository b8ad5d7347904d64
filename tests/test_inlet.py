"""Audio on its way from a giver to a hearer: a bounded queue, what it drops, and resampling in pieces."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchaudio.functional import resample

from kwsstream.detection.inlet import WAITING, Inlet
from kwsstream.detection.resample import Resampler
from kwsstream.errors import UserError


def test_what_is_too_fast_for_a_live_inlet_is_dropped_and_counted():
    inlet = Inlet(live=True)
    for _ in range(WAITING + 3):
        inlet.give(np.zeros(10, np.float32))
    assert inlet.dropped == 30
    blocks = iter(inlet)
    assert next(blocks).dropped == 0
    inlet.give(np.zeros(10, np.float32))
    heard = [next(blocks).dropped for _ in range(WAITING)]
    assert heard == [0] * (WAITING - 1) + [30]


def test_another_inlet_makes_its_giver_wait_and_loses_nothing():
    inlet = Inlet(live=False)
    inlet.give_all(np.full(1, i, np.float32) for i in range(3 * WAITING))
    assert [block.audio[0] for block in inlet] == list(range(3 * WAITING)) and inlet.dropped == 0


def test_an_error_of_the_giver_reaches_the_hearer():
    def broken():
        yield np.zeros(1, np.float32)
        raise UserError("the disk is gone")

    inlet = Inlet(live=False)
    inlet.give_all(broken())
    with pytest.raises(UserError, match="the disk is gone"):
        list(inlet)


@given(
    st.sampled_from([(44100, 16000), (48000, 16000), (8000, 16000), (22050, 16000), (16000, 8000), (16000, 16000)]),
    st.integers(1, 5000),
    st.lists(st.integers(0, 5000), max_size=6),
)
@settings(deadline=None, max_examples=50)
def test_a_stream_is_resampled_as_the_whole(rates, samples, cuts):
    audio = np.random.default_rng(samples).standard_normal(samples).astype(np.float32)
    expected = resample(torch.from_numpy(audio), *rates).numpy()
    resampler = Resampler(*rates)
    parts = [resampler.push(part) for part in np.split(audio, sorted(cuts))]
    found = np.concatenate([*parts, resampler.flush()])
    assert found.shape == expected.shape and found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)
