"""Where backups are kept: a folder, or an object store. Small and few operations, the same for both.

What is written is there whole or not at all. In a folder it is on the disk, and its owner's alone.
"""

import fcntl
import os
import secrets
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import unquote, urlsplit

from pydantic import ValidationError

from vectorstore.errors import BadInput, Busy, Unavailable
from vectorstore.index.truth.files import write_atomically
from vectorstore.objects.settings import ObjectSettings
from vectorstore.objects.store import Objects, is_address, open_objects
from vectorstore.state.files import private

LARGEST: Final = 1 << 30
"""Bytes of the largest thing that is read at once: a blob is some megabytes, unless a single row is larger."""
_FORGOTTEN: Final = timedelta(days=1)
"""How old the note of a backup in an object store is before whoever wrote it counts as killed."""
_LOCK: Final = "lock"
_NOTES: Final = "running"


class Place(Protocol):
    """Things by key. Errors are Unavailable, with one sentence and no credentials."""

    name: str
    """What people call it; holds no secrets."""

    def put(self, key: str, content: bytes) -> None:
        """Write a thing, over one that is there."""

    def read(self, key: str) -> bytes | None:
        """Return a thing, None where there is none."""

    def keys(self, prefix: str) -> list[str]:
        """Return the keys below a prefix, in order."""

    def delete(self, key: str) -> None:
        """Delete a thing, in all its versions; one that is gone is well."""

    def sweep(self) -> None:
        """Delete what a process that was killed has half written. Nobody else writes meanwhile."""

    def writing(self) -> AbstractContextManager[None]:
        """Keep others from deleting while the block runs; several may write. Raises Busy."""

    def alone(self) -> AbstractContextManager[None]:
        """Keep others from writing and deleting while the block runs. Raises Busy."""


class Folder:
    """A folder of this machine, or one that is mounted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.name = str(folder)

    def put(self, key: str, content: bytes) -> None:
        """Write a file beside, have it on the disk, and rename it."""
        path = self._folder / key
        with self._told():
            private(path.parent)
            write_atomically(path, content)

    def read(self, key: str) -> bytes | None:
        """Return the file's bytes."""
        with self._told():
            try:
                return (self._folder / key).read_bytes()
            except FileNotFoundError:
                return None

    def keys(self, prefix: str) -> list[str]:
        """Return the files below a folder."""
        with self._told():
            found = (path for path in (self._folder / prefix).rglob("*") if path.is_file())
            return sorted(str(path.relative_to(self._folder)) for path in found if path.name[0] != ".")

    def delete(self, key: str) -> None:
        """Delete the file."""
        with self._told():
            (self._folder / key).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Delete what lies under the names that files have before they are whole."""
        with self._told():
            for left in self._folder.rglob(".*.new"):
                left.unlink(missing_ok=True)

    @contextmanager
    def writing(self) -> Generator[None]:
        """Hold the lock file with others who write; the kernel frees it when this process dies."""
        with self._locked(fcntl.LOCK_SH):
            yield

    @contextmanager
    def alone(self) -> Generator[None]:
        """Hold the lock file alone."""
        with self._locked(fcntl.LOCK_EX):
            yield

    @contextmanager
    def _locked(self, how: int) -> Generator[None]:
        with self._told():
            private(self._folder)
            lock = os.open(self._folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            try:
                fcntl.flock(lock, how | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise _busy(self.name) from error
            yield
        finally:
            os.close(lock)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Unavailable(
                f"The folder {self.name!r} cannot be read or written ({error.strerror}).",
                "Check the path, its owner, and the space on its disk.",
            ) from error


class Bucket:
    """An object store, at a prefix of a bucket."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self.name = objects.url

    def put(self, key: str, content: bytes) -> None:
        """Put an object."""
        self._objects.put(key, content)

    def read(self, key: str) -> bytes | None:
        """Return an object's bytes."""
        return self._objects.read(key, most=LARGEST)

    def keys(self, prefix: str) -> list[str]:
        """List the objects."""
        return [each.key for each in self._objects.list(prefix)]

    def delete(self, key: str) -> None:
        """Delete an object in all versions, as far as the store can tell of them."""
        self._objects.delete(key)

    def sweep(self) -> None:
        """Delete the notes of those who were killed: half an object is never there."""
        for each in self._objects.list(_NOTES):
            if each.modified < datetime.now(UTC) - _FORGOTTEN:
                self._objects.delete(each.key)

    @contextmanager
    def writing(self) -> Generator[None]:
        """Leave a note, then look for notes of those who delete."""
        with self._noted("backup", "prune"):
            yield

    @contextmanager
    def alone(self) -> Generator[None]:
        """Leave a note, then look for notes of anybody else."""
        with self._noted("prune", ""):
            yield

    @contextmanager
    def _noted(self, what: str, wary_of: str) -> Generator[None]:
        """Of two who each leave a note first and look then, one at least sees the other."""
        own = f"{_NOTES}/{what}-{secrets.token_hex(8)}"
        self._objects.put(own, b"")
        try:
            others = [each for each in self._objects.list(_NOTES) if each.key != own]
            fresh = datetime.now(UTC) - _FORGOTTEN
            if any(e.key.startswith(f"{_NOTES}/{wary_of}") and e.modified > fresh for e in others):
                raise _busy(self.name)
            yield
        finally:
            self._objects.delete(own)


def _busy(name: str) -> Busy:
    return Busy(
        f"Another backup or prune is at work in {name!r}.",
        "Try again when it is done; in an object store one that was killed counts as at work for a day.",
    )


def open_place(destination: str) -> Place:
    """Open a folder, or s3://bucket/prefix, gs://, az://; raises BadInput for what is none, Unavailable."""
    if not destination:
        raise BadInput(
            "It is not said where backups are kept.",
            "Name a folder or s3://bucket/prefix, or set FOOTNOTE_BACKUP.",
        )
    if destination.startswith("file:///"):
        return Folder(Path(unquote(urlsplit(destination).path)))
    if not is_address(destination):
        if "://" in destination:
            raise BadInput(
                "Backups are kept in a folder or in an object store.",
                "Write the address like s3://bucket/prefix; credentials come from the environment.",
            )
        return Folder(Path(destination))
    try:
        objects = open_objects(ObjectSettings(objects=destination))
    except ValidationError as error:
        raise BadInput(
            "This is no address of an object store.",
            "Write it like s3://bucket/prefix; credentials come from the environment.",
        ) from error
    if objects is None:
        raise BadInput("It is not said where backups are kept.", "Name a folder or s3://bucket/prefix.")
    return Bucket(objects)
