"""Find the passages for a question. The one place where async code crosses into threads."""

import asyncio
import hashlib
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby
from pathlib import Path

from app.events import Passage
from app.question import Question, Understood
from vectorstore.errors import NotFound
from vectorstore.expect import Whereabouts, find_expected
from vectorstore.models.embed import Embedder
from vectorstore.models.late_interaction import Near
from vectorstore.refine import Tuning
from vectorstore.store import Snapshot, Store
from vectorstore.telemetry import traces
from vectorstore.types import Chunk, ChunkId, Dropped, Generation, Hit, Span, Vector

_ENCODING = "o200k_base"
_VOCABULARY = f"https://openaipublic.blob.core.windows.net/encodings/{_ENCODING}.tiktoken"
_MARGIN = 1.25
"""WordPiece counts run below byte-pair counts on code and rare words; the margin covers that."""


@dataclass(frozen=True, slots=True)
class TokenCounter:
    """Counts tokens; `name` says with which vocabulary, for `/healthz`."""

    name: str
    count: Callable[[str], int]


def open_counter(embedder: Embedder) -> TokenCounter:
    """Count with tiktoken where its vocabulary is on disk, else with the embedder's and a margin.

    tiktoken downloads a missing vocabulary on first use, so its cache is looked at first.
    """
    if _vocabulary_file().is_file():
        import tiktoken

        encoding = tiktoken.get_encoding(_ENCODING)
        return TokenCounter(
            f"tiktoken {_ENCODING}",
            _remembered(lambda text: len(encoding.encode(text, disallowed_special=()))),
        )
    return TokenCounter(
        f"{embedder.name} tokenizer × {_MARGIN}",
        _remembered(lambda text: int(len(embedder.token_offsets(text)) * _MARGIN) + 1),
    )


def _remembered(count: Callable[[str], int]) -> Callable[[str], int]:
    """Count a passage once: the same ones are packed again and again, and a count takes near a millisecond."""
    return lru_cache(maxsize=2_048)(count)


def _vocabulary_file() -> Path:
    """Return where tiktoken caches the vocabulary (its documented TIKTOKEN_CACHE_DIR, else a temporary folder)."""
    folder = os.environ.get("TIKTOKEN_CACHE_DIR") or os.environ.get("DATA_GYM_CACHE_DIR")
    root = Path(folder) if folder else Path(tempfile.gettempdir()) / "data-gym-cache"
    return root / hashlib.sha1(_VOCABULARY.encode(), usedforsecurity=False).hexdigest()


_OURS = "footnote"
"""Who embeds and searches, to traces."""
_OVERHEAD = 40
"""Tokens that a passage's number, title and date cost around its text."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A passage that did not go in, and why."""

    passage: Passage
    reason: str


@dataclass(frozen=True, slots=True)
class Packed:
    """The passages that an answer may be written from, numbered from 1, and those left out."""

    passages: tuple[Passage, ...]
    left_out: tuple[LeftOut, ...] = ()


def pack(passages: Sequence[Passage], *, budget: int, most: int, count: Callable[[str], int]) -> Packed:
    """Keep the best passages that fit, at most `most`, without those that say the same. The first is always kept."""
    kept: list[Passage] = []
    left_out: list[LeftOut] = []
    seen: dict[str, int] = {}
    for passage in passages:
        text = " ".join(passage.text.split())
        cost = count(passage.text) + _OVERHEAD
        reason = ""
        if text in seen:
            reason = f"says the same as passage {seen[text]}"
        elif len(kept) == most:
            reason = f"more than {most} passages"
        elif kept and cost > budget:
            reason = "does not fit the token budget"
        if reason:
            left_out.append(LeftOut(passage, reason))
            continue
        budget -= cost
        kept.append(replace(passage, number=len(kept) + 1))
        seen[text] = len(kept)
    return Packed(tuple(kept), tuple(left_out))


@dataclass(frozen=True, slots=True)
class Found:
    """A search at one generation: hits best first, the passages that neighbouring hits form, each text's vector.

    `dropped` is what the first text's search passed over and `expected` what became of a document that was looked
    for, where they were asked for.
    """

    generation: Generation
    hits: tuple[Hit, ...]
    passages: tuple[Passage, ...]
    vectors: tuple[Vector, ...]
    dropped: tuple[Dropped, ...] = ()
    expected: Whereabouts | None = None


