"""The reader: a question as understood, and what passages say to it."""

import asyncio
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from app.build import open_near
from app.events import Passage
from app.question import Question, Understood
from app.reader.answerable import PassagesRead, read_passages
from app.reader.extractive import ExtractiveAnswerer
from app.understand.condense import by_words, understand
from vectorstore.models.late_interaction import Near
from vectorstore.open import open_configured_embedder
from vectorstore.settings import StoreSettings
from vectorstore.types import Chunk, Hit, Scope

NOTHING = PassagesRead(())


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
    sure: float | None = 0.0,
    unsure: float | None = 0.0,
) -> PassagesRead:
    """Read the passages; everything that was found is an answer, unless the thresholds say otherwise."""
    return read_passages(
        understood(question).parts, passages, hits_of(passages), near=near(), sure=sure, unsure=unsure
    )


@lru_cache(maxsize=1)
def near() -> Near:
    """Return what compares by default, loaded once."""
    settings = StoreSettings()
    return open_near(open_configured_embedder(settings), settings)


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
