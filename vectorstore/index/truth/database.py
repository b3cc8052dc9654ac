"""What the truth asks of a database: the seam between SQLite and PostgreSQL.

Statements are written once, for both, with `?` for each bound value. Where the two speak differently, the difference
is a method here, never a second copy of the statement's reader.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
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


class Database(Protocol):
    """A pool of connections, as many as are used at once."""

    def connection(self) -> AbstractContextManager[Connection]:
        """Borrow a connection."""

    def close(self) -> None:
        """Close the idle connections now and the borrowed ones when they come back."""
