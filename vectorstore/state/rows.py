"""Small things as rows of the database of the index: the same for every replica."""

import contextlib
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from vectorstore.errors import FootnoteError
from vectorstore.index.postgresql.database import PostgreSQL, PostgreSQLConnection
from vectorstore.state.cell import AT_LATEST, Cell, Change

_alone: Final[defaultdict[str, threading.Lock]] = defaultdict(threading.Lock)
"""A lock for each name: threads that wait for the same row wait with one connection, and not with all of the pool."""


@dataclass(frozen=True, slots=True)
class RowCell:
    """One row, which counts its versions."""

    rows_of: PostgreSQL
    key: str

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"{self.key} in the database"

    @property
    def trusted_for(self) -> float:
        """Half of what is promised: the other half is for asking."""
        return AT_LATEST / 2

    @property
    def mark(self) -> None:
        """A row is not lost alone."""
        return

    def read(self) -> bytes | None:
        """Return the row's content, None where there is none."""
        with self.rows_of.connection() as connection:
            return _content(connection, self.key)

    def stamp(self) -> object:
        """Return the row's version."""
        with self.rows_of.connection() as connection:
            found = connection.one("SELECT version FROM cells WHERE name = ?", [self.key])
        return found[0] if found else None

    @contextmanager
    def changing(self) -> Iterator[Change]:
        """Hold the name in a transaction; it ends with the block.

        The lock is an advisory one, so that a block which takes long keeps no row of other tables from VACUUM.
        """
        with _alone[self.key], self.rows_of.connection() as connection, connection.transaction("UNLOCKED"):
            hold(connection, self.key)
            before = _content(connection, self.key)
            change = Change(before)
            yield change
            if change.content is not None and change.content != before:
                connection.rows(
                    "INSERT INTO cells (name, version, content) VALUES (?, 1, ?) ON CONFLICT (name)"
                    " DO UPDATE SET version = cells.version + 1, content = excluded.content RETURNING version",
                    [self.key, change.content],
                )

    def note_use(self, item: str) -> None:
        """Note a use with the database's time."""
        # that nobody knows of a use harms nobody
        with contextlib.suppress(FootnoteError), self.rows_of.connection() as connection:
            connection.rows(
                "INSERT INTO uses (cell, item, at) VALUES (?, ?, extract(epoch FROM now()))"
                " ON CONFLICT (cell, item) DO UPDATE SET at = excluded.at RETURNING at",
                [self.key, item],
            )

    def last_use(self, item: str) -> datetime | None:
        """Return that time."""
        with self.rows_of.connection() as connection:
            found = connection.one("SELECT at FROM uses WHERE cell = ? AND item = ?", [self.key, item])
        return datetime.fromtimestamp(float(found[0]), UTC) if found else None

    def beside(self, name: str) -> "RowCell":
        """Return the row of another name."""
        return RowCell(self.rows_of, "".join(self.key.rpartition("/")[:2]) + name)


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """A database, and the data folder of this machine beside it."""

    database: PostgreSQL
    folder: Path
    above: str = ""

    def cell(self, name: str) -> Cell:
        """Return a row."""
        return RowCell(self.database, self.above + name)

    def below(self, name: str) -> "DatabaseState":
        """Return the place of all rows whose names begin so."""
        return DatabaseState(self.database, self.folder / name, f"{self.above}{name}/")


def hold(connection: PostgreSQLConnection, name: str) -> None:
    """Wait until nobody else holds a name of this schema, and hold it to the end of the transaction."""
    connection.rows(
        "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '/' || ?, 0))::text", [name]
    )


def _content(connection: PostgreSQLConnection, key: str) -> bytes | None:
    found = connection.one("SELECT content FROM cells WHERE name = ?", [key])
    return bytes(found[0]) if found else None
