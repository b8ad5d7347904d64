"""Detections judged by the truth of a stream: hits, misses, wrong words and false accepts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwsstream.detection.judge import Judge
from kwsstream.detection.truth import Span
from kwsstream.detector import Detection
from kwsstream.errors import UserError

SPANS = [Span("yes", 0, 100), Span("no", 150, 250), Span("_unknown_", 300, 400), Span("yes", 500, 600)]


def judged(*detections, truth=SPANS, words=("yes", "no"), tolerance_ms=50):
    judge = Judge(truth, words, 3_600_000, 1000, tolerance_ms)
    return judge([Detection(label, 1.0, sample) for label, sample in detections])


def test_detections_are_judged():
    found = judged(("yes", 120), ("yes", 140), ("yes", 151), ("no", 300), ("no", 301), ("no", 550), ("yes", 650))
    assert found.verdicts == ["hit", "false accept", "wrong word", "hit", "false accept", "wrong word", "hit"]
    assert found.delays == [20, 50, 50]
    assert (found.hits, found.misses, found.wrong, found.false_accepts) == (3, 0, 2, 2)
    assert found.false_accepts_per_hour == 2 and found.false_rejects == 0


def test_a_word_is_heard_from_its_start_until_the_tolerance_after_its_end():
    assert judged(("yes", 499)).verdicts == ["false accept"]
    assert judged(("yes", 500)).verdicts == judged(("yes", 650)).verdicts == ["hit"]
    assert judged(("yes", 651)).verdicts == ["false accept"]


def test_the_same_word_twice_is_two_hits():
    twice = [Span("yes", 0, 100), Span("yes", 120, 200)]
    assert judged(("yes", 90), ("yes", 190), truth=twice).delays == [-10, -10]
    assert judged(("yes", 130), ("yes", 190), truth=twice).verdicts == ["hit", "hit"]


def test_a_truth_without_keywords_is_refused():
    with pytest.raises(UserError, match="no keyword of yes, no"):
        judged(truth=SPANS[2:3])


@given(st.lists(st.tuples(st.sampled_from(["yes", "no"]), st.integers(0, 700)), max_size=20))
def test_every_detection_has_one_verdict_and_every_keyword_one_fate(detections):
    found = judged(*sorted(detections, key=lambda one: one[1]))
    assert len(found.verdicts) == len(detections) == found.hits + found.wrong + found.false_accepts
    assert 0 <= found.hits <= found.keywords == found.hits + found.misses == 3
