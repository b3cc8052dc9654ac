"""The files under a PostgreSQL database: cleared of what was deleted, and searched where they can be read.

A deleted row's bytes stay in tables and indexes through DELETE and VACUUM; only VACUUM FULL writes the files anew.
They stay in what the planner remembers of columns (`pg_statistic`), and in the write-ahead log, whose old segments are
renamed into future ones with all that is in them. So each is written anew, one after the other.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from vectorstore.errors import Busy
from vectorstore.index.maintenance.byte_search import files_holding
from vectorstore.index.postgresql.replicas import beat, replicas_behind
from vectorstore.index.truth import read as truth
from vectorstore.index.truth.database import Connection, Search

_PATIENCE = 10.0
"""Seconds to wait for those who still read what was before."""
_ROUNDS = 2
"""How often the whole log is written through: what was old in the first round has become future in the second."""


class PostgreSQLStorage:
    """The schema that holds the index, and the server's data folder around it."""

    def __init__(
        self,
        schema: str,
        place: str,
        borrow: Callable[[], AbstractContextManager[Connection]],
        *,
        retention_days: int | None,
    ) -> None:
        self._schema = schema
        self._place = place
        self._borrow = borrow
        self._retention_days = retention_days

    def size(self) -> int:
        """Return the bytes of all tables and indexes of the schema."""
        sql = (
            "SELECT CAST(coalesce(sum(pg_total_relation_size(c.oid)), 0) AS BIGINT) FROM pg_class c"
            " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ? AND c.relkind IN ('r', 'm')"
        )
        with self._borrow() as connection:
            found = connection.one(sql, (self._schema,))
        return int(found[0]) if found else 0

    def shrink(self) -> None:
        """Make the space of purged rows free for new ones; readers and writers go on."""
        with self._borrow() as connection:
            for table in self._tables(connection):
                connection.run(f"VACUUM (ANALYZE) {table}")

    def settle(self) -> None:
        """Wait for readers of old states; raises Busy after ten seconds."""
        with self._borrow() as connection:
            _wait_for_readers(connection)

    def expunge(self) -> None:
        """Write tables, statistics and log anew; raises Busy where somebody still reads what was before."""
        with self._borrow() as connection:
            write_anew(connection, self._tables(connection))

    def search(self, patterns: Sequence[bytes]) -> Search:
        """Search the server's data folder, where it can be read from here."""
        with self._borrow() as connection:
            unsearched = [*_out_of_reach(connection), *_unreadable(connection, self._schema)]
            unsearched += replicas_behind(connection, truth.head(connection).epoch)[1]
            folder = _data_folder(connection)
            if folder is None:
                return Search(unsearched=(*unsearched, self._elsewhere()))
            files = list(_files(connection, folder))
        found = files_holding(files, patterns)
        holding = {str(path): which for path, which in found.items()}
        return Search(len(files), holding, tuple(unsearched))

    def behind(self, epoch: int) -> tuple[str, ...]:
        """Return the replicas that were heard of lately and whose projections have not followed the purges yet."""
        with self._borrow() as connection:
            return tuple(replicas_behind(connection, epoch)[0])

    def acknowledge(self, folder: Path) -> None:
        """Say that the replica with this folder is there, and which purges its projections have followed."""
        with self._borrow() as connection:
            beat(connection, folder)

    def _tables(self, connection: Connection) -> list[str]:
        sql = "SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = ? ORDER BY tablename"
        return [f'"{self._schema}"."{name}"' for (name,) in connection.rows(sql, (self._schema,))]

    def _elsewhere(self) -> str:
        days = self._retention_days
        kept = (
            f"{days} days (FOOTNOTE_STORE_RETENTION_DAYS)"
            if days is not None
            else "as long as whoever runs it keeps them (set FOOTNOTE_STORE_RETENTION_DAYS to have the number stand here)"
        )
        return (
            f"The files of {self._place} cannot be read from here. Its rows are gone; their bytes go from its storage with "
            f"its write-ahead log and backups, which are kept {kept}."
        )


def write_anew(connection: Connection, tables: Sequence[str]) -> tuple[str, ...]:
    """Write some tables anew without what was deleted from them, and statistics and log where this user may.

    Returns where copies may be left, a sentence each. Raises Busy where somebody still reads what was before.
    """
    _wait_for_readers(connection)
    for table in tables:
        connection.run(f"VACUUM (FULL, ANALYZE) {table}")
    if _owns_database(connection):
        connection.run("VACUUM (FULL) pg_catalog.pg_statistic")
    if _may_renew_log(connection):
        _renew_log(connection)
    return tuple(_out_of_reach(connection))


