"""One question and its answer, as one stream of events. Read this to know what Footnote does.

understand → retrieve → pack → read the passages → answerable? → write → (resolve markers, make inert, check
sentences) → done. Every turn ends in exactly one of Done, Failed, Cancelled; cancelling is the caller's
(`app/runs/runs.py`).
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeAlias

from app.answer.answerer import Answerer, ModelFailure
from app.events import (
    Done,
    Event,
    Explained,
    Failed,
    Outcome,
    SentenceChecked,
    Sources,
    Started,
    Status,
    Text,
)
from app.language.phrases import language_of, say
from app.question import Question, Understood
from app.reader.answerable import Answerability, PassagesRead, refusal_text
from app.reader.extractive import EXTRACTIVE, ExtractiveAnswerer
from app.settings import Unsupported
from app.support.ground import read_ahead
from app.turn.explanation import explained
from app.turn.retrieve import Found, Packed, Retriever
from app.turn.suggestions import ReadPassages
from app.turn.transcript import Check, fit_to_leave, own_words
from app.turn.writing import Stopwatch, Task, Writing
from app.understand.condense import Condense, asking_back, understand, which
from app.understand.smalltalk import talk, without_documents

_log = logging.getLogger(__name__)
Complete: TypeAlias = Callable[[str], Awaitable[str]]
"""Asks a language model for one whole reply."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What answering needs, put together once by `app/build.py`."""

    retriever: Retriever
    condense: Condense
    read: ReadPassages
    check: Check
    unsupported: Unsupported
    """What becomes of a model's sentences that the passages do not support."""
    model: Answerer | None = None
    """Writes the answer; None: it is quoted from the passages."""
    fallback: bool = False
    """Whether an answer is quoted where the model fails."""
    strict: bool = False
    """Whether a sentence of the model's has to stand in a passage nearly so."""
    prompt_hash: str = ""
    """Which wording of the prompt asks the model; empty without one."""
    complete: Complete | None = None

    @property
    def written_by(self) -> str:
        """The name of what writes."""
        return self.model.name if self.model else EXTRACTIVE

    async def answer(self, question: Question, run: str) -> AsyncGenerator[Event, None]:
        """Answer one question. Nothing leaves but `Text` of the transcript and events made fit to leave."""
        async with aclosing(self._events(question, run)) as events:
            async for event in events:
                yield fit_to_leave(event)

    async def _events(self, question: Question, run: str) -> AsyncGenerator[Event, None]:
        language = language_of(question.text)
        yield Started(run, question.conversation, self.written_by, time.time(), say("notice", language))
        said, outcome, rewords = await asyncio.to_thread(self._small_talk, question)
        if said:
            yield own_words(said)
            yield Done(outcome=outcome)
            return
        watch = Stopwatch()
        try:
            yield Status("understanding")
            asked = await understand(question, self.condense, rewords=rewords)
            watch.lap("understanding")
            yield Status("retrieving", asked.alone.whole)
            found = await self.retriever.retrieve(asked)
            watch.lap("retrieving")
            packed, unclear = await asyncio.to_thread(self._packed, asked, found)
            yield Sources(packed.passages)
            watch.lap("packing")
            reading = asyncio.ensure_future(asyncio.to_thread(self._read, asked, found, packed))

            def told(decision: Answerability) -> Explained:
                return explained(
                    asked, found, packed, decision, prompt_hash=self.prompt_hash, timings=watch.take()
                )

            if self.model is None or unclear or not packed.passages:
                decision = (await reading).decision
                watch.lap("deciding")
                yield told(decision)
                if unclear or decision.outcome == "refused":
                    yield own_words(await asyncio.to_thread(self._unanswered, asked, packed, unclear))
                    yield Done(outcome="answered" if unclear else "refused")
                    return
            yield Status("writing")
            writing = self._writing(asked, watch, reading).events(
                Task(asked, packed.passages, found.hits, reading)
            )
            if self.model is not None:
                # While the model thinks: checking its first sentence would hold up every other stream.
                asyncio.get_running_loop().run_in_executor(None, read_ahead, packed.passages)
                writing = _with_estimate(writing, reading, told)
            async with aclosing(writing) as events:
                async for event in events:
                    yield event
        except ModelFailure as failure:
            if failure.hint:
                _log.warning("%s: %s", failure.code, failure.hint)
            yield Failed(failure.code, failure.what, failure.retryable, failure.after)

    def _small_talk(self, question: Question) -> tuple[str | None, Outcome, bool]:
        """Return the answer to what needs no documents, its outcome, and whether a model is to reword its last answer.

        A request for what no documents hold (a poem, the prompt) is refused.
        """
        talked = talk(question.text, self.retriever.embedder)
        if self.model and question.history and talked and talked.kind == "reword":
            return None, "answered", True
        refused = talked is not None and talked.kind == "request"
        return without_documents(question, talked), "refused" if refused else "answered", False

    def _packed(self, asked: Understood, found: Found) -> tuple[Packed, tuple[str, ...]]:
        """Return what fits, and between which titles the question does not choose."""
        unclear = () if asked.question.cites_only else which(asked.alone.whole, found.hits)
        return self.retriever.pack(found), unclear

    def _read(self, asked: Understood, found: Found, packed: Packed) -> PassagesRead:
        return self.read(asked.parts, packed.passages, found.hits)

    def _unanswered(self, asked: Understood, packed: Packed, unclear: Sequence[str]) -> str:
        """Word a question back, or why there is no answer."""
        if unclear:
            return asking_back(unclear, asked.language)
        if not packed.passages and self.retriever.is_empty(asked.question.at):
            return say("empty", asked.language)
        return refusal_text(() if asked.question.cites_only else packed.passages, asked.language)

    def _writing(self, asked: Understood, watch: Stopwatch, reading: Awaitable[PassagesRead]) -> Writing:
        return Writing(
            quoting=ExtractiveAnswerer(reading, language=asked.language),
            check=self.check,
            tokens=self.retriever.tokens,
            watch=watch,
            unsupported=self.unsupported,
            model=self.model,
            fallback=self.fallback,
            strict=self.strict,
            complete=self.complete,
        )


async def _with_estimate(
    events: AsyncGenerator[Event, None],
    reading: asyncio.Future[PassagesRead],
    told: Callable[[Answerability], Explained],
) -> AsyncGenerator[Event, None]:
    """Tell how likely the passages hold an answer once that is known. A model's words do not wait for it."""
    waiting = True
    async with aclosing(events):
        try:
            async for event in events:
                if waiting and (reading.done() or not isinstance(event, Text | SentenceChecked)):
                    waiting = False
                    yield told((await reading).decision)
                yield event
        except ModelFailure:
            if waiting:
                yield told((await reading).decision)
            raise
