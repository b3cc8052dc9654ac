"""SQLite, wrapped: connections, transactions, and its errors in our words."""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from vectorstore.errors import Busy, FootnoteError, StoreDamaged, Unavailable
from vectorstore.index.sqlite.storage import SQLiteStorage
from vectorstore.index.truth.database import Value
from vectorstore.index.truth.files import private_folder

_MAX_VARIABLES = 30_000


class SQLiteConnection:
    """One connection. Results are plain tuples."""

    def __init__(self, raw: sqlite3.Connection) -> None:
        self._raw = raw

    def rows(self, sql: str, values: Sequence[Value] = ()) -> list[tuple]:  # type: ignore[type-arg]
        """Run a query and return all rows."""
        with _translated():
            return self._raw.execute(sql, values).fetchall()

    def each(self, sql: str, values: Sequence[Value] = ()) -> Iterator[tuple]:  # type: ignore[type-arg]
        """Run a query and yield its rows as they are read."""
        with _translated():
            yield from self._raw.execute(sql, values)

    def one(self, sql: str, values: Sequence[Value] = ()) -> tuple | None:  # type: ignore[type-arg]
        """Return the first row, or None."""
        with _translated():
            row: tuple | None = self._raw.execute(sql, values).fetchone()  # type: ignore[type-arg]
            return row

    def among(self, sql: str, keys: Sequence[Value], *, before: Sequence[Value] = ()) -> list[tuple]:  # type: ignore[type-arg]
        """Run a query whose `{keys}` stands for a list, in as many pieces as SQLite's limit asks for."""
        found = []
        for start in range(0, len(keys), _MAX_VARIABLES):
            piece = keys[start : start + _MAX_VARIABLES]
            marks = ",".join("?" * len(piece))
            found += self.rows(sql.replace("{keys}", marks), [*before, *piece])
        return found

    def run(self, sql: str, values: Sequence[Value] = ()) -> int:
        """Run a statement; return the number of changed rows."""
        with _translated():
            return self._raw.execute(sql, values).rowcount

    def run_many(self, sql: str, values: Iterable[Sequence[Value]]) -> None:
        """Run a statement once for each row of values."""
        with _translated():
            self._raw.executemany(sql, values)

    def add(self, table: str, columns: str, rows: Iterable[Sequence[Value]]) -> None:
        """Insert many rows."""
        marks = ",".join("?" * (columns.count(",") + 1))
        self.run_many(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)

    def reserve(self, table: str, count: int) -> Sequence[int]:
        """Return so many new row numbers; they count as given once rows are inserted under them."""
        last = self.last_row(table)
        return range(last + 1, last + 1 + count)

    def last_row(self, table: str) -> int:
        """Return the greatest row number that was ever given, 0 for none."""
        # From the sequence, not max(row): it never falls, even when rows have been purged.
        row = self.one("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,))
        return row[0] if row else 0

    def set_last_row(self, table: str, row: int) -> None:
        """Go on numbering a table's rows after this one."""
        self.run("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
        self.run("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, row))

    def has_table(self, name: str) -> bool:
        """Say whether there is a table of that name."""
        return self.one("SELECT 1 FROM sqlite_master WHERE name = ?", (name,)) is not None

    def problems(self) -> Iterator[str]:
        """Yield what SQLite itself finds wrong with its file."""
        for row in self.rows("PRAGMA integrity_check(20)"):
            if row[0] != "ok":
                yield f"SQLite: {row[0]}"
        for row in self.rows("PRAGMA foreign_key_check"):
            yield f"SQLite: row {row[1]} of {row[0]!r} belongs to nothing in {row[2]!r}."

    def derive(self, *, anew: bool = False) -> None:
        """Do nothing: what is searched lies in files beside this one."""

    def announce(self, generation: int) -> None:
        """Do nothing: readers look at the file."""

    def script(self, sql: str) -> None:
        """Run statements without values. Commits whatever was open."""
        with _translated():
            self._raw.executescript(sql)

    @contextmanager
    def transaction(self, kind: str = "IMMEDIATE") -> Iterator[None]:
        """Commit when the block ends cleanly, roll back when it raises."""
        with _translated():
            self._raw.execute(f"BEGIN {kind}")
            try:
                yield
            except BaseException:
                self._roll_back()
                raise
            try:
                self._raw.execute("COMMIT")
            except sqlite3.Error:
                self._roll_back()
                raise

    def _roll_back(self) -> None:
        # A full disk makes SQLite roll back by itself; rolling back once more would hide the reason.
        if self._raw.in_transaction:
            self._raw.execute("ROLLBACK")

    def close(self) -> None:
        """Close the connection."""
        self._raw.close()


class SQLite:
    """A pool of connections to one database file, as many as are used at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: list[SQLiteConnection] = []
        self._lock = Lock()
        self._closed = False
        self._file = 0

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    @property
    def storage(self) -> SQLiteStorage:
        """The file and its log."""
        return SQLiteStorage(self._path, self.connection)

    @contextmanager
    def connection(self) -> Iterator[SQLiteConnection]:
        """Borrow a connection."""
        with self._lock:
            connection = self._idle.pop() if self._idle else None
            file = self._file
        connection = connection or _open(self._path)
        try:
            yield connection
        finally:
            with self._lock:
                keep = not self._closed and file == self._file
                if keep:
                    self._idle.append(connection)
            if not keep:
                connection.close()

    def forget(self) -> None:
        """Open the file anew from now on: another lies there under the same name."""
        with self._lock:
            self._file += 1
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def close(self) -> None:
        """Close the idle connections now and the borrowed ones when they come back."""
        with self._lock:
            self._closed, idle, self._idle = True, self._idle, []
        for connection in idle:
            connection.close()


def create_file(path: Path) -> None:
    """Make an empty file that only its owner can read, so that SQLite's own files take its mode."""
    private_folder(path.parent)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _open(path: Path) -> SQLiteConnection:
    with _translated():
        raw = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=64,
            timeout=30.0,
        )
        raw.execute("PRAGMA synchronous = FULL")
        raw.execute("PRAGMA foreign_keys = ON")
        raw.execute("PRAGMA secure_delete = ON")
        # 32 MB: the upper levels of a large index stay in memory
        raw.execute("PRAGMA cache_size = -32768")
        return SQLiteConnection(raw)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    # SQLite's message, and any text it hands over, can hold the damage itself.
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise _in_our_words(error) from error


def _in_our_words(error: Exception) -> FootnoteError:
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith(("SQLITE_FULL", "SQLITE_IOERR")):
        return Unavailable(
            f"The index could not be written or read ({name}); the last generation still stands.",
            "Check that the disk under FOOTNOTE_DATA_DIR has space and works.",
        )
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return Busy("The index is locked by another process.", "Try again when it is done.")
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return Unavailable(
            f"The index file cannot be opened for this ({name}).",
            "Check the owner and the rights of the folder in FOOTNOTE_DATA_DIR.",
        )
    return StoreDamaged(
        f"The index database fails ({name or type(error).__name__}: {error}).",
        "Put a backup back with `footnote restore SRC --replace`, or move index.db away and ingest again.",
    )
