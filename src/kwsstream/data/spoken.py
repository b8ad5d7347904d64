"""The embedded corpus: words spoken by espeak-ng in many voices, as WAV files in the layout of Speech Commands.

File names carry the speaker, so the data set's own hash split keeps the voices of the test set out of training.
The bytes depend on words, clips per word and seed alone: each speaker is one session, whatever is there already.
"""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tqdm import tqdm

from kwsstream.data.labels import WORDS_35
from kwsstream.data.noises import NOISES, make_noise
from kwsstream.data.speech import speech_16_khz, write_wav
from kwsstream.data.takes import SAMPLES, Take, plan, record
from kwsstream.data.threads import threads
from kwsstream.errors import UserError
from kwsstream.files import making, whole

REVISION = 1  # of the plan and the recording: raise it when the same seed gives other clips
LEAST_CLIPS = 8  # per word: the first eight speakers hold all three partitions
MANIFEST = "corpus.json"


def speak(root: Path, words: Sequence[str] = WORDS_35, clips_per_word: int = 300, seed: int = 0) -> None:
    """Write the corpus under `root`: word/speaker_nohash_n.wav, one second each, and background recordings.

    Files that exist are not made again, so a killed run goes on; a finished corpus is known by its manifest.
    Raises UserError when `root` holds anything else, cannot be written, or clips_per_word is below 8.
    """
    if clips_per_word < LEAST_CLIPS:
        raise UserError(f"clips_per_word={clips_per_word}: expected at least {LEAST_CLIPS}, one a speaker; raise it")
    wanted = {"revision": REVISION, "words": list(words), "clips_per_word": clips_per_word, "seed": seed}
    if is_complete(root, wanted):
        return
    if (
        root.is_dir()
        and not (root / MANIFEST).is_file()
        and any(not entry.name.startswith(".") for entry in root.iterdir())
    ):
        raise UserError(f"{root} is not empty and no spoken corpus: give another folder as data.root")
    with making(root):
        if not is_complete(root, wanted):
            write_manifest(root, {**wanted, "complete": False})
            say_all(root, plan(words, clips_per_word, seed), seed)
            write_manifest(root, {**wanted, "complete": True})


def say_all(root: Path, takes: dict[str, list[Take]], seed: int, samples: int = SAMPLES) -> None:
    """Write the clips, of so many samples, of every speaker's takes below `root`, and background recordings."""
    with (
        threads() as pool,
        tqdm(desc="speaking", total=sum(map(len, takes.values())), unit="clip") as bar,
    ):
        noises = [pool.submit(make_noise, root, name, seed) for name in NOISES]
        for count in pool.map(partial(_say, root, samples), takes.values()):
            bar.update(count)
        for noise in noises:
            noise.result()


def is_complete(root: Path, wanted: dict) -> bool:
    """Whether the corpus that is wanted is there. UserError where another one is."""
    manifest = root / MANIFEST
    if not manifest.is_file():
        return False
    found = json.loads(manifest.read_text(encoding="utf-8"))
    if found != {**wanted, "complete": found["complete"]}:
        raise UserError(f"{root} holds another corpus than was asked for; give another folder, or remove that one")
    return found["complete"]


def write_manifest(root: Path, manifest: dict) -> None:
    """Say what a corpus is, and whether it is complete."""
    with whole(root / MANIFEST) as beside:
        beside.write_text(json.dumps(manifest), encoding="utf-8")


def _say(root: Path, samples: int, takes: Sequence[Take]) -> int:
    """Say all takes of a speaker, in one session, and write those that are missing. Returns how many there are."""
    if not all((root / take.path).is_file() for take in takes):
        for take, speech in zip(takes, speech_16_khz([take.utterance for take in takes]), strict=True):
            if not (root / take.path).is_file():
                write_wav(root / take.path, record(take, speech, samples))
    return len(takes)
