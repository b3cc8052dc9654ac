"""The index pinned at one generation."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from vectorstore.errors import BadInput, NotFound
from vectorstore.index.catalog.catalog import Catalog
from vectorstore.index.projection.projections import Indexes
from vectorstore.index.recent import Recent
from vectorstore.index.truth import read as truth
from vectorstore.index.truth.arrays import Found, Rows, Scores, found_nothing
from vectorstore.index.truth.database import Database
from vectorstore.index.truth.readers import may_read
from vectorstore.refine import Refine, Tuning
from vectorstore.types import (
    Chunk,
    Document,
    DocumentId,
    Generation,
    GenerationInfo,
    Hit,
    Named,
    Scope,
    Stage,
    StageName,
    Trace,
    Vector,
    Where,
)


@dataclass(frozen=True, slots=True)
class Fused:
    """A chunk row with its mixed score and how each stage ranked it."""

    row: int
    score: float
    stages: tuple[Stage, ...]


def fuse(dense: Found, lexical: Found, *, dense_weight: float) -> Iterator[Fused]:
    """Mix two rankings; a chunk that a stage did not find scores 0 there. Best first, ties by row.

    The order is made at once, for hundreds; what is known of each only when it is asked for.
    """
    rows = np.union1d(dense.rows, lexical.rows)
    mixed = dense_weight * _spread(dense, rows) + (1 - dense_weight) * _spread(lexical, rows)
    stages = _Ranks(dense, "dense"), _Ranks(lexical, "lexical")
    for rank, place in enumerate(np.lexsort((rows, -mixed)).tolist(), start=1):
        row, score = int(rows[place]), float(mixed[place])
        found = (stage for each in stages if (stage := each.of(row)))
        yield Fused(row, score, (*found, Stage("fused", rank, score)))


def _spread(found: Found, rows: Rows) -> Scores:
    """Return a stage's scaled score for each of these rows, 0 where it did not find the row."""
    spread = np.zeros(len(rows), dtype=np.float32)
    spread[np.searchsorted(rows, found.rows)] = _scaled(found.scores)
    return spread


def _scaled(scores: Scores) -> Scores:
    if not len(scores):
        return scores
    low, high = scores.min(), scores.max()
    return (scores - low) / (high - low) if high > low else np.ones_like(scores)


class _Ranks:
    """How one stage ranked each row that it found."""

    def __init__(self, found: Found, name: StageName) -> None:
        self._name: StageName = name
        self._scores = found.scores
        self._places = {row: place for place, row in enumerate(found.rows.tolist())}

    def of(self, row: int) -> Stage | None:
        place = self._places.get(row)
        return None if place is None else Stage(self._name, place + 1, float(self._scores[place]))


CANDIDATES = 300
"""How many of each stage's best are fused."""


