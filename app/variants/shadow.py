"""Second answers that nobody is shown: what a variant would have said, kept as figures beside the run.

They are answered after the first one has ended, with the sight of whoever asked, at most two at a time, and only while
the service has room: they are the first to make way. No word of them is kept, no budget pays for them. The audit log
says which documents were read for them, and by which model, before the figures are kept.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Final, TypeAlias

from app.audit.audit import Audit
from app.events import Citations, Done, Event, Failed, Sources
from app.question import Question
from app.runs.measured import CANCELLED, Measured, measured
from app.runs.run import Run
from app.runs.trials import Kind, Trials
from app.variants.standing import Variant
from vectorstore.errors import FootnoteError

Answer: TypeAlias = Callable[[Variant, Question, str], AsyncGenerator[Event, None]]
_log = logging.getLogger(__name__)
_AT_ONCE: Final = 2
"""A second answer costs what a first one costs: two at a time are felt by nobody on the smallest machine that serves."""
_BEGIN_BELOW: Final = 8
_END_ABOVE: Final = 4
"""They begin while less than an eighth of the places for answers is taken, and end when more than a quarter is."""
_SECONDS: Final = 180.0


class Shadows:
    """Answers in the shadow, and keeps the figures."""

    def __init__(self, trials: Trials, audit: Audit | None, *, places: int) -> None:
        """`places` are how many answers the service writes at the same time."""
        self._trials = trials
        self._audit = audit
        self._begin_below = max(1, places // _BEGIN_BELOW)
        self._end_above = max(1, places // _END_ABOVE)
        self._answering = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self.wanted = False
        """Whether a variant runs in the shadow, so that it is to be counted how many are being answered."""
        self.dropped = 0
        """How many were not begun, or not ended, for want of room."""

    def crowd(self, change: int) -> None:
        """Count an answer that begins or ends; when many are being written, the shadows make way."""
        self._answering += change
        if change > 0 and self._tasks and self._answering > self._end_above:
            self.dropped += len(self._tasks)
            for task in self._tasks:
                task.cancel()

    def begin(self, run: Run, figures: Measured, variant: Variant, answer: Answer) -> None:
        """Answer a run's question in the shadow, if there is room and nobody stopped it.

        One that failed too: beside those alone that did not, a variant that fails as often would seem to fail more.
        """
        if figures.outcome == CANCELLED:
            return
        if len(self._tasks) >= _AT_ONCE or self._answering > self._begin_below:
            self.dropped += 1
            return
        self._spawn(self._answered(run, variant, answer))

    def keep(self, run: str, figures: Measured) -> None:
        """Keep that a variant broke in a run that the settings then answered."""
        self._spawn(self._kept(run, "broke", figures, None))

    async def close(self) -> None:
        """Stop all of them."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answered(self, run: Run, variant: Variant, answer: Answer) -> None:
        cited = _cited(run.recorded)
        other = Run(replace(run.question, variant=variant.name))
        try:
            async with asyncio.timeout(_SECONDS), aclosing(answer(variant, run.question, run.id)) as events:
                async for event in events:
                    other.append(event)
        except TimeoutError:
            other.append(Failed("model_unavailable", "It took too long."))
        except FootnoteError as error:
            other.append(Failed("unavailable", type(error).__name__))
        except Exception as error:  # noqa: BLE001 - the shadow's edge: nobody waits for it
            _log.warning("An answer in the shadow broke: %s", type(error).__name__)
            other.append(Failed("internal", ""))
        if not isinstance(other.ending, Done | Failed) or run.erased:
            return
        figures = measured(other)
        found = _cited(other.recorded)
        both = len(cited & found) / len(cited | found) if cited | found else None
        await self._kept(run.id, "shadow", figures, both, read=_read(other.recorded))

    async def _kept(
        self,
        run: str,
        kind: Kind,
        figures: Measured,
        overlap: float | None,
        *,
        read: Sequence[str] = (),
    ) -> None:
        def keep() -> None:
            if kind == "shadow" and self._audit is not None:
                self._audit.write(
                    "shadow",
                    run=run,
                    outcome=figures.code or figures.outcome,
                    variant=figures.variant,
                    model=figures.model,
                    read=list(read),
                )
            self._trials.add(run, kind, figures, overlap)

        try:
            await asyncio.to_thread(keep)
        except FootnoteError as error:
            _log.warning("Figures of a variant could not be kept: %s", error.what)


def _cited(events: Sequence[Event]) -> frozenset[str]:
    return frozenset(
        each.document.id for event in events if isinstance(event, Citations) for each in event.citations
    )


def _read(events: Sequence[Event]) -> list[str]:
    return sorted(
        {each.document.id for event in events if isinstance(event, Sources) for each in event.passages}
    )
