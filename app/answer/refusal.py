"""Recognise a language model's structured refusal at the start of its answer."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from app.answer.answerer import Piece, Written
from app.answerable import refusal_text
from app.events import Passage

SENTINEL = "NOT_IN_DOCUMENTS"


async def with_refusal(
    pieces: AsyncGenerator[Piece, None], *, question: str, passages: Sequence[Passage]
) -> AsyncGenerator[Piece, None]:
    """Pass an answer on; if it is the agreed sentinel, put our refusal in its place and mark it.

    Text is held back only while it could still become the sentinel.
    """
    held, deciding, refused = "", True, False
    async with aclosing(pieces) as stream:
        async for piece in stream:
            if isinstance(piece, Written):
                if deciding and held:
                    yield held
                yield replace(piece, refused=refused or piece.refused)
            elif not deciding:
                if not refused:
                    yield piece
            else:
                held += piece
                start = held.lstrip(" \n\"'*`")
                if start.startswith(SENTINEL):
                    deciding, refused = False, True
                    yield refusal_text(question, passages)
                elif not SENTINEL.startswith(start):
                    deciding = False
                    yield held
