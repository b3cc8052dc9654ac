"""One question and its answer, as one stream of events. Read this to know what Footnote does.

understand → retrieve → answerable? → pack → write → (make inert, resolve markers, check sentences) → done.
Every turn ends in exactly one of Done, Failed, Cancelled; cancelling is the caller's (`app/runs.py`).
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TypeAlias

from app.answer.answerer import Answerer, ModelFailure, Written
from app.answerable import Answerability, refusal_text
from app.events import Done, Event, Failed, Passage, Sources, Started, Status, Text, Usage
from app.explanation import explained
from app.pack import pack
from app.question import Message, Question
from app.retrieve import Retrieved, Retriever
from app.smalltalk import housekeeping, reply
from app.stopwatch import Stopwatch
from app.tokens import TokenCounter
from app.transcript import Check, Transcript

Condense: TypeAlias = Callable[[str, Sequence[Message]], Awaitable[str]]
"""Turns a follow-up and its history into a question that stands alone."""
Complete: TypeAlias = Callable[[str], Awaitable[str]]
"""Asks a language model for one whole reply."""

NOTICE = "You are talking to a machine. Answers are generated from your organisation's documents; check the sources."


@dataclass(frozen=True, slots=True)
class Turn:
    """What answering needs, put together once by `app/build.py`."""

    retriever: Retriever
    condense: Condense
    decide: Callable[[str, Retrieved], Answerability]
    answerer: Answerer
    check: Check
    tokens: TokenCounter
    context_tokens: int = 3_000
    passages: int = 6
    fallback: Answerer | None = None
    prompt_hash: str = ""
    """Which wording of the prompt asks the model; empty without one."""

    async def answer(self, question: Question, run: str) -> AsyncGenerator[Event, None]:
        """Answer one question."""
        yield Started(run, question.conversation, self.answerer.name, time.time(), NOTICE)
        said = housekeeping(question.text) or reply(question.text)
        if said is not None:
            yield Text(said)
            yield Done()
            return
        watch = Stopwatch()
        try:
            yield Status("understanding")
            alone = await self.condense(question.text, question.history)
            watch.lap("understanding")
            yield Status("retrieving", alone)
            found = await self.retriever.retrieve(
                alone, scope=question.scope, where=question.where, limit=question.top_k, at=question.at
            )
            watch.lap("retrieving")
            packed = pack(
                found.passages, budget=self.context_tokens, most=self.passages, count=self.tokens.count
            )
            passages = packed.passages
            yield Sources(passages)
            watch.lap("packing")
            decision = await asyncio.to_thread(self.decide, alone, found)
            watch.lap("deciding")
            yield explained(
                alone, found, packed, decision, prompt_hash=self.prompt_hash, timings=watch.take()
            )
            if not decision.answerable:
                yield Text(refusal_text(alone, passages))
                yield Done(refused=True)
                return
            yield Status("writing")
            async with aclosing(self._written(replace(question, text=alone), passages, watch)) as events:
                async for event in events:
                    yield event
        except ModelFailure as failure:
            yield Failed(failure.code, f"{failure.what} {failure.hint}".strip(), failure.retryable)

    async def _written(
        self, question: Question, passages: tuple[Passage, ...], watch: Stopwatch
    ) -> AsyncGenerator[Event, None]:
        """Write the answer; fall back to the other answerer only while nothing has been shown."""
        transcript = Transcript(passages, check=self.check, allowed_links=_links(passages))
        ending = Written()
        try:
            async with aclosing(
                self.answerer.write(question.text, passages=passages, history=question.history)
            ) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Written):
                        ending = piece
                        continue
                    watch.mark("first_text")
                    for event in transcript.feed(piece):
                        yield event
        except ModelFailure:
            if self.fallback is None or transcript.text:
                for event in transcript.finish():
                    yield event
                raise
            second = replace(self, answerer=self.fallback, fallback=None)
            async with aclosing(second._written(question, passages, watch)) as events:  # noqa: SLF001
                async for event in events:
                    yield event
            return
        if ending.refused:
            yield Text(refusal_text(question.text, passages))
        for event in transcript.finish():
            yield event
        watch.lap("writing")
        yield replace(self._usage(question, passages, transcript.text, ending), timings=watch.take())
        yield Done(ending.reason, ending.refused)

    def _usage(self, question: Question, passages: tuple[Passage, ...], text: str, ending: Written) -> Usage:
        read = ending.input_tokens
        if read is None:
            read = sum(self.tokens.count(part) for part in (question.text, *(p.text for p in passages)))
        written = self.tokens.count(text) if ending.output_tokens is None else ending.output_tokens
        return Usage(read, written)


def _links(passages: tuple[Passage, ...]) -> list[str]:
    return [p.document.uri for p in passages if p.document.uri.startswith(("http://", "https://"))]
