"""One question and its answer, as one stream of events. Read this to know what Footnote does.

understand → retrieve → pack → answerable? → write → (resolve markers, make inert, check sentences) → done.
Every turn ends in exactly one of Done, Failed, Cancelled; cancelling is the caller's (`app/runs/runs.py`).
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TypeAlias

from app.answer.answerer import Answerer, ModelFailure
from app.events import Done, Event, Failed, Sources, Started, Status
from app.language.phrases import language_of, say
from app.language.reading import read
from app.question import Message, Question
from app.reader.answerable import Answerability, refusal_text, together
from app.support.ground import read_ahead
from app.turn.explanation import explained
from app.turn.retrieve import Packed, Retrieved, Retriever, TokenCounter, pack
from app.turn.transcript import Check, fit_to_leave, own_words
from app.turn.writing import Ahead, Stopwatch, Task, Writing
from app.understand.condense import asking_back, which
from app.understand.parts import subquestions
from app.understand.smalltalk import about_conversation, housekeeping, reply

_log = logging.getLogger(__name__)
Condense: TypeAlias = Callable[[str, Sequence[Message]], Awaitable[str]]
"""Turns a follow-up and its history into a question that stands alone."""
Complete: TypeAlias = Callable[[str], Awaitable[str]]
"""Asks a language model for one whole reply."""


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
    strict: bool = False
    """Whether sentences that the sources do not support are rewritten once, and else withheld."""
    complete: Complete | None = None
    ahead: bool = True
    """Whether a language model is asked while it is still being decided whether the passages hold an answer."""

    async def answer(self, question: Question, run: str) -> AsyncGenerator[Event, None]:
        """Answer one question. Nothing leaves but `Text` of the transcript and events made fit to leave."""
        async with aclosing(self._events(question, run)) as events:
            async for event in events:
                yield fit_to_leave(event)

    async def _events(self, question: Question, run: str) -> AsyncGenerator[Event, None]:
        language = language_of(question.text)
        yield Started(run, question.conversation, self.answerer.name, time.time(), say("notice", language))
        said = await asyncio.to_thread(_without_documents, question)
        if said is not None:
            yield own_words(said)
            yield Done()
            return
        watch = Stopwatch()
        try:
            yield Status("understanding")
            alone = await self.condense(question.text, question.history)
            parts = await asyncio.to_thread(subquestions, alone)
            watch.lap("understanding")
            yield Status("retrieving", alone)
            found = await self._found(question, alone, parts)
            watch.lap("retrieving")
            packed, unclear = await asyncio.to_thread(self._packed, alone, found)
            yield Sources(packed.passages)
            watch.lap("packing")
            task = Task(replace(question, text=alone), packed.passages, found.hits, parts)
            async with Ahead() as ahead:
                if packed.passages and not unclear and self._may_begin(parts):
                    ahead.start(self._writing(watch).events(task))
                decisions = await asyncio.to_thread(self._decided, alone, parts, found)
                decision = together(decisions)
                watch.lap("deciding")
                yield explained(
                    alone,
                    found,
                    packed,
                    decision,
                    parts=parts if len(parts) > 1 else (),
                    prompt_hash=self.prompt_hash,
                    timings=watch.take(),
                )
                if unclear or not decision.answerable:
                    await ahead.stop()
                    yield own_words(
                        asking_back(alone, unclear) if unclear else refusal_text(alone, packed.passages)
                    )
                    yield Done(refused=not unclear)
                    return
                yield Status("writing")
                if self.complete is not None:
                    # While the model thinks: checking its first sentence would hold up every other stream.
                    asyncio.get_running_loop().run_in_executor(None, read_ahead, packed.passages)
                if not ahead.started:
                    task = replace(task, unanswered=_unanswered(parts, decisions))
                    ahead.start(self._writing(watch).events(task))
                del found
                async with aclosing(ahead.events()) as events:
                    async for event in events:
                        yield event
        except ModelFailure as failure:
            if failure.hint:
                _log.warning("%s: %s", failure.code, failure.hint)
            yield Failed(failure.code, failure.what, failure.retryable, failure.after)

    async def _found(self, question: Question, alone: str, parts: Sequence[str]) -> Retrieved:
        return await self.retriever.retrieve(
            alone,
            scope=question.scope,
            where=question.where,
            limit=question.top_k,
            at=question.at,
            parts=parts if len(parts) > 1 else (),
        )

    def _packed(self, alone: str, found: Retrieved) -> tuple[Packed, tuple[str, ...]]:
        """Return what fits, and between which titles the question does not choose."""
        packed = pack(found.passages, budget=self.context_tokens, most=self.passages, count=self.tokens.count)
        return packed, which(alone, found.hits)

    def _may_begin(self, parts: Sequence[str]) -> bool:
        """Say whether the model can be asked before the decision: what it is asked does not hang on it.

        The answerer that stands in for it has to know which parts are left out.
        """
        return self.ahead and self.complete is not None and (self.fallback is None or len(parts) < 2)

    def _decided(self, alone: str, parts: Sequence[str], found: Retrieved) -> list[Answerability]:
        """Decide for the question, or for each of its parts on what that part brought."""
        if not found.parts:
            return [self.decide(alone, found)]
        return [self.decide(part, own) for part, own in zip(parts, found.parts, strict=True)]

    def _writing(self, watch: Stopwatch) -> Writing:
        return Writing(
            answerer=self.answerer,
            check=self.check,
            tokens=self.tokens,
            watch=watch,
            fallback=self.fallback,
            strict=self.strict,
            complete=self.complete,
        )


def _without_documents(question: Question) -> str | None:
    """Answer what needs no documents: a front end's housekeeping, small talk, a question about the conversation."""
    return (
        housekeeping(question.text)
        or reply(question.text)
        or about_conversation(question.text, question.history)
    )


def _unanswered(parts: Sequence[str], decisions: Sequence[Answerability]) -> tuple[str, ...]:
    """Return the parts that the documents do not answer and that name something which no passage holds."""
    if len(decisions) < 2:
        return ()
    return tuple(
        part
        for part, decision in zip(parts, decisions, strict=True)
        if not decision.answerable and read(part.partition(" (")[0]).stems & set(decision.missing)
    )
