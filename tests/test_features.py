import golden
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from law import check_receptive_field, check_steps, stream

from kwsstream.dft import Spectrum
from kwsstream.features import Features, Frame

IN_GRAPH = [
    "bc_resnet", "causal_pad", "dct10_stride40", "default", "hann_offest", "nodct", "op_sq", "preemph097", "sq",
    "tf_fft", "up7600", "w30s10_mel80_dct40",
]  # fmt: skip
# Not sines and chirp: their empty mel bands hold only float32 rounding, which the logarithm amplifies.
TOLERANCES = {"noise": 1e-4, "formants": 1e-4, "silence": 2e-4}


def compare(ours, theirs, names):
    assert ours.shape == theirs.shape
    for name, tolerance in TOLERANCES.items():
        i = list(names).index(name)
        assert np.abs(ours[i] - theirs[i]).max() <= tolerance * np.abs(theirs[i]).max(), name


@pytest.mark.parametrize("name", IN_GRAPH)
def test_equal_to_the_original_whole_and_streamed(name):
    numbers = golden.load("features", name)
    layer, audio = golden.front(numbers["flags"]), torch.from_numpy(numbers["waves"])[:, :, None, None]
    # the original's causal padding is one hop longer and starts with a frame of nothing but silence
    theirs = numbers["features"][:, 1:] if name == "causal_pad" else numbers["features"]
    compare(layer(audio).squeeze(2).numpy(), theirs, numbers["wave_names"])
    frames = [layer.step(audio[:, : layer.timing.stride])[0]]
    assert frames[0].shape[1] == 1
    steps, _ = layer.step(audio[:, : audio.shape[1] // layer.timing.stride * layer.timing.stride])
    compare(steps.squeeze(2).numpy(), numbers["features_stream"], numbers["wave_names"])


def test_equal_to_the_original_pipeline():
    numbers = golden.load("features", "pipeline_mfcc_fft_magnitude_squared_1")
    stored = np.round(numbers["waves"] * 32767).astype(np.float32) / 32768  # the pipeline read 16-bit WAV files
    features = golden.front(numbers["flags"])(torch.from_numpy(stored)[:, :, None, None])
    compare(features.squeeze(2).numpy(), numbers["features"], numbers["wave_names"])


@settings(deadline=None)
@given(st.integers(2, 1100), st.booleans())
def test_two_stages_and_the_fft_of_training_are_the_dft_for_any_window(window, power):
    layer, frames = Spectrum(window, power), torch.randn(3, 2, 1, window)
    whole = torch.fft.rfft(frames.double(), layer.size).abs()
    whole = whole**2 if power else whole
    assert set(layer.bins.tolist()) == set(range(layer.size // 2 + 1))
    for trains, expected in {True: whole, False: whole[..., layer.bins]}.items():
        found = layer.train(trains)(frames).double()
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5 * expected.max().item())


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.sampled_from(["valid", "causal"]), st.integers(1, 3))
def test_framing_keeps_the_law_for_any_window_and_hop(window, hop, padding, chunk):
    layer = Frame(max(window, hop), min(window, hop), padding)
    x = torch.randn(2, 7 * max(window, hop) + 5, 1, 1)
    check_steps(layer, x, [chunk])
    check_receptive_field(layer, x)
    expected = x.squeeze() if padding == "valid" else torch.nn.functional.pad(x.squeeze(), (layer.overlap, 0))
    assert torch.equal(layer(x).squeeze(2), expected.unfold(1, max(window, hop), min(window, hop)))


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"window_ms": 30, "hop_ms": 10, "mels": 80, "coefficients": 40},
        {"window_ms": 25, "hop_ms": 10, "preemphasis": 0.97, "coefficients": 0},
        {"window_ms": 32, "hop_ms": 32, "spectrum": "power", "filterbank": "op"},
        {"sample_rate_hz": 8000, "upper_hz": 3800, "log": False, "mean": 0.1, "deviation": 3},
        {"padding": "causal", "window": "hann_offset"},
    ],
)
def test_the_front_end_keeps_the_law(given):
    layer = Features(**given)
    x = torch.randn(1, 8 * layer.timing.receptive_field, 1, 1)
    check_steps(layer, x, [1], rtol=1e-4, atol=1e-4)
    check_steps(layer, x, [3, 2], rtol=1e-4, atol=1e-4)
    check_receptive_field(layer, x)
    assert stream(layer, x).shape[3] == layer.outputs
    torch.testing.assert_close(layer.train()(x), layer.eval()(x), rtol=1e-4, atol=1e-4)


def test_liftered_coefficients_are_those_of_htk():
    """Gains of the HTK book, 1 + L/2 sin(pi k / L), on the coefficients without them."""
    audio = torch.randn(2, 4000, 1, 1, generator=torch.Generator().manual_seed(0))
    plain, liftered = Features()(audio), Features(lifter=22)(audio)
    gains = liftered[0, 0, 0] / plain[0, 0, 0]
    torch.testing.assert_close(gains[[0, 11, 19]], torch.tensor([1.0, 12.0, 1 + 11 * np.sin(19 * np.pi / 22)]).float())
    torch.testing.assert_close(liftered, plain * gains, rtol=1e-4, atol=1e-4)


def test_normalised_features_are_shifted_and_scaled():
    x = torch.randn(1, 4000, 1, 1)
    torch.testing.assert_close(Features(mean=2.0, deviation=4.0)(x), (Features()(x) - 2) / 4)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"hop_ms": 50, "window_ms": 40}, "hop_ms 50 is larger than window_ms 40"),
        ({"upper_hz": 9000}, "upper_hz <= 8000"),
        ({"lower_hz": 7000, "upper_hz": 100}, "lower_hz < upper_hz"),
        ({"mels": 10, "coefficients": 20}, "more than the 10 mels"),
        ({"hop_ms": 0.01}, "less than one sample"),
        ({"lifter": 10}, "less than the 20 coefficients"),
    ],
)
def test_what_cannot_be_computed_says_why(given, message):
    with pytest.raises(ValueError, match=message):
        Features(**given)
