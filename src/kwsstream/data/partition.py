"""The clips of a partition with their labels: keywords, a share of unknown words, a share of silence."""

import math
import random
from collections.abc import Sequence

import numpy as np

from kwsstream.data.labels import SILENCE, UNKNOWN
from kwsstream.data.store import Store
from kwsstream.errors import UserError

SEED = 59185  # the original's
NO_CLIP = -1


class Partition:
    """Labelled clips. `rows` int64 (clips,) are rows of the store, -1 for silence; `labels` int64 (clips,)."""

    def __init__(self, store: Store, rows: Sequence[int], labels: Sequence[int]):
        self.store = store
        self.rows, self.labels = np.array(rows, np.int64), np.array(labels, np.int64)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def silence(self) -> np.ndarray:
        """Which clips are silence, bool (clips,)."""
        return self.rows == NO_CLIP

    def audio(self, which: slice | np.ndarray) -> np.ndarray:
        """The clips asked for, int16 (clips, samples); silence is zeros."""
        rows = self.rows[which]
        clips = self.store.audio[np.maximum(rows, 0)]
        clips[rows == NO_CLIP] = 0
        return clips


def partition(
    name: str,
    store: Store,
    members: Sequence[str],
    labels: Sequence[str],
    silence_percentage: float,
    unknown_percentage: float,
) -> Partition:
    """The clips of a store whose entry in `members` is `name`, labelled and shuffled as the original does.

    Silence and unknown are so many percent of the keywords, rounded up. Raises UserError for an empty partition.
    """
    order = random.Random(f"{SEED} {name}")
    here = [row for row, member in enumerate(members) if member == name and store.clips[row].path not in store.skipped]
    wanted = {label: i for i, label in enumerate(labels)}
    keywords = [(row, wanted[store.clips[row].word]) for row in here if store.clips[row].word in wanted]
    if not keywords:
        raise UserError(
            f"the {name} partition is empty: none of its {len(here)} clips says one of the wanted words; "
            "use more speakers, another data.split or other percentages"
        )
    silences = math.ceil(len(keywords) * silence_percentage / 100)
    unknowns = math.ceil(len(keywords) * unknown_percentage / 100)
    others = [row for row in here if store.clips[row].word not in wanted]
    order.shuffle(others)
    if UNKNOWN in wanted:
        keywords += [(row, wanted[UNKNOWN]) for row in others[:unknowns]]
    if SILENCE in wanted:
        keywords += [(NO_CLIP, wanted[SILENCE])] * silences
    order.shuffle(keywords)
    return Partition(store, *zip(*keywords, strict=True))
