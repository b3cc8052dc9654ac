"""Reading what a catalog keeps of documents, and what differs between two generations."""

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from vectorstore.index.truth.database import Connection
from vectorstore.index.truth.read import VISIBLE
from vectorstore.types import DocumentId, Generation

Outline: TypeAlias = tuple[int, str, str, str, str]
"""Row, tenant, readers as they are kept, title, uri."""

_OUTLINE = "d.row, d.tenant, d.readers, d.title, d.uri"

_BATCH = 10_000


def outlines(connection: Connection, generation: Generation) -> Iterator[Outline]:
    """Yield what stands in a generation, by row; read in pieces, so that no driver holds all of it."""
    sql = (
        f"SELECT {_OUTLINE} FROM lives l JOIN documents d ON d.row = l.document"
        f" WHERE {VISIBLE} AND l.document > ? ORDER BY l.document LIMIT ?"
    )
    last, found = 0, _BATCH
    while found == _BATCH:
        found = 0
        for row in connection.rows(sql, (generation, generation, last, _BATCH)):
            last, found = row[0], found + 1
            yield row


def outlines_at(connection: Connection, rows: Sequence[int]) -> list[Outline]:
    """Return the outlines of some documents, by row."""
    return sorted(connection.among(f"SELECT {_OUTLINE} FROM documents d WHERE d.row IN ({{keys}})", rows))


def changed_rows(connection: Connection, first: Generation, second: Generation) -> list[int]:
    """Return the rows that one of two kept generations may hold and the other not, ascending."""
    low, high = sorted((first, second))
    sql = (
        "SELECT document FROM lives WHERE added > ? AND added <= ?"
        " UNION SELECT document FROM lives WHERE removed > ? AND removed <= ?"
    )
    return sorted(row[0] for row in connection.rows(sql, (low, high, low, high)))


def standing(connection: Connection, rows: Sequence[int], generation: Generation) -> set[int]:
    """Return which of these documents stand in a generation."""
    sql = f"SELECT l.document FROM lives l WHERE {VISIBLE} AND l.document IN ({{keys}})"
    return {row[0] for row in connection.among(sql, rows, before=(generation, generation))}


def rows_of(connection: Connection, document: DocumentId) -> list[int]:
    """Return the rows of all kept versions with this id: one for each time that it was put."""
    return [row[0] for row in connection.rows("SELECT row FROM documents WHERE id = ?", (document,))]


def rows_at(connection: Connection, tenant: str, uris: Sequence[str]) -> list[int]:
    """Return the rows of all kept versions at some addresses of a tenant."""
    sql = "SELECT row FROM documents WHERE tenant = ? AND uri IN ({keys})"
    return [row[0] for row in connection.among(sql, uris, before=(tenant,))]


def names_of(connection: Connection, rows: Sequence[int]) -> list[tuple[int, str, str, str | None]]:
    """Return row, uri, title and date of the documents in these rows."""
    return connection.among("SELECT row, uri, title, modified FROM documents WHERE row IN ({keys})", rows)


def uris_of(connection: Connection, rows: Sequence[int]) -> dict[int, str]:
    """Return the uris of the documents in these rows."""
    return dict(connection.among("SELECT row, uri FROM documents WHERE row IN ({keys})", rows))


def column_at(connection: Connection, column: str, rows: Sequence[int]) -> list[tuple[int, str | None]]:
    """Return row and value of one column of the documents in these rows."""
    return connection.among(f"SELECT d.row, d.{column} FROM documents d WHERE d.row IN ({{keys}})", rows)
