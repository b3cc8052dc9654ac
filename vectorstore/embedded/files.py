"""Files that are either the old ones or the new ones after a crash, and private to their owner."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

BLOCK = 16 << 20
"""Bytes that one checksum covers: a file that grows at its end rehashes only its last block."""


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
    with path.open("rb") as file:
        file.seek(start)
        left = size - start
        while left > 0:
            block = file.read(min(BLOCK, left))
            if not block:
                return
            left -= len(block)
            yield hashlib.sha256(block).hexdigest()
