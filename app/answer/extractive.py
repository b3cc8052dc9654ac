"""Answer without a language model: the sentences of the passages that answer, quoted, each with its marker."""

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence

from app.answer.answerer import Piece, Written
from app.events import Passage
from app.question import Message
from app.rank import Candidate, Source, rank
from vectorstore.embed import Embedder

_LEAST = 0.2
"""Below this probability the best sentence is no answer."""
_MOST_SENTENCES = 3
_BULLET = re.compile(r"\A(?:[-*+•◦▪–]|\d{1,3}[.)]|\(?[a-z]\))\s+")


_EMPHASIS = re.compile(r"(\*{1,3}|(?<!\w)_{1,2})(?=\S)(.+?)(?<=\S)\1(?!\w)")


class ExtractiveAnswerer:
    """Composes an answer from the passages' own sentences."""

    name = "extractive"

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    async def write(
        self, question: str, *, passages: Sequence[Passage], history: Sequence[Message]
    ) -> AsyncGenerator[Piece, None]:
        """Stream the answer sentence by sentence."""
        sources = [Source(passage.text, passage.context) for passage in passages]
        ranked = await asyncio.to_thread(rank, question, sources, embedder=self._embedder)
        chosen = _choose(ranked)
        for place, candidate in enumerate(chosen):
            lead = " " if place else ""
            yield f"{lead}{_spoken(candidate)} [{passages[candidate.source].number}]"
        yield Written(refused=not chosen)


def _choose(ranked: Sequence[Candidate]) -> list[Candidate]:
    if not ranked or ranked[0].score < _LEAST:
        return []
    best = ranked[0]
    chosen = [best]
    for candidate in ranked[1:]:
        if len(chosen) == _MOST_SENTENCES or candidate.score < 0.6 * best.score:
            break
        if all(candidate.bare.stems != other.bare.stems for other in chosen):
            chosen.append(candidate)
    return chosen


def _spoken(candidate: Candidate) -> str:
    line = candidate.line
    if line.kind == "row":
        return _row(line.text, line.frame)
    text = " ".join(_cleaned(line.text).split())
    return text if text.endswith((".", "!", "?", ":")) else f"{text}."


def _cleaned(text: str) -> str:
    """Take the bullet and the marks of bold and italic away; the words stay as they are."""
    return _EMPHASIS.sub(r"\2", _BULLET.sub("", text))


def _row(row: str, frame: str) -> str:
    cells = [cell.strip() for cell in row.strip().strip("|").split("|")]
    headers = [cell.strip() for cell in frame.rsplit("\n", 1)[-1].strip().strip("|").split("|")]
    if len(headers) != len(cells):
        return ", ".join(cell for cell in cells if cell) + "."
    named = [f"{header}: {cell}" for header, cell in zip(headers[1:], cells[1:], strict=True) if cell]
    return f"{cells[0]}, {', '.join(named)}."
