"""Reading the truth: what stands in a generation."""

import json
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from vectorstore.errors import StoreDamaged
from vectorstore.index.truth.arrays import Half, Rows
from vectorstore.index.truth.database import Connection
from vectorstore.index.truth.records import (
    CHUNK_COLUMNS,
    DOCUMENT_COLUMNS,
    GENERATION_COLUMNS,
    chunk_of,
    document_of,
    embedded_key,
    generation_of,
    vector_of,
)
from vectorstore.language.detect import language_named
from vectorstore.types import Chunk, Document, DocumentId, Generation, GenerationInfo, Vector

VISIBLE = "l.added <= ? AND (l.removed IS NULL OR l.removed > ?)"

_BATCH = 1_000

EMPTY_GENERATION = GenerationInfo(Generation(0), datetime.fromtimestamp(0, UTC), 0, 0, "empty")


@dataclass(frozen=True, slots=True)
class Head:
    """The newest commit: its generation, its greatest chunk row, and how often rows have been purged."""

    generation: Generation
    last_chunk: int
    epoch: int
    mark: bytes = b""
    """SHA-256 over the generation's row: another history has another one under the same number."""


@dataclass(frozen=True, slots=True)
class IndexedChunk:
    """What the word search holds of a chunk."""

    row: int
    document: int
    title: str
    uri: str
    chunk: Chunk
    languages: tuple[str, ...] = ()
    """What the document is said to be in."""


def head(connection: Connection) -> Head:
    """Return the newest commit."""
    row = connection.one(
        "SELECT number, last_chunk, (SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'epoch'), mark"
        " FROM generations ORDER BY number DESC LIMIT 1"
    )
    return Head(Generation(row[0]), *row[1:]) if row else Head(Generation(0), 0, 0)


def mark_of(connection: Connection, generation: Generation) -> bytes | None:
    """Return a generation's mark, or None when it is not kept."""
    row = connection.one("SELECT mark FROM generations WHERE number = ?", (generation,))
    return row[0] if row else None


def last_chunk(connection: Connection, generation: Generation) -> int | None:
    """Return a generation's greatest chunk row, or None when that generation is not kept."""
    row = connection.one("SELECT last_chunk FROM generations WHERE number = ?", (generation,))
    return row[0] if row else None


def generations(connection: Connection) -> list[GenerationInfo]:
    """Return the kept generations, oldest first."""
    sql = f"SELECT {GENERATION_COLUMNS} FROM generations ORDER BY number"
    return [generation_of(row) for row in connection.rows(sql)]


def generation(connection: Connection, number: Generation) -> GenerationInfo | None:
    """Return one generation, or None when it is not kept."""
    row = connection.one(f"SELECT {GENERATION_COLUMNS} FROM generations WHERE number = ?", (number,))
    return generation_of(row) if row else None


def newest_within(connection: Connection, last_chunk: int) -> GenerationInfo | None:
    """Return the newest generation that needs no chunk row beyond `last_chunk`."""
    row = connection.one(
        f"SELECT {GENERATION_COLUMNS} FROM generations WHERE last_chunk <= ? ORDER BY number DESC LIMIT 1",
        (last_chunk,),
    )
    return generation_of(row) if row else None


def visible_rows(connection: Connection, generation: Generation) -> list[int]:
    """Return the rows of the documents that stand in a generation, ascending."""
    sql = f"SELECT l.document FROM lives l WHERE {VISIBLE} ORDER BY l.document"
    return [row[0] for row in connection.each(sql, (generation, generation))]


def documents_at(connection: Connection, rows: Sequence[int]) -> Iterator[tuple[int, Document]]:
    """Yield documents by row."""
    sql = f"SELECT d.row, {DOCUMENT_COLUMNS} FROM documents d WHERE d.row IN ({{keys}})"
    for row in connection.among(sql, rows):
        yield row[0], document_of(row[1:])


def digests(connection: Connection, tenant: str, generation: Generation) -> dict[str, str]:
    """Return uri → digest of a tenant's documents."""
    return dict(
        connection.rows(
            "SELECT d.uri, d.digest FROM documents d JOIN lives l ON l.document = d.row"
            f" WHERE d.tenant = ? AND {VISIBLE}",
            (tenant, generation, generation),
        )
    )


def text_of(connection: Connection, row: int) -> str | None:
    """Return the extracted text of the document in a row."""
    found = connection.one("SELECT text FROM texts WHERE document = ?", (row,))
    return found[0] if found else None


