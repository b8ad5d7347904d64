"""The spoken corpus: its bytes, its voices, and where it is not written."""

import hashlib
import json
import warnings

import numpy as np
import pytest

from kwsstream.data import spoken
from kwsstream.data.module import SpeechData
from kwsstream.data.split import PARTITIONS
from kwsstream.errors import UserError


def spoken_data(**given):
    data = SpeechData(corpus="spoken", words="12", clips_per_word=12, **given)
    data.prepare_data()
    data.setup()
    return data


def voices(data, name):
    return {data.open().clips[row].path.split("/")[1].split("_")[0] for row in data.partition(name).rows if row >= 0}


def test_spoken_words_are_deterministic_resumable_and_split_by_voice(tmp_path, monkeypatch):
    def digest(root):
        return {p.relative_to(root): hashlib.sha1(p.read_bytes()).hexdigest() for p in root.rglob("*.wav")}

    monkeypatch.setenv("KWSSTREAM_CACHE", str(tmp_path / "a"))
    data = spoken_data()
    files = digest(data.root)
    assert len({path.parent.name for path in files} - {"_background_noise_"}) == 35
    assert len([path for path in files if path.parent.name == "yes"]) == 12
    heard = [voices(data, name) for name in PARTITIONS]
    assert all(heard) and not heard[0] & heard[1] and not heard[0] & heard[2] and not heard[1] & heard[2]
    for name in PARTITIONS:
        assert set(data.partition(name).labels.tolist()) == set(range(12))
    audio = data.partition("training").audio(~data.partition("training").silence)
    assert (np.abs(audio.astype(int)).max(1) > 2000).all(), "every clip is heard"
    assert len({clip.tobytes() for clip in audio}) == len(audio), "no two clips are the same"
    # killed in the middle: some files are gone and the manifest says so
    for path in list(files)[::3]:
        (data.root / path).unlink()
    manifest = json.loads((data.root / "corpus.json").read_text())
    (data.root / "corpus.json").write_text(json.dumps(manifest | {"complete": False}))
    spoken_data()
    assert digest(data.root) == files
    monkeypatch.setenv("KWSSTREAM_CACHE", str(tmp_path / "b"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        other = spoken_data()
    assert digest(other.root) == files
    assert digest(spoken_data(seed=1).root) != files


def test_speech_is_not_written_among_other_files(tmp_path):
    (tmp_path / "yes").mkdir()
    with pytest.raises(UserError, match=r"is not empty and no spoken corpus: give another folder as data\.root"):
        spoken.speak(tmp_path, ["yes"], 8)
    assert [path.name for path in tmp_path.iterdir()] == ["yes"]
    assert not list(tmp_path.parent.glob(f".{tmp_path.name}*")), "a lock is left behind"
