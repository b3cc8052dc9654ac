"""One writer at a time, across threads and processes."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vectorstore.embedded.truth.files import private_folder
from vectorstore.errors import Busy

_WRITES = b"w"
_FOLLOWS = b"f"
_FOLLOWING_ENDS = 30.0
"""Seconds after which a reader that still brings the projections up to date counts as a writer."""


@contextmanager
def writer_lock(
    path: Path, *, wait: bool = False, at_most: float | None = None, following: bool = False
) -> Iterator[None]:
    """Hold the lock file; raises Busy at once when another writer does, unless `wait` (so many seconds at most).

    `following` is a reader that brings the projections up to date: nobody is turned away for that, but waits.
    The kernel frees the lock when its holder dies, so that no kill leaves it behind.
    """
    private_folder(path.parent)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _acquire(handle, wait=wait, at_most=at_most, following=following)
        _say(handle, _FOLLOWS if following else _WRITES)
        try:
            yield
        finally:
            _say(handle, _FOLLOWS)
    finally:
        os.close(handle)


def _acquire(handle: int, *, wait: bool, at_most: float | None, following: bool) -> None:
    if wait and at_most is None:
        fcntl.flock(handle, fcntl.LOCK_EX)
        return
    begun = time.monotonic()
    patience = at_most or 0.0 if wait else 0.0
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            turned_away = following or os.pread(handle, 1, 0) == _WRITES
            enough = patience if turned_away else max(patience, _FOLLOWING_ENDS)
            if time.monotonic() >= begun + enough:
                raise Busy(
                    "Another process is writing to the index.", "Try again when it is done, or pass --wait."
                ) from error
            # flock has no time limit of its own.
            time.sleep(0.02)
        else:
            return


def _say(handle: int, what: bytes) -> None:
    # On a full disk the lock still holds; at worst somebody waits who might have been told at once.
    with suppress(OSError):
        if os.pread(handle, 1, 0) != what:
            os.pwrite(handle, what, 0)
