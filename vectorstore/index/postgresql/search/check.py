"""Whether the tables that search inside PostgreSQL reads hold what the truth does."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from vectorstore.index.postgresql.search.segments import arrays_of
from vectorstore.index.postgresql.search.tables import coverage
from vectorstore.index.truth import read as truth
from vectorstore.index.truth.database import Connection
from vectorstore.index.truth.records import vector_of

_LOOKED_AT: Final = 200
"""Vectors that are compared with the truth, spread over all chunks."""


def problems(connection: Connection) -> Iterator[str]:
    """Yield what the tables hold otherwise than the truth, one sentence each."""
    head, held = truth.head(connection), coverage(connection)
    if held is None:
        if head.last_chunk:
            yield "The search tables are missing, or of another embedder."
        return
    if held.last_chunk < head.last_chunk:
        yield f"The search tables end at generation {held.generation} of {head.generation}."
        return
    kept = np.array([row[0] for row in connection.each("SELECT row FROM chunks ORDER BY row")], np.int64)
    vectors = [row[0] for row in connection.each("SELECT chunk FROM search_vectors ORDER BY chunk")]
    if not np.array_equal(kept, np.array(vectors, np.int64)):
        yield "The search tables have vectors of other chunks than the index."
    heads = connection.rows("SELECT rows, documents, lengths FROM search_segments")
    rows = np.concatenate([np.empty(0, np.int64), *(arrays_of(*each)[0] for each in heads)])
    if not np.array_equal(kept, np.sort(rows)):
        yield "The search tables have words of other chunks than the index."
    for row in kept[:: max(1, len(kept) // _LOOKED_AT)].tolist():
        found = connection.one(
            "SELECT v.vector, s.vector::text FROM vectors v JOIN search_vectors s ON s.chunk = v.chunk"
            " WHERE v.chunk = ?",
            (row,),
        )
        if found and not np.array_equal(vector_of(found[0]), np.array(found[1][1:-1].split(","), np.float32)):
            yield f"The search tables hold another vector for chunk row {row} than the index."