@dataclass(frozen=True, slots=True)
class Retriever:
    """Searches the store with embedded questions, and fits what is found into what an answer is written from."""

    store: Store
    embedder: Embedder
    near: Near
    tokens: TokenCounter
    budget: int
    """Tokens that an answer may be written from."""
    most: int
    """Passages that an answer may be written from."""
    tuning: Tuning | None = None
    """How a variant searches; None: as the store is set."""

    async def retrieve(self, understood: Understood) -> Found:
        """Search for a question as understood: the whole of it and each of its parts."""
        texts = [part.whole for part in understood.searched]
        return await asyncio.to_thread(self.trace, understood.question, texts)

    def trace(
        self,
        question: Question,
        texts: Sequence[str] = (),
        *,
        trail: bool = False,
        expect: str = "",
        reveal: bool = False,
    ) -> Found:
        """Search as the question says: the one search, for answers, `search` and its explanations.

        `texts` are searched one by one instead of the question's own, and the best of each come first. With `trail`
        it is kept what was passed over. `expect` names a document (uri, file name or title) and has its fate told;
        `reveal` says whether the caller may learn that there is one that the question's scope does not allow.
        """
        texts = texts or [question.text]
        scope, where, limit = question.scope, question.where, question.top_k
        vectors = self._embedded(texts)
        with (
            traces.span(
                "retrieval",
                gen_ai__operation__name="retrieval",
                gen_ai__provider__name=_OURS,
                gen_ai__request__top_k=limit,
            ) as span,
            self.store.snapshot(question.at) as pinned,
        ):
            snapshot = pinned.tuned(self.tuning) if self.tuning else pinned
            searched = [
                snapshot.trace(
                    text,
                    vector,
                    scope=scope,
                    where=where,
                    limit=limit,
                    trail=trail or bool(expect),
                )
                for text, vector in zip(texts, vectors, strict=True)
            ]
            hits = tuple(in_turn([trace.hits for trace in searched])[:limit])
            span.say(footnote__hits=len(hits), footnote__generation=snapshot.generation)
            found = Found(
                snapshot.generation, hits, passages_of(hits, snapshot), vectors, searched[0].dropped
            )
            if not expect:
                return found
            fate = find_expected(
                expect, searched[0], snapshot, scope=scope, where=where, limit=limit, reveal=reveal
            )
            return replace(found, expected=self._within_budget(fate, found))

    def _embedded(self, texts: Sequence[str]) -> tuple[Vector, ...]:
        name = self.embedder.name
        with traces.span(
            f"embeddings {name}",
            gen_ai__operation__name="embeddings",
            gen_ai__provider__name=_OURS,
            gen_ai__request__model=name,
        ) as span:
            vectors = tuple(self.embedder.embed_query(text) for text in texts)
            span.say(gen_ai__embeddings__dimension__count=len(vectors[0]))
        return vectors

    def is_empty(self, at: Generation | None = None) -> bool:
        """Say whether no document is there at all, whoever asks."""
        with self.store.snapshot(at) as snapshot:
            return not snapshot.info().documents

    def demand_documents(self, at: Generation | None = None) -> None:
        """Raise NotFound when no document is there, neither now nor at the generation that is asked."""
        if self.is_empty(at) and self.is_empty():
            raise NotFound("There are no documents yet.", "Add some: footnote ingest ./docs")

    def pack(self, found: Found) -> Packed:
        """Choose the passages that an answer is written from."""
        return pack(found.passages, budget=self.budget, most=self.most, count=self.tokens.count)

    def _within_budget(self, expected: Whereabouts, found: Found) -> Whereabouts:
        """Say it when a document that was found would still not reach the writer of an answer."""
        if expected.lost_at != "nowhere" or expected.hit is None:
            return expected
        document = expected.hit.document.id
        packed = self.pack(found)
        if any(passage.document.id == document for passage in packed.passages):
            return expected
        left = next(each for each in packed.left_out if each.passage.document.id == document)
        sentence = f"{expected.sentence} An answer would not be written from it: {left.reason}."
        return replace(expected, lost_at="budget", sentence=sentence)


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
