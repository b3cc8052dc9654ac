"""PostgreSQL, wrapped: connections, transactions, and its errors in our words."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from hashlib import sha256
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING, Any

from vectorstore.errors import BadInput, Busy, FootnoteError, Unavailable
from vectorstore.index.postgresql.address import Address
from vectorstore.index.postgresql.amcheck import damage_in_files
from vectorstore.index.postgresql.driver import in_our_words, psycopg_module, reason
from vectorstore.index.truth.database import Value

if TYPE_CHECKING:
    import psycopg

_MOST = 24
"""Connections of one process at once; a server takes 100 unless told otherwise."""
_PATIENCE = 30.0
"""Seconds to wait for a free connection."""
_DEFAULTS = {
    # Seconds to wait for the server to take a connection.
    "connect_timeout": 5,
    "application_name": "footnote",
    # A server whose machine vanished is noticed in seconds, not in hours.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""What the address may say otherwise."""
_PAUSE = 0.5
"""Seconds in which a server that did not answer is not asked again: everybody would wait for it."""
_STREAMED = 1_000
"""Rows that are fetched at once of a query that may have millions."""
_SESSION = {
    # A writer whose machine vanishes must not hold the lock for hours.
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "idle_in_transaction_session_timeout": "600000",
}


class PostgreSQLConnection:
    """One connection. Results are plain tuples. Outside a transaction a lost connection is replaced and asked again."""

    def __init__(self, pool: "PostgreSQL", *, wait: bool = False) -> None:
        self._pool = pool
        self._wait = wait
        self._raw = pool.take()

    @property
    def raw(self) -> "psycopg.Connection":
        """The driver's own connection."""
        return self._raw

    def in_our_words(self, error: BaseException) -> FootnoteError:
        """Return a driver's error as one of ours."""
        return self._pool.in_our_words(error)

    def rows(self, sql: str, values: Sequence[Value] = ()) -> list[tuple]:  # type: ignore[type-arg]
        """Run a query and return all rows."""
        return self._asked(_translated(sql), values).fetchall()

    def each(self, sql: str, values: Sequence[Value] = ()) -> Iterator[tuple]:  # type: ignore[type-arg]
        """Run a query and yield its rows as they come; nothing else can be asked on this connection meanwhile."""
        # First: what takes a new connection where the old one was lost cannot be done half-way.
        self._asked("SELECT 1", ())
        many = _STREAMED if psycopg_module().capabilities.has_stream_chunked() else 1
        with self._in_our_words(), self._raw.cursor() as cursor:
            yield from cursor.stream(_translated(sql), values, size=many)

    def one(self, sql: str, values: Sequence[Value] = ()) -> tuple | None:  # type: ignore[type-arg]
        """Return the first row, or None."""
        return self._asked(_translated(sql), values).fetchone()

    def among(self, sql: str, keys: Sequence[Value], *, before: Sequence[Value] = ()) -> list[tuple]:  # type: ignore[type-arg]
        """Run a query that says `IN ({keys})` for a list."""
        return self._asked(_translated(sql), [*before, list(keys)]).fetchall() if keys else []

    def run(self, sql: str, values: Sequence[Value] = ()) -> int:
        """Run a statement; return the number of changed rows."""
        with self._in_our_words():
            return self._raw.execute(_translated(sql), values).rowcount

    def run_many(self, sql: str, values: Iterable[Sequence[Value]]) -> None:
        """Run a statement once for each row of values."""
        with self._in_our_words(), self._raw.cursor() as cursor:
            cursor.executemany(_translated(sql), values)

    def add(self, table: str, columns: str, rows: Iterable[Sequence[Value]]) -> None:
        """Insert many rows by COPY: an order faster than statements."""
        with (
            self._in_our_words(),
            self._raw.cursor() as cursor,
            cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy,
        ):
            for row in rows:
                copy.write_row(row)

    def reserve(self, table: str, count: int) -> Sequence[int]:
        """Return so many new row numbers from the table's sequence."""
        sql = f"SELECT nextval('{table}_row_seq') FROM generate_series(1, %s)"
        return [row[0] for row in self._asked(sql, (count,))]

    def last_row(self, table: str) -> int:
        """Return the greatest row number that was ever given, 0 for none.

        A sequence gives numbers before the rows under them are committed: only the writer lock makes it true that
        no row appears below this later.
        """
        row = self.one(f"SELECT last_value, is_called FROM {table}_row_seq")
        return row[0] if row and row[1] else 0

    def set_last_row(self, table: str, row: int) -> None:
        """Go on numbering a table's rows after this one."""
        self.one("SELECT setval(CAST(? AS regclass), ?, ?)", (f"{table}_row_seq", max(row, 1), row > 0))

    def has_table(self, name: str) -> bool:
        """Say whether there is a table of that name in the index's schema."""
        sql = "SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = ? AND tablename = ?"
        return self.one(sql, (self._pool.address.schema, name)) is not None

    def make_schema(self) -> None:
        """Make the index's schema where there is none: of several that come at once, one does. In a transaction."""
        schema = self._pool.address.schema
        made = "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = ?"
        # Asked first: who may make none may still use one that was made.
        if self.one(made, (schema,)) is None:
            self.one("SELECT pg_advisory_xact_lock(hashtextextended(?, 21))::text", (f"footnote {schema}",))
            if self.one(made, (schema,)) is None:
                self.run(f'CREATE SCHEMA "{schema}"')

    def problems(self) -> Iterator[str]:
        """Yield what the server's own check finds; pages it checks by itself where it was made with checksums."""
        return damage_in_files(self, self._pool.address.schema)

    def derive(self, *, anew: bool = False) -> None:
        """Write what search inside the database reads, where it is to be or somebody has made it."""
        from vectorstore.index.postgresql.search.catch_up import catch_up
        from vectorstore.index.postgresql.search.tables import are_made

        if self._pool.searched or are_made(self):
            catch_up(self, anew=anew)

    def announce(self, generation: int) -> None:
        """Notify whoever listens, when the transaction commits."""
        self.run("SELECT pg_notify(?, ?)", (channel(self._pool.address), str(generation)))

    @contextmanager
    def transaction(self, kind: str = "IMMEDIATE") -> Iterator[None]:
        """Commit when the block ends cleanly, roll back when it raises."""
        writes = kind != "DEFERRED"
        self._asked("BEGIN" if writes else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", ())
        try:
            if kind == "IMMEDIATE":
                self._lock()
            yield
        except BaseException:
            self._roll_back()
            raise
        with self._in_our_words(committing=writes):
            self._raw.execute("COMMIT")

    def close(self) -> None:
        """Give the connection back."""
        self._pool.give_back(self._raw)

    def _lock(self) -> None:
        """Hold the index's writer lock to the end of the transaction."""
        key = lock_key(self._pool.address)
        if self._wait:
            self.one("SELECT pg_advisory_xact_lock(?)", (key,))
        elif self.one("SELECT pg_try_advisory_xact_lock(?)", (key,)) != (True,):
            raise Busy(
                "Another process is writing to the index.", "Try again when it is done, or pass --wait."
            )
        # Who has begun is not turned away half-way: an erasure, a move, new vectors take several transactions.
        self._wait = True

    def _roll_back(self) -> None:
        # What has lost its connection is rolled back by the server.
        with suppress(psycopg_module().Error):
            self._raw.execute("ROLLBACK")

    def _asked(self, sql: str, values: Sequence[Any]) -> "psycopg.Cursor[tuple[Any, ...]]":
        """Run what changes nothing; once more on a new connection when the old one was lost between two statements."""
        outside = self._raw.info.transaction_status == 0
        try:
            return self._raw.execute(sql, values)
        except psycopg_module().Error as error:
            if not (outside and self._raw.closed):
                raise self._pool.in_our_words(error) from error
        self._raw = self._pool.replaced(self._raw)
        with self._in_our_words():
            return self._raw.execute(sql, values)

    @contextmanager
    def _in_our_words(self, *, committing: bool = False) -> Iterator[None]:
        try:
            yield
        except psycopg_module().Error as error:
            if committing and self._raw.closed:
                raise Unavailable(
                    f"PostgreSQL at {self._pool.address.place} went away during a commit: it stands whole or not at all.",
                    "Run the command again: what stands already is not written twice.",
                ) from error
            raise self._pool.in_our_words(error) from error


class PostgreSQL:
    """A pool of connections to one database, as many as are used at once."""

    def __init__(self, address: Address, *, searched: bool = False) -> None:
        psycopg_module()
        self.address = address
        self.searched = searched
        self._idle: list[psycopg.Connection] = []
        self._lock = Lock()
        self._free = BoundedSemaphore(_MOST)
        self._closed = False
        self._asked_again_at = 0.0

    @contextmanager
    def connection(self) -> Iterator[PostgreSQLConnection]:
        """Borrow a connection; raises Unavailable when the server does not answer."""
        with self.borrowed() as connection:
            yield connection

    @contextmanager
    def borrowed(self, *, wait: bool = False) -> Iterator[PostgreSQLConnection]:
        """Borrow a connection whose writing transactions wait for other writers, or do not."""
        connection = PostgreSQLConnection(self, wait=wait)
        try:
            yield connection
        finally:
            connection.close()

    def take(self) -> "psycopg.Connection":
        """Return an idle connection, or a new one."""
        if not self._free.acquire(timeout=_PATIENCE):
            raise Busy(f"All {_MOST} connections to PostgreSQL are in use.", "Try again in a moment.")
        try:
            with self._lock:
                raw = self._idle.pop() if self._idle else None
            return raw or self.connect()
        except BaseException:
            self._free.release()
            raise

    def give_back(self, raw: "psycopg.Connection") -> None:
        """Keep a connection for the next one, unless it is of no use any more."""
        with self._lock:
            keep = not self._closed and not raw.closed and raw.info.transaction_status == 0
            if keep:
                self._idle.append(raw)
        if not keep:
            raw.close()
        self._free.release()

    def replaced(self, raw: "psycopg.Connection") -> "psycopg.Connection":
        """Return a new connection for a lost one; the idle ones are most likely lost as well."""
        raw.close()
        with self._lock:
            idle, self._idle = self._idle, []
        for each in idle:
            each.close()
        return self.connect()

    def connect(self) -> "psycopg.Connection":
        """Open a connection; raises Unavailable, at once when the server did not answer a moment ago."""
        module = psycopg_module()
        if time.monotonic() < self._asked_again_at:
            raise self._away("it did not answer a moment ago")
        try:
            given = module.conninfo.conninfo_to_dict(self.address.url)
            ours = " ".join(f"-c {name}={value}" for name, value in self._session().items())
            options = f"{given.pop('options', '')} {ours}".strip()
            # A plan that was made once may be a bad one later, and a pooler between may not know it at all.
            raw: psycopg.Connection = module.connect(
                **{**_DEFAULTS, **given},
                autocommit=True,
                prepare_threshold=None,
                client_encoding="utf8",
                options=options,
            )
            self._check_path(raw)
            return raw
        except module.OperationalError as error:
            self._asked_again_at = time.monotonic() + _PAUSE
            raise self._away(reason(error)) from error
        except module.Error:
            # Its message repeats what it could not read, which may hold the password.
            raise BadInput(
                "FOOTNOTE_STORE cannot be read as the address of a PostgreSQL database.",
                "Write special characters of the password with percent signs.",
            ) from None

    def in_our_words(self, error: BaseException) -> FootnoteError:
        """Return the error that says what happened and what to do."""
        return in_our_words(error, self.address.place)

    def close(self) -> None:
        """Close the idle connections now and the borrowed ones when they come back."""
        with self._lock:
            self._closed, idle, self._idle = True, self._idle, []
        for raw in idle:
            raw.close()

    def _session(self) -> dict[str, str]:
        return {"search_path": self.address.schema, **_SESSION}

    def _check_path(self, raw: "psycopg.Connection") -> None:
        """Raise Unavailable where a pooler keeps for itself which schema is ours: tables of others would be taken for it."""
        try:
            found = raw.execute("SHOW search_path").fetchone()
        except BaseException:
            raw.close()
            raise
        if found is None or found[0].strip('"') != self.address.schema:
            raw.close()
            raise Unavailable(
                f"What stands before PostgreSQL at {self.address.place} does not pass on in which schema to look.",
                "Name the server itself in FOOTNOTE_STORE; docs/scale.md says what a pooler must do.",
            )

    def _away(self, why: str) -> Unavailable:
        if "startup parameter" in why:  # PgBouncer takes no options unless it is told to
            return Unavailable(
                f"A pooler before PostgreSQL at {self.address.place} does not take what names the schema ({why}).",
                "Name the server itself in FOOTNOTE_STORE; docs/scale.md says what a pooler must do.",
            )
        return Unavailable(
            f"PostgreSQL at {self.address.place} does not answer ({why}).",
            "Start it, or correct FOOTNOTE_STORE.",
        )


def channel(address: Address) -> str:
    """Return the name under which commits are announced."""
    return f"footnote_{sha256(address.schema.encode()).hexdigest()[:16]}"


def lock_key(address: Address) -> int:
    """Return the advisory lock of an index: locks are of one database, which may hold several."""
    return int.from_bytes(sha256(f"footnote {address.schema}".encode()).digest()[:8], signed=True)


@lru_cache(maxsize=512)
def _translated(sql: str) -> str:
    return sql.replace("%", "%%").replace("IN ({keys})", "= ANY (?)").replace("?", "%s")