class IndexSnapshot:
    """Reads one generation. Safe to use from several threads."""

    def __init__(
        self,
        database: Database,
        info: GenerationInfo,
        *,
        catalog: Callable[[], Catalog],
        indexes: Callable[[str], Indexes],
        dense_weight: float,
        dimension: int,
        refine: Refine,
        recent: Recent,
    ) -> None:
        self._database = database
        self._recent = recent
        self._info = info
        self._catalog = catalog
        self._indexes = indexes
        self._dense_weight = dense_weight
        self._dimension = dimension
        self._refine = refine

    @property
    def generation(self) -> Generation:
        """The generation this reads."""
        return self._info.number

    def tuned(self, tuning: Tuning) -> "IndexSnapshot":
        """Return the same index, searched in another way."""
        return IndexSnapshot(
            self._database,
            self._info,
            catalog=self._catalog,
            indexes=self._indexes,
            dense_weight=tuning.dense_weight,
            dimension=self._dimension,
            refine=tuning.refine(self._refine),
            recent=self._recent,
        )

    def search(
        self, text: str, vector: Vector, *, scope: Scope, where: Where = (), limit: int = 10
    ) -> list[Hit]:
        """Find the chunks nearest to a question by meaning and by words, fused, best first."""
        return list(self.trace(text, vector, scope=scope, where=where, limit=limit, trail=False).hits)

    def trace(
        self,
        text: str,
        vector: Vector,
        *,
        scope: Scope,
        where: Where = (),
        limit: int = 10,
        trail: bool = True,
    ) -> Trace:
        """Search, and with `trail` keep every candidate that was left out, with the reason."""
        found = self._found(text, vector, scope, where, limit)
        return self._refine(text, found, limit=limit, whole=trail)

    def _found(self, text: str, vector: Vector, scope: Scope, where: Where, limit: int) -> Iterator[Hit]:
        """Yield the fused candidates, best first; their text is read as it is asked for."""
        if vector.shape != (self._dimension,):
            raise BadInput(f"The question's vector has shape {vector.shape}, not ({self._dimension},).")
        catalog = self._catalog()
        documents = catalog.select(scope, where)
        if not len(documents) or limit < 1:
            return
        dense_index, word_index = self._indexes(scope.tenant)
        depth = max(CANDIDATES, 2 * limit)
        readable = catalog.select(scope, ()) if where else documents
        alone = len(readable) == catalog.count
        dense = dense_index.nearest(vector, depth, documents, alone=alone)
        within = documents if where else None
        lexical = (
            word_index.search(text, depth, readable=readable, within=within)
            if word_index
            else found_nothing()
        )
        ranked = fuse(dense, lexical, dense_weight=self._dense_weight)
        # As many at once as are wanted: the rest is read only if some say the same, or all are to be told.
        while batch := list(islice(ranked, limit)):
            yield from self._hits(batch, catalog, scope)

    def around(self, chunk: Chunk, radius: int) -> list[Chunk]:
        """Return the chunk with up to `radius` neighbours on either side, in document order."""
        row = self._row(chunk.document)
        return self._chunks(row, chunk.document, chunk.position - radius, chunk.position + radius)

    def document(self, document: DocumentId, *, scope: Scope) -> Document:
        """Return one document; raises NotFound when it is absent or out of scope (the two look alike)."""
        catalog = self._catalog()
        row = catalog.row_of(document)
        seen = None if row is None else catalog.seen([row], scope).get(row)
        if seen is None:
            raise _no_such(document)
        return seen

    def documents(self, *, scope: Scope, where: Where = (), after: str = "") -> Iterator[Document]:
        """Yield the documents in scope, by uri, from behind `after` on."""
        return self._catalog().documents(scope, where, after=after)

    def names(self, *, scope: Scope) -> Iterator[Named]:
        """Yield what the documents in scope are called, in no order."""
        return self._catalog().names(scope)

    def count(self, *, scope: Scope, where: Where = ()) -> int:
        """Return how many documents there are in scope."""
        return len(self._catalog().select(scope, where))

    def readers(self, *, scope: Scope) -> frozenset[str]:
        """Return the names of all readers of the documents in scope."""
        return self._catalog().readers(scope)

    def chunks(self, document: DocumentId) -> list[Chunk]:
        """Return a document's chunks in order."""
        return self._chunks(self._row(document), document, 0, 1 << 62)

    def text(self, document: DocumentId) -> str:
        """Return a document's extracted text."""
        row = self._row(document)

        def read() -> str | None:
            with self._database.connection() as connection:
                return truth.text_of(connection, row)

        text = self._recent.of(("text", row), read, lambda found: len(found or ""))
        if text is None:
            raise _no_such(document)
        return text

    def digests(self, *, tenant: str) -> Mapping[str, str]:
        """Return uri → digest of every document of a tenant."""
        with self._database.connection() as connection:
            return truth.digests(connection, tenant, self.generation)

    def readable(self, documents: Collection[DocumentId], *, scope: Scope) -> bool:
        """Say whether the caller may read all of these versions today, whichever generations they stood in."""
        if not documents:
            return True
        with self._database.connection() as connection, connection.transaction("DEFERRED"):
            return may_read(connection, documents, scope)

    def info(self) -> GenerationInfo:
        """Return this generation's number, date and counts."""
        return self._info

    def _row(self, document: DocumentId) -> int:
        row = self._catalog().row_of(document)
        if row is None:
            raise _no_such(document)
        return row

    def _chunks(self, row: int, document: DocumentId, first: int, last: int) -> list[Chunk]:
        def read() -> list[Chunk]:
            with self._database.connection() as connection:
                return truth.chunks_of(connection, row, document, first=first, last=last)

        return self._recent.of(
            ("chunks", row, first, last), read, lambda found: sum(len(each.text) for each in found)
        )

    def _hits(self, ranked: list[Fused], catalog: Catalog, scope: Scope) -> list[Hit]:
        def read(rows: Sequence[int]) -> dict[int, tuple[int, Chunk]]:
            with self._database.connection() as connection:
                return truth.chunks_at(connection, rows)

        found = self._recent.chunks_at([each.row for each in ranked], read)
        documents = catalog.seen([row for row, _ in found.values()], scope)
        hits = []
        for each in ranked:
            # A chunk that an erasure has taken away meanwhile is left out.
            document_row, chunk = found.get(each.row, (None, None))
            if document_row in documents and chunk is not None:
                hits.append(Hit(chunk, documents[document_row], each.score, each.stages))
        return hits


def _no_such(document: DocumentId) -> NotFound:
    return NotFound(f"There is no document {document!r}.", "`footnote docs ls` lists what there is.")
