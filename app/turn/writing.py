"""Writes one answer: streams it, survives what a model may do, and closes it with citations and what to ask next."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from app.answer.answerer import Answerer, ModelFailure, Piece, Restart, Written
from app.answer.messages import rewrite_prompt
from app.answer.spoken import refuses
from app.events import Done, Event, FollowUps, Passage, Text, Timing, Usage
from app.language.phrases import quoted, say
from app.question import Message, Understood
from app.reader.answerable import PassagesRead, refusal_text
from app.settings import Unsupported
from app.support.claim import claim, states_absence, states_nothing
from app.turn.retrieve import TokenCounter
from app.turn.suggestions import follow_ups
from app.turn.transcript import Check, Doubts, Transcript, judged
from vectorstore.language.marks import AnyMarker, cited
from vectorstore.language.sentences import SentenceStream
from vectorstore.telemetry import traces
from vectorstore.telemetry.metrics import count
from vectorstore.telemetry.names import MODEL_FAILURES
from vectorstore.types import Hit

Rewrite: TypeAlias = Callable[[str, Sequence[Passage]], Awaitable[str]]
"""Words a sentence anew so that the passages support it; may answer with the refusal's sentinel."""


async def supported_only(
    pieces: AsyncGenerator[Piece, None],
    *,
    passages: Sequence[Passage],
    asked: str,
    check: Check,
    rewrite: Rewrite | None = None,
    strict: bool = False,
) -> AsyncGenerator[Piece, None]:
    """Pass on whole sentences that the passages support; an answer of which nothing is left is a refusal."""

    def holds(text: str, span: tuple[int, int]) -> bool:
        claimed = claim(text, *span, passages)
        if not claimed or states_absence(claimed) or states_nothing(claimed, passages, asked):
            return True
        numbers = cited(text[slice(*span)])
        named = [passage for passage in passages if passage.number in numbers]
        return judged(claimed, named, passages, check, strict=strict).verdict == "supported"

    stream, text, said, lost = SentenceStream(quotations=True), "", False, False
    async with aclosing(pieces) as source:
        async for piece in source:
            if isinstance(piece, Restart):
                stream, text, said, lost = SentenceStream(quotations=True), "", False, False
                yield piece
                continue
            if isinstance(piece, str):
                text += piece
                closed = stream.feed(piece)
            else:
                # Of a refusal nothing is left to be said.
                closed = stream.finish() if piece.outcome != "refused" else []
            for start, end in closed:
                kept = text[start:end] if holds(text, (start, end)) else ""
                if not kept and rewrite is not None:
                    second = await _second_wording(text[start:end], passages, rewrite)
                    kept = second if holds(second, (0, len(second))) else ""
                if kept:
                    yield _lead(text, start) + kept if said else kept
                said, lost = said or bool(kept), lost or not kept
            if isinstance(piece, Written):
                yield replace(piece, outcome="refused") if lost and not said else piece


async def _second_wording(sentence: str, passages: Sequence[Passage], rewrite: Rewrite) -> str:
    try:
        marks = AnyMarker(frozenset(passage.number for passage in passages))
        second = (marks.feed(await rewrite(sentence, passages)) + marks.finish()).strip()
    except ModelFailure:
        return ""
    return "" if refuses(second) else second


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
        traces.done(stage, now - self._last)
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


_AT_ONCE = 1_024
"""The most characters read at once: the run's limit stops what is too much before all of it is read."""


_MOST_HELD = 16_384
"""Characters without a supported sentence after which a model is heard no longer."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be answered, from which passages. `reading` tells how the passages answer it, when that is known."""

    asked: Understood
    passages: tuple[Passage, ...]
    hits: tuple[Hit, ...]
    reading: Awaitable[PassagesRead]


@dataclass(frozen=True, slots=True)
class Instead:
    """Quotes in the place of what a model wrote, which say so. `spent` is what the model read and wrote."""

    quoting: Answerer
    task: Task
    spent: Written

    @property
    def name(self) -> str:
        """The name of what writes."""
        return self.quoting.name

    async def write(
        self, question: str, *, passages: Sequence[Passage], history: Sequence[Message]
    ) -> AsyncGenerator[Piece, None]:
        """Stream the quotes after a sentence of our own; refuse where there are none."""
        before = f"{say('instead', self.task.asked.language)}\n\n"
        async with aclosing(self.quoting.write(question, passages=passages, history=history)) as pieces:
            async for piece in pieces:
                if isinstance(piece, str):
                    yield before + piece
                    before = ""
                elif isinstance(piece, Written):
                    spent = self.spent
                    yield replace(piece, input_tokens=spent.input_tokens, output_tokens=spent.output_tokens)


@dataclass(slots=True)
class _Draft:
    """An answer as far as it has been written."""

    transcript: Transcript
    ending: Written = field(default_factory=Written)
    said: bool = False


