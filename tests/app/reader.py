"""The reader: a question as understood, and what passages say to it."""

import asyncio
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

from app.events import Passage
from app.question import Question, Understood
from app.reader.answerable import PassagesRead, Thresholds, read_passages
from app.reader.extractive import ExtractiveAnswerer
from app.understand.condense import by_words, understand
from vectorstore.models.late_interaction import LateInteraction
from vectorstore.open import open_embedder
from vectorstore.settings import DEFAULT_EMBEDDER
from vectorstore.types import Chunk, Hit, Scope

_CACHE = TemporaryDirectory()
"""Kept while the tests run: an engine opens the model anew for what it is first asked."""
NOTHING = PassagesRead(())
ALL = Thresholds(0.0, 0.0)
"""With which everything that was found is an answer."""


@dataclass(frozen=True)
class Ready:
    """A reading that is there already; may be awaited again and again."""

    reading: PassagesRead = NOTHING

    def __await__(self) -> Generator[None, None, PassagesRead]:
        return self.reading
        yield


def understood(question: str) -> Understood:
    return asyncio.run(understand(Question(question, Scope(), top_k=6), by_words))


def reading(
    question: str,
    passages: Sequence[Passage],
    *,
    thresholds: Thresholds = ALL,
) -> PassagesRead:
    return read_passages(
        understood(question).parts, passages, hits_of(passages), near=near(), thresholds=thresholds
    )


@lru_cache(maxsize=1)
def near() -> LateInteraction:
    """Return what compares with the default embedder, loaded once."""
    return LateInteraction(open_embedder(DEFAULT_EMBEDDER, cache_dir=Path(_CACHE.name)))


def hits_of(passages: Sequence[Passage]) -> list[Hit]:
    """Return what passages of a chunk each were made of."""
    return [
        Hit(
            Chunk(each.chunks[0], each.document.id, 0, each.text, each.span, each.headings, each.context),
            each.document,
            each.score,
        )
        for each in passages
    ]


def quoting(question: str, passages: Sequence[Passage]) -> ExtractiveAnswerer:
    """Return what answers this question from these passages."""
    return ExtractiveAnswerer(Ready(reading(question, passages)), language=understood(question).language)
