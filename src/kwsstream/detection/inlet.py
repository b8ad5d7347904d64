"""A queue between who gives audio and who hears it, so that a microphone never waits."""

import queue
import threading
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

WAITING = 50
POLL_S = 0.1


class Block(NamedTuple):
    """Samples, float32 in [-1, 1], and how many before them were dropped since the stream began."""

    audio: np.ndarray
    dropped: int


class Inlet:
    """A queue of at most `WAITING` blocks between who gives audio and who hears it.

    A live one drops what finds it full; another makes the giver wait. An error of the giver is raised in the hearer.
    """

    def __init__(self, live: bool):
        self.live, self.dropped, self.stopped = live, 0, threading.Event()
        self.blocks: queue.Queue[Block | None] = queue.Queue(WAITING)
        self.error: BaseException | None = None

    def give(self, audio: np.ndarray) -> None:
        """Add samples, at once if live."""
        if not self._put(Block(audio, self.dropped), wait=not self.live) and not self.stopped.is_set():
            self.dropped += len(audio)

    def give_all(self, audio: Iterator[np.ndarray]) -> None:
        """Add all there is, in a thread of its own; then the end."""
        threading.Thread(target=self._give_all, args=(audio,), daemon=True).start()

    def _give_all(self, audio: Iterator[np.ndarray]) -> None:
        try:
            for one in audio:
                self.give(one)
                if self.stopped.is_set():
                    return
        except Exception as error:  # raised again where it can be shown
            self.error = error
        self._put(None, wait=True)

    def _put(self, block: Block | None, wait: bool) -> bool:
        """Whether there was room, at once or, waiting, before the inlet was stopped."""
        while not self.stopped.is_set():
            try:
                self.blocks.put(block, block=wait, timeout=POLL_S)
                return True
            except queue.Full:
                if not wait:
                    return False
        return False

    def stop(self) -> None:
        """Hear no more: what waits is left."""
        self.stopped.set()

    def __iter__(self) -> Iterator[Block]:
        """Blocks until the end, or until stopped."""
        while not self.stopped.is_set():
            try:
                block = self.blocks.get(timeout=POLL_S)
            except queue.Empty:
                continue
            if block is None:
                if self.error:
                    raise self.error
                return
            yield block
