"""A new index's first facts, and recognising the index that is there."""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from vectorstore.errors import EmbedderMismatch, StoreDamaged, Unavailable
from vectorstore.index.projection.projections import Kind
from vectorstore.index.truth import seal
from vectorstore.index.truth.database import Connection, Database, Identity
from vectorstore.index.truth.seal import next_epoch, read_meta, write_meta
from vectorstore.models.embed import Space

VERSION = 1
"""The layout of the tables that this version makes."""
OLDEST = 1
"""The oldest layout that it reads and writes: it must not need what later ones added."""
SERVES = 1
"""The oldest version that may read and write what this one makes: raised when something is taken away or read otherwise."""
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
        serves=str(SERVES),
        index=secrets.token_hex(8),
        fingerprint=space.fingerprint,
        dimension=str(space.dimension),
        epoch="0",
        salt=secrets.token_hex(16),
    )


def mark_layout(connection: Connection) -> None:
    """Say that the tables are as this version makes them; never takes back what a later one said."""
    meta = read_meta(connection)
    made, serves = _layout(meta)
    if made < VERSION:
        write_meta(connection, schema=str(VERSION), serves=str(max(serves, SERVES)))


def facts(connection: Connection) -> Identity | None:
    """Return name, epoch and layout of the index; None when it has no tables yet, or nothing in them."""
    if not connection.has_table("meta"):
        return None
    meta = read_meta(connection)
    names = ("index", "epoch", "schema", "serves", "fingerprint")
    return tuple(meta.get(name, "") for name in names) if meta else None


def check_layout(meta: Mapping[str, str], *, place: str) -> None:
    """Raise StoreDamaged where this version and the layout of the index do not fit, Unavailable for half an index."""
    if meta.get("schema") == MOVING:
        raise half_moved(place)
    made, serves = _layout(meta)
    if made < OLDEST:
        raise StoreDamaged(
            f"The index has the format {made}, this version of Footnote reads {OLDEST} and later.",
            "Run `footnote index upgrade` of the version before this one first.",
        )
    if serves > VERSION:
        raise StoreDamaged(
            f"The index has the format {made}, which versions that read only {VERSION} may not use any more.",
            "Install the version of Footnote that upgraded it, or a newer one.",
        )


def _layout(meta: Mapping[str, str]) -> tuple[int, int]:
    """Return which layout the tables have, and the oldest version that may use them."""
    try:
        made = int(meta["schema"])
        return made, int(meta.get("serves", made))
    except (KeyError, ValueError) as error:
        raise StoreDamaged(
            f"The index has the format {meta.get('schema')!r}, which no version of Footnote knows.",
            "Run `footnote index verify`.",
        ) from error


def adopt(connection: Connection, space: Space) -> None:
    """Give an empty index of another embedder to this one."""
    if _is_adopted(connection, space):
        return
    with connection.transaction():
        # Another process may have put something in while this one waited.
        if not _is_adopted(connection, space):
            write_meta(connection, fingerprint=space.fingerprint, dimension=str(space.dimension))
            next_epoch(connection)


def _is_adopted(connection: Connection, space: Space) -> bool:
    """Say whether an index is this embedder's, or holds what keeps it from being given to it."""
    return read_meta(connection)["fingerprint"] == space.fingerprint or not _is_empty(connection)


def read_kind(database: Database, space: Space | None, *, recall_target: float) -> Kind | None:
    """Return what kind of index this is; None when it has no tables yet.

    Raises EmbedderMismatch when it holds vectors of another embedder, StoreDamaged for another version.
    """
    with database.connection() as connection:
        if facts(connection) is None:
            return None
        meta = read_meta(connection)
        check_layout(meta, place=database.place)
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
