"""The shared run buffer in Redis: a stream of events for each run, and messages between processes.

Keys, all of them with an expiry: `footnote:run:<id>` what is known of a run, `footnote:run:<id>:events` its
events as JSON, `footnote:conversation:<hash>` the runs of a conversation by age, `footnote:process:<host>` a sign
of life, `footnote:erased` the erasures of late, each a conversation's hash and a number of its own, and
`footnote:erased:<erasure>` the processes that have carried it out. Channel `footnote:process:<host>`: requests to
that process.
"""

import json
import secrets
import time
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import urlsplit

from app.events import Event
from vectorstore.errors import Unavailable, pip_install

if TYPE_CHECKING:
    from redis.asyncio import Redis


from pydantic import TypeAdapter, ValidationError

from app.events import (
    Cancelled,
    Citations,
    Done,
    Explained,
    Failed,
    FollowUps,
    SentenceChecked,
    Sources,
    Started,
    Status,
    Text,
    Usage,
)
from app.question import Question
from app.runs.run import Dialect

_KINDS: Final = (
    Started,
    Status,
    Sources,
    Explained,
    Text,
    SentenceChecked,
    Citations,
    FollowUps,
    Usage,
    Done,
    Failed,
    Cancelled,
)
_EVENTS: Final[dict[str, TypeAdapter[Event]]] = {kind.__name__: TypeAdapter(kind) for kind in _KINDS}


@dataclass(frozen=True, slots=True)
class About:
    """What another replica must know of a run before its events. `host` is the process that executes it."""

    host: str
    owner: str
    created: float
    resumable: bool
    background: bool
    dialect: Dialect
    question: Question


_ABOUT: Final = TypeAdapter(About)


def events_to_json(events: Sequence[Event]) -> str:
    """Write events as a JSON list; lone surrogates, which UTF-8 does not have, are escaped."""
    return json.dumps([_plain(event) for event in events], separators=(",", ":"))


def events_from_json(text: bytes | str) -> list[Event]:
    """Read what `events_to_json` wrote; raises Unavailable when another version wrote something else."""
    try:
        return [_event(name, value) for name, value in json.loads(text)]
    except (ValueError, KeyError, TypeError) as error:
        raise _unreadable() from error


def about_to_json(about: About) -> str:
    """Write what is known of a run at its start."""
    return json.dumps(_ABOUT.dump_python(about, mode="json"), separators=(",", ":"))


def about_from_json(text: bytes | str) -> About:
    """Read what `about_to_json` wrote; raises Unavailable."""
    try:
        return _ABOUT.validate_python(json.loads(text))
    except (ValueError, ValidationError) as error:
        raise _unreadable() from error


def _plain(event: Event) -> list[object]:
    if isinstance(event, Text):  # one for every token
        return ["Text", event.delta]
    name = type(event).__name__
    return [name, _EVENTS[name].dump_python(event, mode="json")]


def _event(name: str, value: object) -> Event:
    if name == "Text" and isinstance(value, str):
        return Text(value)
    return _EVENTS[name].validate_python(value)


def _unreadable() -> Unavailable:
    return Unavailable(
        "The shared run buffer holds a run that this version cannot read.",
        "Run the same version of Footnote on every replica.",
    )


_Fields: TypeAlias = dict[Any, Any]  # Any: the vendor's mapping type takes no narrower dict
_LAST: Final = "18446744073709551614-0"
"""Above every id that a writer uses: what stands there ends the stream, and only one can stand there."""
_MOST_ENTRIES: Final = 100_000
_PATIENCE: Final = 5.0
_LONGEST_RUN: Final = 3_600
"""Seconds by which the list of a conversation's runs outlives what is kept of each."""
_ERASED: Final = "footnote:erased"


@dataclass(frozen=True, slots=True)
class Portion:
    """Consecutive events of one run, the first of them number `first`, counted from 1."""

    run: str
    first: int
    events: Sequence[Event]


