"""One writer at a time, across threads and processes."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vectorstore.embedded.files import private_folder
from vectorstore.errors import Busy


@contextmanager
def writer_lock(path: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold the lock file; raises Busy at once when somebody else does, unless `wait`.

    The kernel frees the lock when its holder dies, so that no kill leaves it behind.
    """
    private_folder(path.parent)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Busy(
                "Another process is writing to the index.", "Try again when it is done, or pass --wait."
            ) from error
        yield
    finally:
        os.close(handle)
