"""Sample clips for a page: of the test partition, which the model was not trained on."""

from pathlib import Path

import numpy as np
import soundfile

from kwsstream.data.labels import is_keyword
from kwsstream.data.partition import Partition
from kwsstream.web.description import SampleClip

MOST = 6
SILENCE_MS = 500


def write_clips(testing: Partition, labels: list[str], rate: int, folder: Path) -> list[SampleClip]:
    """Write the first clip of each word, of the first few words, as WAV files into a new folder."""
    folder.mkdir()
    silence = np.zeros(SILENCE_MS * rate // 1000, np.int16)
    words = [i for i, label in enumerate(labels) if is_keyword(label)]
    clips = []
    for word in words[:MOST]:
        found = np.flatnonzero(testing.labels == word)
        if len(found):
            audio = testing.audio(found[:1])[0]
            file = folder / f"{len(clips) + 1}.wav"
            soundfile.write(file, np.concatenate([audio, silence]), rate)
            clips.append(SampleClip(file=f"{folder.name}/{file.name}", label=labels[word]))
    return clips
