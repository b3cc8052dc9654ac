"""Files that are either the old ones or the new ones after a crash, private to their owner, with one writer at a time."""

import fcntl
import hashlib
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vectorstore.errors import Busy

BLOCK = 16 << 20
"""Bytes that one checksum covers: a file that grows at its end rehashes only its last block."""
_PIECE = 256 << 10
"""Bytes read at once: they stay in the processor's cache between reading and hashing."""


def private_folder(folder: Path) -> Path:
    """Make a folder that only its owner can enter; one that is there already keeps its mode."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def sync_folder(folder: Path) -> None:
    """Make the folder's own entries durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_atomically(path: Path, content: bytes | memoryview) -> None:
    """Replace a file's content so that a crash leaves the old one or the new one."""
    # By chance: processes of several machines may write into a shared folder, and have the same number.
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def block_digests(path: Path, *, size: int, start: int = 0) -> Iterator[str]:
    """Yield the SHA-256 of each block of a file's first `size` bytes, from byte `start` (a block's begin)."""
    piece = memoryview(bytearray(_PIECE))
    with path.open("rb", buffering=0) as file:
        file.seek(start)
        for begin in range(start, size, BLOCK):
            left = min(BLOCK, size - begin)
            digest = hashlib.sha256()
            while left and (count := file.readinto(piece[: min(_PIECE, left)])):
                digest.update(piece[:count])
                left -= count
            yield digest.hexdigest()
            if left:
                return


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
