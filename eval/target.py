"""What is being evaluated: the turn itself, in process."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import aclosing

from app.build import Parts
from app.events import Citation, Citations, Done, Failed, Passage, Sources, Text
from app.question import Message, Question
from eval.cases import Case
from eval.outcome import Outcome
from vectorstore.types import Scope

_SCOPE = Scope(unrestricted=True)


async def answers(cases: Sequence[Case], parts: Parts, *, top_k: int, at_once: int = 8) -> list[Outcome]:
    """Ask every case, at most `at_once` at a time; outcomes in the order of the cases."""
    slots = asyncio.Semaphore(at_once)

    async def one(case: Case) -> Outcome:
        async with slots:
            return await _answered(case, parts, top_k)

    try:
        return list(await asyncio.gather(*(one(case) for case in cases)))
    finally:
        await parts.disconnect()


async def _answered(case: Case, parts: Parts, top_k: int) -> Outcome:
    history = tuple(Message(turn.role, turn.text) for turn in case.history)
    question = Question(case.question, _SCOPE, history=history, top_k=top_k)
    started = time.perf_counter()
    text, refused, error = "", False, ""
    first: float | None = None
    passages: tuple[Passage, ...] = ()
    citations: tuple[Citation, ...] = ()
    async with aclosing(parts.turn.answer(question, f"run_eval_{case.id}")) as events:
        async for event in events:
            match event:
                case Sources():
                    passages = event.passages
                case Text():
                    first = first if first is not None else time.perf_counter() - started
                    text += event.delta
                case Citations():
                    citations = event.citations
                case Done():
                    refused = event.refused
                case Failed():
                    error = event.message
    return Outcome(
        case=case,
        answer=text,
        refused=refused,
        passages=passages,
        citations=citations,
        verbatim=_verbatim(citations, parts),
        first_text_seconds=first,
        seconds=time.perf_counter() - started,
        error=error,
    )


def _verbatim(citations: Sequence[Citation], parts: Parts) -> tuple[bool, ...]:
    with parts.store.snapshot() as snapshot:
        texts = {citation.document.id: snapshot.text(citation.document.id) for citation in citations}
    return tuple(
        texts[citation.document.id][citation.evidence.start : citation.evidence.end] == citation.quote
        for citation in citations
    )
