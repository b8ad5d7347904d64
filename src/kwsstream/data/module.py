"""The data of an experiment: a corpus, decoded, labelled and split. What `data:` in a yaml may say."""

from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import lightning
from pydantic import Field

from kwsstream.data import speech_commands, spoken
from kwsstream.data.backgrounds import Backgrounds, read_backgrounds
from kwsstream.data.batches import EvaluationBatches, Pick, TrainingBatches
from kwsstream.data.labels import BACKGROUND, SILENCE, UNKNOWN, WORDS_35, Words, label_names
from kwsstream.data.listing import clips
from kwsstream.data.partition import Partition, partition
from kwsstream.data.split import PARTITIONS, Split, partitions
from kwsstream.data.store import Store, open_store
from kwsstream.errors import UserError
from kwsstream.files import cache_folder

Count = Annotated[int, Field(gt=0)]
Percentage = Annotated[float, Field(ge=0, le=100)]


class SpeechData(lightning.LightningDataModule):
    """Clips of a corpus in partitions training, validation and testing.

    `corpus` "spoken" is synthesised, `clips_per_word` of each of the 35 words; "speech_commands" is found at `root` or
    downloaded in its `version`; "folder" is a folder with a folder a word. Made, downloaded and decoded audio is kept
    in the user's cache folder, or in $KWSSTREAM_CACHE. `words`: see labels.py; `split`: see split.py; `pick`: see
    batches.py. Silence and unknown clips are so many percent of the keywords', and unknown ones no more than there are;
    training may have a share of unknown ones of its own, `training_unknown_percentage`.
    `batch_size` counts the clips of an update over all processes.
    """

    def __init__(
        self,
        *,
        corpus: Literal["spoken", "speech_commands", "folder"] = "spoken",
        root: Path | None = None,
        version: Literal["v0.01", "v0.02"] = "v0.02",
        clips_per_word: Count = 300,
        words: Words = "12",
        split: Split = "hash",
        silence_percentage: Percentage = 10.0,
        unknown_percentage: Annotated[float, Field(ge=0)] = 10.0,
        training_unknown_percentage: Annotated[float, Field(ge=0)] | None = None,
        validation_percentage: Percentage = 10.0,
        testing_percentage: Percentage = 10.0,
        clip_ms: Count = 1000,
        sample_rate_hz: Count = 16000,
        batch_size: Count = 100,
        pick: Pick = "shuffled",
        seed: Annotated[int, Field(ge=0)] = 0,
    ):
        super().__init__()
        self.corpus, self.version, self.clips_per_word, self.seed = corpus, version, clips_per_word, seed
        self.given_root = root
        self.split, self.validation_percentage, self.testing_percentage = (
            split,
            validation_percentage,
            testing_percentage,
        )
        self.silence_percentage = silence_percentage
        self.unknown_percentages = dict.fromkeys(PARTITIONS, unknown_percentage)
        if training_unknown_percentage is not None:
            self.unknown_percentages["training"] = training_unknown_percentage
        self.clip_ms, self.sample_rate_hz, self.samples = clip_ms, sample_rate_hz, clip_ms * sample_rate_hz // 1000
        self.batch_size, self.pick = batch_size, pick
        self.labels = label_names(words, silence_percentage, unknown_percentage)

    @property
    def root(self) -> Path:
        """Where the corpus is, or will be."""
        if self.given_root is not None:
            return self.given_root
        names = {
            "spoken": f"spoken-{self.clips_per_word}-{self.seed}",
            "speech_commands": f"speech_commands_{self.version}",
        }
        if self.corpus not in names:
            raise UserError("data.corpus=folder needs data.root: the folder that holds a folder a word")
        return cache_folder() / names[self.corpus]

    def prepare_data(self) -> None:
        """Make or download the corpus where it is not there, and decode it once."""
        if self.corpus == "spoken":
            spoken.speak(self.root, WORDS_35, self.clips_per_word, self.seed)
        elif self.corpus == "speech_commands" and not self.root.is_dir():
            if self.given_root is not None:
                raise UserError(
                    f"data.root={self.root} is no folder: give that of the data set, or none to download it"
                )
            speech_commands.download(self.root, self.version)
        self.open()

    def open(self) -> Store:
        """The decoded clips."""
        found = clips(self.root, self.split)
        missing = sorted(set(self.labels) - {SILENCE, UNKNOWN} - {clip.word for clip in found})
        if missing:
            raise UserError(f"{self.root} has no clips of {', '.join(missing)}: record them, or change data.words")
        return open_store(self.root, found, cache_folder() / "decoded", self.samples, self.sample_rate_hz)

    def setup(self, stage: str = "") -> None:
        """Split the clips into partitions."""
        store = self.open()
        paths = [clip.path for clip in store.clips]
        members = partitions(self.root, paths, self.split, self.validation_percentage, self.testing_percentage)
        self.partitions = {
            name: partition(name, store, members, self.labels, self.silence_percentage, unknown)
            for name, unknown in self.unknown_percentages.items()
        }

    def partition(self, name: str) -> Partition:
        """Clips and labels of "training", "validation" or "testing"."""
        return self.partitions[name]

    @cached_property
    def backgrounds(self) -> Backgrounds:
        """The background recordings. UserError where there are none."""
        return read_backgrounds(self.root / BACKGROUND, self.samples, self.sample_rate_hz)

    def training_batches(self, updates: int, first: int = 0, rank: int = 0, world: int = 1) -> TrainingBatches:
        """The training batches of updates first, first + 1, ..."""
        training = self.partition("training")
        return TrainingBatches(training, self.batch_size, self.pick, self.seed, updates, first, rank, world)

    def evaluation_batches(self, name: str, rank: int = 0, world: int = 1) -> EvaluationBatches:
        """A whole partition in order."""
        return EvaluationBatches(self.partition(name), max(self.batch_size // world, 1), rank, world)
