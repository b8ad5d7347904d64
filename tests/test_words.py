"""Words of one's own: the corpus that the command makes, what it refuses, and the walk through the README with it."""

import hashlib
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kwsstream import config as configs
from kwsstream import words
from kwsstream.data.phrases import Recipe
from kwsstream.data.recordings import read_recordings, write_recordings
from kwsstream.data.split import PARTITIONS
from kwsstream.errors import UserError
from kwsstream.runs import speech_data

ROOT = Path(__file__).parents[1]
FEW = ["--clips", "8", "--voices", "5", "--made-up", "4"]
LONG = "please turn the lights off"
RATE = 16000


def run(*arguments, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["words", *map(str, arguments)])
    words.main()


def digest(root):
    return {str(p.relative_to(root)): hashlib.sha1(p.read_bytes()).hexdigest() for p in sorted(root.rglob("*.wav"))}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A corpus of a short and a long phrase."""
    out = tmp_path_factory.mktemp("words") / "mine"
    words.make(out, Recipe(("go", LONG), clips=8, voices=5, made_up=4), [])
    return out


def test_the_corpus_trains_as_it_is(made):
    data = speech_data(configs.read(made / "config.yaml"))
    data.prepare_data()
    data.setup()
    assert data.labels == ["_silence_", "_unknown_", "go", LONG]
    counts = {name: np.bincount(data.partition(name).labels, minlength=4) for name in PARTITIONS}
    clips = words.clips_in(made)
    for name in PARTITIONS:
        assert counts[name][2:].tolist() == [clips["go"][name], clips[LONG][name]] and counts[name].min() > 0
    assert counts["training"][1] == sum(count["training"] for word, count in clips.items() if "unknown" in word)
    assert sum(map(sum, (count.values() for count in clips.values()))) == 2 * 8 * (4.5 + 6.5)
    speakers = [{p.name.split("_")[0] for p in (made / name).rglob("*.wav")} for name in PARTITIONS]
    assert not speakers[0] & speakers[1] and not speakers[0] & speakers[2] and not speakers[1] & speakers[2]
    assert [sum("madeup" in name for name in names) for names in speakers] == [4, 0, 0]
    assert len(data.backgrounds.lengths) == 5


def test_no_phrase_is_cut(made):
    clip_ms = configs.read(made / "config.yaml").data.clip_ms
    assert 1000 < clip_ms <= 3000
    for path in made.glob(f"*/{LONG}/*.wav"):
        audio, rate = soundfile.read(path)
        assert len(audio) == clip_ms * rate // 1000
        ends = np.abs(np.concatenate([audio[:80], audio[-80:]])).max()
        assert ends < 0.1 * np.abs(audio).max(), path


def test_a_phrase_ends_soon_before_its_clip(made):
    for path in [*made.glob("*/go/*.wav"), *made.glob(f"*/{LONG}/*.wav")]:
        audio, rate = soundfile.read(path)
        loud = np.flatnonzero(np.abs(audio) > 0.1 * np.abs(audio).max())
        assert 0.1 < len(audio) / rate - loud[-1] / rate < 0.6, path


def test_the_same_seed_gives_the_same_bytes_also_after_a_stop(made, tmp_path):
    files, recipe = digest(made), Recipe(("go", LONG), clips=8, voices=5, made_up=4)
    again = tmp_path / "again"
    words.make(again, recipe, [])
    assert digest(again) == files
    for path in list(files)[::3]:
        (again / path).unlink()
    manifest = json.loads((again / "corpus.json").read_text())
    (again / "corpus.json").write_text(json.dumps(manifest | {"complete": False}))
    words.make(again, recipe, [])
    assert digest(again) == files
    (again / "config.yaml").write_text("# edited")
    words.make(again, recipe, [])
    assert (again / "config.yaml").read_text() == "# edited", "what is complete is left alone"
    with pytest.raises(UserError, match="holds another corpus"):
        words.make(again, Recipe(("go", LONG), clips=8, voices=5, made_up=4, seed=1), [])


def noise(path, speech_s, silence_s=0.5, rate=RATE):
    path.parent.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(0)
    quiet = 1e-4 * draw.standard_normal(int(silence_s * rate))
    soundfile.write(path, np.concatenate([quiet, 0.2 * draw.standard_normal(int(speech_s * rate)), quiet]), rate)


def test_recordings_are_shared_out_by_speaker_and_cut_around_the_speech(tmp_path):
    for speaker in ("ann", "ben", "eve", "kim"):
        noise(tmp_path / "own" / "Hey Robot" / f"{speaker}_1.wav", 0.6)
        noise(tmp_path / "own" / "_unknown_" / f"{speaker}_1.flac", 0.3, silence_s=0.1, rate=8000)
    noise(tmp_path / "own" / "hey robot" / "long_1.wav", 4.0)
    soundfile.write(tmp_path / "own" / "hey robot" / "silent_1.wav", np.zeros(RATE), RATE)
    (tmp_path / "own" / "hey robot" / "broken_1.wav").write_bytes(b"RIFF")
    with pytest.warns(UserWarning, match="3 files") as caught:
        found = read_recordings(tmp_path / "own", ["hey robot"])
    text = str(caught[0].message)
    assert "broken_1.wav (unreadable" in text and "4.0 s of speech" in text and "(silent)" in text
    write_recordings(tmp_path / "out", found, 14400)
    assert {name: len(list((tmp_path / "out" / name).rglob("*.wav"))) for name in PARTITIONS} == {
        "training": 4, "validation": 2, "testing": 2
    }  # fmt: skip
    for path in (tmp_path / "out").rglob("*.wav"):
        clip, _ = soundfile.read(path)
        loud = np.flatnonzero(np.abs(clip) > 0.05)
        length = 9600 if "hey robot" in str(path) else 4800
        assert len(clip) == 14400 and abs(loud[-1] - 10400) < 400 and abs(loud[-1] - loud[0] - length) < 400
        assert np.abs(clip).min() < 1e-4 and clip[:80].any() and clip[-80:].any(), "noise, not zeros, at the ends"


def test_recordings_of_one_speaker_train(tmp_path):
    noise(tmp_path / "own" / "go" / "first.wav", 0.4)
    noise(tmp_path / "own" / "go" / "second.wav", 0.5)
    write_recordings(tmp_path / "out", read_recordings(tmp_path / "own", ["go"]), RATE)
    assert len(list((tmp_path / "out" / "training" / "go").iterdir())) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["hey", "--language", "xx"], "speaks no language 'xx'"),
        ([" "], "a phrase is empty"),
        (["hey", "Hey"], "holds 'hey' twice"),
        (["../up"], "expected a folder's name"),
        (["hey", "--clips", "3"], "clips 3: expected 8 to"),
        (["hey", "--voices", "400"], "voices 400: expected 5 to"),
        (["hey", "--made-up", "-1"], "made-up -1: expected 0 to"),
        (["hey", "--seed", "-1"], "seed -1: expected 0 to"),
        (["one two three four five six seven eight nine ten eleven", *FEW], "expected at most 2650"),
        (["hey", "--vocabulary", "absent.txt"], "vocabulary absent.txt cannot be read"),
        (["hey", "--recordings", "absent"], "recordings absent is no folder"),
        (["hey", "--recordings", "typo"], "no phrase is called 'hay'"),
        (["hey", "--recordings", "bare"], "no usable recording in bare"),
        (["hey", "--out", "typo"], "is not empty and no corpus"),
        (["hey", "--out", "file", *FEW], "is not empty and no corpus"),
        (["hey", "--out", "file/mine", *FEW], "cannot write"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    noise(Path("typo/hay/ann_1.wav"), 0.4)
    Path("bare/hey").mkdir(parents=True)
    Path("file").write_text("")
    with pytest.raises(UserError, match=message) as caught:
        run("--out", "mine", *arguments, monkeypatch=monkeypatch)
    assert "\n" not in str(caught.value)
    assert not Path("mine").exists()


@pytest.mark.parametrize("exporter", ["to_onnx", pytest.param("to_tflite", marks=pytest.mark.slow)])
def test_the_walk_through_ends_in_a_proven_file(exporter, tmp_path):
    """The commands of the README in their order, with few voices and updates; to ONNX, which is the quicker one."""
    pytest.importorskip("onnx2tf", reason="the export extra is not installed")
    lines = re.findall(r"^python .*data/mine.*$", (ROOT / "README.md").read_text(), re.MULTILINE)
    few = {
        "words": FEW,
        "fit": ["training.updates=[4]", "training.validate_every=2", "data.batch_size=8"],
        "to_tflite": ["--precision", "float32"],
    }
    assert [next(name for name in few if name in line.split("data/mine")[0]) for line in lines] == list(few)
    for line, more in zip(lines, few.values(), strict=True):
        line = line.replace("export/to_tflite", f"{ROOT}/export/{exporter}")
        done = subprocess.run(
            [sys.executable, *shlex.split(line)[1:], *more], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    suffix = exporter.replace("to_", ".")
    (manifest,) = (tmp_path / "data/mine/run/export").glob(f"*_float32{suffix}.json")
    assert json.loads(manifest.read_text())["labels"] == ["_silence_", "_unknown_", "hey robot", "lights off"]