@dataclass(frozen=True, slots=True)
class Writing:
    """The way an answer is written in one turn: by `model`, or where there is none, or it fails, by `quoting`."""

    quoting: Answerer
    check: Check
    tokens: TokenCounter
    watch: Stopwatch
    unsupported: Unsupported
    model: Answerer | None = None
    fallback: bool = False
    strict: bool = False
    """Whether a sentence of the model's has to stand in a passage nearly so."""
    complete: Callable[[str], Awaitable[str]] | None = None

    async def events(self, task: Task) -> AsyncGenerator[Event, None]:
        """Write; while nothing has been shown, read less where it was too much, else fall back."""
        draft = _Draft(self._transcript(task))
        try:
            async with aclosing(self._drafted(task, draft)) as events:
                async for event in events:
                    if isinstance(event, Text):
                        self.watch.mark("first_text")
                    yield event
            other = self._instead(task, draft)
        except ModelFailure as failure:
            count(MODEL_FAILURES, code=failure.code)
            other = None if draft.transcript.text else self._second(task, failure)
            if other is None:
                for event in draft.transcript.finish():
                    yield event
                raise
        rest = other[0].events(other[1]) if other else self._closing(task, draft)
        is_instead = other is not None and other[0] is not self
        async with aclosing(rest) as events:
            async for event in events:
                yield replace(event, instead=True) if is_instead and isinstance(event, Done) else event

    async def _drafted(self, task: Task, draft: _Draft) -> AsyncGenerator[Event, None]:
        """Write, up to the last word; raises ModelFailure where there is none."""
        async with aclosing(self._pieces(task)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Restart):
                    # What has been shown by then cannot be taken back.
                    if not draft.transcript.text:
                        draft.transcript, draft.said = self._transcript(task), False
                elif isinstance(piece, Written):
                    draft.ending = piece
                else:
                    draft.said = draft.said or bool(piece.strip())
                    for event in draft.transcript.feed(piece):
                        yield event
                    if draft.transcript.holds_back and draft.transcript.length > _MOST_HELD:
                        break
        if not draft.said and draft.ending.outcome != "refused" and not draft.ending.echoed:
            raise _silent(draft.ending)
        cut = draft.ending.reason != "stop"
        for event in draft.transcript.close(cut=cut) if draft.ending.outcome != "refused" else ():
            yield event

    def _instead(self, task: Task, draft: _Draft) -> "tuple[Writing, Task] | None":
        """Decide what came of the question where a model wrote; return how it is quoted where nothing has been shown.

        Nothing that is supported and a word that it is not there, or nothing left, is a refusal.
        """
        if self.model is None:
            return None
        transcript, ending = draft.transcript, draft.ending
        if transcript.supported:
            if ending.outcome == "refused":
                draft.ending = replace(ending, outcome="answered")
        elif transcript.absent or self.unsupported == "withhold":
            draft.ending = replace(ending, outcome="refused")
        elif (transcript.holds_back or not transcript.text) and ending.outcome != "refused":
            return replace(self, model=None, quoting=Instead(self.quoting, task, ending)), task
        return None

    def _transcript(self, task: Task) -> Transcript:
        doubts = None
        if self.model is not None:
            asked = task.asked
            hold = self.unsupported != "mark"
            doubts = Doubts(asked.alone.whole, asked.language, hold=hold, strict=self.strict)
        return Transcript(task.passages, check=self.check, allowed_links=_links(task.passages), doubts=doubts)

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
        pieces = (self.model or self.quoting).write(
            asked.put, passages=task.passages, history=asked.question.history
        )
        if self.model is None or self.unsupported != "withhold":
            return pieces
        return supported_only(
            pieces,
            passages=task.passages,
            asked=asked.alone.whole,
            check=self.check,
            rewrite=self._rewrite if self.complete else None,
            strict=self.strict,
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
        if self.fallback and self.model is not None:
            return replace(self, model=None), task
        return None

    async def _closing(self, task: Task, draft: _Draft) -> AsyncGenerator[Event, None]:
        """Yield what follows the last word: citations, what to ask next, usage, the end."""
        asked, language = task.asked.alone.whole, task.asked.language
        transcript, ending = draft.transcript, draft.ending
        refused = ending.outcome == "refused"
        # A language model says itself what is missing.
        told = self.model or ending.outcome != "answered"
        unanswered = () if told else (await task.reading).unanswered
        near = () if task.asked.question.cites_only else task.passages
        note = refusal_text(near, language) if refused else _note(ending, unanswered, language)
        for event in transcript.finish(note, refused=refused):
            yield event
        if not refused:
            # Each candidate is held against the passages: other streams go on between.
            questions = await asyncio.to_thread(
                follow_ups,
                asked,
                task.hits,
                cited=transcript.cited,
                language=language,
                reading=await task.reading,
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
            "model_cut_off",
            "The language model's content filter held the answer back; put the question otherwise.",
            retryable=False,
        )
    if ending.reason == "length":
        return ModelFailure(
            "model_cut_off",
            "The language model used up its tokens before it answered. Ask something narrower.",
            "Raise FOOTNOTE_LLM_MAX_TOKENS, or have the model think less.",
        )
    return ModelFailure("model_cut_off", "The language model ended without an answer. Ask again.")


def _links(passages: Sequence[Passage]) -> list[str]:
    return [p.document.uri for p in passages if p.document.uri.startswith(("http://", "https://"))]
