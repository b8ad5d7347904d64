"""The micro front end is the C library's, number for number, whole and streamed."""

import golden
import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from law import stream

from kwsstream.layers import Conv, Spread
from kwsstream.micro import Micro
from kwsstream.micro_numbers import FixedSpectrum, rounded_root
from kwsstream.streaming import Sequential, flatten

RATE = 16000


def sounds(seed=0):
    """Clips of a second, int16: what is loud, quiet, clipped, nearly digital silence, and changes."""
    draw, seconds = np.random.default_rng(seed), np.arange(RATE) / RATE
    clips = [
        3000 * draw.standard_normal(RATE),
        3 * draw.standard_normal(RATE),
        40000 * draw.standard_normal(RATE),
        20000 * np.sin(2 * np.pi * 1000 * seconds) * np.hanning(RATE),
        32768 * np.sign(np.sin(2 * np.pi * 440 * seconds)),
        draw.integers(-1, 2, RATE),
        np.full(RATE, -32768),
        np.zeros(RATE),
        np.where(seconds < 0.5, 0, 2000 * draw.standard_normal(RATE)),
    ]
    return np.stack(clips).round().clip(-32768, 32767).astype(np.int16)


def audio(clips):
    return torch.from_numpy(clips.astype(np.float32) / 32768)[:, :, None, None]


def library(clip, cuts=()):
    """A clip through the library, cut after so many hops: it takes no less than one. Frames as it gives them."""
    end, frames = pytest.importorskip("pymicro_features", reason="the micro extra is not installed").MicroFrontend(), []
    for chunk in np.split(clip, np.sort(cuts).astype(int) * 160):
        data = chunk.tobytes()
        while data:
            output = end.process_samples(data)
            data = data[2 * output.samples_read :]
            frames += [output.features] if output.features else []
    return np.array(frames, np.float32)


def test_equal_to_the_pipeline_of_the_original():
    numbers = golden.load("features", "pipeline_micro_micro_enable_pcan_1")
    flags = numbers["flags"]
    given = {
        "window_ms": flags["window_size_ms"],
        "hop_ms": flags["window_stride_ms"],
        "channels": flags["mel_num_bins"],
        "lower_hz": flags["mel_lower_edge_hertz"],
        "upper_hz": flags["mel_upper_edge_hertz"],
        "pcan": flags["micro_enable_pcan"],
        "min_signal_remaining": flags["micro_min_signal_remaining"],
        "out_scale": flags["micro_out_scale"],
        "features_scale": flags["micro_features_scale"],
    }
    stored = audio(np.round(numbers["waves"] * 32767))  # the pipeline read 16-bit WAV files
    ours = Micro(**given, constants="float64")(stored).squeeze(2).numpy()
    np.testing.assert_array_equal(ours, numbers["features"])
    ours = Micro(**given)(stored).squeeze(2).numpy()  # with the constants of devices, on all but empty channels
    heard = [list(numbers["wave_names"]).index(name) for name in ("noise", "silence", "formants")]
    largest = np.abs(numbers["features"][heard]).max()
    assert np.abs(ours - numbers["features"])[heard].max() <= 0.01 * largest


@settings(deadline=None, max_examples=15)
@given(st.lists(st.integers(1, 99), max_size=30), st.lists(st.integers(1, 30), min_size=1), st.integers(0, 99))
def test_equal_to_the_library_of_devices_in_any_chunks(cuts, chunks, seed):
    clips = sounds(seed)
    layer = Micro()
    whole = layer(audio(clips)).squeeze(2).numpy()
    steps = stream(layer, audio(clips), chunks).squeeze(2).numpy()
    for clip, ours, streamed in zip(clips, whole, steps, strict=True):
        theirs = library(clip, cuts)
        np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_array_equal(streamed[layer.timing.delay :], theirs)
    assert (steps[:, : layer.timing.delay] == 0).all()


PARAMETERS = {
    "smoothing_bits": st.integers(6, 10),
    "even_smoothing": st.floats(0, 1),
    "odd_smoothing": st.floats(0, 1),
    "min_signal_remaining": st.floats(0, 1),
    "pcan_strength": st.floats(0.1, 2),
    "pcan_offset": st.floats(1, 300),
    "gain_bits": st.integers(19, 25),
    "scale_shift": st.integers(1, 8),
    "out_scale": st.integers(1, 5),
}


@pytest.mark.filterwarnings("ignore")
@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from([8000, 16000, 22050, 48000]),
    st.tuples(st.integers(4, 60), st.integers(1, 60)).map(lambda ms: (max(ms), min(ms))),
    st.integers(1, 80),
    st.sampled_from([0.0, 20.0, 125.0, 300.5]),
    st.sampled_from([2000.0, 3800.0, 3999.0]),
    st.booleans(),
    st.fixed_dictionaries({}, optional=PARAMETERS),
    st.floats(0, 4.6),
)
def test_equal_to_the_operator_of_tensorflow(rate, ms, channels, lower, upper, pcan, more, loudness):
    tensorflow = pytest.importorskip("tensorflow", reason="the export extra is not installed")
    micro = pytest.importorskip("tensorflow.lite.experimental.microfrontend.python.ops.audio_microfrontend_op")
    place = {"sample_rate_hz": rate, "channels": channels, "lower_hz": lower, "upper_hz": upper, "pcan": pcan}
    try:
        layer = Micro(window_ms=ms[0], hop_ms=ms[1], **place, features_scale=1.0, constants="float64", **more)
    except ValueError:
        assume(False)
    draw = np.random.default_rng(0)
    clip = (draw.standard_normal(8000) * 10**loudness).round().clip(-32768, 32767).astype(np.int16)
    theirs = micro.audio_microfrontend(
        tensorflow.constant(clip),
        sample_rate=rate,
        window_size=ms[0],
        window_step=ms[1],
        num_channels=channels,
        lower_band_limit=lower,
        upper_band_limit=upper,
        enable_pcan=pcan,
        out_type="float32",
        **more,
    )
    np.testing.assert_array_equal(layer(audio(clip[None]))[0].squeeze(1).numpy(), theirs.numpy())


