"""Runs that any replica can resume, watch and stop: executed in one process, written to a shared buffer.

A reader elsewhere gets a copy that is filled from the buffer. Should the process that writes die, its runs end
for every reader as failed, within `Timing.alive` plus `Timing.wait` seconds.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from math import inf
from typing import Any
from weakref import WeakKeyDictionary

from app.events import Event, Failed
from app.question import Question
from app.runs.board import About, Portion, RunBoard, conversation_hash
from app.runs.run import Dialect, Reason, Run
from app.runs.runs import OnEnd, RunLimits, Runs, TurnFunction, report
from vectorstore.errors import NotFound, Unavailable

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Timing:
    """How processes tell that they live. Times in seconds."""

    beat: float = 1.5
    alive: float = 6.0
    wait: float = 1.0
    gather: float = 0.02
    """Events of this long go to the buffer together."""
    retry: float = 1.0


class SharedRuns(Runs):
    """Runs with a shared buffer behind them.

    While Redis is away, answers go on for those who read them here, and what was missed is written once it
    is back; looking for a run of another replica raises Unavailable.
    """

    def __init__(
        self,
        turn: TurnFunction,
        *,
        url: str,
        limits: RunLimits | None = None,
        on_end: OnEnd | None = None,
        timing: Timing | None = None,
    ) -> None:
        super().__init__(turn, limits=limits, on_end=on_end)
        self._timing = timing or Timing()
        self._host = secrets.token_hex(8)
        self._board = RunBoard(url, kept_seconds=self._limits.kept_seconds, alive_seconds=self._timing.alive)
        self._written: dict[str, int] = {}
        """How many events of each run of ours stand in the buffer; before it is announced, -1."""
        self._unwritten: dict[str, Run] = {}
        self._dropped_runs: list[str] = []
        self._wake = asyncio.Event()
        self._watched: dict[str, float] = {}
        self._services: list[asyncio.Task[None]] = []
        self._followers: set[asyncio.Task[None]] = set()
        self._hosts: WeakKeyDictionary[Run, str] = WeakKeyDictionary()
        """The copies, and the process that executes each."""
        self._writing = asyncio.Lock()
        self._trouble = ""

    @property
    def trouble(self) -> str:
        """What is wrong with the buffer, in a sentence; empty when nothing is."""
        return self._trouble

    async def open(self) -> None:
        """Begin to write, to show signs of life and to listen."""
        for service in (self._write, self._beat, self._listen):
            self._services.append(asyncio.create_task(self._kept_up(service)))

    async def close(self) -> None:
        """Write what is left, for two seconds at most, and leave."""
        tasks = pending = {*self._services, *self._followers}
        while pending:
            # Again, because Redis's client loses one that meets its own `asyncio.wait_for` on Python 3.11.
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=0.5)
        await asyncio.gather(*tasks, return_exceptions=True)
        try:
            async with asyncio.timeout(2):
                await self._write_once()
        except (TimeoutError, Unavailable) as error:
            _log.warning("The last words of some answers could not be shared: %s", error)
        await self._board.close()

    async def begin(
        self,
        question: Question,
        *,
        resumable: bool,
        owner: str = "",
        background: bool = False,
        dialect: Dialect | None = None,
    ) -> Run:
        """Begin answering, and return when every replica can find the run, if Redis answers."""
        run = self.start(question, resumable=resumable, owner=owner, background=background, dialect=dialect)
        if not self._trouble:
            try:
                await self._announce(run)
            except Unavailable as error:
                self._note(error)
        return run

    async def find(self, run: str, *, owner: str) -> Run:
        """Return a run of ours, or a copy of another process's; raises NotFound, Unavailable."""
        try:
            return self.get(run, owner=owner)
        except NotFound as unknown:
            about = await self._board.about(run)
            if about is None or about.owner != owner or about.host == self._host:
                raise NotFound(unknown.what, unknown.hint) from None
            return await self._copy(run, about)

    async def find_latest(self, conversation: str, *, owner: str) -> Run | None:
        """Return the newest run of a conversation, whichever process executes it; raises Unavailable."""
        ours = self.latest(conversation, owner=owner)
        if ours is not None and not ours.ended:
            return ours
        newest = await self._board.latest(conversation, owner=owner)
        if newest is None:
            return ours
        try:
            return await self.find(newest, owner=owner)
        except NotFound:
            return None

    async def stop(self, run: Run, reason: Reason = "user") -> None:
        """Stop a run, asking the process that executes it; return when it has ended, after 10 s at most."""
        host = self._hosts.get(run)
        if host is None:
            await super().stop(run, reason)
            return
        deadline = time.monotonic() + 10
        with self.reading(run):
            while not run.ended and time.monotonic() < deadline:
                # Sent again because a message is lost on a process that is just connecting.
                await self._board.send(host, {"do": "stop", "run": run.id, "reason": reason})
                await run.wait_for_end(0.5)

    async def _take_out(self, conversation: str, *, owner: str) -> None:
        await super()._take_out(conversation, owner=owner)
        try:
            erasure = await self._board.begin_erasure(conversation, owner=owner)
            try:
                await self._carry_out(erasure)
                await self._carried_out_by_all(erasure)
            finally:
                await self._board.end_erasure(erasure)
        except Unavailable as error:
            raise Unavailable(
                f"It is erased here, but other replicas may show it for ten minutes more: {error.what}",
                "Delete it again in a moment.",
            ) from error

    async def _take_out_here(self, chosen: Callable[[Run], bool]) -> None:
        for copy in filter(chosen, list(self._hosts)):
            copy.erase()
        await super()._take_out_here(chosen)

    async def _carry_out(self, erasure: str, *, before: float = inf) -> None:
        """Erase what this process holds of a conversation and has begun before a time, and say so."""
        conversation = erasure.partition(":")[0]

        def belongs(run: Run) -> bool:
            return run.created < before and conversation == conversation_hash(
                run.owner, run.question.conversation
            )

        try:
            await self._take_out_here(belongs)
        finally:
            self.erasures += 1
        async with self._writing:  # what was on its way has arrived, and nothing follows
            await self._forget_dropped()
        await self._board.carried_out(erasure, self._host)

    async def _obey(self, erasure: str, before: float) -> None:
        try:
            await self._carry_out(erasure, before=before)
        except Unavailable as error:
            self._note(error)  # who asked asks again, or is told

    async def _carried_out_by_all(self, erasure: str) -> None:
        """Wait until every living process has erased it; raises Unavailable after ten seconds."""
        deadline = time.monotonic() + 10
        while await self._board.ask_to_erase(erasure):
            if time.monotonic() > deadline:
                raise Unavailable("One of them does not answer.")
            await asyncio.sleep(0.1)

    def _added(self, run: Run) -> None:
        super()._added(run)
        self._written[run.id] = -1
        self._unwritten[run.id] = run
        run.on_append = self._mark

    def _dropped(self, run: Run) -> None:
        super()._dropped(run)
        self._written.pop(run.id, None)
        self._unwritten.pop(run.id, None)
        self._watched.pop(run.id, None)
        self._dropped_runs.append(run.id)
        self._wake.set()

    def _left(self, run: Run) -> None:
        if run not in self._hosts:  # its process notices when nobody says any more that it is read
            super()._left(run)

    def _read_elsewhere(self, run: Run) -> bool:
        return self._watched.get(run.id, 0.0) > time.monotonic()

    def _mark(self, run: Run) -> None:
        self._unwritten[run.id] = run
        self._wake.set()

    async def _announce(self, run: Run) -> None:
        about = About(
            host=self._host,
            owner=run.owner,
            created=run.created,
            resumable=run.resumable,
            background=run.background,
            dialect=run.dialect,
            question=run.question,
        )
        await self._board.announce(run.id, about)
        await self._announced(run)

    async def _announced(self, run: Run) -> None:
        if run.erased:  # while it was announced
            await self._board.forget([run.id])
        elif run.id in self._written:
            self._written[run.id] = max(0, self._written[run.id])

    async def _write(self) -> None:
        """Write what was appended since, a few milliseconds' worth of all runs at a time."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(self._timing.gather)
            self._wake.clear()
            await self._write_once()

    async def _write_once(self) -> None:
        async with self._writing:
            await self._forget_dropped()
            for run in [run for run in self._unwritten.values() if self._written[run.id] < 0]:
                await self._announce(run)
            await self._write_portions()

    async def _forget_dropped(self) -> None:
        if forgotten := list(self._dropped_runs):
            await self._board.forget(forgotten)
            del self._dropped_runs[: len(forgotten)]

    async def _write_portions(self) -> None:
        portions = [
            Portion(run.id, self._written[run.id] + 1, run.recorded[self._written[run.id] :])
            for run in self._unwritten.values()
            if len(run.recorded) > self._written[run.id] >= 0
        ]
        if not portions:
            return
        refused = await self._board.append(portions)
        for portion in portions:
            written = portion.first + len(portion.events) - 1
            run = self._unwritten.get(portion.run)
            if run is None:
                continue
            self._written[run.id] = written
            if run.id in refused:
                # Others were told that it failed: it must not be finished here.
                run.on_append = None
                self.cancel(run.id, "shutdown")
            if run.id in refused or len(run.recorded) == written:
                del self._unwritten[run.id]
        self._trouble = ""

    async def _beat(self) -> None:
        while True:
            await self._board.beat(self._host)
            if self._trouble:
                self._trouble = ""
                self._wake.set()
            await asyncio.sleep(self._timing.beat)

    async def _listen(self) -> None:
        """Do what other processes ask: stop a run, or keep one going because someone reads it there."""
        async with aclosing(self._board.messages(self._host)) as messages:
            async for message in messages:
                if message.get("do") == "erase":
                    before = float(message.get("before", inf))
                    self._followed(self._obey(message["erasure"], before), name="erase")
                    continue
                run = self._runs.get(message.get("run", ""))
                if run is None:
                    continue
                if message.get("do") == "watch":
                    self._watched[run.id] = time.monotonic() + self._timing.alive
                elif message.get("do") == "stop":
                    reason = message.get("reason")
                    self.cancel(run.id, "user" if reason == "user" else "disconnect")

    async def _kept_up(self, service: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            try:
                await service()
            except Unavailable as error:
                self._note(error)
            except Exception as error:  # noqa: BLE001 - the runs' edge: readers elsewhere would wait for ever
                report("The shared run buffer broke", error)
            self._wake.set()
            await asyncio.sleep(self._timing.retry)

    def _note(self, error: Unavailable) -> None:
        if not self._trouble:
            _log.warning("%s", error)
        self._trouble = str(error)

    async def _copy(self, identity: str, about: About) -> Run:
        """Return a copy with what stands in the buffer so far, and keep filling it while it is read."""
        run = Run(
            about.question,
            owner=about.owner,
            resumable=about.resumable,
            background=about.background,
            dialect=about.dialect,
        )
        run.id, run.created = identity, about.created
        self._hosts[run] = about.host
        for event in await self._board.read(identity, 0):
            run.append(event)
        if run.erased:
            raise NotFound(f"There is no run {identity!r}.", "It was erased.")
        if not run.ended:
            self._followed(self._follow(run, about.host), name=f"follow {identity}")
        return run

    def _followed(self, work: Coroutine[Any, Any, None], *, name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._followers.add(task)
        task.add_done_callback(self._followers.discard)

    async def _follow(self, run: Run, host: str) -> None:
        """Fill a copy until it ends or nobody reads it; say to its process that it is read."""
        unread_since, told = time.monotonic(), 0.0
        while not run.ended:
            now = time.monotonic()
            unread_since = now if run.readers else unread_since
            if now - unread_since > self._timing.alive:
                return
            try:
                if run.readers and now - told >= self._timing.beat:
                    await self._board.send(host, {"do": "watch", "run": run.id})
                    told = now
                for event in await self._next(run, host):
                    run.append(event)
            except Unavailable as error:
                self._note(error)
                run.append(Failed("internal", str(error)))

    async def _next(self, run: Run, host: str) -> list[Event]:
        written = len(run.recorded)
        if events := await self._board.read(run.id, written, wait=self._timing.wait):
            return events
        if await self._board.about(run.id) is None:
            raise Unavailable("This answer is no longer kept.", "Ask again.")
        if await self._board.lives(host):
            return []
        # It may have written its last words just before it went.
        if events := await self._board.read(run.id, written):
            return events
        lost = Failed("internal", f"The process that was writing this answer is gone (run {run.id}).")
        await self._board.give_up(run.id, lost)
        return await self._board.read(run.id, written)
