import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kwsstream.data.augment import Augment, warp
from kwsstream.data.backgrounds import Backgrounds
from kwsstream.data.spec_augment import Cutout, SpecAugment

SAMPLES = 4000
OFF = {"resample": 0, "volume": 0, "time_shift_ms": 0, "background_volume": 0}


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


def clips(count=23):
    return (torch.randn(count, SAMPLES, generator=draws(1)) * 3000).to(torch.int16)


def backgrounds():
    return Backgrounds(torch.arange(10000, dtype=torch.int16), torch.tensor([6000, 4000]))


def augment(audio=None, silence=None, seed=0, **given):
    layer = Augment(SAMPLES, backgrounds(), sample_rate_hz=16000, **OFF | given)
    audio = clips() if audio is None else audio
    silence = torch.zeros(len(audio), dtype=torch.bool) if silence is None else silence
    return layer(audio, silence, draws(seed))


def test_nothing_asked_for_changes_nothing():
    assert torch.equal(augment(), clips().float() / 32768)


def test_the_same_draws_give_the_same_batch_in_parts_of_any_size(monkeypatch):
    given = {"resample": 0.15, "volume": 0.3, "time_shift_ms": 50, "background_volume": 0.1}
    whole = augment(**given)
    assert torch.equal(augment(**given), whole)
    assert not torch.equal(augment(seed=1, **given), whole)
    monkeypatch.setattr("kwsstream.data.augment.SAMPLES_AT_ONCE", 3 * 16000)
    assert torch.equal(augment(**given), whole)


def test_shift_moves_by_whole_samples_and_fills_with_silence():
    original, shifted = clips().float() / 32768, augment(time_shift_ms=50)
    shifts = set()
    for before, after in zip(original, shifted, strict=True):
        (by,) = [
            s for s in range(-800, 800)
            if torch.equal(after[max(s, 0) : SAMPLES + min(s, 0)], before[max(-s, 0) : SAMPLES - max(s, 0)])
        ]  # fmt: skip
        assert not after[: max(by, 0)].any() and not after[SAMPLES + min(by, 0) :].any()
        shifts.add(by)
    assert len(shifts) > 15 and min(shifts) < -400 and max(shifts) > 400


@settings(deadline=None)
@given(st.floats(0.8, 1.2), st.integers(-500, 500))
def test_warp_is_linear_interpolation_about_the_middle(factor, shift):
    t = torch.arange(SAMPLES, dtype=torch.float64)
    position = (t - shift - (SAMPLES - 1) / 2) / factor + (SAMPLES - 1) / 2
    ramp = torch.arange(SAMPLES, dtype=torch.int16)[None]
    found = warp(ramp, torch.tensor([factor]), torch.tensor([float(shift)]))[0].double()
    inside = (position > 0.01) & (position < SAMPLES - 1.01) & (t >= shift) & (t <= SAMPLES - 1 + shift)
    torch.testing.assert_close(found[inside], position[inside], atol=0.01, rtol=0)
    outside = (position < -0.01) | (position > SAMPLES - 0.99) | (t < shift) | (t > SAMPLES - 1 + shift)
    assert not found[outside].any()


def test_resampling_stretches_by_the_factors_allowed():
    pulse = torch.zeros(200, SAMPLES, dtype=torch.int16)
    pulse[:, 1000:1010] = 20000  # 1000 samples before the middle
    found = augment(pulse, resample=0.2)
    places = (found * torch.arange(SAMPLES)).sum(1) / found.sum(1)
    factors = (1999.5 - places) / (1999.5 - 1004.5)
    assert 0.79 < factors.min() < 0.83 and 1.17 < factors.max() < 1.21


def test_volume_scales_within_its_bounds():
    ratios = (augment(volume=0.5) / (clips().float() / 32768)).nanmedian(1).values
    assert 0.5 <= ratios.min() < 0.7 and 1.3 < ratios.max() <= 1.5


def test_background_pieces_come_from_one_recording_at_the_levels_allowed():
    silence = torch.ones(400, dtype=torch.bool)
    audio = torch.full((400, SAMPLES), 9999, dtype=torch.int16)
    found = augment(audio, silence, background_volume=0.5, background_frequency=0.75) * 32768
    heard = found.any(1)
    assert 0.65 < heard.float().mean() < 0.85
    assert 0.45 < (found.diff(dim=1).mean(1).max()) <= 0.5, "the recordings are ramps: their slope is the level"
    starts = ((SAMPLES - 1) / (found[heard][:, -1] / found[heard][:, 0] - 1)).round()
    assert (starts <= 2000).any() and (starts == 6000).any()
    assert ((starts <= 2000) | (starts == 6000)).all(), "a piece lies within one recording"


def test_sums_are_clipped():
    loud = torch.full((50, SAMPLES), 32767, dtype=torch.int16)
    assert augment(loud, volume=0.9).max() == 1


def test_no_recordings_are_needed_without_background():
    layer = Augment(SAMPLES, None, sample_rate_hz=16000, background_volume=0.0)
    assert layer(clips(), torch.zeros(23, dtype=torch.bool), draws()).shape == (23, SAMPLES)


def test_spec_augment_masks_the_whole_batch_alike():
    layer, x = (
        SpecAugment(time_masks=1, time_mask_frames=10, frequency_masks=1, frequency_mask_bins=5),
        torch.ones(4, 49, 20),
    )
    widths = []
    for seed in range(60):
        found = layer(x, draws(seed))
        assert (found == found[:1]).all()
        frames, bins = (found[0] == 0).all(1).sum().item(), (found[0] == 0).all(0).sum().item()
        widths.append((frames, bins))
        assert frames < 10 and bins < 5
        assert (found[0] == 0).sum() == frames * 20 + bins * 49 - frames * bins
    assert len(set(widths)) > 15
    assert torch.equal(layer.eval()(x, draws()), x)


def test_cutout_masks_each_clip_on_its_own():
    layer, x = Cutout(masks=1, time_frames=10, frequency_bins=5), torch.ones(50, 49, 20)
    found = layer(x, draws())
    assert ((found == 0).sum((1, 2)) == 50).all()
    assert len({tuple(torch.nonzero(clip == 0)[0].tolist()) for clip in found}) > 30
    assert torch.equal(layer.eval()(x, draws()), x)


@pytest.mark.parametrize("size", [1, 3])
def test_masks_larger_than_the_features_still_fit(size):
    x = torch.ones(2, size, size)
    assert SpecAugment()(x, draws()).shape == Cutout()(x, draws()).shape == x.shape
