"""Writes one answer: streams it, survives what a model may do, and closes it with citations and what to ask next."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self, TypeAlias

from app.answer.answerer import Answerer, ModelFailure, Piece, Written
from app.answer.messages import SENTINEL, rewrite_prompt
from app.events import Done, Event, FollowUps, Passage, Timing, Usage
from app.language.phrases import say
from app.language.quotation import quoted
from app.question import Understood
from app.reader.answerable import PassagesRead, refusal_text
from app.support.claim import claim
from app.turn.retrieve import TokenCounter
from app.turn.suggestions import Suggesting
from app.turn.transcript import Check, Transcript
from vectorstore.language.marks import cited
from vectorstore.language.sentences import SentenceStream
from vectorstore.types import Hit

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
                yield replace(piece, outcome="refused") if lost and not said else piece


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
    numbers = cited(text[slice(*span)])
    named = [passage for passage in passages if passage.number in numbers]
    return check(claimed, named or list(passages)).verdict == "supported"


def _lead(text: str, start: int) -> str:
    """Return the white space that stood before a sentence, a line break where there was one."""
    before = text[:start]
    gap = before[len(before.rstrip()) :]
    return "\n\n" if gap.count("\n") > 1 else "\n" if "\n" in gap else " "


class Stopwatch:
    """Runs from when it is made."""

    def __init__(self) -> None:
        self._started = self._last = time.perf_counter()
        self._laps: list[Timing] = []
        self._moments: set[str] = set()

    def lap(self, stage: str) -> None:
        """End a stage: what passed since the last one was its."""
        now = time.perf_counter()
        self._laps.append(Timing(stage, round((now - self._last) * 1_000, 2)))
        self._last = now

    def mark(self, moment: str) -> None:
        """Note how long after the start a moment first came; no stage ends."""
        if moment in self._moments:
            return
        self._moments.add(moment)
        self._laps.append(Timing(moment, round((time.perf_counter() - self._started) * 1_000, 2)))

    def marked(self, moment: str) -> bool:
        """Say whether a moment has come."""
        return moment in self._moments

    def take(self) -> tuple[Timing, ...]:
        """Return the laps since the last call."""
        laps, self._laps = tuple(self._laps), []
        return laps


class Ahead:
    """Holds a stream's first event back; leaving the block closes the stream and whatever is upstream of it.

    Only the first event is waited for in a task of its own: the others come as they are asked for.
    """

    def __init__(self) -> None:
        self._stream: AsyncGenerator[Event, None] | None = None
        self._first: asyncio.Task[Event | None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def started(self) -> bool:
        """Say whether a stream has begun."""
        return self._stream is not None

    def start(self, stream: AsyncGenerator[Event, None]) -> None:
        """Begin; the first event is asked for at once."""
        self._stream = stream
        self._first = asyncio.create_task(_first(stream))

    async def events(self) -> AsyncGenerator[Event, None]:
        """Yield what the stream yields; raises what it raises."""
        stream, first = self._stream, self._first
        if stream is None or first is None:
            return
        async with aclosing(stream):
            event = await first
            self._first = None
            if event is None:
                return
            yield event
            async for event in stream:
                yield event

    async def stop(self) -> None:
        """Close the stream; what its first step came to is nobody's business any more."""
        first, self._first = self._first, None
        if first is not None:
            first.cancel()
            await asyncio.wait([first])
            if not first.cancelled():
                first.exception()
        if self._stream is not None:
            await self._stream.aclose()


async def _first(stream: AsyncGenerator[Event, None]) -> Event | None:
    return await anext(stream, None)


_AT_ONCE = 4_096
"""The most characters read at once: the run's limit stops what is too much before all of it is read."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be answered, from which passages. `reading` tells how the passages answer it, when that is known."""

    asked: Understood
    passages: tuple[Passage, ...]
    hits: tuple[Hit, ...]
    reading: Awaitable[PassagesRead]


