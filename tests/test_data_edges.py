import errno
import os
import shutil
import time

import pytest
from test_data import ready

from kwsstream.data.threads import threads
from kwsstream.errors import UserError


def test_a_disk_that_fills_up_is_named_and_nothing_is_kept(tones, tmp_path, monkeypatch):
    def fill_up(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setenv("KWSSTREAM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(os, "pwrite", fill_up)
    with pytest.raises(UserError, match="No space left"):
        ready(root=tones)
    assert not list((tmp_path / "cache" / "decoded").iterdir())


def test_an_interrupt_drops_the_clips_not_begun():
    begun = []

    def work(number):
        begun.append(number)
        time.sleep(0.01)

    with pytest.raises(KeyboardInterrupt), threads() as pool:
        for _ in pool.map(work, range(2000)):
            raise KeyboardInterrupt
    assert len(begun) < 100


def test_a_clip_of_no_whole_number_of_samples_is_as_long_everywhere(tones):
    data = ready(root=tones, clip_ms=990, sample_rate_hz=11025)  # 10914.75 samples
    assert data.partition("training").audio(slice(3)).shape == (3, data.samples) == (3, 10914)


def test_capital_letters_in_words_and_folders_do_not_matter(tones, tmp_path):
    for word, folder in (("yes", "Yes"), ("no", "no"), ("up", "UP")):
        shutil.copytree(tones / word, tmp_path / folder)
    assert ready(root=tmp_path, words=["YES", "No"], silence_percentage=0).labels == ["_unknown_", "yes", "no"]
    with pytest.raises(UserError, match="twice"):
        ready(root=tmp_path, words=["yes", "Yes"])
