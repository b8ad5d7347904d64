"""Data to train on for words of one's own: spoken by espeak-ng, with what sounds like them, and one's recordings.

    python -m kwsstream.words "hey robot" "lights off" --out data/mine
    python -m kwsstream.fit data/mine/config.yaml

Speakers are split into training, validation and testing. What is there already is not made again, so a stopped
command goes on; the same arguments and seed give the same bytes.
"""

import argparse
import hashlib
from dataclasses import asdict
from pathlib import Path

import yaml

from kwsstream import config as configs
from kwsstream.data.listing import audio_files
from kwsstream.data.phrases import Recipe, clip_ms, plan
from kwsstream.data.recordings import Recording, read_recordings, write_recordings
from kwsstream.data.speech import RATE_HZ
from kwsstream.data.split import PARTITIONS
from kwsstream.data.spoken import MANIFEST, is_complete, say_all, write_manifest
from kwsstream.data.voices import speakers
from kwsstream.errors import UserError, command
from kwsstream.files import making, whole
from kwsstream.report import table

REVISION = 6  # of plan and recording: raise it when the same arguments give other clips
CONFIG = "config.yaml"
TRAINING = {
    "features": {
        "padding": "causal", "window_ms": 30, "hop_ms": 10, "upper_hz": 7600, "coefficients": 0,
        "log_floor": 1e-4, "mean": -3, "deviation": 3,
    },
    "model": {
        "name": "ds_tc_resnet", "strides": [2, 1, 1, 1, 1, 1], "kernels": [11, 9, 11, 13, 15, 1], "mean_frames": 20,
    },
    "augment": {"volume": 0.5},
    "effects": {
        "hard_negatives": {"frequency": 0.1}, "reverb": {"frequency": 0.3},
        "noise": {"frequency": 0.6, "lowest_snr_db": 5, "highest_snr_db": 25},
    },
    "masks": {"spec_augment": {"time_masks": 8, "time_mask_frames": 20}},  # over the clips of a stream
    "training": {
        "optimiser": "adamw", "schedule": "cosine", "updates": [12000], "rates": [0.004], "warmup_updates": 100,
        "weight_decay": 0.02, "validate_every": 800, "clips_per_stream": 4, "average": 0.998,
    },
}  # fmt: skip


def make(out: Path, recipe: Recipe, recordings: list[Recording]) -> None:
    """Make the corpus and its config in `out`. UserError where another one or something else is."""
    wanted = {"revision": REVISION, **asdict(recipe), "recordings": digest(recordings)}
    wanted = {key: list(value) if isinstance(value, tuple) else value for key, value in wanted.items()}
    if out.exists() and not (out / MANIFEST).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} is not empty and no corpus of words: give another folder")
    if is_complete(out, wanted):
        return
    with making(out):
        if not is_complete(out, wanted):
            takes = plan(recipe)
            longest = max((r.speech.stop - r.speech.start for r in recordings), default=0)
            length = clip_ms(recipe, takes, longest)
            write_manifest(out, {**wanted, "complete": False})
            say_all(out, takes, recipe.seed, length * RATE_HZ // 1000)
            write_recordings(out, recordings, length * RATE_HZ // 1000)
            write_config(out, recipe, length)
            write_manifest(out, {**wanted, "complete": True})


def digest(recordings: list[Recording]) -> str:
    """What recordings were given, for another set of them to be told apart."""
    facts = hashlib.sha256()
    for recording in recordings:
        facts.update(f"{recording.word}\0{recording.path.name}\0".encode() + recording.audio.tobytes())
    return facts.hexdigest()[:20]


def write_config(out: Path, recipe: Recipe, length: int) -> None:
    """A config that trains on the corpus, every unknown clip included."""
    counts = clips_in(out)
    phrases = [phrase.lower() for phrase in recipe.phrases]
    keywords, unknown = (
        sum(count["training"] for word, count in counts.items() if (word in phrases) == wanted)
        for wanted in (True, False)
    )
    data = {
        "corpus": "folder", "root": str(out.resolve()), "split": "folders", "words": phrases, "clip_ms": length,
        "unknown_percentage": -(-100 * unknown // keywords), "silence_percentage": 20,
    }  # fmt: skip
    text = yaml.safe_dump({"data": data, **TRAINING}, sort_keys=False, allow_unicode=True)
    configs.parse(yaml.load(text, configs.YesIsAWord), str(out / CONFIG))
    with whole(out / CONFIG) as beside:
        beside.write_text(f"# {', '.join(phrases)}: made by python -m kwsstream.words\n{text}", encoding="utf-8")


def clips_in(out: Path) -> dict[str, dict[str, int]]:
    """How many clips of each word there are, by partition."""
    words = sorted({folder.name for partition in PARTITIONS for folder in (out / partition).iterdir()})
    return {
        word: {name: len(audio_files(out / name / word)) if (out / name / word).is_dir() else 0 for name in PARTITIONS}
        for word in words
    }


def texts_in(path: Path) -> tuple[str, ...]:
    """The lines of a text file that say something. UserError where there is none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"vocabulary {path} cannot be read ({error}): expected a text file, a word a line") from error
    found = tuple(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if not found:
        raise UserError(f"vocabulary {path} is empty: expected a word or phrase a line")
    return found


def main() -> None:
    """Make data to train on for words of one's own."""
    parser = argparse.ArgumentParser("python -m kwsstream.words", description=main.__doc__)
    parser.add_argument("phrases", nargs="+", metavar="PHRASE", help="what to spot, such as 'hey robot'")
    parser.add_argument("--out", type=Path, required=True, help="the folder to make")
    parser.add_argument("--language", default="en", help="a code of espeak-ng's, such as de, es-419 or en-us; en")
    parser.add_argument("--recordings", type=Path, help="your own: a folder for each phrase, and _unknown_")
    parser.add_argument("--vocabulary", type=Path, help="a text file of what is no phrase, a word or phrase a line")
    parser.add_argument("--clips", type=int, default=Recipe.clips, help="of each phrase by these voices; %(default)s")
    parser.add_argument("--voices", type=int, default=len(speakers()), help="of espeak-ng's own; all %(default)s")
    parser.add_argument(
        "--made-up",
        type=int,
        default=Recipe.made_up,
        help="voices drawn by chance, to train on alone; %(default)s",
    )
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    phrases = tuple(" ".join(phrase.lower().split()) for phrase in given.phrases)
    vocabulary = texts_in(given.vocabulary) if given.vocabulary else ()
    recipe = Recipe(phrases, given.language, vocabulary, given.clips, given.voices, given.made_up, given.seed)
    recordings = read_recordings(given.recordings, phrases) if given.recordings else []
    make(given.out, recipe, recordings)
    print(table(["word", *PARTITIONS], [[word, *counts.values()] for word, counts in clips_in(given.out).items()]))
    clip = configs.read(given.out / CONFIG).data.clip_ms
    print(f"clips of {clip} ms; train with: python -m kwsstream.fit {given.out / CONFIG}")


if __name__ == "__main__":
    command(main)
