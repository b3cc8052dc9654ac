"""The files of a SQLite database: its own check, what gives space back, and rows loaded under their numbers."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from vectorstore.errors import Busy
from vectorstore.index.truth.database import Connection, Search, Value


class _Scripted(Connection, Protocol):
    def script(self, sql: str) -> None:
        """Run statements without values."""

    def copy_from(self, path: Path) -> None:
        """Replace the whole content by that of another database, in one transaction."""


class SQLiteStorage:
    """One database file with its log. It lies in the data folder, whose files are searched anyway."""

    def __init__(self, path: Path, borrow: Callable[[], AbstractContextManager[_Scripted]]) -> None:
        self._path = path
        self._borrow = borrow

    @property
    def place(self) -> str:
        """The folder."""
        return str(self._path.parent)

    def size(self) -> int:
        """Return the bytes of the file and its logs."""
        return sum(path.stat().st_size for path in self._path.parent.glob(f"{self._path.name}*"))

    def check(self) -> Iterator[str]:
        """Check pages, indexes and references."""
        with self._borrow() as connection:
            for row in connection.rows("PRAGMA integrity_check(20)"):
                if row[0] != "ok":
                    yield f"SQLite: {row[0]}"
            for row in connection.rows("PRAGMA foreign_key_check"):
                yield f"SQLite: row {row[1]} of {row[0]!r} belongs to nothing in {row[2]!r}."

    def shrink(self) -> None:
        """Give free pages back to the file system and empty the write-ahead log; raises Busy."""
        with self._borrow() as connection:
            # As a script: run as a query, Python stops after the first page.
            connection.script("PRAGMA incremental_vacuum")
            row = connection.one("PRAGMA wal_checkpoint(TRUNCATE)")
        if row is not None and row[0]:
            raise Busy("A reader holds an old state of the index open.", "Run the command again in a moment.")

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

    def has_table(self, connection: Connection, name: str) -> bool:
        """Say whether the file has a table of this name."""
        return (
            connection.one("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (name,))
            is not None
        )

    def replace(self, backup: Path) -> None:
        """Put the content of a backup in the place of everything, page by page: damage does not stand in the way."""
        with self._borrow() as connection:
            connection.copy_from(backup)

    def load(
        self, connection: Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[Value]]
    ) -> None:
        """Insert rows as they are, numbered ones under their numbers; the caller is in a transaction."""
        names = ", ".join(f'"{name}"' for name in columns)
        connection.run_many(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(columns))})", rows)

    def counters(self, connection: Connection) -> dict[str, int]:
        """Return the greatest number given so far to a row of each table that numbers its rows."""
        return dict(connection.rows("SELECT name, seq FROM sqlite_sequence"))

    def set_counters(self, connection: Connection, counters: Mapping[str, int]) -> None:
        """Go on numbering after these."""
        for table, last in counters.items():
            connection.run("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
            connection.run("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, last))
