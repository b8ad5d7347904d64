import hashlib
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from conftest import shared

from kwsstream.data.labels import WORDS_10, WORDS_35, label_names
from kwsstream.data.module import SpeechData
from kwsstream.data.split import PARTITIONS, hash_partition
from kwsstream.errors import UserError


def ready(**given):
    data = SpeechData(**{"corpus": "folder", "words": ["yes", "no", "up"]} | given)
    data.prepare_data()
    data.setup()
    return data


def write(path, samples=16000, rate=16000, channels=1, level=0.1):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = level * np.random.default_rng(0).standard_normal((samples, channels))
    soundfile.write(path, noise.clip(-1, 1), rate)


def speakers(data, name):
    return {data.open().clips[row].path.split("/")[1].split("_")[0] for row in data.partition(name).rows if row >= 0}


def test_labels_have_the_order_of_the_original():
    assert label_names("12") == ["_silence_", "_unknown_", *WORDS_10]
    assert label_names(35) == WORDS_35 and len(set(WORDS_35)) == 35
    assert label_names(["go", "stop"], unknown_percentage=0) == ["_silence_", "go", "stop"]


def test_the_hash_split_is_the_data_sets_own():
    # worked out by its published rule, and true of every version of the data set
    digest = int(hashlib.sha1(b"0a7c2a8d").hexdigest(), 16)
    percentage = digest % 2**27 * 100 / (2**27 - 1)
    expected = "validation" if percentage < 10 else "testing" if percentage < 20 else "training"
    assert hash_partition("0a7c2a8d_nohash_0.wav") == hash_partition("0a7c2a8d_nohash_7.flac") == expected
    shares = Counter(hash_partition(f"{i:08x}_nohash_0.wav") for i in range(4000))
    assert abs(shares["validation"] - 400) < 80 and abs(shares["testing"] - 400) < 80


