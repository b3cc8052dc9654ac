"""The reader over words alone: a question as understood, and what passages say to it."""

import asyncio
from collections.abc import Generator, Sequence
from dataclasses import dataclass

from app.events import Passage
from app.question import Question, Understood
from app.reader.answerable import PassagesRead, Thresholds, read_passages
from app.reader.extractive import ExtractiveAnswerer
from app.understand.condense import by_words, understand
from tests.fakes.word_embedder import WordEmbedder
from vectorstore.types import Scope

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
    embedder: WordEmbedder | None = None,
    thresholds: Thresholds = ALL,
) -> PassagesRead:
    parts, embedder = understood(question).parts, embedder or WordEmbedder()
    vectors = [embedder.embed_query(part.whole) for part in parts]
    return read_passages(parts, vectors, passages, embedder=embedder, thresholds=thresholds)


def quoting(question: str, passages: Sequence[Passage]) -> ExtractiveAnswerer:
    """Return what answers this question from these passages."""
    return ExtractiveAnswerer(Ready(reading(question, passages)), language=understood(question).language)
