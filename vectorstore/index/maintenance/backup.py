"""One file that holds the whole truth, and the way back from it."""

import os
import secrets
import shutil
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from vectorstore.errors import BadInput, NotFound, StoreDamaged
from vectorstore.index.create import check_layout
from vectorstore.index.maintenance import erasure
from vectorstore.index.maintenance.transfer import copy_all
from vectorstore.index.maintenance.verify import damage_of
from vectorstore.index.sqlite.database import SQLite, create_file, table_names
from vectorstore.index.sqlite.truth import TABLES
from vectorstore.index.truth import read as truth
from vectorstore.index.truth import readers, seal
from vectorstore.index.truth.database import Connection, Database, Storage
from vectorstore.index.truth.files import sync_folder, writer_lock
from vectorstore.index.truth.readers import Address, Version, histories
from vectorstore.index.truth.records import CHUNK_COLUMNS, DOCUMENT_COLUMNS, readers_row
from vectorstore.index.truth.seal import read_meta, write_meta


def reseal(connection: Connection) -> None:
    """Seal every document and generation anew; the caller is in a transaction."""
    seals = {}
    for place, *document in connection.rows(f"SELECT d.row, {DOCUMENT_COLUMNS} FROM documents d"):
        chunks = f"SELECT {CHUNK_COLUMNS} FROM chunks c WHERE c.document = ? ORDER BY c.position"
        vectors = "SELECT v.vector FROM vectors v JOIN chunks c ON c.row = v.chunk WHERE c.document = ? ORDER BY c.position"
        seals[place] = seal.document_seal(
            tuple(document),
            text=truth.text_of(connection, place) or "",
            chunks=connection.each(chunks, (place,)),
            vectors=(row[0] for row in connection.each(vectors, (place,))),
        )
    connection.run_many(
        "UPDATE documents SET seal = ? WHERE row = ?", [(value, row) for row, value in seals.items()]
    )
    columns = "number, created, note, documents, chunks, last_chunk"
    for row in connection.rows(f"SELECT {columns} FROM generations"):
        total = seal.EMPTY
        for place in truth.visible_rows(connection, row[0]):
            total = seal.plus(total, document=place, document_seal=seals[place])
        connection.run(
            "UPDATE generations SET seal = ?, mark = ? WHERE number = ?",
            (total, seal.mark((*row, total)), row[0]),
        )


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
    database = SQLite(path)
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


_MAGIC = b"SQLite format 3\0"


def back_up(database: Database, target: Path) -> None:
    """Write a consistent copy, whoever reads or writes meanwhile; an older backup of the name is replaced whole.

    It is a SQLite file with the tables of an embedded index, whichever engine it comes from. Raises BadInput where the
    name is that of a file which is no backup, or of an index itself.
    """
    if target.is_dir():
        raise BadInput(f"{str(target)!r} is a directory.", "Name a file in it.")
    if target.exists() and not _is_backup(target):
        raise BadInput(f"{str(target)!r} is there already and is no backup.", "Choose another name.")
    fresh = target.with_name(f".{target.name}.{os.getpid()}.new")
    _remove(fresh)
    create_file(fresh)
    try:
        _write(database, fresh)
        with fresh.open("rb") as file:
            os.fsync(file.fileno())
        fresh.replace(target)
    finally:
        _remove(fresh)
    sync_folder(target.parent)


def _write(database: Database, fresh: Path) -> None:
    with closing(SQLite(fresh)) as copy, copy.connection() as into:
        # Whole or thrown away: a journal would only cost time.
        into.rows("PRAGMA journal_mode = OFF")
        with into.transaction():
            for statement in TABLES.split(";\n"):
                into.run(statement)
            with database.connection() as connection, connection.transaction("DEFERRED"):
                copy_all(connection, into)


def _remove(path: Path) -> None:
    for left in path.parent.glob(f"{path.name}*"):
        left.unlink()


def check_source(source: Path) -> None:
    """Raise NotFound or BadInput for what is no backup at first sight."""
    if not source.is_file():
        raise NotFound(f"There is no backup at {str(source)!r}.")
    with source.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise BadInput(f"{str(source)!r} is not a backup of an index.")


def _is_backup(path: Path) -> bool:
    real = path.resolve()
    live = real.name == "index.db" and real.with_name("index.lock").exists()
    return not live and {"meta", "generations"} <= table_names(real)


def restore(storage: Storage, connection: Connection, source: Path, *, scratch: Path) -> int:
    """Put a backup in the place of the index, in one transaction; return how many erasures were repeated.

    Who may read a document that the index knows stays as it is. The backup is checked before anything changes. The
    connection is a writer's. Raises NotFound, BadInput (not a backup), Busy or StoreDamaged.
    """
    check_source(source)
    create_file(scratch)
    try:
        shutil.copyfile(source, scratch)
        # Before others are held off: checking takes as long as reading all of it.
        with closing(SQLite(scratch)) as copy, copy.connection() as into:
            problems = damage_of(into)
        if problems:
            raise StoreDamaged(f"The backup {str(source)!r} is damaged: {problems[0]}", "Use another one.")
        with storage.replacing(connection) as replace:
            with closing(SQLite(scratch)) as copy, copy.connection() as into:
                repeated = _prepare(into, connection)
                into.rows("PRAGMA wal_checkpoint(TRUNCATE)")
            replace(scratch)
    finally:
        _remove(scratch)
    return repeated


def _prepare(copy: Connection, index: Connection) -> int:
    """Give the copy a new identity, the index's certificates and readers, and erase from it what has been erased since."""
    here = read_meta(index)
    stones = index.rows("SELECT hash FROM tombstones")
    known = histories(index)
    for each in erasure.kept_certificates(index):
        erasure.keep_certificate(copy, each)
    with copy.transaction():
        there = read_meta(copy)
        check_layout(there, place="the backup")
        epoch = max(int(here.get("epoch", "0")), int(there["epoch"])) + 1
        # The salt must be the one that the tombstones were made with.
        if stones and here["salt"] != there["salt"]:
            copy.run("DELETE FROM tombstones")
        salt = here["salt"] if stones else there["salt"]
        write_meta(copy, index=secrets.token_hex(8), epoch=str(epoch), salt=salt)
        copy.run_many("INSERT INTO tombstones (hash) VALUES (?) ON CONFLICT (hash) DO NOTHING", stones)
        _keep_readers(copy, known)
        return erasure.replay(copy, dimension=int(there["dimension"]))


def _keep_readers(copy: Connection, known: dict[Address, list[Version]]) -> None:
    changed = readers.changed_by(known, readers.histories(copy))
    if changed:
        rows = [(readers_row(names), row) for row, names in changed.items()]
        copy.run_many("UPDATE documents SET readers = ? WHERE row = ?", rows)
        reseal(copy)
