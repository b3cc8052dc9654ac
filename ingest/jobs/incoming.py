"""The files of documents that wait: kept where every worker finds them, until their job has ended."""

import errno
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from vectorstore.errors import NotFound, Unavailable
from vectorstore.objects.store import Objects

_FOLDER: Final = "incoming"
_FEW: Final = 16
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE})


def no_room(error: BaseException) -> Unavailable | None:
    """Return what to say where this machine takes no files, whichever document it is about; None for other errors."""
    if not isinstance(error, OSError) or error.errno not in _NO_ROOM:
        return None
    return Unavailable(
        f"This machine cannot write files now ({error.strerror}).",
        "Make room where FOOTNOTE_DATA_DIR and the folder for temporary files (TMPDIR) lie.",
    )


class Incoming(Protocol):
    """Keeps files under names of its own."""

    def keep(self, file: Path) -> str:
        """Keep a copy of a file, whole and for good; return its name. Raises OSError, Unavailable."""

    def secure(self, names: Sequence[str]) -> None:
        """Return when what is kept under these names outlasts a loss of power."""

    def fetch(self, name: str, into: Path) -> None:
        """Write what is kept under a name into a new file; raises NotFound, OSError, Unavailable."""

    def drop(self, name: str) -> None:
        """Delete what is kept under a name; nothing where it is gone."""

    def old(self, *, seconds: float) -> list[str]:
        """Return the names under which something has been kept for longer than so many seconds."""


class IncomingFolder:
    """Keeps files in the data folder: for workers on this machine, or with the same folder mounted."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / _FOLDER

    def keep(self, file: Path) -> str:
        """Keep a copy, readable by the owner alone; `secure` makes it last."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = secrets.token_hex(16)
        # mkstemp makes it 0600
        handle, draft = tempfile.mkstemp(dir=self._folder, prefix=".")
        try:
            with os.fdopen(handle, "wb") as copy, file.open("rb") as original:
                shutil.copyfileobj(original, copy)
            Path(draft).replace(self._folder / name)
        finally:
            Path(draft).unlink(missing_ok=True)
        return name

    def secure(self, names: Sequence[str]) -> None:
        """Have the disk write them: a few one by one, many at once with all else."""
        if len(names) > _FEW:
            os.sync()
            return
        for path in (*(self._folder / name for name in names), *([self._folder] if names else [])):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def fetch(self, name: str, into: Path) -> None:
        """Copy the file."""
        try:
            shutil.copyfile(self._folder / name, into)
        except FileNotFoundError as error:
            raise NotFound(
                "The worker does not find the file of this document.",
                "Give all workers the same FOOTNOTE_DATA_DIR, or set FOOTNOTE_OBJECTS.",
            ) from error

    def drop(self, name: str) -> None:
        """Delete the file."""
        (self._folder / name).unlink(missing_ok=True)

    def old(self, *, seconds: float) -> list[str]:
        """Look at when the files were written, also those of which only a part was."""
        if not self._folder.is_dir():
            return []
        until = time.time() - seconds
        found: list[str] = []
        for each in self._folder.iterdir():
            # Other workers drop files meanwhile.
            with suppress(FileNotFoundError):
                if each.stat().st_mtime < until:
                    found.append(each.name)
        return found


class IncomingObjects:
    """Keeps files in object storage: for workers on any machine. Raises Unavailable where it is away."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def keep(self, file: Path) -> str:
        """Keep a copy."""
        name = secrets.token_hex(16)
        self._objects.put(f"{_FOLDER}/{name}", file)
        return name

    def secure(self, names: Sequence[str]) -> None:
        """Return at once: what the object storage has taken lasts."""

    def fetch(self, name: str, into: Path) -> None:
        """Fetch the file."""
        with into.open("xb") as copy:
            found = self._objects.get(f"{_FOLDER}/{name}", copy)
        if found is None:
            raise NotFound("The file of this document is not in the object storage.", "Send it again.")

    def drop(self, name: str) -> None:
        """Delete the file, in all versions."""
        self._objects.delete(f"{_FOLDER}/{name}")

    def old(self, *, seconds: float) -> list[str]:
        """Look at when the objects were written."""
        until = datetime.now(UTC) - timedelta(seconds=seconds)
        found = self._objects.list(_FOLDER)
        return [each.key.rpartition("/")[2] for each in found if each.modified < until]
