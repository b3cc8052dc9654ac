"""Vectors in pgvector: every allowed chunk scored where those are few, else the graph. Which of both is chosen here.

PostgreSQL's planner takes neither by itself when it should: it knows nothing of how many chunks a caller may read.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt
from typing import Final

import numpy as np

from vectorstore.index.postgresql.search.tables import GRAPH, listed
from vectorstore.index.projection.dense_files import DenseBatch
from vectorstore.index.truth.arrays import Found, Half, Rows, found_nothing
from vectorstore.index.truth.database import Connection, Database
from vectorstore.types import Vector

GRAPH_FROM: Final = 20_000
"""Below this many chunks there is no graph: scoring them all takes some 20 ms, and commits stay quick."""
EXACT_BESIDE_OTHERS: Final = 20_000
"""Up to so many chunks are all scored for a caller who may not read everything: a number that others do not move."""
_STEP: Final = 25.0
"""What it costs to look at a chunk in the graph, in chunks scored one after another."""
_MORE: Final = 100
"""How many candidates are ranked again by the whole question, beyond those that are wanted: the first ranking rounds it."""
_BEAM: Final = 400
"""hnsw.ef_search at the least."""
_WIDEST: Final = 1_000
"""The greatest hnsw.ef_search that pgvector takes."""
_BUILDING: Final = "1GB"
"""Memory for making the graph; with less than the graph takes it becomes many times slower."""
_KEPT: Final = 64
"""How many selections of documents are remembered."""


@dataclass(frozen=True, slots=True)
class _Allowed:
    """Documents that a search may return chunks of: how many chunks, and the documents as PostgreSQL is given them."""

    documents: Rows
    chunks: int
    listed: str
    bits: bytes


class StoredVectors:
    """The vectors of a tenant's chunks, which belong to `owners`; pgvector is in the search path `path`.

    Safe to search from several threads.
    """

    def __init__(self, database: Database, owners: Rows, *, path: str) -> None:
        self._database = database
        self._path = path
        self._documents, self._chunks = np.unique(owners, return_counts=True)
        self._total = len(owners)
        self._kept: dict[int, _Allowed] = {}

    def nearest(self, vector: Vector, limit: int, documents: Rows, *, alone: bool) -> Found:
        """Return the `limit` nearest chunks of these documents with their cosine."""
        allowed = self._allowed(documents)
        wanted = min(limit, allowed.chunks)
        if wanted <= 0:
            return found_nothing()
        with self._database.connection() as connection, connection.transaction("DEFERRED"):
            if allowed.chunks > exact_up_to(self._total, limit, alone=alone):
                found = _by_graph(connection, self._path, vector, limit, allowed)
                if len(found.rows) >= wanted:
                    return found
            return _by_scan(connection, self._path, vector, limit, allowed)

    def _allowed(self, documents: Rows) -> _Allowed:
        """Return what a search may return. The catalog hands out the same array for the same question: it is kept."""
        known = self._kept.get(id(documents))
        if known is not None:
            return known
        chosen = np.isin(self._documents, documents)
        rows = self._documents[chosen]
        flags = np.zeros(int(rows.max(initial=0)) + 1, bool)
        flags[rows] = True
        made = _Allowed(
            documents,
            int(self._chunks[chosen].sum()),
            listed(rows.tolist()),
            np.packbits(flags, bitorder="little").tobytes(),
        )
        if len(self._kept) >= _KEPT:
            self._kept.clear()
        self._kept[id(documents)] = made
        return made


def exact_up_to(total: int, limit: int, *, alone: bool) -> int:
    """Return up to how many allowed chunks of `total` scoring them all costs less than the graph.

    The graph is walked until enough allowed ones have been met: the fewer are allowed, the farther.
    """
    return int(sqrt(limit * total * _STEP)) if alone else EXACT_BESIDE_OTHERS


def _by_scan(connection: Connection, path: str, vector: Vector, limit: int, allowed: _Allowed) -> Found:
    _set(connection, search_path=path, enable_seqscan="off")
    # Plus nothing, so that the graph cannot serve the order.
    return _ranked(
        connection,
        "SELECT chunk, vector FROM search_vectors WHERE document = ANY (?::bigint[])"
        " ORDER BY (vector <#> ?::halfvec) + 0, chunk LIMIT ?",
        (allowed.listed,),
        vector,
        limit,
    )


def _by_graph(connection: Connection, path: str, vector: Vector, limit: int, allowed: _Allowed) -> Found:
    _set(
        connection,
        search_path=path,
        enable_seqscan="off",
        enable_bitmapscan="off",
        enable_sort="off",
        **{
            "hnsw.iterative_scan": "relaxed_order",
            "hnsw.ef_search": str(min(max(_BEAM, limit + _MORE), _WIDEST)),
            # Until the list is full, however few are allowed.
            "hnsw.max_scan_tuples": str(2**31 - 1),
            "hnsw.scan_mem_multiplier": "8",
        },
    )
    return _ranked(
        connection,
        "SELECT chunk, vector FROM search_vectors WHERE CASE WHEN document < ?::bigint"
        " THEN get_bit(?::bytea, document) ELSE 0 END = 1 ORDER BY vector <#> ?::halfvec LIMIT ?",
        (8 * len(allowed.bits), allowed.bits),
        vector,
        limit,
    )


def _ranked(
    connection: Connection, candidates: str, values: tuple[str | int | bytes, ...], vector: Vector, limit: int
) -> Found:
    """Rank candidates by the question as it is, which the first ranking rounds to half precision."""
    asked = _text(vector)
    found = connection.rows(
        f"SELECT chunk, -(vector::vector <#> ?::vector) FROM ({candidates}) near ORDER BY 2 DESC, 1 LIMIT ?",
        (asked, *values, asked, limit + _MORE, limit),
    )
    rows = np.fromiter((row[0] for row in found), np.int64, len(found))
    return Found(rows, np.fromiter((row[1] for row in found), np.float32, len(found)))


def _set(connection: Connection, **settings: str) -> None:
    """Set what rules the plan, for this transaction alone."""
    columns = ", ".join("set_config(?, ?, true)" for _ in settings)
    connection.rows(f"SELECT {columns}", [each for pair in settings.items() for each in pair])


def add_vectors(connection: Connection, batches: Iterable[DenseBatch]) -> None:
    """Add vectors; the graph is made when there are enough of them.

    A graph that is there grows, which takes longer than making it anew, but searches go on meanwhile. The caller is in a
    transaction, and has pgvector in its search path.
    """
    for batch in batches:
        connection.add(
            "search_vectors",
            "chunk, document, vector",
            (
                (row, owner, _text(vector))
                for row, owner, vector in zip(
                    batch.rows.tolist(), batch.owners.tolist(), batch.vectors, strict=True
                )
            ),
        )
    make_graph(connection)


def make_graph(connection: Connection) -> None:
    """Make the graph where there are enough chunks and there is none."""
    if connection.one("SELECT to_regclass(?)", (GRAPH,)) != (None,):
        return
    if connection.one("SELECT 1 FROM search_vectors OFFSET ? LIMIT 1", (GRAPH_FROM - 1,)) is None:
        return
    _set(connection, maintenance_work_mem=_BUILDING)
    connection.run(
        f"CREATE INDEX {GRAPH} ON search_vectors USING hnsw (vector halfvec_ip_ops)"
        " WITH (m = 16, ef_construction = 100)"
    )


def _text(vector: Vector | Half) -> str:
    """Return a vector as pgvector reads it: all digits, so that it is the same."""
    return "[" + ",".join(map(repr, vector.tolist())) + "]"
