"""A backup takes the place of an index that cannot even be opened."""

from datetime import UTC, datetime
from pathlib import Path

from vectorstore.embedded import truth
from vectorstore.embedded.backup import check_source
from vectorstore.embedded.database import Database
from vectorstore.embedded.files import sync_folder
from vectorstore.embedded.lock import writer_lock
from vectorstore.embedded.meta import read_meta
from vectorstore.embedded.readers import histories
from vectorstore.errors import StoreDamaged

_FILES = ("-wal", "-shm", "")
"""The journals first: one left behind would be taken for the next index's."""


def set_aside(folder: Path, source: Path, *, accept_readers: bool, wait: bool = False) -> Path | None:
    """Move an index that cannot be read out of the way of the backup `source`; return where it lies now.

    None where it can be read: then it still tells what has been erased since, and who may read what. Where it does
    not, those could read again who could when the backup was made: raises StoreDamaged, unless `accept_readers`.
    Raises NotFound, BadInput, Busy.
    """
    path = folder / "index.db"
    if not path.exists():
        return None
    check_source(source)
    with writer_lock(folder / "index.lock", wait=wait):
        if _readable(path):
            return None
        if not accept_readers:
            raise StoreDamaged(
                "The index cannot be read, and so nothing tells who may read which document today.",
                "Add --accept-readers to let everybody read again what they could when the backup was made.",
            )
        aside = f"{path.name}.damaged-{datetime.now(UTC):%Y%m%d-%H%M%S}"
        for suffix in _FILES:
            left = path.with_name(path.name + suffix)
            if left.exists():
                left.rename(path.with_name(aside + suffix))
        sync_folder(folder)
        return path.with_name(aside)


def _readable(path: Path) -> bool:
    """Say whether what a restore needs of the index can be read."""
    database = Database(path)
    try:
        with database.connection() as connection:
            read_meta(connection)
            truth.head(connection)
            connection.rows("SELECT hash FROM tombstones")
            histories(connection)
    # A flipped bit can make a value another type, or absent.
    except (StoreDamaged, LookupError, TypeError, ValueError):
        return path.stat().st_size == 0
    finally:
        database.close()
    return True
