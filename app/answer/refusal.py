"""Recognise a language model's structured refusal at the start of its answer."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from app.answer.answerer import Piece, Written

SENTINEL = "NOT_IN_DOCUMENTS"


async def with_refusal(pieces: AsyncGenerator[Piece, None]) -> AsyncGenerator[Piece, None]:
    """Pass an answer on; if it is the agreed sentinel, drop it and mark the ending as refused.

    Text is held back only while it could still become the sentinel.
    """
    held, deciding, refused = "", True, False
    async with aclosing(pieces) as stream:
        async for piece in stream:
            if isinstance(piece, Written):
                if deciding and held:
                    yield held
                yield replace(piece, refused=refused)
            elif not deciding:
                if not refused:
                    yield piece
            else:
                held += piece
                start = held.lstrip(" \n\"'*`")
                refused = start.startswith(SENTINEL)
                deciding = not refused and SENTINEL.startswith(start)
                if not deciding and not refused:
                    yield held
