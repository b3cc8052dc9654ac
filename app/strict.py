"""Strict mode: a sentence that the sources do not support is rewritten once, and else withheld."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import TypeAlias

from app.answer.answerer import ModelFailure, Piece, Written
from app.answer.refusal import SENTINEL
from app.claim import MARKER, claim
from app.events import Passage
from app.ground import Grounding
from app.language.sentences import SentenceStream

Check: TypeAlias = Callable[[str, Sequence[Passage]], Grounding]
Rewrite: TypeAlias = Callable[[str, Sequence[Passage]], Awaitable[str]]
"""Words a sentence anew so that the passages support it; may answer with the refusal's sentinel."""


async def supported_only(
    pieces: AsyncGenerator[Piece, None],
    *,
    passages: Sequence[Passage],
    check: Check,
    rewrite: Rewrite | None = None,
) -> AsyncGenerator[Piece, None]:
    """Pass on whole sentences that the passages support; an answer of which nothing is left is a refusal."""
    stream, text, said, lost = SentenceStream(quotations=True), "", False, False
    async with aclosing(pieces) as source:
        async for piece in source:
            if isinstance(piece, str):
                text += piece
                closed = stream.feed(piece)
            else:
                closed = stream.finish()
            for start, end in closed:
                kept = await _kept(text, (start, end), passages, check=check, rewrite=rewrite)
                if kept:
                    yield _lead(text, start) + kept if said else kept
                said, lost = said or bool(kept), lost or not kept
            if isinstance(piece, Written):
                yield replace(piece, refused=piece.refused or (lost and not said))


async def _kept(
    text: str, span: tuple[int, int], passages: Sequence[Passage], *, check: Check, rewrite: Rewrite | None
) -> str:
    """Return the sentence, its second wording, or nothing."""
    sentence = text[slice(*span)]
    if _supported(text, span, passages, check):
        return sentence
    if rewrite is None:
        return ""
    try:
        second = (await rewrite(sentence, passages)).strip()
    except ModelFailure:
        return ""
    if not second or second.startswith(SENTINEL):
        return ""
    return second if _supported(second, (0, len(second)), passages, check) else ""


def _supported(text: str, span: tuple[int, int], passages: Sequence[Passage], check: Check) -> bool:
    claimed = claim(text, *span, passages)
    if not claimed:
        return True
    markers = MARKER.findall(text[slice(*span)])
    numbers = {int(number) for marker in markers for number in marker.split(",")}
    cited = [passage for passage in passages if passage.number in numbers]
    return check(claimed, cited or list(passages)).verdict == "supported"


def _lead(text: str, start: int) -> str:
    """Return the white space that stood before a sentence, a line break where there was one."""
    before = text[:start]
    gap = before[len(before.rstrip()) :]
    return "\n\n" if gap.count("\n") > 1 else "\n" if "\n" in gap else " "
