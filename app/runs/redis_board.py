"""A board in Redis, for processes that share their runs: each is executed in one, and found by all.

A reader elsewhere gets a copy that is filled from Redis. Should the process that writes die, its runs end for every
reader as failed, within `Timing.alive` plus `Timing.wait` seconds.
"""

import asyncio
import json
import logging
import secrets
import time
from collections.abc import Callable, Coroutine, Generator, Sequence
from contextlib import contextmanager, suppress
from math import inf
from typing import Any, Final
from weakref import WeakSet

from app.events import Event, Failed
from app.runs.redis_format import (
    LAST,
    PATIENCE,
    Timing,
    client_of,
    conversation_hash,
    entry,
    events_after,
    events_of,
    key,
    keys_of,
    reached,
    run_from_json,
    run_to_json,
)
from app.runs.run import Reason, Run, report
from app.runs.runs import MemoryBoard, Runs
from app.settings import RunSettings
from vectorstore.errors import Unavailable

_MOST_ENTRIES: Final = 100_000
_LONGEST_RUN: Final = 3_600
"""Seconds by which the list of a conversation's runs outlives what is kept of each."""
_log = logging.getLogger(__name__)


class RedisBoard:
    """The runs of all processes that name the same Redis.

    While it is away, answers go on for those who read them here, and what was missed is written once it is back;
    looking for a run of another process raises Unavailable.
    """

    process: Runs

    def __init__(self, settings: RunSettings, *, timing: Timing | None = None) -> None:
        self.trouble = ""
        self._url = settings.runs_url
        self._timing = timing or Timing()
        self._kept = int(settings.kept_seconds)
        self._host = secrets.token_hex(8)
        self._ours = MemoryBoard(settings, on_drop=self._dropped)
        self._copies: WeakSet[Run] = WeakSet()
        self._written: dict[Run, int] = {}
        """How many events of each run of ours stand in Redis; before it is announced, -1."""
        self._unwritten: dict[Run, None] = {}
        self._to_forget: list[str] = []
        self._wake = asyncio.Event()
        self._writing = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._client = client_of(self._url)

    async def open(self) -> None:
        """Begin to write, to show signs of life and to listen."""
        self._ours.process = self.process
        for service in (self._write, self._beat, self._listen):
            self._spawn(self._kept_up(service), name=service.__name__)

    async def close(self) -> None:
        """Write what is left, for two seconds at most, and leave."""
        tasks = pending = set(self._tasks)
        while pending:
            # Again, because Redis's client loses one that meets its own `asyncio.wait_for` on Python 3.11.
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=0.5)
        await asyncio.gather(*tasks, return_exceptions=True)
        try:
            async with asyncio.timeout(2):
                with reached(self._url):
                    await self._write_once()
        except (TimeoutError, Unavailable) as error:
            _log.warning("The last words of some answers could not be shared: %s", error)
        await self._client.aclose()

    async def add(self, run: Run) -> None:
        """Keep a run, and return when every process can find it, if Redis answers."""
        run.host = self._host
        self._written[run] = -1
        self._unwritten[run] = None
        run.on_append = self._mark
        await self._ours.add(run)
        if not self.trouble:
            with self._noting():
                await self._announce(run)

    async def find(self, run: str, *, owner: str) -> Run | None:
        """Return a run of ours, or a copy of another process's that is filled while it is read; raises Unavailable."""
        if ours := await self._ours.find(run, owner=owner):
            return ours
        with reached(self._url):
            known = await self._client.get(key("run", run))
            copy = run_from_json(run, known) if known else None
            if copy is None or copy.owner != owner or copy.host == self._host:
                return None
            self._copies.add(copy)
            for event in await self._read(copy):
                copy.append(event)
        if copy.erased:
            return None
        if not copy.ended:
            self._spawn(self._follow(copy), name=f"follow {run}")
        return copy

    async def latest(self, conversation: str, *, owner: str) -> Run | None:
        """Return the newest run of a conversation, whichever process executes it; raises Unavailable."""
        ours = await self._ours.latest(conversation, owner=owner)
        if ours is not None and not ours.ended:
            return ours
        with reached(self._url):
            runs = key("conversation", conversation_hash(owner, conversation))
            newest: Any = await self._client.zrange(runs, -1, -1)
        return await self.find(newest[0], owner=owner) if newest else ours

    async def stop(self, run: Run, reason: Reason) -> None:
        """Ask the process that executes a run to stop it; return when it has ended, after 10 s at most."""
        deadline = time.monotonic() + 10
        while not run.ended and time.monotonic() < deadline:
            # Sent again because a message is lost on a process that is just connecting.
            with reached(self._url):
                await self._send(run.host, do="stop", run=run.id, reason=reason)
            await run.wait_for_end(0.5)

    async def erase(self, conversation: str | None, *, owner: str) -> None:
        """Stop and drop a conversation's runs, or all of its owner's, here, then everywhere; raises Unavailable."""
        await self._ours.erase(conversation, owner=owner)
        erasure = f"{conversation_hash(owner, conversation)}:{secrets.token_hex(8)}"
        try:
            with reached(self._url):
                await self._client.zremrangebyscore(key("erased"), 0, time.time() - self._kept)
                await self._client.zadd(key("erased"), {erasure: time.time()})
                await self._client.expire(key("erased"), self._kept)
                names = await self._standing(conversation, owner)  # by its runs, which go now
                try:
                    await self._carry_out(erasure)
                    await self._carried_out_by_all(erasure)
                finally:
                    if names := [*names, *await self._standing(conversation, owner)]:
                        await self._client.delete(*names)
        except Unavailable as error:
            raise Unavailable(
                f"It is erased here, but other replicas may show it for ten minutes more: {error.what}",
                "Delete it again in a moment.",
            ) from error

    async def _standing(self, conversation: str | None, owner: str) -> list[str]:
        """Return the keys of what stands there of a conversation, or of all of its owner's."""
        if conversation is not None:
            runs = key("conversation", conversation_hash(owner, conversation))
            found: Any = await self._client.zrange(runs, 0, -1)
            return [runs, *keys_of(found)]
        names: list[str] = []
        if owner.startswith(("u_", "v_")) and owner[2:].isalnum():  # counters are named by persons
            names = [name async for name in self._client.scan_iter(key(f"*{owner}*"), count=1_000)]
        async for name in self._client.scan_iter(key("run", "*"), count=1_000):
            known = await self._client.get(name) if not name.endswith(":events") else None
            run = run_from_json(name.removeprefix(key("run", "")), known) if known else None
            if run is not None and run.owner == owner:
                runs = key("conversation", conversation_hash(owner, run.question.conversation))
                names += [runs, *keys_of([run.id])]
        return names

    async def _carry_out(self, erasure: str, *, before: float = inf) -> None:
        """Erase what this process holds of it and has begun before a time, and say so."""
        erased = erasure.partition(":")[0]

        def is_meant(run: Run) -> bool:
            known_as = {conversation_hash(run.owner, of) for of in (run.question.conversation, None)}
            return run.created < before and erased in known_as

        for copy in filter(is_meant, list(self._copies)):
            copy.erase()
        await self._ours.take_out(is_meant)
        async with self._writing:  # what was on its way has arrived, and nothing follows
            await self._forget_dropped()
        await self._client.sadd(key("erased", erasure), self._host)
        await self._client.expire(key("erased", erasure), self._kept)

    async def _carried_out_by_all(self, erasure: str) -> None:
        """Wait until every living process has erased it; raises Unavailable after ten seconds."""
        deadline = time.monotonic() + 10
        while True:
            signs = self._client.scan_iter(key("process", "*"), count=1_000)
            living = {sign.removeprefix(key("process", "")) async for sign in signs}
            waiting = living - await self._client.smembers(key("erased", erasure))
            if not waiting:
                return
            if time.monotonic() > deadline:
                raise Unavailable("One of them does not answer.")
            for host in waiting:
                await self._send(host, do="erase", erasure=erasure)
            await asyncio.sleep(0.1)

    def _dropped(self, run: Run) -> None:
        self._written.pop(run, None)
        self._unwritten.pop(run, None)
        self._to_forget.append(run.id)
        self._wake.set()

    def _mark(self, run: Run) -> None:
        self._unwritten[run] = None
        self._wake.set()

    async def _announce(self, run: Run) -> None:
        async with self._client.pipeline(transaction=False) as pipe:
            pipe.set(key("run", run.id), run_to_json(run), ex=self._kept)
            if run.question.conversation:
                runs = key("conversation", conversation_hash(run.owner, run.question.conversation))
                pipe.zadd(runs, {run.id: run.created})
                pipe.expire(runs, self._kept + _LONGEST_RUN)
            await pipe.execute()
        if run.erased:  # while it was announced
            await self._client.delete(*keys_of([run.id]))
        elif run in self._written:
            self._written[run] = max(0, self._written[run])

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
            for run in [run for run in self._unwritten if self._written[run] < 0]:
                await self._announce(run)
            portions = [
                (run, self._written[run], run.recorded[self._written[run] :])
                for run in self._unwritten
                if len(run.recorded) > self._written[run] >= 0
            ]
            if portions:
                await self._append(portions)
                self.trouble = ""

    async def _forget_dropped(self) -> None:
        if forgotten := list(self._to_forget):
            await self._client.delete(*keys_of(forgotten))
            del self._to_forget[: len(forgotten)]

    async def _append(self, portions: Sequence[tuple[Run, int, Sequence[Event]]]) -> None:
        """Add (run, how many of its events stand there, more of them); end the runs that others have given up on.

        An entry's id is the number of its last event: written twice, it is refused the second time.
        """
        async with self._client.pipeline(transaction=False) as pipe:
            for run, written, events in portions:
                last = f"{written + len(events)}-0"
                pipe.xadd(events_of(run.id), entry(written + 1, events), id=last, maxlen=_MOST_ENTRIES)
                pipe.expire(events_of(run.id), self._kept)
                pipe.expire(key("run", run.id), self._kept)
            said = await pipe.execute(raise_on_error=False)
        for (run, written, events), outcome in zip(portions, said[::3], strict=True):
            is_refused = isinstance(outcome, Exception)
            if is_refused and "equal or smaller" not in str(outcome):
                raise outcome
            newest: Any = await self._client.xrevrange(events_of(run.id), count=1) if is_refused else ()
            is_given_up = bool(newest) and newest[0][0] == LAST
            if run not in self._unwritten:  # dropped meanwhile
                continue
            self._written[run] = written + len(events)
            if is_given_up:
                # Others were told that it failed: it must not be finished here.
                run.on_append = None
                self.process.cancel(run, "shutdown")
            if is_given_up or len(run.recorded) == self._written[run]:
                del self._unwritten[run]

    async def _beat(self) -> None:
        while True:
            await self._client.set(key("process", self._host), 1, px=int(self._timing.alive * 1_000))
            if self.trouble:
                self.trouble = ""
                self._wake.set()
            await asyncio.sleep(self._timing.beat)

    async def _listen(self) -> None:
        """Do what other processes ask, and first carry out the erasures of which this one may have missed."""
        async with self._client.pubsub(ignore_subscribe_messages=True) as channel:
            await channel.subscribe(key("process", self._host))
            missed: Any = await self._client.zrange(key("erased"), 0, -1, withscores=True)
            for erasure, when in missed:
                self._spawn(self._obey(erasure, before=when), name="erase")
            while True:
                # Redis sends no heartbeat of its own: without a timeout a dead link looks quiet.
                if said := await channel.get_message(timeout=PATIENCE - 1):
                    with suppress(ValueError):
                        self._heed(json.loads(said["data"]))

    def _heed(self, asked: object) -> None:
        """Stop a run, keep one going because someone reads it elsewhere, or erase a conversation."""
        match asked:
            case {"do": "erase", "erasure": str(erasure)}:
                self._spawn(self._obey(erasure, before=inf), name="erase")
            case {"do": "watch", "run": str(identity)} if run := self._ours.runs.get(identity):
                run.read_elsewhere_until = time.monotonic() + self._timing.alive
            case {"do": "stop", "run": str(identity), **rest} if run := self._ours.runs.get(identity):
                self.process.cancel(run, "user" if rest.get("reason") == "user" else "disconnect")

    async def _obey(self, erasure: str, *, before: float) -> None:
        with self._noting():  # who asked asks again, or is told
            await self._carry_out(erasure, before=before)

    async def _send(self, host: str, **message: str) -> None:
        """Ask something of another process; the message is lost if it does not listen."""
        await self._client.publish(key("process", host), json.dumps(message))

    async def _kept_up(self, service: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            try:
                with self._noting():
                    await service()
            except Exception as error:  # noqa: BLE001 - the board's edge: readers elsewhere would wait for ever
                report("The shared run buffer broke", error)
            self._wake.set()
            await asyncio.sleep(self._timing.retry)

    @contextmanager
    def _noting(self) -> Generator[None]:
        """Take it for the board's trouble, and for nobody else's, that Redis does not answer."""
        try:
            with reached(self._url):
                yield
        except Unavailable as error:
            if not self.trouble:
                _log.warning("%s", error)
            self.trouble = str(error)

    def _spawn(self, work: Coroutine[Any, Any, None], *, name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _follow(self, copy: Run) -> None:
        """Fill a copy until it ends or nobody reads it; say to its process that it is read."""
        unread_since, told = time.monotonic(), 0.0
        while not copy.ended:
            now = time.monotonic()
            unread_since = now if copy.readers else unread_since
            if now - unread_since > self._timing.alive:
                return
            try:
                with reached(self._url):
                    if copy.readers and now - told >= self._timing.beat:
                        await self._send(copy.host, do="watch", run=copy.id)
                        told = now
                    for event in await self._next(copy):
                        copy.append(event)
            except Unavailable as error:
                copy.append(Failed("internal", str(error)))

    async def _next(self, copy: Run) -> list[Event]:
        if events := await self._read(copy, wait=self._timing.wait):
            return events
        if not await self._client.exists(key("run", copy.id)):
            raise Unavailable("This answer is no longer kept.", "Ask again.")
        if await self._client.exists(key("process", copy.host)):
            return []
        # It may have written its last words just before it went.
        if events := await self._read(copy):
            return events
        lost = Failed("internal", f"The process that was writing this answer is gone (run {copy.id}).")
        await self._give_up(copy, lost)
        return await self._read(copy)

    async def _give_up(self, run: Run, ending: Event) -> None:
        """End a run whose process is gone; of several that try, the first is heard."""
        async with self._client.pipeline(transaction=False) as pipe:
            pipe.xadd(events_of(run.id), entry(0, [ending]), id=LAST)
            pipe.expire(events_of(run.id), self._kept)
            await pipe.execute(raise_on_error=False)

    async def _read(self, copy: Run, *, wait: float = 0.0) -> list[Event]:
        """Return the events that a copy lacks; with `wait`, wait that many seconds for the first."""
        block = max(1, int(wait * 1_000)) if wait else None
        after = len(copy.recorded)
        said: Any = await self._client.xread({events_of(copy.id): f"{after}-0"}, block=block)
        return events_after(after, [fields for _, fields in said[0][1]] if said else ())
