"""One writer at a time, across threads and processes."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vectorstore.embedded.files import private_folder
from vectorstore.errors import Busy


@contextmanager
def writer_lock(path: Path, *, wait: bool = False, at_most: float | None = None) -> Iterator[None]:
    """Hold the lock file; raises Busy at once when somebody else does, unless `wait` (so many seconds at most).

    The kernel frees the lock when its holder dies, so that no kill leaves it behind.
    """
    private_folder(path.parent)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _acquire(handle, wait=wait, at_most=at_most)
        yield
    finally:
        os.close(handle)


def _acquire(handle: int, *, wait: bool, at_most: float | None) -> None:
    if wait and at_most is None:
        fcntl.flock(handle, fcntl.LOCK_EX)
        return
    deadline = time.monotonic() + (at_most or 0.0 if wait else 0.0)
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                raise Busy(
                    "Another process is writing to the index.", "Try again when it is done, or pass --wait."
                ) from error
            # flock has no time limit of its own.
            time.sleep(0.05)
        else:
            return
