"""Runs: the execution of a turn, which outlives its connection and which clients watch, resume and stop.

A run's task fills a buffer; readers attach to it at any place. The only background tasks of the service are
here. Exactly one of Done, Failed, Cancelled ends every buffer, whatever the turn does.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Literal, TypeAlias

from app.events import Cancelled, Done, Event, Failed, Terminal, Text
from app.question import Question
from vectorstore.errors import Busy, NotFound

Reason: TypeAlias = Literal["user", "disconnect", "shutdown"]
TurnFunction: TypeAlias = Callable[[Question, str], AsyncIterator[Event]]
"""Answers a question under a run id. Closing the iterator stops everything upstream of it."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RunLimits:
    """How many runs, for how long, how large. Times in seconds, sizes in characters of answer."""

    concurrent: int = 64
    queued: int = 256
    queue_seconds: float = 30.0
    kept_seconds: float = 600.0
    kept: int = 2_000
    grace_seconds: float = 15.0
    answer_characters: int = 1_000_000
    kept_characters: int = 64_000_000


class Run:
    """One question being answered, or answered: its events, numbered from 1, and who is reading them."""

    def __init__(self, question: Question, *, owner: str, resumable: bool, background: bool) -> None:
        self.id = f"run_{secrets.token_hex(12)}"
        self.question = question
        self.owner = owner
        self.resumable = resumable
        self.background = background
        self.created = time.time()
        self.ended_at: float | None = None
        self.characters = 0
        self.readers = 0
        self._events: list[Event] = []
        self._waiting: set[asyncio.Future[None]] = set()
        self.stop_reason: Reason | None = None

    @property
    def ended(self) -> bool:
        """Say whether the terminal event is in the buffer."""
        return self.ended_at is not None

    @property
    def recorded(self) -> Sequence[Event]:
        """The events so far."""
        return self._events

    @property
    def answer(self) -> str:
        """The answer so far."""
        return "".join(event.delta for event in self._events if isinstance(event, Text))

    @property
    def ending(self) -> Terminal | None:
        """The terminal event, once there is one."""
        last = self._events[-1] if self.ended else None
        return last if isinstance(last, Done | Failed | Cancelled) else None

    async def batches(self, after: int = 0) -> AsyncIterator[Sequence[Event]]:
        """Yield the events after number `after` as they come, those that are ready at once together."""
        position = after
        while True:
            if position < len(self._events):
                ready = self._events[position:]
                position += len(ready)
                yield ready
            elif self.ended:
                return
            else:
                await self._changed()

    async def events(self, after: int = 0) -> AsyncIterator[tuple[int, Event]]:
        """Yield (number, event) after number `after`, until the terminal one."""
        number = after
        async with aclosing(_closable(self.batches(after))) as batches:
            async for batch in batches:
                for event in batch:
                    number += 1
                    yield number, event

    def append(self, event: Event) -> None:
        """Add an event; after a terminal one nothing is added any more."""
        if self.ended:
            return
        self._events.append(event)
        if isinstance(event, Text):
            self.characters += len(event.delta)
        elif isinstance(event, Done | Failed | Cancelled):
            self.ended_at = time.monotonic()
        waiting, self._waiting = self._waiting, set()
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def _changed(self) -> None:
        future = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            await future
        finally:
            self._waiting.discard(future)


OnEnd: TypeAlias = Callable[[Run, Sequence[Event]], Awaitable[None]]
"""Called once for every run after its terminal event; its failure is logged and harms nobody."""


