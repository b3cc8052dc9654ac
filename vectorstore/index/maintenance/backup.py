"""The whole truth as rows for a backup, and an index made of such rows: whatever engines the two are.

Rows keep their numbers and every value, so that all seals hold in a place that is new to them.
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from vectorstore.errors import StoreDamaged
from vectorstore.index.create import check_layout
from vectorstore.index.maintenance import erasure, transfer
from vectorstore.index.maintenance.erasure import CERTIFICATES, kept_certificates
from vectorstore.index.maintenance.transfer import CHANGING, GROWING, NUMBERED, Table
from vectorstore.index.maintenance.verify import damage_of
from vectorstore.index.projection.projections import Kind
from vectorstore.index.truth import read as truth
from vectorstore.index.truth import readers, seal
from vectorstore.index.truth.database import Connection, Database, Row
from vectorstore.index.truth.readers import Address, Version, histories
from vectorstore.index.truth.records import CHUNK_COLUMNS, DOCUMENT_COLUMNS, readers_row
from vectorstore.index.truth.seal import read_meta, write_meta
from vectorstore.upkeep import Certificate

TABLES: Final = {table.name: table for table in (*GROWING, *CHANGING)}
"""By name, in the order in which they are put back."""
NOTHING_YET: Final = Kind("", "", 1, 1.0)
"""What an index is made for before its rows say of which embedder it is."""


def rows_of(connection: Connection, table: Table) -> Iterator[Row]:
    """Yield the rows of a table in the order of its key, as they are read; the caller is in a transaction."""
    if connection.has_table(table.name):
        columns, key = (", ".join(f'"{name}"' for name in names) for names in (table.columns, table.key))
        yield from connection.each(f"SELECT {columns} FROM {table.name} ORDER BY {key}")


def last_rows(connection: Connection) -> dict[str, int]:
    """Return the greatest number that was ever given to a row, by table."""
    return {name: connection.last_row(name) for name in NUMBERED}


def newest(connection: Connection) -> datetime:
    """Return when the youngest generation was made: all erasures so far were before, and every later one makes another."""
    return max(datetime.fromisoformat(row[0]) for row in connection.rows("SELECT created FROM generations"))


def begin(connection: Connection) -> None:
    """Clear a new index for rows that are to come."""
    with connection.transaction():
        transfer.clear(connection)
        connection.run(CERTIFICATES)


def add(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Put rows back; they are nobody's to read yet."""
    with connection.transaction():
        transfer.add(connection, table, rows)


def finish(
    connection: Connection,
    *,
    last: Mapping[str, int],
    stones: Mapping[str, set[str]],
    earlier: "Before | None" = None,
) -> list[str]:
    """Check what was put back against its seals, then erase from it what was erased since; return the uris of that.

    `stones` are hashes of erased documents by their salts; `earlier` is what the index says whose place this one takes.
    Raises StoreDamaged.
    """
    with connection.transaction():
        for name, row in last.items():
            connection.set_last_row(name, row)
    if problems := damage_of(connection):
        raise StoreDamaged(f"The index of the backup is damaged: {problems[0]}", "Use another backup.")
    for each in earlier.certificates if earlier else ():
        erasure.keep_certificate(connection, each)
    with connection.transaction():
        meta = read_meta(connection)
        check_layout(meta, place="the backup")
        epoch = max(earlier.epoch if earlier else 0, int(meta["epoch"])) + 1
        write_meta(connection, index=secrets.token_hex(8), epoch=str(epoch))
        if earlier is not None:
            _keep_readers(connection, earlier.readers)
        erased = erasure.replay(connection, dimension=int(meta["dimension"]), stones=stones)
        connection.derive(anew=True)
    return erased


@dataclass(frozen=True, slots=True)
class Before:
    """What an index that makes way has to say to the one that takes its place."""

    epoch: int
    salt: str
    stones: set[str]
    certificates: Sequence[Certificate]
    readers: Mapping[Address, Sequence[Version]]


@contextmanager
def before(database: Database) -> Iterator[Before]:
    """Read it; its texts can be asked for while the block runs. Raises StoreDamaged where it cannot be read."""
    with database.connection() as connection, connection.transaction("DEFERRED"):
        try:
            meta = read_meta(connection)
            stones = {row[0] for row in connection.rows("SELECT hash FROM tombstones")}
            certificates = kept_certificates(connection)
            found = Before(int(meta["epoch"]), meta["salt"], stones, certificates, histories(connection))
        # A flipped bit can make a value another type, or absent.
        except (LookupError, TypeError, ValueError) as error:
            raise StoreDamaged("The index cannot be read.", "Run `footnote index verify`.") from error
        yield found


def _keep_readers(connection: Connection, known: Mapping[Address, Sequence[Version]]) -> None:
    """Have whoever may read a document today read it, and nobody else."""
    changed = readers.changed_by(known, histories(connection))
    if changed:
        rows = [(readers_row(names), row) for row, names in changed.items()]
        connection.run_many("UPDATE documents SET readers = ? WHERE row = ?", rows)
        reseal(connection)


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