@settings(deadline=None, max_examples=40)
@given(
    st.tuples(st.integers(4, 40), st.integers(1, 40)).map(lambda ms: (max(ms), min(ms))),
    st.sampled_from(["valid", "causal"]),
    st.lists(st.integers(1, 9), min_size=1),
    st.booleans(),
)
def test_steps_are_forward_in_any_chunks(ms, padding, chunks, pcan):
    layer = Micro(window_ms=ms[0], hop_ms=ms[1], padding=padding, channels=12, pcan=pcan)
    x = audio(sounds()[[0, 3, 8]])[:, 4000:12000]
    whole, steps = layer(x), stream(layer, x, chunks)
    assert whole.shape == (3, layer.timing.frames(x.shape[1]), 1, 12)
    assert torch.equal(steps[:, layer.timing.delay :], whole)
    assert torch.equal(layer(x[1:2]), whole[1:2]), "a clip depends on others of its batch"
    assert whole.amax() > 5


def test_a_model_behind_it_keeps_the_law():
    torch.manual_seed(0)
    convolutions = {"spread": Spread(), "one": Conv(1, 3, (4, 3), (2, 1), padding="valid"), "two": Conv(3, 2, (4, 2))}
    model = Sequential(front=Micro(), **convolutions).eval()
    x = audio(sounds()[:2])
    with torch.no_grad():
        whole, steps = model(x), stream(model, x, [1, 4])
    torch.testing.assert_close(steps[:, model.timing.delay + 3 :], whole[:, 3:], rtol=1e-4, atol=1e-4)


def test_the_state_is_explicit_and_starts_at_zero():
    layer, x = Micro(), audio(sounds()[:2])
    _, state = layer.step(x[:, :8000])
    assert set(state) == {"frame", "noise", "passed"}
    assert state["frame"].shape == (2, 320, 1, 1) and state["noise"].shape == (2, 1, 1, 40)
    before = {name: tensor.clone() for name, tensor in flatten(state).items()}
    first, again = layer.step(x[:, 8000:], state)[0], layer.step(x[:, 8000:], state)[0]
    assert torch.equal(first, again)
    assert all(torch.equal(tensor, before[name]) for name, tensor in flatten(state).items())
    zeros = {name: torch.zeros_like(tensor) for name, tensor in state.items()}
    assert torch.equal(layer.step(x, zeros)[0], layer.step(x)[0])


def test_noise_is_taken_off_and_loudness_levelled():
    """A second of steady noise ends quieter than it began; ten times the loudness is far from ten times the feature."""
    noise = sounds()[:1].repeat(3, axis=0).reshape(1, -1) // 10
    steady = Micro(pcan=False)(audio(noise))
    assert steady[:, -50:].mean() < steady[:, :5].mean() - 1
    quiet, loud = Micro()(audio(noise)), Micro()(audio(noise * 10))
    plain = Micro(pcan=False)(audio(noise * 10)) - steady
    assert (loud - quiet)[:, 20:].mean() < 0.5 * plain[:, 20:].mean()


@settings(deadline=None, max_examples=30)
@given(st.integers(3, 2000), st.integers(0, 99))
def test_the_transform_is_near_the_exact_one(window, seed):
    layer = FixedSpectrum(window)
    frames = np.hanning(window + 1)[:window] * np.random.default_rng(seed).integers(-32768, 32768, (5, window))
    frames = frames.astype(np.int32)
    exact = np.abs(np.fft.rfft(frames, layer.size)[:, 1:-1] / layer.size)
    ours = layer(torch.from_numpy(frames.T.copy())).double().sqrt().T.numpy()
    assert ours.shape == exact.shape
    assert np.abs(ours - exact).max() <= 4 + exact.max() / 1000


@settings(deadline=None)
@given(st.integers(0, 2**51))
def test_roots_are_rounded(number):
    root = rounded_root(torch.tensor([number]).double()).item()
    nearest = min(0xFFFF, round(number**0.5)) if number < 2**32 else round(number**0.5)
    assert root == nearest


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"hop_ms": 40}, "hop_ms 40: expected one sample to window_ms 30"),
        ({"hop_ms": 0.01}, "hop_ms 0.01: expected one sample"),
        ({"upper_hz": 8000}, "125 to 8000 Hz: expected lower_hz < upper_hz < 8000"),
        ({"lower_hz": 500, "upper_hz": 400}, "expected lower_hz < upper_hz"),
        ({"gain_bits": 12}, "gain_bits 12 and smoothing_bits 10: pcan .* needs 15 and 3"),
        ({"pcan_strength": 1.5, "pcan_offset": 1}, "does not fit in 16 bits: change one of them"),
    ],
)
def test_what_cannot_be_computed_says_why(given, message):
    with pytest.raises(ValueError, match=message):
        Micro(**given)
