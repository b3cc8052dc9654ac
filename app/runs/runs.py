"""Runs: turns that outlive their connection, so that clients can watch, resume and stop them.

Exactly one of Done, Failed, Cancelled ends every run.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import aclosing, contextmanager, suppress
from typing import Protocol, TypeAlias

from app.events import Cancelled, Done, Event, Failed, Terminal, Text
from app.problems import TooMany
from app.question import Question
from app.runs.places import Places
from app.runs.run import Dialect, Reason, Run, Settle, failed_by, only_cited, report, settled, traced
from app.settings import RunSettings
from vectorstore.errors import Busy, FootnoteError, NotFound, Unavailable
from vectorstore.telemetry import traces

TurnFunction: TypeAlias = Callable[[Question, str], AsyncGenerator[Event, None]]
"""Answers a question under a run id. Closing the generator stops everything upstream of it."""
OnEnd: TypeAlias = Callable[[Run, Sequence[Event]], Awaitable[None]]
"""Called once for every run after its terminal event; its failure is logged and harms nobody."""
BeforeEnd: TypeAlias = Callable[[Run, Terminal], Terminal]
"""Called once for every run before anybody sees its terminal event; returns the one that is shown. It does not raise."""


class Board(Protocol):
    """The runs that clients can find, of one process or of all that share it; `process` is the one that sits here.

    `trouble` is what is wrong with the board itself, in a sentence; empty when nothing is.
    """

    process: "Runs"
    trouble: str

    async def open(self) -> None:
        """Begin; call it in the event loop that runs will live in."""

    async def close(self) -> None:
        """End what `open` began, once the runs have ended; what they wrote last is still shown."""

    async def add(self, run: Run) -> None:
        """Keep a run that has just begun here, and return when every process can find it, if that can be had."""

    async def find(self, run: str, *, owner: str) -> Run | None:
        """Return a run; None when it is unknown, forgotten, erased or another owner's. Raises Unavailable."""

    async def latest(self, conversation: str, *, owner: str) -> Run | None:
        """Return the newest run of a conversation, if it is still kept; raises Unavailable."""

    async def stop(self, run: Run, reason: Reason) -> None:
        """Have a run stopped that another process executes; return when it has ended, after 10 s at most."""

    async def erase(self, conversation: str | None, *, owner: str) -> None:
        """Stop and drop a conversation's runs, or with None all of its owner's, wherever they are executed.

        Raises Unavailable when one may be left.
        """


class MemoryBoard:
    """The runs of one process, which nobody else sees."""

    process: "Runs"
    trouble = ""

    def __init__(self, settings: RunSettings, *, on_drop: Callable[[Run], None] = lambda run: None) -> None:
        self._settings = settings
        self._on_drop = on_drop
        self.runs: dict[str, Run] = {}

    async def open(self) -> None:
        """Do nothing: memory is there."""

    async def close(self) -> None:
        """Do nothing: memory goes with the process."""

    async def add(self, run: Run) -> None:
        """Keep a run, and no more of those before it than is to be kept."""
        self._forget()
        self.runs[run.id] = run

    async def find(self, run: str, *, owner: str) -> Run | None:
        """Return a run; None when it is unknown, forgotten, erased or another owner's."""
        self._forget()
        found = self.runs.get(run)
        return found if found is not None and found.owner == owner and not found.erased else None

    async def latest(self, conversation: str, *, owner: str) -> Run | None:
        """Return the newest run of a conversation, if it is still kept."""
        for run in reversed(self.runs.values()):
            if run.owner == owner and run.question.conversation == conversation and not run.erased:
                return run
        return None

    async def stop(self, run: Run, reason: Reason) -> None:
        """Do nothing: no other process executes a run that stands here."""

    async def erase(self, conversation: str | None, *, owner: str) -> None:
        """Stop and drop a conversation's runs, or all of its owner's; raises Unavailable when one does not stop."""
        await self.take_out(
            lambda run: run.owner == owner and conversation in {None, run.question.conversation}
        )

    async def take_out(self, is_meant: Callable[[Run], bool]) -> None:
        """Stop and drop runs; raises Unavailable when one does not stop."""
        runs = list(filter(is_meant, self.runs.values()))
        going_on = await self.process.end(runs)
        for run in runs:
            if run not in going_on:
                self._drop(run)
        if going_on:
            raise Unavailable("An answer in this conversation does not stop.", "Delete it again in a moment.")

    def _forget(self) -> None:
        """Drop ended runs that nobody reads: the too old, and the oldest while there is too much."""
        oldest = time.monotonic() - self._settings.kept_seconds
        size = sum(run.size for run in self.runs.values())
        for run in list(self.runs.values()):
            if run.ended_at is None or run.readers:
                continue
            fits = len(self.runs) < self._settings.kept_runs and size <= self._settings.kept_chars
            if fits and run.ended_at >= oldest:
                # Those that began later are not looked at: there may be thousands, and this is done at every question.
                return
            size -= run.size
            self._drop(run)

    def _drop(self, run: Run) -> None:
        if self.runs.pop(run.id, None):
            self._on_drop(run)


