"""Writing which chunks hold a word: segments of a tenant's chunks, merged as they grow, pruned of what was erased.

A commit's chunks make a segment; it is merged with those before it until the next is more than twice as large. None
grows past a bound, so that no commit ever has to write the whole index again.
"""

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt

from vectorstore.errors import BadInput
from vectorstore.index.postgresql.search.tables import listed
from vectorstore.index.projection.entry import FIELDS, entry_of
from vectorstore.index.projection.postings import Segment, segments_of
from vectorstore.index.truth.arrays import Rows
from vectorstore.index.truth.database import Connection
from vectorstore.index.truth.read import IndexedChunk

FULL: Final = 65_536
"""Chunks of a segment that is merged no more."""
_GREATEST: Final = 2**32 - 1
"""The greatest row of a chunk that postings can name."""


def add_words(connection: Connection, tenant: str, chunks: Iterable[IndexedChunk]) -> None:
    """Write what is found of a tenant's chunks, whose rows are greater than all before; the caller is in a transaction."""
    for segment in segments_of(map(entry_of, chunks), len(FIELDS)):
        _insert(connection, tenant, segment)
        _merge_last(connection, tenant)


def _insert(connection: Connection, tenant: str, segment: Segment) -> None:
    if segment.rows[-1] > _GREATEST:
        raise BadInput("Search in the database takes 4 billion chunks at most.", "Set FOOTNOTE_SEARCH=local.")
    number = _insert_head(connection, tenant, segment.rows, segment.documents, segment.lengths)
    chunks, counts = segment.rows[segment.places].astype("<u4"), segment.counts.tobytes()
    keys, starts = segment.keys.view(np.int64).tolist(), segment.starts.tolist()
    content = chunks.tobytes()
    connection.add(
        "search_postings",
        "segment, key, chunks, counts",
        (
            (number, key, content[4 * start : 4 * end], counts[start:end])
            for key, start, end in zip(keys, starts[:-1], starts[1:], strict=True)
        ),
    )


def _insert_head(
    connection: Connection, tenant: str, rows: Rows, documents: Rows, lengths: npt.NDArray[np.uint32]
) -> int:
    found = connection.rows(
        "INSERT INTO search_segments (tenant, first, last, chunks, rows, documents, lengths)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING segment",
        (
            tenant,
            int(rows[0]),
            int(rows[-1]),
            len(rows),
            rows.astype("<i8").tobytes(),
            documents.astype("<i8").tobytes(),
            lengths.astype("<u4").tobytes(),
        ),
    )
    return int(found[0][0])


def _merge_last(connection: Connection, tenant: str) -> None:
    """Make one of a tenant's last segments, as long as each is at most twice as large as all after it together."""
    chosen: list[int] = []
    total = 0
    for number, chunks in connection.rows(
        "SELECT segment, chunks FROM search_segments WHERE tenant = ? ORDER BY first DESC", (tenant,)
    ):
        if chosen and (chunks > 2 * total or total + chunks > FULL):
            break
        chosen.append(number)
        total += chunks
    if len(chosen) < 2:
        return
    numbers = listed(chosen)
    found = connection.rows(
        "INSERT INTO search_segments (tenant, first, last, chunks, rows, documents, lengths)"
        " SELECT tenant, min(first), max(last), sum(chunks), string_agg(rows, '' ORDER BY first),"
        " string_agg(documents, '' ORDER BY first), string_agg(lengths, '' ORDER BY first)"
        " FROM search_segments WHERE segment = ANY (?::bigint[]) GROUP BY tenant RETURNING segment",
        (numbers,),
    )
    # A segment made later holds later rows: their numbers ascend alike.
    connection.run(
        "INSERT INTO search_postings (segment, key, chunks, counts)"
        " SELECT ?, key, string_agg(chunks, '' ORDER BY segment), string_agg(counts, '' ORDER BY segment)"
        " FROM search_postings WHERE segment = ANY (?::bigint[]) GROUP BY key",
        (found[0][0], numbers),
    )
    for table in ("search_postings", "search_segments"):
        connection.run(f"DELETE FROM {table} WHERE segment = ANY (?::bigint[])", (numbers,))


def prune(connection: Connection) -> None:
    """Take chunks that are no longer in the truth out of the segments; the caller is in a transaction."""
    gone = np.unique(
        np.array([row[0] for row in connection.rows("SELECT chunk FROM search_forgotten")], np.int64)
    )
    if not len(gone):
        return
    heads = connection.rows(
        "SELECT segment, rows, documents, lengths FROM search_segments WHERE EXISTS"
        " (SELECT 1 FROM search_forgotten f WHERE f.chunk BETWEEN first AND last)"
    )
    for number, *columns in heads:
        rows, documents, lengths = arrays_of(*columns)
        kept = ~np.isin(rows, gone)
        if kept.all():
            continue
        if not kept.any():
            connection.run("DELETE FROM search_postings WHERE segment = ?", (number,))
            connection.run("DELETE FROM search_segments WHERE segment = ?", (number,))
            continue
        connection.run(
            "UPDATE search_segments SET first = ?, last = ?, chunks = ?, rows = ?, documents = ?, lengths = ?"
            " WHERE segment = ?",
            (
                int(rows[kept][0]),
                int(rows[kept][-1]),
                int(kept.sum()),
                rows[kept].tobytes(),
                documents[kept].tobytes(),
                lengths[kept].tobytes(),
                number,
            ),
        )
        _prune_postings(connection, number, gone)
    connection.run("DELETE FROM search_forgotten")


def _prune_postings(connection: Connection, number: int, gone: Rows) -> None:
    found = connection.rows("SELECT key, chunks, counts FROM search_postings WHERE segment = ?", (number,))
    starts = np.cumsum([0, *(len(row[2]) for row in found)])
    chunks = np.frombuffer(b"".join(row[1] for row in found), "<u4")
    counts = np.frombuffer(b"".join(row[2] for row in found), np.uint8)
    kept = ~np.isin(chunks, gone.astype("<u4"))
    left = np.add.reduceat(kept, starts[:-1], dtype=np.int64)
    changed: list[tuple[bytes, bytes, int, int]] = []
    empty: list[int] = []
    for place in np.flatnonzero(left < np.diff(starts)).tolist():
        key, own = found[place][0], slice(starts[place], starts[place + 1])
        if left[place]:
            flags = kept[own]
            changed.append((chunks[own][flags].tobytes(), counts[own][flags].tobytes(), number, key))
        else:
            empty.append(key)
    connection.run_many(
        "UPDATE search_postings SET chunks = ?, counts = ? WHERE segment = ? AND key = ?", changed
    )
    connection.run(
        "DELETE FROM search_postings WHERE segment = ? AND key = ANY (?::bigint[])", (number, listed(empty))
    )


def arrays_of(rows: bytes, documents: bytes, lengths: bytes) -> tuple[Rows, Rows, npt.NDArray[np.uint32]]:
    """Return a segment's rows, documents and lengths, shape (chunks, fields)."""
    return (
        np.frombuffer(rows, "<i8"),
        np.frombuffer(documents, "<i8"),
        np.frombuffer(lengths, "<u4").reshape(-1, len(FIELDS)),
    )
