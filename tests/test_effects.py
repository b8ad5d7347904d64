"""Each effect on the clips of a batch does what its name says, and nothing where it is not asked for."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given
from hypothesis import strategies as st

from kwsstream.data.hard_negatives import HardNegatives
from kwsstream.data.mixup import mixup
from kwsstream.data.reverb import Reverb, fast_size
from kwsstream.data.surroundings import Surroundings, rms
from kwsstream.data.vocoder import Voice, stretched
from kwsstream.errors import UserError

RATE = 16000
PLACE = {"sample_rate_hz": RATE, "background": Path("nowhere")}


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


def tone(count=12, hz=1000.0, samples=8000):
    """A tone at full scale of int16 in the middle half of each clip."""
    time = torch.arange(samples) / RATE
    clip = 8000 * torch.sin(2 * torch.pi * hz * time)
    clip[: samples // 4] = clip[3 * samples // 4 :] = 0
    return clip.to(torch.int16).repeat(count, 1)


def heard(clips):
    """The loudest frequency in Hz of each clip, and its length in samples, by how far its energy is spread."""
    energy, time = clips.float().square(), torch.arange(clips.shape[1])
    energy = energy / energy.sum(1, keepdim=True)
    middle = (energy * time).sum(1, keepdim=True)
    spectrum = torch.fft.rfft(clips.float()).abs()
    return spectrum.argmax(1) * RATE / clips.shape[1], (12 * (energy * (time - middle) ** 2).sum(1)).sqrt()


def test_pitch_moves_and_the_length_stays():
    hz, length = heard(Voice(pitch_semitones=4, tempo=0, frequency=1)(tone(60), draws()))
    semitones = 12 * torch.log2(hz / 1000)
    assert -4.1 < semitones.min() < -3 and 3 < semitones.max() < 4.1
    assert ((length - 4000).abs() < 200).all()


def test_tempo_moves_and_the_pitch_stays():
    hz, length = heard(Voice(pitch_semitones=0, tempo=0.3, frequency=1)(tone(60), draws()))
    assert ((hz - 1000).abs() < 10).all()
    assert 4000 / 1.3 - 200 < length.min() < 3300 and 5200 < length.max() < 4000 / 0.7 + 200


def test_a_factor_of_one_changes_nothing():
    clips = torch.randn(3, 5000, generator=draws())
    torch.testing.assert_close(stretched(clips, torch.ones(3)), clips, atol=1e-3, rtol=0)


def test_reverb_makes_a_tail_and_keeps_the_level():
    clips = tone(50)
    found = Reverb(sample_rate_hz=RATE, frequency=1)(clips, draws())
    tail = rms(found[:, 6000:7000])
    assert (tail > 10).all() and not clips[:, 6000:].any()
    assert not found[:, :1900].abs().gt(1).any(), "nothing is heard before the sound"
    assert 0.4 < (rms(found) / rms(clips.float())).median() < 1.5


def test_recorded_rooms_start_at_their_peak(tmp_path):
    response = np.zeros(3000)
    response[[500, 1500]] = 0.8, 0.6
    soundfile.write(tmp_path / "room.wav", response, RATE)
    clips = torch.zeros(1, 4000)
    clips[:, 100] = 1000
    found = Reverb(sample_rate_hz=RATE, folder=tmp_path, frequency=1)(clips, draws())[0]
    assert found.abs().gt(1).nonzero().flatten().tolist() == [100, 1100]
    torch.testing.assert_close(found[[100, 1100]], torch.tensor([800.0, 600.0]), atol=0.1, rtol=0)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A folder with one recording of a low tone, and one with three of a high tone."""
    root = tmp_path_factory.mktemp("noise")
    for name, hz, count in (("music", 400, 1), ("babble", 3000, 3)):
        (root / name).mkdir()
        for n in range(count):
            wave = 0.1 * (n + 1) * np.sin(2 * np.pi * hz * np.arange(12000 + 1000 * n) / RATE)
            soundfile.write(root / name / f"{n}.wav", wave, RATE)
    return [root / "music", root / "babble"]


def noise(folders, clips, **given):
    return Surroundings(clips.shape[1], **PLACE, folders=folders, **given)(clips, draws())


def test_noise_comes_from_every_folder_alike_at_the_ratio_asked_for(folders):
    clips = tone(300) / 32768
    added = noise(folders, clips, frequency=1, lowest_snr_db=5, highest_snr_db=15) - clips
    snr_db = 20 * torch.log10(rms(clips) / rms(added))
    assert 5 - 0.1 < snr_db.min() < 6 and 14 < snr_db.max() < 15 + 0.1
    low = (heard(added)[0] < 1000).float().mean()
    assert 0.4 < low < 0.6


def test_noise_is_heard_in_silence_and_by_its_frequency(folders):
    added = noise(folders, torch.zeros(300, 4000), frequency=0.3)
    assert 0.2 < added.any(1).float().mean() < 0.4
    assert rms(added)[added.any(1)].min() >= 0.003 and rms(added).max() < 0.031


def test_noise_is_the_background_of_the_corpus_where_no_folder_is_given(folders):
    clips = tone(40) / 32768
    given = Surroundings(8000, sample_rate_hz=RATE, background=folders[1], frequency=1)(clips, draws())
    assert torch.equal(given, noise(folders[1:], clips, frequency=1))


