"""Answer without a language model: the sentences of the passages that answer, quoted, each with its marker."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from app.answer.answerer import Piece, Written
from app.answer.extractive_choice import Choice, choose
from app.answer.extractive_text import written
from app.events import Passage
from app.language.asked import ask
from app.language.subquestions import own_words, subquestions
from app.question import Message
from app.rank import Source, rank
from vectorstore.embed import Embedder


class ExtractiveAnswerer:
    """Composes an answer from the passages' own sentences."""

    name = "extractive"

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    async def write(
        self, question: str, *, passages: Sequence[Passage], history: Sequence[Message]
    ) -> AsyncGenerator[Piece, None]:
        """Stream the answer sentence by sentence, each followed by its marker; refuse when no sentence is left."""
        said: list[Choice] = []
        sources = [Source(passage.text, passage.context) for passage in passages]
        parts = subquestions(question)
        for part in parts:
            asked = ask(part)
            most = 2 if len(parts) > 1 else 4 if asked.kind in ("list", "how_to") else 3
            ranked = await asyncio.to_thread(rank, own_words(part), sources, embedder=self._embedder)
            for choice in choose(asked, ranked, passages, said=said, most=most):
                lead = " " if said else ""
                said.append(choice)
                yield f"{lead}{choice.lead}{written(choice.candidate.line)} [{choice.passage.number}]"
        yield Written(refused=not said)
