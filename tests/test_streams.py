"""Streams with truth: the same by seed, with what was asked for, where the truth says."""

import csv
import tracemalloc
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import soundfile

from kwsstream import runs
from kwsstream.data.labels import UNKNOWN
from kwsstream.detection.material import Material, material
from kwsstream.detection.said import speech_of
from kwsstream.detection.streams import Recipe, write_stream
from kwsstream.detection.truth import Span, read_truth, write_truth
from kwsstream.errors import UserError

RATE_HZ = 16000
TWO = Recipe(minutes=2, seed=3)


@pytest.fixture(scope="module")
def tones_heard(trained):
    return material(runs.load(trained).data(), "testing")


def words(level=0.5):
    """A corpus of a keyword that is loud in its middle half second, and white background."""
    draw = np.random.default_rng(0)
    clips = np.zeros((2, RATE_HZ))
    clips[:, 4000:12000] = level * draw.standard_normal((2, 8000)).clip(-1, 1)
    noise = draw.normal(0, 3000, 20 * RATE_HZ).astype(np.int16)
    return Material((clips * 32767).astype(np.int16), ["yes", "house"], {"yes": [0]}, [1], [noise], RATE_HZ)


def test_a_stream_depends_on_its_seed_alone(tones_heard, tmp_path):
    for name, recipe in (("a", TWO), ("b", TWO), ("c", replace(TWO, seed=4))):
        write_stream(tones_heard, recipe, tmp_path / name)
    for file in ("stream.wav", "truth.csv", "labels.txt"):
        first, again, other = ((tmp_path / name / file).read_bytes() for name in "abc")
        assert first == again != other


def test_a_stream_holds_what_was_asked_for(tones_heard, tmp_path):
    spans = write_stream(tones_heard, replace(TWO, minutes=5), tmp_path)
    info = soundfile.info(tmp_path / "stream.wav")
    assert (info.samplerate, info.channels, info.subtype, info.frames) == (RATE_HZ, 1, "PCM_16", 5 * 60 * RATE_HZ)
    assert {span.label for span in spans} == {"yes", "no", "up", UNKNOWN}
    assert {span.note.split(":")[0] for span in spans} == {"yes", "no", "up", "other", "beginning", "backwards"}
    assert {span.note for span in spans if span.note.startswith("other")} == {"other: down"}
    keywords = sum(span.label != UNKNOWN for span in spans)
    assert 0.25 < keywords / len(spans) < 0.55
    gaps = [after.start - before.end for before, after in pairwise(spans)]
    assert min(gaps) > 0.2 * RATE_HZ and max(gaps) < 4.3 * RATE_HZ
    with (tmp_path / "truth.csv").open() as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["label", "start", "end"] and len(rows) == len(spans) + 1
    track = [line.split("\t") for line in (tmp_path / "labels.txt").read_text().splitlines()]
    assert [row[1:] for row in rows[1:]] == [line[:2] for line in track]
    read = read_truth(tmp_path / "truth.csv", info.frames, RATE_HZ, ["yes", "no", "up"])
    assert read == [span._replace(note="") for span in spans]


def test_words_lie_where_the_truth_says_at_the_levels_asked_for(tmp_path):
    recipe = replace(TWO, snr_db=20, level_db=-30, spread_db=3, keywords=100, unknown=0)
    spans = write_stream(words(), recipe, tmp_path)
    audio, _ = soundfile.read(tmp_path / "stream.wav")
    said = np.zeros(len(audio), bool)
    levels = []
    for span in spans:
        said[span.start : span.end] = True
        assert abs(span.end - span.start - 8000) < 700
        levels.append(10 * np.log10(np.square(audio[span.start : span.end]).mean()))
    assert -33.2 < min(levels) < -31.5 and -28.5 < max(levels) < -26.8
    near = np.convolve(said, np.ones(2001), "same") > 0  # faded margins
    assert 10 * np.log10(np.square(audio[~near]).mean()) == pytest.approx(-50, abs=0.5)


def test_a_stream_is_written_piece_by_piece(tmp_path):
    made_of = words()
    tracemalloc.start()
    write_stream(made_of, replace(TWO, minutes=10), tmp_path)
    assert tracemalloc.get_traced_memory()[1] < 12e6  # ten minutes of float32 are 38 MB
    tracemalloc.stop()


def test_speech_is_found_in_a_clip():
    assert speech_of(words().audio[0], RATE_HZ) == (3840, 12160)
    assert speech_of(np.zeros(1000, np.int16), RATE_HZ) == (0, 1000)


def test_a_corpus_without_background_gets_pink_noise(trained, tmp_path):
    run = runs.load(trained)
    data = run.data()
    root, data.given_root = data.given_root, tmp_path
    try:
        assert len(material(data, "testing").backgrounds) == 1
    finally:
        data.given_root = root


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"minutes": 0}, "minutes 0: expected 0.1 to 1440"),
        ({"minutes": float("nan")}, "minutes nan"),
        ({"snr_db": 200}, "snr-db 200: expected -30 to 100"),
        ({"gap_s": (4.0, 1.0)}, "gap-s 4: expected 0 to 1"),
        ({"keywords": 70, "unknown": 40}, "unknown 40: expected 0 to 30"),
        ({"seed": -1}, "seed -1"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused(change, message):
    with pytest.raises(UserError, match=message):
        replace(TWO, **change)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "starts with '': expected the columns label,start,end"),
        ("word,from,to\n", "starts with 'word,from,to'"),
        ("label,start,end\nyes,1\n", "line 2: 'yes,1' is not label,start,end in seconds"),
        ("label,start,end\nyes,1,x\n", "line 2: 'yes,1,x' is not"),
        ("label,start,end\nyes,1,nan\n", "line 2: 'yes,1,nan' is not"),
        ("label,start,end\nyes,1,2\nyes,59,61\n", "line 3: 59 to 61 s is no part of a stream of 60 s"),
        ("label,start,end\nyes,2,1\n", "line 2: 2 to 1 s is no part"),
        ("label,start,end\nhouse,1,2\n", "line 2: label 'house' is unknown to the model: expected one of _silence_"),
    ],
)
def test_a_truth_that_does_not_fit_is_refused(text, message, tmp_path):
    (tmp_path / "truth.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        read_truth(tmp_path / "truth.csv", 60 * RATE_HZ, RATE_HZ, ["yes", "no"])


def test_times_in_truth_are_exact_to_the_sample(tmp_path):
    spans = [Span("yes", start, start + 1) for start in range(0, 44100 * 3600, 44100 * 600 + 7)]
    write_truth(tmp_path / "truth.csv", spans, 44100)
    assert read_truth(tmp_path / "truth.csv", 44100 * 3600, 44100, ["yes"]) == spans
