"""What the truth asks of a database: the seam between SQLite and PostgreSQL.

Statements are written once, for both, with `?` for each bound value. Where the two speak differently, the difference
is a method here, never a second copy of the statement's reader.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Protocol, TypeAlias

from vectorstore.models.embed import Space

Value: TypeAlias = str | int | float | bytes | None
Row: TypeAlias = tuple[Value, ...]
Identity: TypeAlias = tuple[str | int, ...]
"""Which index this is and how often rows have been purged from it: a change means reading everything anew."""


class Connection(Protocol):
    """One connection. Results are plain tuples; errors are Busy, Unavailable or StoreDamaged."""

    def rows(self, sql: str, values: Sequence[Value] = ()) -> list[tuple]:  # type: ignore[type-arg]
        """Run a query and return all rows."""

    def each(self, sql: str, values: Sequence[Value] = ()) -> Iterator[tuple]:  # type: ignore[type-arg]
        """Run a query and yield its rows as they are read; nothing else is asked on this connection meanwhile."""

    def one(self, sql: str, values: Sequence[Value] = ()) -> tuple | None:  # type: ignore[type-arg]
        """Return the first row, or None."""

    def among(self, sql: str, keys: Sequence[Value], *, before: Sequence[Value] = ()) -> list[tuple]:  # type: ignore[type-arg]
        """Run a query that says `IN ({keys})` for a list, in as many pieces as the database's limit asks for."""

    def run(self, sql: str, values: Sequence[Value] = ()) -> int:
        """Run a statement; return the number of changed rows."""

    def run_many(self, sql: str, values: Iterable[Sequence[Value]]) -> None:
        """Run a statement once for each row of values."""

    def add(self, table: str, columns: str, rows: Iterable[Sequence[Value]]) -> None:
        """Insert many rows, the fastest way that there is."""

    def reserve(self, table: str, count: int) -> Sequence[int]:
        """Return so many new row numbers of a table, ascending, greater than all that were ever given.

        The caller holds the writer lock, is in a transaction and inserts rows under all of them.
        """

    def last_row(self, table: str) -> int:
        """Return the greatest row number that was ever given, 0 for none. The caller holds the writer lock."""

    def set_last_row(self, table: str, row: int) -> None:
        """Go on numbering a table's rows after this one; the caller holds the writer lock."""

    def has_table(self, name: str) -> bool:
        """Say whether there is a table of that name."""

    def problems(self) -> Iterator[str]:
        """Yield what the database itself finds wrong with its files, one sentence each."""

    def derive(self, *, anew: bool = False) -> None:
        """Bring what the database itself searches up to what this transaction has written; `anew`: from nothing."""

    def announce(self, generation: int) -> None:
        """Have the commit tell whoever listens that this generation is there."""

    def transaction(self, kind: str = "IMMEDIATE") -> AbstractContextManager[None]:
        """Commit when the block ends cleanly, roll back when it raises.

        `IMMEDIATE` writes, and holds the index's writer lock from its first statement to its commit; `DEFERRED`
        reads, and all its reads agree. `UNLOCKED` writes what is no part of the index, beside whoever writes that.
        """


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

    def size(self) -> int:
        """Return the bytes that the index takes."""

    def shrink(self) -> None:
        """Give the space of purged rows back."""

    def settle(self) -> None:
        """Wait until nobody reads an old state, of which `expunge` would leave bytes; raises Busy."""

    def expunge(self) -> None:
        """Leave nothing of purged rows in files and logs; raises Busy where a reader stands in the way."""

    def search(self, patterns: Sequence[bytes]) -> Search:
        """Search the engine's own files, as far as they lie outside the data folder."""

    def behind(self, epoch: int) -> tuple[str, ...]:
        """Return the replicas whose projections have not followed the purges up to this one, by name."""

    def acknowledge(self, folder: Path) -> None:
        """Say that the replica with this folder of projections is there, and which purges they have followed."""


class Database(Protocol):
    """A pool of connections, as many as are used at once."""

    place: str
    """Where it is, for people: a folder, or an address without its password."""
    follows: bool
    """Whether others commit too, so that every replica brings its projections up to date when it reads."""
    searched: bool
    """Whether it is searched itself, so that this replica keeps no projections."""

    @property
    def storage(self) -> Storage:
        """The files under it."""

    def connection(self) -> AbstractContextManager[Connection]:
        """Borrow a connection."""

    def writer(self, *, wait: bool, space: Space | None = None) -> AbstractContextManager[Connection]:
        """Borrow one to write with: raises Busy when another writer is at work, unless `wait`.

        With a space the index is made when there is none, and an empty one of another embedder is given to it.
        """

    def commits(self, stop: Event) -> Iterator[None]:
        """Yield at once, and whenever somebody may have committed, until `stop` is set; never raises."""

    def upgrade(self) -> None:
        """Bring the tables to what this version makes, while others use them; raises NotFound, Busy."""

    def identity(self) -> Identity | None:
        """Return which index this is now; None when there is none yet."""

    def close(self) -> None:
        """Close the idle connections now and the borrowed ones when they come back."""
