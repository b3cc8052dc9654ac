"""Checking an index: every value against its seal, every projection against its manifest and the truth."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np

from vectorstore.errors import StoreDamaged
from vectorstore.index.projection import projections
from vectorstore.index.projection.projections import Kind, Projections
from vectorstore.index.truth import read as truth
from vectorstore.index.truth import seal
from vectorstore.index.truth.database import Connection
from vectorstore.index.truth.records import CHUNK_COLUMNS, DOCUMENT_COLUMNS, embedded_key
from vectorstore.index.truth.seal import SEAL, meta_seal, read_meta
from vectorstore.upkeep import Verification

Within: TypeAlias = Callable[[Connection], Iterator[str]]
"""Says what search inside the database holds otherwise than the truth."""
Moment: TypeAlias = Callable[[], AbstractContextManager[None]]
_SELF_QUERIES = 32


def verify(
    folder: Path, connection: Connection, kind: Kind, *, follows: bool, within: Within | None = None
) -> Verification:
    """Read and check everything. Takes about as long as reading the files.

    Where projections follow a truth that others write to as well, that they are behind is no fault.
    """
    damage = damage_of(connection, moment=partial(connection.transaction, "DEFERRED"))
    stale = [] if damage else list(_stale(folder, connection, kind, follows=follows, within=within))
    counts = [0, 0, 0]
    for number, table in enumerate(("generations", "documents", "chunks")):
        try:
            row = connection.one(f"SELECT count(*) FROM {table}")
            counts[number] = row[0] if row else 0
        except StoreDamaged as error:
            damage.append(error.what)
    generations, documents, chunks = counts
    return Verification(generations, documents, chunks, tuple(damage), tuple(stale))


def damage_of(connection: Connection, *, moment: Moment = nullcontext) -> list[str]:
    """Check the truth; return what is wrong, one sentence each.

    Where others write meanwhile and the caller is in no transaction, `moment` makes all that one check reads agree.
    """
    return list(_checks(connection, moment))


def _checks(connection: Connection, moment: Moment) -> Iterator[str]:
    # The database's own check of its files may end a transaction.
    yield from _checked(_files, connection, nullcontext)
    for check in (_meta, _documents, _orphans, _generations):
        yield from _checked(check, connection, moment)


def _checked(
    check: Callable[[Connection], Iterator[str]], connection: Connection, moment: Moment
) -> Iterator[str]:
    try:
        with moment():
            yield from check(connection)
    except StoreDamaged as error:
        yield error.what
    # A flipped bit can make a value another type, a NULL, or absent.
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        yield f"A value in the index cannot be read ({type(error).__name__})."


def _files(connection: Connection) -> Iterator[str]:
    return connection.problems()


def _meta(connection: Connection) -> Iterator[str]:
    facts = read_meta(connection)
    if facts.get(SEAL) != meta_seal(facts):
        yield "The facts about the index differ from their seal."


def _documents(connection: Connection) -> Iterator[str]:
    rows = connection.rows(f"SELECT d.row, d.seal, d.chunks, {DOCUMENT_COLUMNS} FROM documents d")
    for place, sealed, count, *document in rows:
        text = truth.text_of(connection, place)
        chunks = connection.rows(
            f"SELECT c.row, {CHUNK_COLUMNS} FROM chunks c WHERE c.document = ? ORDER BY c.position", (place,)
        )
        vectors = connection.rows(
            "SELECT v.vector FROM vectors v JOIN chunks c ON c.row = v.chunk WHERE c.document = ?"
            " ORDER BY c.position",
            (place,),
        )
        found = seal.document_seal(
            tuple(document),
            text=text or "",
            chunks=(chunk[1:] for chunk in chunks),
            vectors=(vector[0] for vector in vectors),
        )
        if text is None or len(chunks) != count or len(vectors) != count or found != sealed:
            yield f"The document in row {place} ({document[1]!r}) differs from its seal."


def _orphans(connection: Connection) -> Iterator[str]:
    """Look for rows that belong to nothing, and embedding keys that are not those of their text.

    Never by `NOT IN`: past some 250,000 rows PostgreSQL looks through all of them for each.
    """
    pairs = (("chunks", "document"), ("texts", "document"), ("lives", "document"))
    for table, column in pairs:
        sql = f"SELECT count(*) FROM {table} t WHERE NOT EXISTS (SELECT 1 FROM documents d WHERE d.row = t.{column})"
        row = connection.one(sql)
        if row and row[0]:
            yield f"{row[0]} rows of {table!r} belong to no document."
    row = connection.one(
        "SELECT count(*) FROM vectors v WHERE NOT EXISTS (SELECT 1 FROM chunks c WHERE c.row = v.chunk)"
    )
    if row and row[0]:
        yield f"{row[0]} vectors belong to no chunk."
    for place, context, text, key in connection.each("SELECT row, context, text, embedded FROM chunks"):
        if embedded_key(f"{context}\n{text}" if context else text) != key:
            yield f"The embedding key of chunk row {place} is not that of its text."


def _generations(connection: Connection) -> Iterator[str]:
    seals = {row[0]: row[1:] for row in connection.rows("SELECT row, seal, chunks FROM documents")}
    columns = "number, created, note, documents, chunks, last_chunk, seal"
    for *row, mark in connection.rows(f"SELECT {columns}, mark FROM generations ORDER BY number"):
        number, documents, chunks, sealed = row[0], row[3], row[4], row[6]
        visible = truth.visible_rows(connection, number)
        if not seals.keys() >= set(visible):
            yield f"Generation {number} shows documents that the index does not have."
            continue
        total = seal.EMPTY
        for place in visible:
            total = seal.plus(total, document=place, document_seal=seals[place][0])
        counted = sum(seals[place][1] for place in visible)
        if seal.mark(tuple(row)) != mark or total != sealed or (documents, chunks) != (len(visible), counted):
            yield f"Generation {number} differs from its seal."


def _stale(
    folder: Path, connection: Connection, kind: Kind, *, follows: bool, within: Within | None
) -> Iterator[str]:
    if within is not None:
        yield from within(connection)
        return
    loaded = projections.load(folder, connection, kind, last=None)
    head = truth.head(connection)
    if loaded is None:
        # An index that nothing was ever put in has nothing to search.
        if head.last_chunk and (not follows or projections.claimed(folder, connection, kind)):
            yield "The search index is missing or damaged."
        return
    if loaded.covered.last_chunk < head.last_chunk and not follows:
        yield f"The search index ends at generation {loaded.covered.generation} of {head.generation}."
        return
    if kind.outside is not None:
        yield from kind.outside.problems(connection)
        return
    with connection.transaction("DEFERRED"):
        yield from _differences(connection, loaded)


def _differences(connection: Connection, loaded: Projections) -> Iterator[str]:
    rows = connection.each("SELECT row FROM chunks WHERE row <= ? ORDER BY row", (loaded.covered.last_chunk,))
    kept = np.fromiter((row[0] for row in rows), np.int64)
    if not np.isin(kept, loaded.dense.rows).all():
        yield "The dense search index lacks chunks that the index has."
    if loaded.lexical.count != len(loaded.dense.rows):
        yield "The dense and the lexical search index hold different numbers of chunks."
    for row in kept[:: max(1, len(kept) // _SELF_QUERIES)].tolist():
        content = connection.one("SELECT vector FROM vectors WHERE chunk = ?", (row,))
        if content is None or not loaded.dense.holds(row, content[0]):
            yield f"The dense search index holds another vector for chunk row {row} than the index."