class Runs:
    """Starts runs within limits, shows them on a board, and stops them."""

    def __init__(
        self,
        turn: TurnFunction,
        board: Board,
        settings: RunSettings,
        *,
        on_end: OnEnd | None = None,
        before_end: BeforeEnd = lambda run, ending: ending,
        in_thread: bool = False,
        on_erasure: Callable[[], None] = lambda: None,
    ) -> None:
        """`in_thread`: what comes before an end waits for another machine; `on_erasure` forgets what else is kept."""
        self.board = board
        board.process = self
        self._turn = turn
        self._settings = settings
        self._on_end = on_end
        self._before_end = before_end
        self._in_thread = in_thread
        self.on_erasure = on_erasure
        self.observe: Callable[[Run], None] = lambda run: None
        """Told of each run that is over."""
        self.places = Places(self._settings.max_concurrent_runs)
        self._tasks: dict[Run, asyncio.Task[None]] = {}
        self._graces: dict[Run, asyncio.TimerHandle] = {}
        self._erasing: list[tuple[str, str | None]] = []
        self.erasures = 0
        """How many erasures are over. What was read before one may not be begun with after it."""
        self.draining = False

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
        settle: Settle | None = None,
    ) -> Run:
        """Begin answering, and return when others can find the run; raises Busy when every slot and every place in the queue is taken, TooMany when one owner has many.

        A run stops when its last reader leaves; a resumable one only after a grace period, a background one
        not at all. `settle` is called once, before the run's end is told, however it ends.
        """
        if self.draining:
            raise Busy("The service is shutting down.", "Ask again in a moment.")
        if any((owner, each) in self._erasing for each in (question.conversation, None)):
            raise Busy("This conversation is being erased.", "Ask again in a moment.")
        if self._is_full_for(question.scope.tenant):
            raise Busy("Too many questions are being answered.", "Ask again in a few seconds.")
        if owner and sum(run.owner == owner for run in self._tasks) >= self._settings.max_caller_runs:
            raise TooMany("Too many of your questions are being answered.", "Ask again in a few seconds.")
        run = Run(question, owner, resumable, background, dialect or {})
        run.settle = settle
        task = self._tasks[run] = asyncio.create_task(traced(run, self._execute), name=run.id)
        task.add_done_callback(lambda _: self._settle(run))
        self._expect_reader(run)
        await self.board.add(run)
        await asyncio.sleep(0)  # a task that is cancelled before its first step could not settle
        return run

    def _is_full_for(self, tenant: str) -> bool:
        """Say whether there is no room left; a tenant without a run finds some where others have filled the queue."""
        most = self._settings.max_concurrent_runs + self._settings.max_queued_runs
        if self.active < most:
            return False
        spare = self._settings.max_queued_runs // 4
        return self.active >= most + spare or any(run.question.scope.tenant == tenant for run in self._tasks)

    async def find(self, run: str, *, owner: str) -> Run:
        """Return a run, wherever it is executed; raises NotFound when it is unknown, forgotten, or another owner's."""
        found = await self.board.find(run, owner=owner)
        if found is None:
            raise NotFound(f"There is no run {run!r}.", "Runs are kept for ten minutes.")
        traces.link(found.trace)
        return found

    async def recorded(self, *, owner: str) -> None:
        """Return when an owner's runs that have ended here are written down too, which is just after their last event.

        Whoever saw an answer end can then rate it, find it among their conversations, and ask on from it.
        """
        theirs = [task for run, task in self._tasks.items() if run.owner == owner and run.ended]
        if theirs:
            await asyncio.wait(theirs, timeout=10)

    async def erase(
        self, conversation: str | None, *, owner: str, recorded: Callable[[], Awaitable[int]]
    ) -> int:
        """Erase a conversation, or with None all that its owner asked: its runs, and then, through `recorded`, what is kept of them; return the latter's count.

        A run that is still being written is stopped and not recorded, and none is begun meanwhile. Raises
        Unavailable when something may be left, having erased all that could be reached.
        """
        erasing = (owner, conversation)
        self._erasing.append(erasing)
        try:
            try:
                await self.board.erase(conversation, owner=owner)
            finally:
                count = await recorded()
        finally:
            self._erasing.remove(erasing)
            self.erasures += 1
            self.on_erasure()
        return count

    async def end(self, runs: Collection[Run]) -> Collection[Run]:
        """Stop runs and leave nothing of them; return those that do not stop within ten seconds."""
        tasks = {run: self._tasks[run] for run in runs if run in self._tasks}
        try:
            for run in runs:
                self.cancel(run)
                self._end(run, Cancelled("user"))
                run.erase()
            if tasks:
                await asyncio.wait(tasks.values(), timeout=10)
        finally:
            self.erasures += 1
            self.on_erasure()
        return [run for run, task in tasks.items() if not task.done()]

    def cancel(self, run: Run, reason: Reason = "user") -> None:
        """Stop a run that is executed here; one that has ended is being recorded, which is not broken off."""
        task = self._tasks.get(run)
        if not run.ended and run.stop_reason is None and task is not None:
            run.stop_reason = reason
            task.cancel()

    async def stop(self, run: Run, reason: Reason = "user") -> None:
        """Stop a run wherever it is executed, and return when everything upstream of it is closed."""
        self.cancel(run, reason)
        if task := self._tasks.get(run):
            await asyncio.wait([task], timeout=5)
        elif not run.ended:
            with self.reading(run):
                await self.board.stop(run, reason)

    @contextmanager
    def reading(self, run: Run) -> Iterator[Run]:
        """Count as a reader of the run: the last one to leave early stops it, as `begin` says."""
        self._drop_grace(run)
        run.readers += 1
        try:
            yield run
        finally:
            run.readers -= 1
            if not run.is_read and not (run.resumable or run.background):
                self.cancel(run, "disconnect")
            elif not run.readers:
                self._expect_reader(run)

    async def drain(self, seconds: float) -> None:
        """Take no new runs, give the running ones `seconds` to end, then end the rest with `shutdown`."""
        self.draining = True
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()), timeout=seconds)
        for run in list(self._tasks):
            self.cancel(run, "shutdown")
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()), timeout=5)

    def _expect_reader(self, run: Run) -> None:
        """Stop the run if nobody reads it when the grace period is over; a copy's own process sees to that."""
        self._drop_grace(run)
        if run in self._tasks and not run.background:
            loop = asyncio.get_running_loop()
            self._graces[run] = loop.call_later(self._settings.grace_seconds, self._unread, run)

    def _unread(self, run: Run) -> None:
        if run.is_read:
            self._expect_reader(run)
        else:
            self.cancel(run, "disconnect")

    def _drop_grace(self, run: Run) -> None:
        if timer := self._graces.pop(run, None):
            timer.cancel()

    async def _execute(self, run: Run) -> None:
        try:
            await self._end_in_time(run, await self._answered(run))
        except asyncio.CancelledError:
            await self._end_in_time(run, Cancelled(run.stop_reason or "shutdown"))
            task = asyncio.current_task()
            if run.stop_reason is None or task is None:
                raise
            task.uncancel()
        if self._on_end is not None and not run.erased:
            try:
                await self._on_end(run, run.recorded)
            except Exception as error:  # noqa: BLE001 - the run's edge: a lost record must not harm an answer
                report(f"Recording run {run.id} failed", error)

    def _end(self, run: Run, ending: Terminal) -> None:
        if not run.ended:
            run.append(self._before_end(run, ending))

    async def _end_in_time(self, run: Run, ending: Terminal) -> None:
        """End a run; whoever cancels it meanwhile waits until it stands written down how it ended."""
        if self._in_thread and not run.ended:
            telling = asyncio.ensure_future(asyncio.to_thread(self._before_end, run, ending))
            while not telling.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.shield(telling)
            if not run.ended:
                run.append(telling.result())
        self._end(run, ending)

    async def _answered(self, run: Run) -> Terminal:
        """Wait for a place, consume the turn and return its terminal event."""
        seconds = self._settings.queue_seconds
        try:
            async with self.places.place(run.question.scope.tenant, run.owner, seconds=seconds):
                return await self._unbroken(run)
        except TimeoutError:
            return Failed(
                "model_unavailable", "Too many questions are being answered. Ask again in a moment."
            )
        finally:
            await settled(run)

    async def _unbroken(self, run: Run) -> Terminal:
        """Consume the turn and return its terminal event; a broken turn is a failed one."""
        try:
            return await self._consumed(run)
        except FootnoteError as error:
            return failed_by(error)
        except Exception as error:  # noqa: BLE001 - the run's edge
            report(f"Run {run.id} broke", error)
            return Failed("internal", f"Something went wrong on our side (run {run.id}).")

    async def _consumed(self, run: Run) -> Terminal:
        turn = self._turn(run.question, run.id)
        async with aclosing(only_cited(turn) if run.question.cites_only else turn) as events:
            async for event in events:
                if isinstance(event, Cancelled) or run.stop_reason is not None:
                    return Cancelled(run.stop_reason or "shutdown")
                if isinstance(event, Done | Failed):
                    return event
                if (
                    isinstance(event, Text)
                    and run.answer_size + len(event.delta) > self._settings.max_answer_chars
                ):
                    return Failed("internal", "The answer grew past the limit and was cut.", retryable=False)
                run.append(event)
        return Failed("internal", f"The answer ended before it was complete (run {run.id}).")

    def _settle(self, run: Run) -> None:
        """Close the books on a task, also on one that was cancelled before its first step."""
        self._end(run, Cancelled(run.stop_reason or "shutdown"))
        self._tasks.pop(run, None)
        self._drop_grace(run)
        self.observe(run)