def chunks_of(
    connection: Connection, row: int, document: DocumentId, *, first: int = 0, last: int = 1 << 62
) -> list[Chunk]:
    """Return the chunks of the document in a row at positions first to last."""
    sql = (
        f"SELECT {CHUNK_COLUMNS} FROM chunks c WHERE c.document = ? AND c.position BETWEEN ? AND ?"
        " ORDER BY c.position"
    )
    return [chunk_of(found, document) for found in connection.rows(sql, (row, first, last))]


def chunks_at(connection: Connection, rows: Sequence[int]) -> dict[int, tuple[int, Chunk]]:
    """Return chunk row → (document row, chunk) for those rows that are still there."""
    sql = (
        f"SELECT c.row, d.row, d.id, {CHUNK_COLUMNS} FROM chunks c JOIN documents d ON d.row = c.document"
        " WHERE c.row IN ({keys})"
    )
    return {row[0]: (row[1], chunk_of(row[3:], DocumentId(row[2]))) for row in connection.among(sql, rows)}


def chunk_rows(connection: Connection, *, after: int, until: int) -> dict[str, Rows]:
    """Return the chunk rows in (after, until], ascending, by tenant."""
    sql = (
        "SELECT d.tenant, c.row FROM chunks c JOIN documents d ON d.row = c.document"
        " WHERE c.row > ? AND c.row <= ? ORDER BY c.row"
    )
    rows: dict[str, array[int]] = {}
    for tenant, row in connection.each(sql, (after, until)):
        rows.setdefault(tenant, array("q")).append(row)
    return {tenant: np.array(own, np.int64) for tenant, own in rows.items()}


def indexed_chunks(connection: Connection, rows: Rows) -> Iterator[IndexedChunk]:
    """Yield what the word search needs of the chunks in these ascending rows."""
    sql = (
        f"SELECT c.row, d.row, d.title, d.uri, d.id, {CHUNK_COLUMNS} FROM chunks c"
        " JOIN documents d ON d.row = c.document WHERE c.row IN ({keys}) ORDER BY c.row"
    )
    for start in range(0, len(rows), _BATCH):
        batch: list[int] = rows[start : start + _BATCH].tolist()
        found = connection.among(sql, batch)
        languages = _languages(connection, sorted({row[1] for row in found}))
        for row, document, title, uri, ident, *rest in found:
            chunk = chunk_of(tuple(rest), DocumentId(ident))
            yield IndexedChunk(row, document, title, uri, chunk, languages.get(document, ()))


def _languages(connection: Connection, rows: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """Return the codes of what documents are said to be in, by row."""
    found = connection.among("SELECT row, metadata FROM documents WHERE row IN ({keys})", rows)
    try:
        return {row: _codes(json.loads(metadata).get("language")) for row, metadata in found}
    except (ValueError, AttributeError) as error:
        raise StoreDamaged(
            "A document in the index cannot be read.", "Run `footnote index verify`."
        ) from error


def _codes(tags: object) -> tuple[str, ...]:
    return tuple(
        filter(None, (language_named(str(tag)) for tag in (tags if isinstance(tags, list) else [tags])))
    )


def document_vectors(connection: Connection, row: int) -> list[Vector]:
    """Return the vectors of the document in a row, in the order of its chunks."""
    sql = "SELECT v.vector FROM vectors v JOIN chunks c ON c.row = v.chunk WHERE c.document = ? ORDER BY c.position"
    return [vector_of(found[0]) for found in connection.rows(sql, (row,))]


def vectors_between(
    connection: Connection, *, after: int, until: int, dimension: int, limit: int
) -> tuple[Rows, Rows, Half]:
    """Return chunk rows, document rows (both int64) and float16 vectors of the first rows in (after, until]."""
    found = connection.rows(
        "SELECT c.row, c.document, v.vector FROM chunks c JOIN vectors v ON v.chunk = c.row"
        " WHERE c.row > ? AND c.row <= ? ORDER BY c.row LIMIT ?",
        (after, until, limit),
    )
    rows = np.fromiter((row[0] for row in found), np.int64, len(found))
    owners = np.fromiter((row[1] for row in found), np.int64, len(found))
    content = b"".join(row[2] for row in found)
    return rows, owners, np.frombuffer(content, dtype="<f2").reshape(len(found), dimension)


def cached_vectors(connection: Connection, texts: Sequence[str]) -> dict[str, Vector]:
    """Return the kept vectors of embedded texts, by text."""
    by_key = {embedded_key(text): text for text in texts}
    sql = (
        "SELECT c.embedded, v.vector FROM chunks c JOIN vectors v ON v.chunk = c.row"
        " WHERE c.row IN (SELECT min(row) FROM chunks WHERE embedded IN ({keys}) GROUP BY embedded)"
    )
    return {by_key[row[0]]: vector_of(row[1]) for row in connection.among(sql, list(by_key))}
