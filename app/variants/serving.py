"""Who is answered by which variant while the service runs, and what happens when one breaks.

What is promoted and what runs is looked at again before every question, at most half a second old where a database
has to be asked. A variant's turn is put together when it is first needed, over the store, the embedder and the
reranker that are open. One that cannot be, or that fails before it has written a word, is answered by the settings.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import Final

from app.answer.answerer import LanguageModel
from app.events import Cancelled, Done, Event, Explained, Failed, Sources, Started, Text
from app.question import Question
from app.runs.measured import Measured
from app.runs.run import Run
from app.settings import Settings
from app.turn.turn import Turn
from app.variants.shadow import Shadows
from app.variants.standing import Standing, Variant, standing
from vectorstore.errors import BadInput, FootnoteError, NotFound
from vectorstore.state.cell import Cell
from vectorstore.types import Generation

_log = logging.getLogger(__name__)
_BREAKS: Final = 3
"""Failures in a row after which a variant is left alone for a while: who asks waits for each of them."""
_LEFT_ALONE: Final = 60.0
_AGAIN: Final = 5.0
"""Seconds until what could not be read or built is tried again."""
_MOST_BROKE: Final = 1_000
_FIRST: Final = (Text, Done, Cancelled)
"""With what an answer begins, or ends without a word."""


@dataclass(eq=False, slots=True)
class Built:
    """A turn that is put together, with the model to be closed when it is needed no more, and the settings behind it."""

    turn: Turn
    model: LanguageModel | None
    settings: Settings
    digest: str
    """Stands for these settings and the prompt."""
    answering: int = 0


class Variants:
    """The face to the service: `assigned` before a question begins, `answer` in place of a turn, `ended` after it."""

    def __init__(
        self,
        settings: Settings,
        cell: Cell,
        base: Built,
        make: Callable[[Settings], Built],
        *,
        shadows: Shadows,
    ) -> None:
        """Begin with the `settings` of environment and files, and as `base` with what was opened by what is promoted now."""
        self._settings = settings
        self._cell = cell
        self._opened = base
        self._make = make
        self._shadows = shadows
        self._making = asyncio.Lock()
        self._asked = -float("inf")
        self._stamp: object = None
        self._trouble = ""
        self._built: dict[str, Built] = {}
        self._breaks: dict[str, tuple[int, float]] = {}
        self._broke: dict[str, Measured] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self.base = base
        """What answers everybody who is given no variant."""
        self.now = Standing()

    async def assigned(self, question: Question, owner: str) -> Question:
        """Return a question with the variant that is to answer it. What breaks on the way leaves it to the settings."""
        await self._look()
        variant = self.now.chosen(owner, question.conversation)
        built = self.base if variant is None else await self._of(variant)
        return self._suited(question, variant if built else None, built or self.base)

    def answer(self, question: Question, run: str) -> AsyncGenerator[Event, None]:
        """Answer a question by its variant, or by the settings where it has none."""
        built = self._built.get(question.variant) if question.variant else self.base
        if question.variant and (built is None or self._left_alone(question.variant)):
            self._note(question.variant, run, "left_alone")
            built, question = self.base, self._plain(question, built)
        elif question.variant and built is not None:
            return self._counted(built, self._guarded(built, question, run))
        built = built or self.base
        answering = built.turn.answer(question, run)
        if built is self._opened and not self._shadows.wanted:
            return answering
        return self._counted(built, answering)

    def digest(self, question: Question, run: str) -> str:
        """Return what stands for the settings that a question is answered by in a run.

        Where its variant broke in it that is the run itself: what the settings answer instead is not given again.
        """
        return f"broken {run}" if run in self._broke else self._built.get(question.variant, self.base).digest

    def ended(self, run: Run, figures: Measured) -> None:
        """Take note of a run that stands in the records: what broke in it, and whether it is answered in the shadow too."""
        if (broke := self._broke.pop(run.id, None)) is not None:
            self._shadows.keep(run.id, broke)
        if run.question.variant or run.erased:
            return
        if (variant := self.now.shadowing(run.id)) is not None:
            self._shadows.begin(run, figures, variant, self._shadowed)

    async def close(self) -> None:
        """Stop what is answered in the shadow, and close the connections of variants."""
        await self._shadows.close()
        self._closing |= {asyncio.ensure_future(_closed(each)) for each in self._spare(set())}
        await asyncio.gather(*self._closing, return_exceptions=True)

    async def _shadowed(self, variant: Variant, question: Question, run: str) -> AsyncGenerator[Event, None]:
        if (built := await self._of(variant)) is None:
            return
        asked = self._suited(question, variant, built)
        built.answering += 1
        try:
            async with aclosing(built.turn.answer(asked, run)) as events:
                async for event in events:
                    yield event
        finally:
            built.answering -= 1

    async def _counted(
        self, built: Built, events: AsyncGenerator[Event, None]
    ) -> AsyncGenerator[Event, None]:
        """Count who is being answered: a turn is closed when nobody is, and shadows make way when many are."""
        built.answering += 1
        self._shadows.crowd(1)
        try:
            async with aclosing(events):
                async for event in events:
                    yield event
        finally:
            built.answering -= 1
            self._shadows.crowd(-1)

    async def _guarded(self, built: Built, question: Question, run: str) -> AsyncGenerator[Event, None]:
        """Answer by a variant; where it fails before its first word, by the settings, and nobody sees that it did."""
        begun, has_spoken = time.monotonic(), False
        may_be_asker = False
        try:
            async with aclosing(_from_first_word(built.turn.answer(question, run))) as events:
                async for event in events:
                    has_spoken = has_spoken or isinstance(event, _FIRST)
                    yield event
            self._breaks.pop(question.variant, None)
            return
        except Exception as error:  # a variant's edge: whatever breaks in it, somebody waits for an answer
            if has_spoken:
                raise
            code = error.code if isinstance(error, _Broke) else type(error).__name__
            # What was asked may be to blame, a generation that is not there: it then fails by the settings too.
            may_be_asker = isinstance(error, BadInput | NotFound)
        ms = (time.monotonic() - begun) * 1_000
        if not may_be_asker:
            self._note(question.variant, run, code, ms)
        async with aclosing(self.base.turn.answer(self._plain(question, built), run)) as events:
            async for event in events:
                if may_be_asker and isinstance(event, (Sources, *_FIRST)):
                    may_be_asker = False
                    self._note(question.variant, run, code, ms)
                if not isinstance(event, Started):
                    yield event

    def _suited(self, question: Question, variant: Variant | None, built: Built) -> Question:
        """Return a question as a turn is to answer it.

        Who asked for no number of chunks has that of the service's start, or of what has answered it before.
        """
        usual = {each.settings.answer.top_k for each in (self._opened, self.base)}
        pinned = variant.generation if variant else None
        return replace(
            question,
            variant=variant.name if variant else "",
            top_k=built.settings.answer.top_k if question.top_k in usual else question.top_k,
            at=Generation(pinned) if question.at is None and pinned else question.at,
        )

    def _plain(self, question: Question, built: Built | None) -> Question:
        """Return a variant's question as the settings answer it: not at its generation, which may be what broke it."""
        pinned = {one.generation for one in self.now.running if one.name == question.variant}
        is_usual = built is not None and question.top_k == built.settings.answer.top_k
        return replace(
            question,
            at=None if question.at in pinned else question.at,
            top_k=self.base.settings.answer.top_k if is_usual else question.top_k,
        )

    def _left_alone(self, name: str) -> bool:
        count, last = self._breaks.get(name, (0, 0.0))
        return count >= _BREAKS and time.monotonic() - last < _LEFT_ALONE

    def _note(self, name: str, run: str, code: str, ms: float = 0.0) -> None:
        if len(self._broke) >= _MOST_BROKE:  # runs that were erased before they were recorded
            del self._broke[next(iter(self._broke))]
        self._broke[run] = Measured("failed", code, name, total_ms=ms)
        if code == "left_alone":
            return
        count, last = self._breaks.get(name, (0, 0.0))
        self._breaks[name] = count + 1, time.monotonic()
        if not count or time.monotonic() - last > _LEFT_ALONE:
            _log.warning(
                "The variant %s failed before it wrote (%s): the settings answer instead.", name, code
            )

    async def _look(self) -> None:
        """Read what runs and what is promoted, if it may have changed; what cannot be read stays as it was."""
        if time.monotonic() - self._asked < self._cell.trusted_for:
            return
        self._asked = time.monotonic()
        try:
            stamp = (
                await asyncio.to_thread(self._cell.stamp) if self._cell.trusted_for else self._cell.stamp()
            )
            if stamp == self._stamp:
                return
            now = await asyncio.to_thread(standing, self._cell)
            await self._follow(now)
            self._stamp, self._trouble = stamp, ""
        except (FootnoteError, OSError) as error:
            self._asked = time.monotonic() + _AGAIN
            if str(error) != self._trouble:
                self._trouble = str(error)
                _log.warning("Variants stay as they were: %s", error)

    async def _follow(self, now: Standing) -> None:
        """Answer as another standing says from now on; raises what keeps its promotion from being built."""
        async with self._making:
            settings = await asyncio.to_thread(now.changes().applied, self._settings)
            base = self.base
            if settings != base.settings:
                same = settings == self._opened.settings
                base = self._opened if same else await asyncio.to_thread(self._make, settings)
                promoted = now.promotion.name if now.promotion else "nothing"
                _log.info("What is promoted has changed: %s.", promoted)
            before = {one.name: one.changes for one in self.now.running} if base is self.base else {}
            kept = {one.name for one in now.running if before.get(one.name) == one.changes}
            spare = self._spare(kept, but=base)
            self._built = {name: built for name, built in self._built.items() if name in kept}
            self._breaks = {name: each for name, each in self._breaks.items() if name in kept}
            self.base, self.now = base, now
            self._shadows.wanted = any(one.shadow for one in now.running)
        self._closing = {task for task in self._closing if not task.done()}
        self._closing |= {asyncio.ensure_future(_closed(each)) for each in spare}

    def _spare(self, kept: set[str], but: Built | None = None) -> list[Built]:
        """Return what is needed no more, but for what was opened with the service and is closed with it."""
        gone = [built for name, built in self._built.items() if name not in kept]
        return [built for built in (*gone, self.base) if built not in {self._opened, but}]

    async def _of(self, variant: Variant) -> Built | None:
        """Return a variant's turn, put together if it is not yet; None where it cannot be."""
        if variant.name not in self._built and not self._left_alone(variant.name):
            async with self._making:
                # Stopped meanwhile, and begun anew under its name: what it was is not kept for what it is.
                is_meant = any(
                    (one.name, one.changes) == (variant.name, variant.changes) for one in self.now.running
                )
                if variant.name not in self._built and is_meant:
                    await asyncio.to_thread(self._try, variant)
        return self._built.get(variant.name)

    def _try(self, variant: Variant) -> None:
        try:
            self._built[variant.name] = self._make(self.now.changes(variant).applied(self._settings))
        except Exception as error:  # noqa: BLE001 - a variant's edge, as above
            self._breaks[variant.name] = _BREAKS, time.monotonic()
            said = str(error) if isinstance(error, FootnoteError) else type(error).__name__
            _log.warning("The variant %s cannot be used: the settings answer instead. %s", variant.name, said)


class _Broke(Exception):
    """A variant has failed before its first word."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


async def _from_first_word(events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
    """Hold back what was found until the first word or the end: who answers instead numbers other passages.

    Raises _Broke where a failure comes first.
    """
    held: list[Event] | None = []
    async with aclosing(events):
        async for event in events:
            if held is not None and isinstance(event, Failed):
                raise _Broke(event.code)
            if held is not None and isinstance(event, Sources | Explained):
                held.append(event)
                continue
            if held is not None and isinstance(event, _FIRST):
                for each in held:
                    yield each
                held = None
            yield event


async def _closed(built: Built) -> None:
    """Close a turn's connections once nobody is answered by it."""
    while built.answering:  # noqa: ASYNC110 - of the few turns that a change leaves behind
        await asyncio.sleep(1)
    if built.model is not None:
        with suppress(Exception):
            await built.model.close()