def _wait_for_readers(connection: Connection) -> None:
    """Wait until nobody reads an older state: what somebody may still see, no VACUUM takes away."""
    mark = int(connection.rows("SELECT CAST(pg_current_xact_id() AS TEXT)")[0][0]) % (1 << 32)
    until = time.monotonic() + _PATIENCE
    sql = (
        "SELECT count(*) FROM pg_stat_activity WHERE backend_xmin IS NOT NULL AND pid <> pg_backend_pid()"
        " AND backend_type = 'client backend' AND datname = current_database()"
        " AND age(backend_xmin) >= age(CAST(CAST(? AS TEXT) AS XID))"
    )
    while connection.rows(sql, (str(mark),))[0][0]:
        if time.monotonic() > until:
            raise Busy("A reader holds an old state of the index open.", "Run the command again in a moment.")
        time.sleep(0.05)


def _owns_database(connection: Connection) -> bool:
    sql = "SELECT pg_has_role(current_user, datdba, 'USAGE') FROM pg_database WHERE datname = current_database()"
    return connection.one(sql) == (True,)


def _may_renew_log(connection: Connection) -> bool:
    sql = (
        "SELECT has_function_privilege('pg_switch_wal()', 'execute')"
        " AND has_function_privilege('pg_ls_waldir()', 'execute')"
        " AND pg_has_role(current_user, 'pg_checkpoint', 'USAGE')"
    )
    return connection.one(sql) == (True,)


def _renew_log(connection: Connection) -> None:
    for _ in range(_ROUNDS):
        segments = connection.rows("SELECT count(*) FROM pg_ls_waldir()")[0][0]
        for _ in range(segments + 1):
            # A segment without a record is not switched away from.
            connection.rows("SELECT pg_logical_emit_message(false, 'footnote', '')")
            connection.rows("SELECT pg_switch_wal()")
        # What the one before last still needed is let go of by the last.
        connection.run("CHECKPOINT")
        connection.run("CHECKPOINT")


def _out_of_reach(connection: Connection) -> Iterator[str]:
    """Say where else the server itself has copies made."""
    if not _owns_database(connection):
        yield (
            "The database belongs to another user: what its planner remembers of columns (pg_statistic) was refreshed, "
            "but not written anew."
        )
    if not _may_renew_log(connection):
        yield (
            "The write-ahead log was not written anew: that takes the rights on pg_switch_wal and pg_ls_waldir, and the "
            "role pg_checkpoint."
        )
    if connection.one("SELECT current_setting('archive_mode')") != ("off",):
        yield "The server archives its write-ahead log: what is archived holds the rows until it is deleted there."
    standbys = connection.rows("SELECT count(*) FROM pg_stat_replication")[0][0]
    if standbys:
        yield f"{standbys} more server{'' if standbys == 1 else 's'} copy from this one, and were not searched."


def _unreadable(connection: Connection, schema: str) -> Iterator[str]:
    """Say what a search for plain bytes would miss."""
    if connection.one("SELECT current_setting('wal_compression')") != ("off",):
        yield "The write-ahead log is compressed (wal_compression): a search does not see what is in it."
    packed = (
        "SELECT count(*) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
        " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ? AND c.relname IN ('texts', 'chunks')"
        " AND a.attname = 'text' AND a.attstorage NOT IN ('e', 'p')"
    )
    if connection.rows(packed, (schema,))[0][0]:
        yield "Long texts are compressed in the tables: a search does not see them."


def _data_folder(connection: Connection) -> Path | None:
    """Return the server's data folder where it is this machine's and can be read, as it says itself when it started."""
    told = connection.one(
        "SELECT setting, CAST(extract(epoch FROM pg_postmaster_start_time()) AS BIGINT) FROM pg_settings"
        " WHERE name = 'data_directory'"
    )
    if told is None or not told[0]:
        return None
    folder = Path(told[0])
    try:
        lines = (folder / "postmaster.pid").read_text().splitlines()
        if abs(int(lines[2]) - int(told[1])) > 2 or Path(lines[1]) != folder:
            return None
        next((folder / "pg_wal").iterdir(), None)
    except (OSError, ValueError, IndexError):
        return None
    return folder


def _files(connection: Connection, folder: Path) -> Iterator[Path]:
    """Yield every file that may hold something of this database: not those of others on the same server."""
    own = str(connection.rows("SELECT oid FROM pg_database WHERE datname = current_database()")[0][0])
    for top in sorted(folder.iterdir()):
        if top.name == "base":
            rooms = [room for room in top.iterdir() if room.name == own or not room.name.isdigit()]
        elif top.name == "pg_tblspc":
            rooms = [link.resolve() for link in top.iterdir()]
        else:
            rooms = [top.resolve()]
        for room in rooms:
            yield from ([room] if room.is_file() else (path for path in room.rglob("*") if path.is_file()))
