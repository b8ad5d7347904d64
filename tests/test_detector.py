"""The detector: what fires, and when; however the stream is cut; in Python and in C."""

import ctypes
import re
import shutil
import subprocess
from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kwsstream.detector import Detector, Parameters, default_parameters
from kwsstream.errors import UserError

LABELS = ["_silence_", "_unknown_", "yes", "no", "up"]
HOP, RATE_HZ = 320, 16000
PLAIN = Parameters({"yes": 0.5, "no": 0.5}, window_ms=0, minimum_count=1, refractory_ms=0, hysteresis=0.2)


def detector(parameters=PLAIN):
    return Detector(parameters, LABELS, HOP, RATE_HZ)


def posteriors(**scores):
    """Scores by label, one a step."""
    rows = np.zeros((max(map(len, scores.values())), len(LABELS)), np.float32)
    for label, values in scores.items():
        rows[: len(values), LABELS.index(label)] = values
    return rows


def fired(parameters, **scores):
    """(label, step) of the detections."""
    found = detector(parameters).push(posteriors(**scores))
    return [(one.label, one.sample // HOP - 1) for one in found]


def test_a_word_fires_once_while_it_is_heard_and_again_when_it_is_said_again():
    assert fired(PLAIN, yes=[0, 0.9, 0.9, 0.9, 0, 0.9]) == [("yes", 1), ("yes", 5)]


def test_a_dip_that_stays_above_the_release_does_not_fire_again():
    assert fired(PLAIN, yes=[0.9, 0.41, 0.9]) == [("yes", 0)]
    assert fired(PLAIN, yes=[0.9, 0.39, 0.9]) == [("yes", 0), ("yes", 2)]


def test_threshold_and_release_themselves_are_above():
    half = np.float32(0.5)
    below, release = np.nextafter(half, np.float32(0)), half * (np.float32(1) - np.float32(0.2))
    assert fired(PLAIN, yes=[below, half]) == [("yes", 1)]
    assert fired(PLAIN, yes=[half, release, half]) == [("yes", 0)]
    assert fired(PLAIN, yes=[half, np.nextafter(release, np.float32(0)), half]) == [("yes", 0), ("yes", 2)]


def test_scores_are_averaged_after_silence():
    assert fired(replace(PLAIN, window_ms=80), yes=[1, 1, 0, 0, 0]) == [("yes", 1)]
    [one] = detector(replace(PLAIN, window_ms=80)).push(posteriors(yes=[0.9, 0.9, 0.7]))
    assert one.score == pytest.approx(2.5 / 4) and one.sample == 3 * HOP


def test_steps_have_to_follow_one_another():
    assert fired(replace(PLAIN, minimum_count=3), yes=[1, 1, 0.45, 1, 1, 1, 1]) == [("yes", 5)]


def test_another_word_waits_for_the_refractory_time():
    assert fired(replace(PLAIN, refractory_ms=100), yes=[1, 1, 0, 0, 0, 0, 0], no=[0, 0, 1, 1, 1, 1, 1]) == [
        ("yes", 0), ("no", 5),
    ]  # fmt: skip
    assert fired(replace(PLAIN, refractory_ms=100), yes=[1], no=[0, 0, 1, 1, 0, 0, 0]) == [("yes", 0)]


def test_the_largest_fires_and_of_equals_the_first():
    assert fired(PLAIN, yes=[0.6], no=[0.7]) == [("no", 0)]
    assert fired(PLAIN, yes=[0.6], no=[0.6]) == [("yes", 0)]
    assert fired(PLAIN, yes=[0.6, 0.6], no=[0.7, 0.6]) == [("no", 0), ("yes", 1)]


def test_only_labels_with_a_threshold_fire():
    assert set(default_parameters(LABELS).thresholds) == {"yes", "no", "up"}
    assert fired(PLAIN, up=[1], _unknown_=[1], _silence_=[1]) == []


def test_not_a_number_fires_nothing_and_is_forgotten_with_its_window():
    assert fired(replace(PLAIN, window_ms=40), yes=[np.nan, 1, 1]) == [("yes", 2)]


@st.composite
def parameters(draw):
    level = st.floats(0.05, 1)
    return Parameters(
        draw(st.dictionaries(st.sampled_from(LABELS), level, min_size=1)),
        window_ms=draw(st.sampled_from([0, 20, 60, 140])),
        minimum_count=draw(st.integers(1, 4)),
        refractory_ms=draw(st.sampled_from([0, 40, 200])),
        hysteresis=draw(st.sampled_from([0, 0.1, 0.2, 0.5])),
    )


def random_posteriors(seed, count=300):
    """Words that come and go, on a coarse grid, so that scores meet each other and the thresholds."""
    draw = np.random.default_rng(seed)
    logits = np.repeat(draw.normal(0, 3, (-(-count // 5), len(LABELS))), 5, axis=0)[:count]
    scores = np.exp(logits + draw.normal(0, 0.5, logits.shape))
    scores /= scores.sum(1, keepdims=True)
    return (np.rint(scores * 20) / 20 if seed % 2 else scores).astype(np.float32)


@given(parameters(), st.integers(0, 999), st.lists(st.integers(0, 300), max_size=12))
@settings(deadline=None)
def test_a_stream_may_be_cut_anywhere(parameters, seed, cuts):
    scores = random_posteriors(seed)
    whole = detector(parameters)
    expected = whole.push(scores)
    pieces = detector(parameters)
    assert [one for part in np.split(scores, sorted(cuts)) for one in pieces.push(part)] == expected
    pieces.reset()
    assert [one for row in scores for one in pieces.push(row[None])] == expected
    gaps = np.diff([one.sample for one in expected])
    assert (gaps >= whole.refractory * HOP).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"thresholds": {"yes": 0.0}}, "thresholds.yes=0.0: expected 1e-06 to 1"),
        ({"thresholds": {"yes": float("nan")}}, "thresholds.yes=nan"),
        ({"window_ms": -1}, "window_ms=-1: expected 0 to"),
        ({"minimum_count": 0}, "minimum_count=0"),
        ({"refractory_ms": -1}, "refractory_ms=-1"),
        ({"hysteresis": 1}, "hysteresis=1: expected 0 to 0.99"),
        ({"thresholds": {"house": 0.5}}, "thresholds name house: expected labels of _silence_"),
        ({"thresholds": {}}, "no detection is possible: no label of .* has a threshold"),
    ],
)
def test_what_cannot_be_is_refused(change, message):
    with pytest.raises((UserError, ValueError), match=message):
        detector(replace(PLAIN, **change))


@pytest.mark.parametrize("scores", [np.zeros((3, 4), np.float32), np.zeros((3, 5)), np.zeros(5, np.float32)])
def test_scores_of_another_form_are_refused(scores):
    with pytest.raises(UserError, match=re.escape("expected float32 (steps, 5)")):
        detector().push(scores)


C_SOURCE = """
#include "detector.h"
int run(int labels, int window, int minimum_count, int refractory, int hop, float hysteresis, const float *threshold,
        float *release, float *past, int *state, const float *scores, int steps,
        int *label, float *score, long long *sample) {
    kws_detector d = {labels, window, minimum_count, refractory, hop, threshold, release, past,
                      (kws_label_state *)state, 7, 7, 7};
    int fired = 0;
    kws_detector_release(&d, hysteresis);
    kws_detector_reset(&d);
    for (int t = 0; t < steps; t++) {
        label[fired] = kws_detector_step(&d, scores + t * labels, &score[fired]);
        sample[fired] = d.sample;
        fired += label[fired] >= 0;
    }
    return fired;
}
"""


@pytest.fixture(scope="module")
def in_c(tmp_path_factory):
    """The detector in C: parameters and scores to (label, score, sample) of each detection."""
    if not shutil.which("gcc"):
        pytest.skip("there is no gcc to compile the header with")
    folder = tmp_path_factory.mktemp("c")
    (folder / "run.c").write_text(C_SOURCE)
    flags = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off", "-shared", "-fPIC"]
    command = ["gcc", *flags, f"-I{files('kwsstream') / 'c'}", folder / "run.c", "-o", folder / "run.so"]
    subprocess.run(command, check=True)
    library = ctypes.CDLL(str(folder / "run.so"))

    def run(parameters, scores):
        ours, width = detector(parameters), len(LABELS)
        threshold = np.array([parameters.thresholds.get(label, 0) for label in LABELS], np.float32)
        release, past = np.full(width, 7, np.float32), np.full(ours.window * width, 7, np.float32)
        state, label = np.full(2 * width, 7, np.int32), np.zeros(len(scores) + 1, np.int32)
        score, sample = np.zeros(len(scores) + 1, np.float32), np.zeros(len(scores) + 1, np.int64)
        numbers = [width, ours.window, parameters.minimum_count, ours.refractory, HOP]
        arrays = [array.ctypes.data_as(ctypes.c_void_p) for array in (threshold, release, past, state, scores)]
        results = [array.ctypes.data_as(ctypes.c_void_p) for array in (label, score, sample)]
        hysteresis = ctypes.c_float(parameters.hysteresis)
        count = library.run(*numbers, hysteresis, *arrays, len(scores), *results)
        names = [LABELS[i] for i in label[:count]]
        return list(zip(names, score[:count].tolist(), sample[:count].tolist(), strict=True))

    return run


@given(parameters(), st.integers(0, 999))
@settings(deadline=None)
def test_c_is_equal_bit_for_bit(in_c, parameters, seed):
    scores = random_posteriors(seed)
    assert in_c(parameters, scores) == [tuple(one) for one in detector(parameters).push(scores)]


def test_c_is_equal_over_an_hour(in_c):
    parameters = Parameters({"yes": 0.7, "no": 0.6, "up": 0.3})
    scores = random_posteriors(4, 180_000)
    expected = [tuple(one) for one in detector(parameters).push(scores)]
    assert len(expected) > 1000
    assert in_c(parameters, scores) == expected