class RunBoard:
    """What processes write for each other. Every method raises Unavailable when Redis does not answer."""

    def __init__(self, url: str, *, kept_seconds: float, alive_seconds: float) -> None:
        self._url = url
        self._kept = int(kept_seconds)
        self._alive = int(alive_seconds * 1_000)
        redis = _module()
        self._client: Redis = redis.asyncio.Redis.from_url(
            url,
            protocol=2,
            socket_timeout=_PATIENCE,
            socket_connect_timeout=2.0,
            health_check_interval=10,
            retry=redis.asyncio.retry.Retry(redis.backoff.NoBackoff(), 1),
        )

    async def announce(self, run: str, about: About) -> None:
        """Let other processes find a run."""
        with self._reached():
            async with self._client.pipeline(transaction=False) as pipe:
                pipe.set(_key(run), about_to_json(about), ex=self._kept)
                if about.question.conversation:
                    runs = _runs_of(conversation_hash(about.owner, about.question.conversation))
                    pipe.zadd(runs, {run: about.created})
                    pipe.expire(runs, self._kept + _LONGEST_RUN)
                await pipe.execute()

    async def about(self, run: str) -> About | None:
        """Return what is known of a run, or None when it is unknown or forgotten."""
        with self._reached():
            found = await self._client.get(_key(run))
        return about_from_json(found) if found else None

    async def latest(self, conversation: str, *, owner: str) -> str | None:
        """Return the newest run of a conversation."""
        with self._reached():
            found = await self._client.zrange(_runs_of(conversation_hash(owner, conversation)), -1, -1)
        return _names(found)[0] if found else None

    async def append(self, portions: Sequence[Portion]) -> set[str]:
        """Add events; return the runs whose stream takes no more, because they were given up on.

        An entry's id is the number of its last event: written twice, it is refused the second time.
        """
        with self._reached():
            async with self._client.pipeline(transaction=False) as pipe:
                for portion in portions:
                    fields: _Fields = {"first": portion.first, "events": events_to_json(portion.events)}
                    last = portion.first + len(portion.events) - 1
                    pipe.xadd(_stream(portion.run), fields, id=f"{last}-0", maxlen=_MOST_ENTRIES)
                    pipe.expire(_stream(portion.run), self._kept)
                    pipe.expire(_key(portion.run), self._kept)
                said = await pipe.execute(raise_on_error=False)
            refused: set[str] = set()
            for portion, outcome in zip(portions, said[::3], strict=True):
                if isinstance(outcome, Exception):
                    if "equal or smaller" not in str(outcome):
                        raise outcome
                    if await self._closed(portion.run):
                        refused.add(portion.run)
            return refused

    async def read(self, run: str, after: int, *, wait: float = 0.0) -> list[Event]:
        """Return the events after number `after`; with `wait`, wait that many seconds for the first.

        Raises Unavailable when some of them are no longer kept.
        """
        block = max(1, int(wait * 1_000)) if wait else None
        with self._reached():
            said: Any = await self._client.xread({_stream(run): f"{after}-0"}, block=block)
        events: list[Event] = []
        for _, fields in said[0][1] if said else ():
            first = int(fields[b"first"])
            seen = after + len(events) + 1 - first if first else 0
            if seen < 0:
                raise Unavailable("Part of this answer is no longer kept.", "Ask again.")
            events += events_from_json(fields[b"events"])[seen:]
        return events

    async def give_up(self, run: str, ending: Event) -> None:
        """End a run whose process is gone; of several that try, the first is heard."""
        fields: _Fields = {"first": 0, "events": events_to_json([ending])}
        with self._reached():
            async with self._client.pipeline(transaction=False) as pipe:
                pipe.xadd(_stream(run), fields, id=_LAST)
                pipe.expire(_stream(run), self._kept)
                await pipe.execute(raise_on_error=False)

    async def forget(self, runs: Sequence[str]) -> None:
        """Delete runs before their time."""
        with self._reached():
            await self._client.delete(*(name for run in runs for name in (_key(run), _stream(run))))

    async def begin_erasure(self, conversation: str, *, owner: str) -> str:
        """Note that a conversation is to be erased, for processes that cannot hear now; return the erasure's name."""
        erasure = f"{conversation_hash(owner, conversation)}:{secrets.token_hex(8)}"
        with self._reached():
            async with self._client.pipeline(transaction=False) as pipe:
                pipe.zremrangebyscore(_ERASED, 0, time.time() - self._kept)
                pipe.zadd(_ERASED, {erasure: time.time()})
                pipe.expire(_ERASED, self._kept)
                await pipe.execute()
        return erasure

    async def ask_to_erase(self, erasure: str) -> set[str]:
        """Ask every living process that has not carried it out yet; return these."""
        with self._reached():
            living = {
                key.decode().removeprefix(_process(""))
                async for key in self._client.scan_iter(_process("*"), count=1_000)
            }
            waiting = living - set(_names(await self._client.smembers(_carried_out(erasure))))
        for host in waiting:
            await self.send(host, {"do": "erase", "erasure": erasure})
        return waiting

    async def carried_out(self, erasure: str, host: str) -> None:
        """Say that a process holds nothing any more of what is erased."""
        with self._reached():
            async with self._client.pipeline(transaction=False) as pipe:
                pipe.sadd(_carried_out(erasure), host)
                pipe.expire(_carried_out(erasure), self._kept)
                await pipe.execute()

    async def end_erasure(self, erasure: str) -> None:
        """Delete everything here that belongs to the conversation."""
        runs = _runs_of(erasure.partition(":")[0])
        with self._reached():
            found = _names(await self._client.zrange(runs, 0, -1))
            await self._client.delete(runs, *(name for run in found for name in (_key(run), _stream(run))))

    async def beat(self, host: str) -> None:
        """Say that a process lives."""
        with self._reached():
            await self._client.set(_process(host), 1, px=self._alive)

    async def lives(self, host: str) -> bool:
        """Say whether a process has shown a sign of life lately."""
        with self._reached():
            return bool(await self._client.exists(_process(host)))

    async def send(self, host: str, message: dict[str, str]) -> None:
        """Ask something of another process; the message is lost if it does not listen."""
        with self._reached():
            await self._client.publish(_process(host), json.dumps(message))

    async def messages(self, host: str) -> AsyncGenerator[dict[str, str], None]:
        """Yield what other processes ask of this one, and first the erasures that it may have missed."""
        with self._reached():
            async with self._client.pubsub(ignore_subscribe_messages=True) as channel:
                await channel.subscribe(_process(host))
                missed: Any = await self._client.zrange(_ERASED, 0, -1, withscores=True)
                for erasure, when in missed:
                    yield {"do": "erase", "erasure": erasure.decode(), "before": str(when)}
                while True:
                    # Redis sends no heartbeat of its own: without a timeout a dead link looks quiet.
                    message = await channel.get_message(timeout=_PATIENCE - 1)
                    if message is not None and (asked := _parsed(message["data"])):
                        yield asked

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _closed(self, run: str) -> bool:
        last: Any = await self._client.xrevrange(_stream(run), count=1)
        return bool(last) and last[0][0].decode() == _LAST

    @contextmanager
    def _reached(self) -> Generator[None]:
        with _reached(self._url):
            yield


