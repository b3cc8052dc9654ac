"""Runs: turns that outlive their connection, so that clients can watch, resume and stop them.

The only background tasks of the service are here. Exactly one of Done, Failed, Cancelled ends every run,
whatever its turn does.
"""

import asyncio
import logging
import time
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import TypeAlias

from app.events import Cancelled, Done, Event, Failed, Terminal, Text
from app.guard import inert
from app.problems import TooMany
from app.question import Question
from app.runs.run import Dialect, Reason, Run
from vectorstore.errors import BadInput, Busy, FootnoteError, NotFound, Unavailable

TurnFunction: TypeAlias = Callable[[Question, str], AsyncGenerator[Event, None]]
"""Answers a question under a run id. Closing the generator stops everything upstream of it."""
OnEnd: TypeAlias = Callable[[Run, Sequence[Event]], Awaitable[None]]
"""Called once for every run after its terminal event; its failure is logged and harms nobody."""

Conversation: TypeAlias = tuple[str, str]
"""Its owner and its id."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RunLimits:
    """How many runs, for how long, how large. Times in seconds, sizes in characters."""

    concurrent: int = 64
    queued: int = 256
    of_one_owner: int = 160
    queue_seconds: float = 30.0
    kept: int = 2_000
    kept_seconds: float = 600.0
    kept_size: int = 64_000_000
    grace_seconds: float = 15.0
    answer_size: int = 1_000_000


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
        self._erasing: list[Conversation] = []
        self.erasures = 0
        """How many erasures are over. What was read before one may not be begun with after it."""
        self.draining = False

    async def open(self) -> None:
        """Begin; call it in the event loop that runs will live in."""

    async def close(self) -> None:
        """End what `open` began, after `drain`."""

    @property
    def trouble(self) -> str:
        """What is wrong with the buffer itself, in a sentence; empty when nothing is."""
        return ""

    @property
    def active(self) -> int:
        """How many runs have not ended, or are still being recorded."""
        return len(self._tasks)

    async def begin(
        self,
        question: Question,
        *,
        resumable: bool,
        owner: str = "",
        background: bool = False,
        dialect: Dialect | None = None,
    ) -> Run:
        """Begin answering, as `start` does, and return when every replica can find the run."""
        return self.start(question, resumable=resumable, owner=owner, background=background, dialect=dialect)

    async def find(self, run: str, *, owner: str) -> Run:
        """Return a run wherever it is executed; raises NotFound as `get` does."""
        return self.get(run, owner=owner)

    async def find_latest(self, conversation: str, *, owner: str) -> Run | None:
        """Return the newest run of a conversation wherever it is executed, if it is still kept."""
        return self.latest(conversation, owner=owner)

    async def stop(self, run: Run, reason: Reason = "user") -> None:
        """Stop a run wherever it is executed, and return when everything upstream of it is closed."""
        self.cancel(run.id, reason)
        await self.stopped(run)

    def start(
        self,
        question: Question,
        *,
        resumable: bool,
        owner: str = "",
        background: bool = False,
        dialect: Dialect | None = None,
    ) -> Run:
        """Begin answering; raises Busy when every slot and every place in the queue is taken, TooMany when one owner has many.

        A run stops when its last reader leaves; a resumable one only after a grace period, a background one
        not at all.
        """
        if self.draining:
            raise Busy("The service is shutting down.", "Ask again in a moment.")
        if (owner, question.conversation) in self._erasing:
            raise Busy("This conversation is being erased.", "Ask again in a moment.")
        if self.active >= self._limits.concurrent + self._limits.queued:
            raise Busy("Too many questions are being answered.", "Ask again in a few seconds.")
        if owner and sum(self._runs[run].owner == owner for run in self._tasks) >= self._limits.of_one_owner:
            raise TooMany("Too many of your questions are being answered.", "Ask again in a few seconds.")
        self._forget()
        run = Run(question, owner=owner, resumable=resumable, background=background, dialect=dialect)
        self._added(run)
        task = asyncio.create_task(self._execute(run), name=run.id)
        self._tasks[run.id] = task
        task.add_done_callback(lambda _: self._settle(run))
        self._expect_reader(run)
        return run

    def get(self, run: str, *, owner: str | None = None) -> Run:
        """Return a run; raises NotFound when it is unknown, forgotten, or another owner's."""
        self._forget()
        found = self._runs.get(run)
        if found is None or found.erased or (owner is not None and found.owner != owner):
            raise NotFound(f"There is no run {run!r}.", "Runs are kept for ten minutes.")
        return found

    def latest(self, conversation: str, *, owner: str) -> Run | None:
        """Return the newest run of a conversation, if it is still kept."""
        for run in reversed(self._runs.values()):
            if run.owner == owner and run.question.conversation == conversation and not run.erased:
                return run
        return None

    async def erase(self, conversation: str, *, owner: str, recorded: Callable[[], Awaitable[int]]) -> int:
        """Erase a conversation: its runs, and then, through `recorded`, what is kept of them; return the latter's count.

        A run that is still being written is stopped and not recorded, and none is begun meanwhile. Raises
        Unavailable when something may be left, having erased all that could be reached.
        """
        erasing = (owner, conversation)
        self._erasing.append(erasing)
        try:
            try:
                await self._take_out(conversation, owner=owner)
            finally:
                count = await recorded()
        finally:
            self._erasing.remove(erasing)
            self.erasures += 1
        return count

    def cancel(self, run: str, reason: Reason = "user") -> Run:
        """Stop a run, and do nothing to one that has ended; raises NotFound."""
        found = self.get(run)
        task = self._tasks.get(run)
        if not found.ended and found.stop_reason is None and task is not None:
            found.stop_reason = reason
            task.cancel()
        return found

    async def stopped(self, run: Run) -> None:
        """Wait until a run that was cancelled has closed everything upstream of it."""
        if task := self._tasks.get(run.id):
            await asyncio.wait([task], timeout=5)

    @contextmanager
    def reading(self, run: Run) -> Iterator[Run]:
        """Count as a reader of the run: the last one to leave early stops it, as `start` says."""
        self._drop_grace(run)
        run.readers += 1
        try:
            yield run
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

    async def _take_out(self, conversation: str, *, owner: str) -> None:
        """Stop and drop a conversation's runs, wherever they are executed; raises Unavailable when that fails."""
        await self._take_out_here(lambda run: (run.owner, run.question.conversation) == (owner, conversation))

    async def _take_out_here(self, chosen: Callable[[Run], bool]) -> None:
        runs = [run for run in self._runs.values() if chosen(run)]
        tasks = {run.id: self._tasks[run.id] for run in runs if run.id in self._tasks}
        for run in runs:
            # One that has ended is being recorded, which cannot be broken off.
            if run.id in tasks and not run.ended and run.stop_reason is None:
                run.stop_reason = "user"
                tasks[run.id].cancel()
            run.erase()
        if tasks:
            await asyncio.wait(tasks.values(), timeout=10)
        for run in runs:
            if run.id in self._runs and run.id not in self._tasks:
                self._dropped(run)
        if any(run.id in self._tasks for run in runs):
            raise Unavailable("An answer in this conversation does not stop.", "Delete it again in a moment.")

    def _added(self, run: Run) -> None:
        self._runs[run.id] = run

    def _dropped(self, run: Run) -> None:
        del self._runs[run.id]

    def _read_elsewhere(self, run: Run) -> bool:
        return False

    def _left(self, run: Run) -> None:
        if run.resumable or run.background or self._read_elsewhere(run):
            self._expect_reader(run)
        else:
            self.cancel(run.id, "disconnect")

    def _expect_reader(self, run: Run) -> None:
        """Stop the run if nobody reads it when the grace period is over."""
        self._drop_grace(run)
        if not run.background:
            loop = asyncio.get_running_loop()
            self._graces[run.id] = loop.call_later(self._limits.grace_seconds, self._unread, run)

    def _unread(self, run: Run) -> None:
        self._drop_grace(run)
        if run.readers == 0 and run.id in self._tasks:
            if self._read_elsewhere(run):
                self._expect_reader(run)
            else:
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
        if self._on_end is not None and not run.erased:
            try:
                await self._on_end(run, run.recorded)
            except Exception as error:  # noqa: BLE001 - the run's edge: a lost record must not harm an answer
                report(f"Recording run {run.id} failed", error)

    async def _answered(self, run: Run) -> Terminal:
        """Consume the turn in a slot and return its terminal event; a broken turn is a failed one."""
        try:
            async with asyncio.timeout(self._limits.queue_seconds):
                await self._slots.acquire()
        except TimeoutError:
            return Failed(
                "model_unavailable", "Too many questions are being answered. Ask again in a moment."
            )
        try:
            return await self._consumed(run)
        except FootnoteError as error:
            return _failed(error)
        except Exception as error:  # noqa: BLE001 - the run's edge
            report(f"Run {run.id} broke", error)
            return Failed("internal", f"Something went wrong on our side (run {run.id}).")
        finally:
            self._slots.release()

    async def _consumed(self, run: Run) -> Terminal:
        async with aclosing(self._turn(run.question, run.id)) as events:
            async for event in events:
                if isinstance(event, Cancelled) or run.stop_reason is not None:
                    return Cancelled(run.stop_reason or "shutdown")
                if isinstance(event, Done | Failed):
                    return event
                if isinstance(event, Text) and run.answer_size + len(event.delta) > self._limits.answer_size:
                    return Failed("internal", "The answer grew past the limit and was cut.", retryable=False)
                run.append(event)
        return Failed("internal", f"The answer ended before it was complete (run {run.id}).")

    def _settle(self, run: Run) -> None:
        """Close the books on a task, also on one that was cancelled before its first step."""
        run.append(Cancelled(run.stop_reason or "shutdown"))
        self._tasks.pop(run.id, None)
        self._drop_grace(run)

    def _forget(self) -> None:
        """Drop ended runs that nobody reads: the too old, and the oldest while there is too much."""
        oldest = time.monotonic() - self._limits.kept_seconds
        size = sum(run.size for run in self._runs.values())
        for run in list(self._runs.values()):
            if run.ended_at is None or run.readers:
                continue
            fits = len(self._runs) < self._limits.kept and size <= self._limits.kept_size
            if fits and run.ended_at >= oldest:
                # Those that began later are not looked at: there may be thousands, and this is done at every question.
                return
            size -= run.size
            self._dropped(run)


def _failed(error: FootnoteError) -> Failed:
    """Say in the reader's terms what an error of the family means: his to mend, or worth another try."""
    said = inert(str(error))
    if isinstance(error, NotFound):
        return Failed("not_found", said, retryable=False)
    if isinstance(error, BadInput):
        return Failed("bad_input", said, retryable=False)
    if isinstance(error, Busy | Unavailable):
        return Failed("unavailable", said)
    return Failed("internal", said, retryable=False)


def report(what: str, error: Exception) -> None:
    """Log where it broke. Never the error's own words: they may quote a question or a document."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    _log.error("%s: %s\n%s", what, type(error).__name__, frames)
