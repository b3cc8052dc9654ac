"""Find the passages for a question. The one place where async code crosses into threads."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from app.events import Passage
from vectorstore.embed import Embedder
from vectorstore.store import Snapshot, Store
from vectorstore.types import Chunk, Generation, Hit, Scope, Span, Vector, Where


@dataclass(frozen=True, slots=True)
class Retrieved:
    """What a search brought: hits best first, and the passages that neighbouring hits form."""

    generation: Generation
    hits: tuple[Hit, ...]
    passages: tuple[Passage, ...]
    vector: Vector


class Retriever:
    """Searches the store with an embedded question."""

    def __init__(self, store: Store, embedder: Embedder) -> None:
        self._store = store
        self._embedder = embedder

    async def retrieve(
        self, text: str, *, scope: Scope, where: Where = (), limit: int, at: Generation | None = None
    ) -> Retrieved:
        """Return at most `limit` hits at a pinned generation (the newest when `at` is None)."""
        return await asyncio.to_thread(self._retrieve, text, scope, where, limit, at)

    def _retrieve(
        self, text: str, scope: Scope, where: Where, limit: int, at: Generation | None
    ) -> Retrieved:
        vector = self._embedder.embed_query(text)
        with self._store.snapshot(at) as snapshot:
            hits = snapshot.search(text, vector, scope=scope, where=where, limit=limit)
            passages = passages_of(hits, snapshot)
            return Retrieved(snapshot.generation, tuple(hits), passages, vector)


def passages_of(hits: Sequence[Hit], snapshot: Snapshot) -> tuple[Passage, ...]:
    """Merge hits that are neighbours in their document, so that each passage reads as the document does.

    Passages are ordered by their best hit and numbered from 1.
    """
    by_place = sorted(hits, key=lambda hit: (hit.document.id, hit.chunk.position))
    runs: list[list[Hit]] = []
    for _, group in groupby(by_place, key=lambda hit: hit.document.id):
        for hit in group:
            last = runs[-1][-1] if runs else None
            adjoins = last is not None and last.document.id == hit.document.id
            if adjoins and last is not None and hit.chunk.position == last.chunk.position + 1:
                runs[-1].append(hit)
            else:
                runs.append([hit])
    runs.sort(key=lambda run: -max(hit.score for hit in run))
    return tuple(_passage(number, run, snapshot) for number, run in enumerate(runs, start=1))


def _passage(number: int, run: Sequence[Hit], snapshot: Snapshot) -> Passage:
    chunks: list[Chunk] = [hit.chunk for hit in run]
    document = run[0].document
    span = Span(chunks[0].span.start, max(chunk.span.end for chunk in chunks), chunks[0].span.page)
    text = chunks[0].text if len(chunks) == 1 else snapshot.text(document.id)[span.start : span.end]
    return Passage(
        number=number,
        document=document,
        span=span,
        text=text,
        chunks=tuple(chunk.id for chunk in chunks),
        headings=chunks[0].headings,
        context=chunks[0].context,
        score=max(hit.score for hit in run),
    )
