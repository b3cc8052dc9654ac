"""Small things as files of a data folder, mode 0600: replaced under a lock, whole or not at all."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from vectorstore.state.cell import Cell, Change, State

_LOCKS: Final = {"ingest.json": ".ingest.json.lock", "keys.links": "links.lock"}
"""Where the lock's name is not the file's with another ending: that of the keys says that there were keys."""


@dataclass(frozen=True, slots=True)
class FileCell:
    """One file, and its lock beside it."""

    path: Path

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    @property
    def trusted_for(self) -> float:
        """Asking the file system costs nothing."""
        return 0.0

    @property
    def mark(self) -> Path | None:
        """The lock, which is never removed."""
        lock = self._lock
        return lock if os.path.lexists(lock) else None

    @property
    def new(self) -> Path:
        """The file that is about to take its place."""
        return self.path.with_suffix(".new")

    @property
    def _lock(self) -> Path:
        return self.path.with_name(_LOCKS.get(self.path.name, f"{self.path.stem}.lock"))

    def read(self) -> bytes | None:
        """Return what stands in the file, None where there is none."""
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return None

    def stamp(self) -> object:
        """Return time, size and number of the file."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    @contextmanager
    def changing(self) -> Iterator[Change]:
        """Hold the lock; at a clean exit a new file takes the place of the old."""
        with self._locked():
            before = self.read()
            change = Change(before)
            yield change
            if change.content is not None and change.content != before:
                self._replace(change.content)

    def note_use(self, item: str) -> None:
        """Note a use as the time of an empty file, which several processes may set at once."""
        with contextlib.suppress(OSError):  # that nobody knows of a use harms nobody
            folder = self.path.with_suffix(".used")
            folder.mkdir(mode=0o700, exist_ok=True)
            (folder / item).touch(mode=0o600)

    def last_use(self, item: str) -> datetime | None:
        """Return the time of that file."""
        try:
            used = (self.path.with_suffix(".used") / item).stat().st_mtime
        except OSError:
            return None
        return datetime.fromtimestamp(used, UTC)

    def beside(self, name: str) -> "FileCell":
        """Return another file of the same folder."""
        return FileCell(self.path.with_name(name))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        private(self.path.parent)
        lock = os.open(self._lock, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _replace(self, content: bytes) -> None:
        self.new.unlink(missing_ok=True)
        file = os.open(self.new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(file, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        self.new.replace(self.path)


@dataclass(frozen=True, slots=True)
class FolderState:
    """A data folder."""

    folder: Path

    @property
    def database(self) -> None:
        """Rows are files here."""
        return

    def cell(self, name: str) -> Cell:
        """Return a file of the folder."""
        return FileCell(self.folder / name)

    def below(self, name: str) -> "FolderState":
        """Return a folder in it."""
        return FolderState(self.folder / name)


def state_of(place: State | Path) -> State:
    """Return a place as it is; a folder stands for itself."""
    return FolderState(place) if isinstance(place, Path) else place


def private(folder: Path) -> None:
    """Make a folder and those it lies in, for their owner alone."""
    if not folder.is_dir():
        private(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