def _parsed(message: bytes) -> dict[str, str] | None:
    try:
        found = json.loads(message)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def check_board(url: str) -> None:
    """See that Redis answers and can do what is needed; raises Unavailable."""
    client = _module().Redis.from_url(url, protocol=2, socket_timeout=5.0, socket_connect_timeout=2.0)
    try:
        with _reached(url):
            client.xlen("footnote:check")
    finally:
        client.close()


@contextmanager
def _reached(url: str) -> Generator[None]:
    try:
        yield
    except (_module().RedisError, OSError) as error:
        place = urlsplit(url)
        raise Unavailable(
            f"Redis at {place.hostname}:{place.port or 6379}, where answers are shared between replicas, "
            f"does not answer ({type(error).__name__}).",
            "Start it, or correct FOOTNOTE_RUNS_URL.",
        ) from error


def _module() -> Any:  # Any: the module is imported only where it is wanted
    try:
        import redis
        import redis.asyncio.retry
        import redis.backoff
    except ImportError as error:
        raise Unavailable(
            "Sharing answers between replicas needs the redis package.", pip_install("redis")
        ) from error
    return redis


def _names(found: Any) -> list[str]:  # Any: what a reply is depends on how the client was opened
    return [name.decode() for name in found]


def _key(run: str) -> str:
    return f"footnote:run:{run}"


def _stream(run: str) -> str:
    return f"footnote:run:{run}:events"


def _process(host: str) -> str:
    return f"footnote:process:{host}"


def conversation_hash(owner: str, conversation: str) -> str:
    """Name a conversation without its id, which is the client's own words."""
    return sha256(repr((owner, conversation)).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _runs_of(conversation: str) -> str:
    return f"footnote:conversation:{conversation}"


def _carried_out(erasure: str) -> str:
    return f"{_ERASED}:{erasure}"