def test_mixup_blends_clips_by_their_shares():
    clips = torch.randn(200, 50, generator=draws())
    found, mixed = mixup(clips, 0.4, draws())
    share = mixed.share[:, None]
    torch.testing.assert_close(found, share * clips + (1 - share) * clips[mixed.other])
    assert sorted(mixed.other.tolist()) == list(range(200))
    assert (mixed.share >= 0.5).all() and mixed.share.min() < 0.6 and mixed.share.max() > 0.99


@given(st.integers(1, 200_000))
def test_the_size_of_a_fast_fft_is_enough_and_hardly_more(least):
    size = fast_size(least)
    assert least <= size <= max(1.25 * least, least + 1)
    while size % 2 == 0:
        size //= 2
    assert size in (1, 3, 5, 9, 15)


def test_no_end_of_a_clip_comes_round_to_its_start():
    clips = torch.zeros(12, 8000)
    clips[:, -100:] = 1.0
    found = Reverb(sample_rate_hz=RATE, frequency=1)(clips, draws())
    assert found[:, :-100].abs().max() < 1e-5 and (found[:, -100:] != clips[:, -100:]).any()


@pytest.mark.parametrize("effect", ["voice", "reverb", "noise"])
def test_the_same_draws_give_the_same_clips_in_parts_of_any_size(effect, folders, monkeypatch):
    makers = {
        "voice": lambda **given: Voice(**given),
        "reverb": lambda **given: Reverb(sample_rate_hz=RATE, **given),
        "noise": lambda **given: Surroundings(8000, **PLACE, folders=folders, **given),
    }
    clips = tone() / 32768
    whole = makers[effect]()(clips, draws())
    changed = (whole != clips).any(1)
    assert changed.any() and not changed.all(), "by chance some are left as they are, to the bit"
    assert not torch.equal(makers[effect]()(clips, draws(1)), whole)
    monkeypatch.setattr("kwsstream.data.augment.SAMPLES_AT_ONCE", 40000)
    torch.testing.assert_close(makers[effect]()(clips, draws()), whole, atol=1e-5, rtol=1e-4)
    assert torch.equal(makers[effect](frequency=0)(clips, draws()), clips)


def test_folders_without_recordings_are_named(tmp_path):
    with pytest.raises(UserError, match="no impulse response"):
        Reverb(sample_rate_hz=RATE, folder=tmp_path)
    with pytest.raises(UserError, match="no background recording"):
        Surroundings(4000, **PLACE, folders=[tmp_path / "absent"])
    with pytest.raises(UserError, match="swap them"):
        Surroundings(4000, **PLACE, folders=[tmp_path], lowest_snr_db=9, highest_snr_db=3)


LABELS = ["_silence_", "_unknown_", "on", "no", "stop"]


def hard_negatives(label, count=400, **given):
    """What becomes of clips that rise from silence to a loud end, all of one label."""
    clip = torch.zeros(8000)
    clip[2000:6000] = torch.linspace(4000, 8000, 4000) * torch.where(torch.arange(4000) % 2 == 0, 1, -1)
    clips, labels = clip.to(torch.int16).repeat(count, 1), torch.full((count,), LABELS.index(label))
    found, named = HardNegatives(LABELS, sample_rate_hz=RATE, **given)(clips, labels, draws())
    changed = (found != clips).any(1)
    assert found.dtype == clips.dtype and torch.equal(named, torch.where(changed, 1, labels)), "_unknown_ if changed"
    return clips, found, changed


def test_hard_negatives_are_keywords_backwards_or_cut_off():
    clips, found, changed = hard_negatives("stop", frequency=0.5, shortest=0.2, longest=0.5)
    assert 0.4 < changed.float().mean() < 0.6
    backwards = (found == clips.flip(1)).all(1)
    assert 0.4 < backwards[changed].float().mean() < 0.6
    cut = found[changed & ~backwards]
    length = (cut != 0).sum(1)
    assert (length > 0.2 * 4000 - 330).all() and (length < 0.5 * 4000 + 330).all() and length.max() > 2 * length.min()
    beginning = length.min() - 330
    assert torch.equal(cut[:, : 2000 + beginning], clips[: len(cut), : 2000 + beginning]), "until it fades out"


def test_a_word_that_is_another_backwards_is_only_cut_off():
    clips, found, changed = hard_negatives("on", frequency=1)
    assert changed.all() and not (found == clips.flip(1)).all(1).any()


@pytest.mark.parametrize("label", ["_silence_", "_unknown_"])
def test_what_is_no_keyword_makes_no_hard_negative(label):
    assert not hard_negatives(label, frequency=1)[2].any()


def test_without_a_chance_there_is_no_hard_negative():
    assert not hard_negatives("stop", frequency=0)[2].any()


def test_hard_negatives_need_a_label():
    with pytest.raises(UserError, match="no label of yes, no is _unknown_"):
        HardNegatives(["yes", "no"], sample_rate_hz=RATE)
    with pytest.raises(UserError, match="swap them"):
        HardNegatives(LABELS, sample_rate_hz=RATE, shortest=0.6)
