"""A new index's first facts, and recognising the index that is there."""

import secrets
from dataclasses import replace
from datetime import UTC, datetime

from vectorstore.errors import EmbedderMismatch, StoreDamaged, Unavailable
from vectorstore.index.projection.projections import Kind
from vectorstore.index.truth import seal
from vectorstore.index.truth.database import Connection, Database
from vectorstore.index.truth.seal import next_epoch, read_meta, write_meta
from vectorstore.models.embed import Space

VERSION = 1
MOVING = "moving"
"""The format of what is no index yet: see `maintenance/move.py`."""


def fill(connection: Connection, space: Space) -> None:
    """Write generation 0 and the facts about the index into empty tables; the caller is in a transaction."""
    first = (0, datetime.now(UTC).isoformat(), "empty", 0, 0, 0, seal.EMPTY)
    connection.run(
        "INSERT INTO generations (number, created, note, documents, chunks, last_chunk, seal, mark)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (*first, seal.mark(first)),
    )
    write_meta(
        connection,
        schema=str(VERSION),
        index=secrets.token_hex(8),
        fingerprint=space.fingerprint,
        dimension=str(space.dimension),
        epoch="0",
        salt=secrets.token_hex(16),
    )


def adopt(connection: Connection, space: Space) -> None:
    """Give an empty index of another embedder to this one."""
    if read_meta(connection)["fingerprint"] == space.fingerprint or not _is_empty(connection):
        return
    with connection.transaction():
        write_meta(connection, fingerprint=space.fingerprint, dimension=str(space.dimension))
        next_epoch(connection)


def read_kind(database: Database, space: Space | None, *, recall_target: float) -> Kind | None:
    """Return what kind of index this is; None when it has no tables yet.

    Raises EmbedderMismatch when it holds vectors of another embedder, StoreDamaged for another version.
    """
    with database.connection() as connection:
        if not connection.has_table("meta"):
            return None
        meta = read_meta(connection)
        if meta.get("schema") == MOVING:
            raise half_moved(database.place)
        if meta.get("schema") != str(VERSION):
            raise StoreDamaged(
                f"The index has format {meta.get('schema')!r}, this version of Footnote reads {VERSION}.",
                "Use the version of Footnote that made it, or set FOOTNOTE_DATA_DIR to a new folder and ingest again.",
            )
        kind = Kind(meta["index"], meta["fingerprint"], int(meta["dimension"]), recall_target)
        if space is None or space.fingerprint == kind.fingerprint:
            return kind
        if _is_empty(connection):
            return replace(kind, fingerprint=space.fingerprint, dimension=space.dimension)
        raise mismatch(place=database.place, holds=kind.fingerprint, asked=space.fingerprint)


def mismatch(*, place: str, holds: str, asked: str) -> EmbedderMismatch:
    """Return the error that says which embedder made the index, and what to run."""
    return EmbedderMismatch(
        f"The index in {place!r} was made by the embedder {holds!r}, but {asked!r} is set.",
        "Run `footnote index reembed` to give its chunks new vectors, or set FOOTNOTE_EMBEDDER back.",
    )


def half_moved(place: str) -> Unavailable:
    """Return the error for a place where only part of an index is."""
    return Unavailable(
        f"An index is being moved to {place!r}, and not all of it is there yet.",
        "Run `footnote index move` again, as it was run: it goes on where it stopped.",
    )


def _is_empty(connection: Connection) -> bool:
    return connection.one("SELECT 1 FROM documents LIMIT 1") is None
