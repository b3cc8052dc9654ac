"""What the truth asks of a database: the seam between SQLite and PostgreSQL.

Statements are written once, for both, with `?` for each bound value. Where the two speak differently, the difference
is a method here, never a second copy of the statement's reader.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias

Value: TypeAlias = str | int | float | bytes | None
Row: TypeAlias = tuple[Value, ...]


class Connection(Protocol):
    """One connection. Results are plain tuples; errors are Busy, Unavailable or StoreDamaged."""

    def rows(self, sql: str, values: Sequence[Value] = ()) -> list[tuple]:  # type: ignore[type-arg]
        """Run a query and return all rows."""

    def each(self, sql: str, values: Sequence[Value] = ()) -> Iterator[tuple]:  # type: ignore[type-arg]
        """Run a query and yield its rows as they are read."""

    def one(self, sql: str, values: Sequence[Value] = ()) -> tuple | None:  # type: ignore[type-arg]
        """Return the first row, or None."""

    def among(self, sql: str, keys: Sequence[Value], *, before: Sequence[Value] = ()) -> list[tuple]:  # type: ignore[type-arg]
        """Run a query whose `{keys}` stands for a list, in as many pieces as the database's limit asks for."""

    def run(self, sql: str, values: Sequence[Value] = ()) -> int:
        """Run a statement; return the last inserted row for an insert, else the number of changed rows."""

    def run_many(self, sql: str, values: Iterable[Sequence[Value]]) -> None:
        """Run a statement once for each row of values."""

    def transaction(self, kind: str = "IMMEDIATE") -> AbstractContextManager[None]:
        """Commit when the block ends cleanly, roll back when it raises."""


@dataclass(frozen=True, slots=True)
class Search:
    """What a search for byte patterns found: `holding` has them by file; `unsearched` says what was out of reach."""

    files: int = 0
    holding: Mapping[str, set[bytes]] = field(default_factory=dict)
    unsearched: tuple[str, ...] = ()


class Storage(Protocol):
    """What each engine does to its own files in its own way: shrink them, clear them, search them.

    Borrows connections of its own; the caller holds the writer lock.
    """

    @property
    def place(self) -> str:
        """Where the truth lies, as it may be shown: never with a password."""

    def size(self) -> int:
        """Return the bytes that the index takes."""

    def check(self) -> Iterator[str]:
        """Yield what the engine itself finds wrong with its files, one sentence each."""

    def shrink(self) -> None:
        """Give the space of purged rows back."""

    def expunge(self) -> None:
        """Leave nothing of purged rows in files and logs; raises Busy where a reader stands in the way."""

    def search(self, patterns: Sequence[bytes]) -> Search:
        """Search the engine's own files, as far as they lie outside the data folder."""

    def behind(self, epoch: int) -> tuple[str, ...]:
        """Return the replicas whose projections have not followed the purges up to this one, by name."""

    def has_table(self, connection: Connection, name: str) -> bool:
        """Say whether the index has a table of this name."""

    def replace(self, backup: Path) -> None:
        """Put the content of a backup, which is a SQLite file, in the place of everything, in one transaction."""

    def load(
        self, connection: Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[Value]]
    ) -> None:
        """Insert rows as they are, numbered ones under their numbers; the caller is in a transaction."""

    def counters(self, connection: Connection) -> dict[str, int]:
        """Return the greatest number given so far to a row of each table that numbers its rows."""

    def set_counters(self, connection: Connection, counters: Mapping[str, int]) -> None:
        """Go on numbering after these."""


class Database(Protocol):
    """A pool of connections, as many as are used at once."""

    @property
    def storage(self) -> Storage:
        """The files under it."""

    def connection(self) -> AbstractContextManager[Connection]:
        """Borrow a connection."""

    def close(self) -> None:
        """Close the idle connections now and the borrowed ones when they come back."""
