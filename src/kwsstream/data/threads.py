"""Work in threads: for calls that leave the interpreter, such as decoding a file or waiting for another process."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


@contextmanager
def threads() -> Iterator[ThreadPoolExecutor]:
    """A pool of a thread a core. An error or an interrupt drops the work that has not begun, so it ends at once."""
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