class Runs:
    """Starts runs within limits, keeps them for a while, and stops them."""

    def __init__(
        self, turn: TurnFunction, *, limits: RunLimits | None = None, on_end: OnEnd | None = None
    ) -> None:
        self._turn = turn
        self._limits = limits or RunLimits()
        self._on_end = on_end
        self._slots = asyncio.Semaphore(self._limits.concurrent)
        self._runs: dict[str, Run] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._graces: dict[str, asyncio.TimerHandle] = {}
        self.draining = False

    @property
    def active(self) -> int:
        """How many runs have not ended or are still being recorded."""
        return len(self._tasks)

    def start(
        self, question: Question, *, resumable: bool, owner: str = "", background: bool = False
    ) -> Run:
        """Begin answering; raises Busy when every slot and every place in the queue is taken.

        A run that is not resumable stops when its last reader leaves; a resumable one after a grace period;
        a background one runs to its end.
        """
        if self.draining:
            raise Busy("The service is shutting down.", "Ask again in a moment.")
        if self.active >= self._limits.concurrent + self._limits.queued:
            raise Busy("Too many questions are being answered.", "Ask again in a few seconds.")
        self._evict()
        run = Run(question, owner=owner, resumable=resumable, background=background)
        self._runs[run.id] = run
        task = asyncio.create_task(self._execute(run), name=run.id)
        self._tasks[run.id] = task
        task.add_done_callback(lambda _: self._settle(run))
        self._await_reader(run)
        return run

    def get(self, run: str, *, owner: str | None = None) -> Run:
        """Return a run; raises NotFound when it is unknown, forgotten, or another owner's."""
        found = self._runs.get(run)
        if found is None or (owner is not None and found.owner != owner):
            raise NotFound(f"There is no run {run!r}.", "Runs are kept for ten minutes.")
        return found

    def latest(self, conversation: str, *, owner: str) -> Run | None:
        """Return the newest run of a conversation, if it is still kept."""
        return next(
            (
                run
                for run in reversed(self._runs.values())
                if run.owner == owner and run.question.conversation == conversation
            ),
            None,
        )

    def cancel(self, run: str, reason: Reason = "user") -> Run:
        """Stop a run; does nothing to one that has ended. Raises NotFound."""
        found = self.get(run)
        task = self._tasks.get(run)
        if not found.ended and found.stop_reason is None and task is not None:
            found.stop_reason = reason
            task.cancel()
        return found

    async def watch(self, run: Run, after: int = 0) -> AsyncIterator[Sequence[Event]]:
        """Yield a run's events as a reader: leaving early stops the run as `start` says."""
        self._drop_grace(run)
        run.readers += 1
        try:
            async with aclosing(_closable(run.batches(after))) as batches:
                async for batch in batches:
                    yield batch
        finally:
            run.readers -= 1
            if run.readers == 0 and not run.ended:
                self._left(run)

    async def drain(self, seconds: float) -> None:
        """Take no new runs, give the running ones `seconds` to end, then end the rest with `shutdown`."""
        self.draining = True
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()), timeout=seconds)
        for run in list(self._tasks):
            self.cancel(run, "shutdown")
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()), timeout=5)

    def _left(self, run: Run) -> None:
        if run.background:
            return
        if run.resumable:
            self._await_reader(run)
        else:
            self.cancel(run.id, "disconnect")

    def _await_reader(self, run: Run) -> None:
        """Stop the run unless somebody reads it within the grace period."""
        if run.background or run.ended:
            return
        loop = asyncio.get_running_loop()
        self._graces[run.id] = loop.call_later(self._limits.grace_seconds, self._unread, run)

    def _unread(self, run: Run) -> None:
        self._graces.pop(run.id, None)
        if run.readers == 0 and run.id in self._runs:
            self.cancel(run.id, "disconnect")

    def _drop_grace(self, run: Run) -> None:
        if timer := self._graces.pop(run.id, None):
            timer.cancel()

    async def _execute(self, run: Run) -> None:
        try:
            run.append(await self._answered(run))
        except asyncio.CancelledError:
            run.append(Cancelled(run.stop_reason or "shutdown"))
            task = asyncio.current_task()
            if run.stop_reason is None or task is None:
                raise
            task.uncancel()
        if self._on_end is not None:
            try:
                await self._on_end(run, run.recorded)
            except Exception:  # the run's edge: a broken record must not break an answer
                _log.exception("Recording run %s failed", run.id)

    async def _answered(self, run: Run) -> Terminal:
        """Run the turn in a slot and return its terminal event; a broken turn is a failed one."""
        try:
            async with asyncio.timeout(self._limits.queue_seconds):
                await self._slots.acquire()
        except TimeoutError:
            return Failed("model_unavailable", "Too many questions are being answered. Ask again in a moment.")
        try:
            return await self._consume(run)
        except Exception:  # the run's edge
            _log.exception("Run %s broke", run.id)
            return Failed("internal", f"Something went wrong on our side (run {run.id}).")
        finally:
            self._slots.release()

    async def _consume(self, run: Run) -> Terminal:
        async with aclosing(_closable(self._turn(run.question, run.id))) as events:
            async for event in events:
                if isinstance(event, Cancelled) or run.stop_reason is not None:
                    return Cancelled(run.stop_reason or "shutdown")
                if isinstance(event, Done | Failed):
                    return event
                run.append(event)
                if run.characters > self._limits.answer_characters:
                    return Failed("internal", "The answer grew past the limit and was cut.", retryable=False)
        return Failed("internal", f"The answer ended before it was complete (run {run.id}).")

    def _settle(self, run: Run) -> None:
        """Close the books on a task, also on one that was cancelled before its first step."""
        run.append(Cancelled(run.stop_reason or "shutdown"))
        self._tasks.pop(run.id, None)
        self._drop_grace(run)

    def _evict(self) -> None:
        """Forget ended runs that are too old, too many or too large together, oldest first."""
        oldest = time.monotonic() - self._limits.kept_seconds
        characters = sum(run.characters for run in self._runs.values())
        for run in list(self._ended_first()):
            fits = len(self._runs) < self._limits.kept and characters <= self._limits.kept_characters
            if fits and (run.ended_at or 0) > oldest:
                return
            characters -= run.characters
            del self._runs[run.id]

    def _ended_first(self) -> Iterator[Run]:
        return (run for run in self._runs.values() if run.ended and run.readers == 0)


def _closable[T](iterator: AsyncIterator[T]) -> AsyncIterator[T]:
    return iterator