@dataclass(frozen=True, slots=True)
class Writing:
    """The way an answer is written in one turn."""

    answerer: Answerer
    check: Check
    tokens: TokenCounter
    watch: Stopwatch
    suggesting: Suggesting
    fallback: Answerer | None = None
    strict: bool = False
    complete: Callable[[str], Awaitable[str]] | None = None

    async def events(self, task: Task) -> AsyncGenerator[Event, None]:
        """Write; while nothing has been shown, read less where it was too much, else fall back."""
        transcript = Transcript(task.passages, check=self.check, allowed_links=_links(task.passages))
        ending, said = Written(), False
        try:
            async with aclosing(self._pieces(task)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Written):
                        ending = piece
                        if not said and piece.outcome != "refused":
                            raise _silent(piece)
                        continue
                    said = said or bool(piece.strip())
                    self.watch.mark("first_text")
                    for event in transcript.feed(piece):
                        yield event
        except ModelFailure as failure:
            other = None if transcript.text else self._second(task, failure)
            if other is None:
                for event in transcript.finish():
                    yield event
                raise
            async with aclosing(other[0].events(other[1])) as events:
                async for event in events:
                    yield event
            return
        # A language model says itself what is missing.
        told = self.complete or ending.outcome != "answered"
        unanswered = () if told else (await task.reading).unanswered
        async with aclosing(self._closing(task, transcript, ending, unanswered)) as closing:
            async for event in closing:
                yield event

    async def _pieces(self, task: Task) -> AsyncGenerator[Piece, None]:
        """Write, and cut what comes all at once: other streams go on between."""
        async with aclosing(self._written(task)) as pieces:
            async for piece in pieces:
                if not isinstance(piece, str) or len(piece) <= _AT_ONCE:
                    yield piece
                    continue
                for start in range(0, len(piece), _AT_ONCE):
                    yield piece[start : start + _AT_ONCE]
                    await asyncio.sleep(0)

    def _written(self, task: Task) -> AsyncGenerator[Piece, None]:
        asked = task.asked
        pieces = self.answerer.write(asked.put, passages=task.passages, history=asked.question.history)
        if not self.strict:
            return pieces
        return supported_only(
            pieces, passages=task.passages, check=self.check, rewrite=self._rewrite if self.complete else None
        )

    async def _rewrite(self, sentence: str, passages: Sequence[Passage]) -> str:
        if self.complete is None:
            return ""
        return await self.complete(rewrite_prompt(sentence, passages))

    def _second(self, task: Task, failure: ModelFailure) -> "tuple[Writing, Task] | None":
        """Return how to go on after a failure: with half of the passages, once; or with the other answerer."""
        whole = len(task.passages)
        if failure.code == "context_overflow" and whole > 1 and not self.watch.marked("overflow"):
            self.watch.mark("overflow")
            # The first ones keep their numbers, which the client has seen.
            return self, replace(task, passages=task.passages[: (whole + 1) // 2])
        if self.fallback is not None:
            return replace(self, answerer=self.fallback, fallback=None, complete=None), task
        return None

    async def _closing(
        self, task: Task, transcript: Transcript, ending: Written, unanswered: Sequence[str]
    ) -> AsyncGenerator[Event, None]:
        """Yield what follows the last word: citations, what to ask next, usage, the end."""
        asked, language = task.asked.alone.whole, task.asked.language
        refused = ending.outcome == "refused"
        refusal = refusal_text(task.passages, language) if refused else ""
        for event in transcript.finish(refusal or _note(ending, unanswered, language)):
            yield event
        if not refused:
            # An embedding for each candidate: other streams go on between.
            questions = await asyncio.to_thread(
                self.suggesting.next,
                asked,
                task.hits,
                task.passages,
                cited=transcript.cited,
                language=language,
            )
            if questions:
                yield FollowUps(questions)
        self.watch.lap("writing")
        yield replace(self._usage(task, transcript.text, ending), timings=self.watch.take())
        yield Done(ending.reason, ending.outcome)

    def _usage(self, task: Task, text: str, ending: Written) -> Usage:
        read = ending.input_tokens
        if read is None:
            texts = (task.asked.alone.whole, *(passage.text for passage in task.passages))
            read = sum(self.tokens.count(part) for part in texts)
        written = self.tokens.count(text) if ending.output_tokens is None else ending.output_tokens
        return Usage(read, written)


def _note(ending: Written, unanswered: Sequence[str], language: str) -> str:
    """Say that the answer was cut, or name the parts that stay unanswered."""
    if ending.reason != "stop":
        return say(ending.reason, language)
    if not unanswered:
        return ""
    return say("partly", language, words="; ".join(quoted(part.rstrip(" ?.!")) for part in unanswered))


def _silent(ending: Written) -> ModelFailure:
    if ending.reason == "content_filter":
        return ModelFailure(
            "model_cut_off", "The language model's content filter held the answer back.", retryable=False
        )
    return ModelFailure("model_cut_off", "The language model ended without an answer.")


def _links(passages: Sequence[Passage]) -> list[str]:
    return [p.document.uri for p in passages if p.document.uri.startswith(("http://", "https://"))]
