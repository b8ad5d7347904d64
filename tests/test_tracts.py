"""Made-up voices: what is drawn, and that espeak-ng speaks with it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kwsstream.data import espeak
from kwsstream.data.espeak import Utterance
from kwsstream.data.speech import RATE_HZ, speech_16_khz
from kwsstream.data.tracts import tract

FORMANTS = [f"formant {n}" for n in range(9)]


def said(*tracts):
    return speech_16_khz([Utterance("en-us", "[[m'A:m'A:]]", 130, 50, 50, one) for one in tracts])


def fundamental_hz(audio):
    """By the highest peak of the autocorrelation between 50 and 500 Hz, of the loudest half second."""
    power = np.convolve(audio**2, np.ones(RATE_HZ // 4), "valid")
    part = audio[power.argmax() :][: RATE_HZ // 4]
    lags = np.correlate(part, part, "full")[len(part) - 1 :]
    shortest = RATE_HZ // 500
    return RATE_HZ / (shortest + lags[shortest : RATE_HZ // 50].argmax())


def resonance_hz(audio):
    """Where the power between 300 and 1500 Hz is on average."""
    power = np.abs(np.fft.rfft(audio)) ** 2
    hz = np.fft.rfftfreq(len(audio), 1 / RATE_HZ)
    band = (hz > 300) & (hz < 1500)
    return (power[band] * hz[band]).sum() / power[band].sum()


@given(st.integers(0, 2**31))
def test_every_seed_draws_a_throat_of_its_own(seed):
    text = tract(seed)
    assert text == tract(seed) != tract(seed + 1)
    formants = [line for line in text.splitlines() if line.startswith("formant")]
    assert [line.rsplit(" ", 3)[0] for line in formants] == FORMANTS
    assert all(65 < int(line.split()[2]) < 155 for line in formants)
    low, high = next(map(int, line.split()[1:]) for line in text.splitlines() if line.startswith("pitch"))
    assert 65 <= low < high <= 360


def test_espeak_speaks_with_the_pitch_and_the_resonances_of_a_tract():
    formants = "\n".join(f"{name} {{0}} 100 100" for name in FORMANTS[1:])
    low, high, short = said(
        f"pitch 70 80\n{formants.format(100)}",
        f"pitch 200 230\n{formants.format(100)}",
        f"pitch 70 80\n{formants.format(130)}",
    )
    assert 60 < fundamental_hz(low) < 95 and 180 < fundamental_hz(high) < 260
    assert resonance_hz(short) > 1.15 * resonance_hz(low)


def test_a_session_says_its_tracts_alike_each_time_and_beside_its_own_voices():
    wanted = [
        Utterance("en-us", "go", 150, 50, 50, tract(1)),
        Utterance("en-us+f3", "go", 150, 50, 50),
        Utterance("en-gb-scotland", "go", 150, 50, 50, tract(2)),
    ]
    first = espeak.session(wanted)
    assert first == espeak.session(wanted) and len(set(first)) == 3
    assert all(np.abs(np.frombuffer(samples, np.int16)).max() > 1000 for samples in first)
