"""Local copies of objects: fetched when first asked for, checked, kept while there is room."""

import os
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from vectorstore.objects.store import Objects

FOLDER: Final = "fetched"
"""In the data folder. Nothing in it must last."""
_OF: Final = "fetched.of"
"""The file beside it that says of which state of the index the copies are."""
_LEFT: Final = 3_600.0
"""Seconds after which what is half fetched was left by a process that died."""


class Fetched:
    """Copies of objects in a folder, the ones that were asked for last. Safe to use from several threads and processes."""

    def __init__(self, objects: Objects, folder: Path, *, most: int) -> None:
        """Keep at most so many bytes, or one object where that one is larger."""
        self._objects = objects
        self._folder = folder
        self._most = most

    def copy(self, key: str, *, sound: Callable[[Path], bool]) -> Path | None:
        """Return a copy of an object; None where there is no such object, or one that is not `sound`.

        Raises Unavailable when the object storage does. A copy stays for as long as newer ones leave it room.
        """
        path = self._place(key)
        if path.is_file():
            if sound(path):
                with suppress(OSError):
                    os.utime(path)
                return path
            path.unlink(missing_ok=True)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # mkstemp makes it 0600
        handle, draft = tempfile.mkstemp(dir=self._folder, prefix=".")
        try:
            with os.fdopen(handle, "wb") as into:
                found = self._objects.get(key, into)
            if found is None or not sound(Path(draft)):
                return None
            Path(draft).replace(path)
        finally:
            Path(draft).unlink(missing_ok=True)
        self._make_room(path)
        return path

    def drop(self, prefix: str) -> None:
        """Delete the copies of an object and of all below it."""
        name = _name(prefix)
        for path in self._folder.glob("*"):
            if path.name == name or path.name.startswith(f"{name}_"):
                path.unlink(missing_ok=True)

    def _place(self, key: str) -> Path:
        return self._folder / _name(key)

    def _make_room(self, newest: Path) -> None:
        held = []
        for path in self._folder.glob("*"):
            with suppress(OSError):
                found = path.stat()
                # Not taken away under whoever fetches it just now.
                if not path.name.startswith(".") or found.st_mtime < time.time() - _LEFT:
                    held.append((found.st_mtime_ns, found.st_size, path))
        left = self._most
        for _, size, path in sorted(held, reverse=True):
            left -= size
            # Whoever was handed one and has not opened it yet finds it again: the newest are kept.
            if left < 0 and path != newest:
                path.unlink(missing_ok=True)


def keep_to(folder: Path, index: str) -> None:
    """Delete all copies in a data folder but those of this state of the index: what was purged elsewhere may be among them."""
    copies, of = folder / FOLDER, folder / _OF
    if not copies.is_dir() or (of.is_file() and of.read_bytes() == index.encode()):
        return
    for path in copies.glob("*"):
        path.unlink(missing_ok=True)
    # On a full disk the next ones are deleted once more.
    with suppress(OSError):
        of.touch(mode=0o600)
        of.write_bytes(index.encode())


def _name(key: str) -> str:
    # Our own keys have no underscore.
    return key.replace("/", "_")
