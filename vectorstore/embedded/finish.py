"""What remains to be done after rows have been purged: projections, free pages, the write-ahead log."""

from pathlib import Path

from vectorstore.embedded import projections
from vectorstore.embedded.database import Connection
from vectorstore.embedded.erasure import UNDER_WAY
from vectorstore.embedded.meta import read_meta, write_meta
from vectorstore.embedded.projections import Kind
from vectorstore.errors import Busy


def finish_erasure(folder: Path, connection: Connection, kind: Kind) -> None:
    """Make the projections anew and empty the log; raises Busy when a reader keeps the log from emptying.

    The caller holds the writer lock. Until this has run to its end, the index says that an erasure is under
    way, and the next writer runs it again.
    """
    projections.discard(folder)
    projections.catch_up(folder, connection, kind)
    shrink(connection)
    with connection.transaction():
        write_meta(connection, **{UNDER_WAY: None})
    _empty_log(connection)


def is_under_way(connection: Connection) -> bool:
    """Say whether an erasure has been committed and not finished."""
    return UNDER_WAY in read_meta(connection)


def shrink(connection: Connection) -> None:
    """Give free pages back to the file system and empty the write-ahead log."""
    # As a script: run as a query, Python stops after the first page.
    connection.script("PRAGMA incremental_vacuum")
    _empty_log(connection)


def _empty_log(connection: Connection) -> None:
    row = connection.one("PRAGMA wal_checkpoint(TRUNCATE)")
    if row is not None and row[0]:
        raise Busy("A reader holds an old state of the index open.", "Run the command again in a moment.")
