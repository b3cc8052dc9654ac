"""Find the passages for a question. The one place where async code crosses into threads."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from app.events import Passage
from app.language.phrasal import meant
from app.language.words import fold
from vectorstore.embed import Embedder
from vectorstore.store import Snapshot, Store
from vectorstore.types import Chunk, ChunkId, Generation, Hit, Scope, Span, Vector, Where


@dataclass(frozen=True, slots=True)
class Retrieved:
    """What a search brought: hits best first, and the passages that neighbouring hits form."""

    generation: Generation
    hits: tuple[Hit, ...]
    passages: tuple[Passage, ...]
    vector: Vector
    parts: tuple["Retrieved", ...] = ()
    """What each part of a question in several parts brought, without passages of its own."""


class Retriever:
    """Searches the store with an embedded question."""

    def __init__(self, store: Store, embedder: Embedder) -> None:
        self._store = store
        self._embedder = embedder

    async def retrieve(
        self,
        text: str,
        *,
        scope: Scope,
        where: Where = (),
        limit: int,
        at: Generation | None = None,
        parts: Sequence[str] = (),
    ) -> Retrieved:
        """Return at most `limit` hits at a pinned generation (the newest when `at` is None).

        `parts` are what the question asks one by one; each is searched too, and the best of all come first.
        """
        return await asyncio.to_thread(self._retrieve, (text, *parts), scope, where, limit, at)

    def _retrieve(
        self, texts: Sequence[str], scope: Scope, where: Where, limit: int, at: Generation | None
    ) -> Retrieved:
        vectors = [self._embedder.embed_query(text) for text in texts]
        with self._store.snapshot(at) as snapshot:
            found = [
                snapshot.search(_with_meant(text), vector, scope=scope, where=where, limit=limit)
                for text, vector in zip(texts, vectors, strict=True)
            ]
            hits = in_turn(found)[:limit]
            generation = snapshot.generation
            return Retrieved(
                generation,
                tuple(hits),
                passages_of(hits, snapshot),
                vectors[0],
                tuple(
                    Retrieved(generation, tuple(own), (), vector)
                    for own, vector in zip(found[1:], vectors[1:], strict=True)
                ),
            )


def _with_meant(text: str) -> str:
    """Add the single words that documents use for the question's verbs of two words."""
    return " ".join((text, *(verb.word for verb in meant(fold(text)))))


def in_turn(rankings: Sequence[Sequence[Hit]]) -> list[Hit]:
    """Merge rankings by taking the next best of each in turn; a chunk stands once."""
    merged: dict[ChunkId, Hit] = {}
    for place in range(max(map(len, rankings), default=0)):
        for ranking in rankings:
            if place < len(ranking):
                merged.setdefault(ranking[place].chunk.id, ranking[place])
    return list(merged.values())


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
    best = {hit.chunk.id: place for place, hit in enumerate(hits)}
    runs.sort(key=lambda run: min(best[hit.chunk.id] for hit in run))
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
