"""The files of a SQLite database: what gives space back."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from vectorstore.errors import Busy
from vectorstore.index.truth.database import Connection, Search


class _Scripted(Connection, Protocol):
    def script(self, sql: str) -> None:
        """Run statements without values."""


class SQLiteStorage:
    """One database file with its log. It lies in the data folder, whose files are searched anyway."""

    def __init__(self, path: Path, borrow: Callable[[], AbstractContextManager[_Scripted]]) -> None:
        self._path = path
        self._borrow = borrow

    def size(self) -> int:
        """Return the bytes of the file and its logs."""
        return sum(path.stat().st_size for path in self._path.parent.glob(f"{self._path.name}*"))

    def shrink(self) -> None:
        """Give free pages back to the file system and empty the write-ahead log; raises Busy."""
        with self._borrow() as connection:
            # As a script: run as a query, Python stops after the first page.
            connection.script("PRAGMA incremental_vacuum")
            row = connection.one("PRAGMA wal_checkpoint(TRUNCATE)")
        if row is not None and row[0]:
            raise Busy("A reader holds an old state of the index open.", "Run the command again in a moment.")

    def settle(self) -> None:
        """Empty the log, which no reader of an old state lets happen."""
        self.shrink()

    def expunge(self) -> None:
        """Empty the log: what was deleted is overwritten already (`secure_delete`)."""
        self.shrink()

    def search(self, patterns: Sequence[bytes]) -> Search:
        """Find nothing more to search than the data folder."""
        del patterns
        return Search()

    def behind(self, epoch: int) -> tuple[str, ...]:
        """Return nobody: who else reads this folder reads the same projections."""
        del epoch
        return ()

    def acknowledge(self, folder: Path) -> None:
        """Say nothing: there is nobody else."""