def test_partitions_share_no_speaker_and_hold_their_shares(tones):
    data = ready(root=tones)
    heard = [speakers(data, name) for name in PARTITIONS]
    assert not heard[0] & heard[1] and not heard[0] & heard[2] and not heard[1] & heard[2]
    for name in PARTITIONS:
        count = Counter(data.partition(name).labels.tolist())
        keywords = count[2] + count[3] + count[4]
        assert count[0] == count[1] == -(-keywords // 10)
        assert not data.partition(name).audio(data.partition(name).silence).any()


def test_real_speech_has_the_counts_of_its_description():
    root = shared("data", "speech_commands")
    data = ready(corpus="speech_commands", root=root, words="12")
    store = data.open()
    assert store.audio.shape == (7767, 16000) and not store.skipped
    per_word = {name: Counter(data.partition(name).labels.tolist()) for name in PARTITIONS}
    for label in range(2, 12):
        assert per_word["testing"][label] == 40
        assert 50 <= per_word["validation"][label] <= 55
    samples, _ = soundfile.read(root / store.clips[5].path, dtype="int16")
    assert np.array_equal(store.audio[5, : len(samples)], samples[:16000])
    assert len(data.backgrounds.lengths) == 6


def test_clips_are_padded_cut_resampled_and_mixed_down_or_skipped_by_name(tmp_path):
    for word in ("yes", "no", "up"):
        for speaker in range(40):
            write(tmp_path / word / f"{speaker:08x}_nohash_0.wav")
    write(tmp_path / "yes" / "short_nohash_0.wav", samples=4000)
    write(tmp_path / "yes" / "long_nohash_0.flac", samples=40000)
    write(tmp_path / "yes" / "stereo_nohash_0.wav", channels=2)
    write(tmp_path / "yes" / "slow_nohash_0.wav", samples=8000, rate=8000)
    (tmp_path / "yes" / "broken_nohash_0.wav").write_bytes(b"RIFF....WAVE")
    (tmp_path / "yes" / "empty_nohash_0.wav").write_bytes(b"")
    soundfile.write(tmp_path / "yes" / "nan_nohash_0.wav", np.full(16000, np.nan), 16000, subtype="FLOAT")
    with pytest.warns(UserWarning) as caught:
        data = ready(root=tmp_path, silence_percentage=0)
        store = data.open()
    text = "\n".join(str(warning.message) for warning in caught)
    for name in ("broken", "empty", "nan"):
        assert f"yes/{name}_nohash_0.wav" in text and f"yes/{name}_nohash_0.wav" in store.skipped
    assert "3 files" in text and "stereo" in text and "8000 Hz" in text
    used = {row for name in PARTITIONS for row in data.partition(name).rows}
    row = {clip.path.split("/")[1].split("_")[0]: i for i, clip in enumerate(store.clips)}
    assert not used & {row["broken"], row["empty"], row["nan"]}
    assert store.audio[row["short"], :4000].any() and not store.audio[row["short"], 4000:].any()
    assert store.audio[row["long"], -1000:].any()
    assert np.abs(store.audio[row["slow"], 8000:15000]).mean() > 100


def test_decoding_happens_once_and_again_when_a_file_changes(tmp_path, monkeypatch):
    root = tmp_path / "corpus"
    for word in ("yes", "no", "up"):
        for speaker in range(40):
            write(root / word / f"{speaker:08x}_nohash_0.wav")
    first = ready(root=root).open()

    def refuse(*_):
        raise AssertionError("decoded again")

    with monkeypatch.context() as patched:
        patched.setattr("kwsstream.data.store.decode", refuse)
        assert np.array_equal(ready(root=root).open().audio, first.audio)
    write(root / "yes" / f"{0:08x}_nohash_0.wav", level=0.01)
    assert not np.array_equal(ready(root=root).open().audio, first.audio)


def test_lists_and_folders_split_too(tones, tmp_path):
    root = tmp_path / "lists"
    shutil.copytree(tones, root)
    listed = {name: [f"{w}/{p.name}" for w in ("yes", "no", "up") for p in sorted((root / w).iterdir())[a : a + 5]]
              for name, a in (("validation", 0), ("testing", 5))}  # fmt: skip
    for name, paths in listed.items():
        (root / f"{name}_list.txt").write_text("\n".join(paths))
    data = ready(root=root, split="lists", unknown_percentage=0, silence_percentage=0)
    for name, paths in listed.items():
        assert {data.open().clips[row].path for row in data.partition(name).rows} == set(paths)
    folders = tmp_path / "folders"
    for name in PARTITIONS:
        for word in ("yes", "no", "up", "other"):
            for i in range(4):
                write(folders / name / word / f"{name}{i}.wav")
    data = ready(root=folders, split="folders", silence_percentage=0, unknown_percentage=100)
    assert data.labels == ["_unknown_", "yes", "no", "up"]
    for name in PARTITIONS:
        assert Counter(data.partition(name).labels.tolist()) == {0: 4, 1: 4, 2: 4, 3: 4}
        assert {data.open().clips[row].path.split("/")[0] for row in data.partition(name).rows} == {name}
    data = ready(
        root=folders, split="folders", silence_percentage=0, unknown_percentage=9, training_unknown_percentage=33
    )
    assert {name: (data.partition(name).labels == 0).sum() for name in PARTITIONS} == {
        "training": 4, "validation": 2, "testing": 2,
    }  # fmt: skip


def test_the_batch_of_an_update_is_a_function_of_seed_and_update(tones):
    for pick in ("shuffled", "replacement", "sequential"):
        data = ready(root=tones, pick=pick, batch_size=7)
        through = list(data.training_batches(12))
        again = list(data.training_batches(5, first=7))
        for a, b in zip(through[7:], again, strict=True):
            assert a["update"] == b["update"] and torch.equal(a["audio"], b["audio"])
        assert through[0]["audio"].dtype == torch.int16 and through[0]["audio"].shape == (7, 16000)


def test_shuffled_batches_hold_each_clip_once_a_pass_over_all_processes(tones):
    data = ready(root=tones, batch_size=8)
    clips = len(data.partition("training"))
    batches = [data.training_batches(clips, rank=rank, world=2) for rank in (0, 1)]
    whole = data.training_batches(clips)
    seen = Counter(place for update in range(clips) for place in whole.picked(update).tolist())
    assert set(seen.values()) == {8} and len(seen) == clips
    for one, two, both in zip(*batches, whole, strict=True):
        assert torch.equal(torch.stack([one["audio"], two["audio"]], 1).flatten(0, 1), both["audio"])


def test_evaluation_batches_hold_each_clip_once(tones):
    data = ready(root=tones, batch_size=8)
    for name in PARTITIONS:
        labels = [torch.cat([b["label"] for b in data.evaluation_batches(name, rank, 3)]) for rank in range(3)]
        assert torch.equal(torch.cat(labels).sort().values, torch.from_numpy(data.partition(name).labels).sort().values)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"words": ["yes", "maybe"]}, "has no clips of maybe"),
        ({"words": []}, "expected"),
        ({"words": ["yes", "yes"]}, "twice"),
        ({"words": [True]}, "quote it"),
        ({"root": "nowhere"}, "data.root=nowhere is no folder"),
        ({"root": None}, "needs data.root"),
        ({"corpus": "speech_commands", "root": "nowhere"}, "data.root=nowhere is no folder"),
        ({"validation_percentage": 0}, "the validation partition is empty"),
        ({"split": "lists"}, r"validation_list\.txt is missing"),
        ({"split": "folders"}, "training is missing"),
    ],
)
def test_what_cannot_be_used_is_named(tones, given, message):
    given = {"root": tones} | given
    given["root"] = given["root"] and Path(given["root"])
    with pytest.raises(UserError, match=message) as caught:
        ready(**given)
    assert "\n" not in str(caught.value)


def test_a_folder_without_audio_and_missing_backgrounds_are_named(tmp_path, tones):
    (tmp_path / "yes").mkdir()
    with pytest.raises(UserError, match="no audio under"):
        ready(root=tmp_path)
    root = tmp_path / "quiet"
    shutil.copytree(tones, root, ignore=shutil.ignore_patterns("_background_noise_"))
    with pytest.raises(UserError, match="train with background_volume=0"):
        _ = ready(root=root).backgrounds


def test_an_unwritable_cache_is_named(tones, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KWSSTREAM_CACHE", str(tmp_path / "file"))
    with pytest.raises(UserError, match="cannot write"):
        ready(root=tones)
