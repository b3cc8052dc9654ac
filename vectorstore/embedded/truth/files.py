"""Files that are either the old ones or the new ones after a crash, and private to their owner."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

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
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
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
