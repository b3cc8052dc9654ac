"""How runs stand in Redis: its keys, events as JSON, and the connection.

Keys, all of them with an expiry: `footnote:run:<id>` what is known of a run, `footnote:run:<id>:events` its
events as JSON, `footnote:conversation:<hash>` the runs of a conversation by age, `footnote:process:<host>` a sign
of life, `footnote:erased` the erasures of late, each a conversation's or owner's hash and a number of its own, and
`footnote:erased:<erasure>` the processes that have carried it out. Channel `footnote:process:<host>`: requests to
that process.
"""

import json
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, TypeAlias, get_args
from urllib.parse import urlsplit

from pydantic import TypeAdapter

from app.events import Event, Text
from app.runs.run import Run
from vectorstore.errors import Unavailable, pip_install

if TYPE_CHECKING:
    from redis.asyncio import Redis

Entry: TypeAlias = dict[Any, Any]  # Any: the vendor's mapping type takes no narrower dict
PATIENCE: Final = 5.0
"""Seconds for which a reply is waited for."""
LAST: Final = "18446744073709551614-0"
"""Above every id that a writer uses: what stands there ends the stream, and only one can stand there."""
_EVENTS: Final[dict[str, TypeAdapter[Event]]] = {kind.__name__: TypeAdapter(kind) for kind in get_args(Event)}
_RUN: Final = TypeAdapter(Run)


@dataclass(frozen=True, slots=True)
class Timing:
    """How processes tell that they live. Times in seconds."""

    beat: float = 1.5
    alive: float = 6.0
    wait: float = 1.0
    gather: float = 0.02
    """Events of this long go to Redis together."""
    retry: float = 1.0


def client_of(url: str, *, patience: float = PATIENCE) -> "Redis":
    """Return a client, which connects when it is used; raises Unavailable without the package."""
    redis = _module()
    client: Redis = redis.asyncio.Redis.from_url(
        url,
        protocol=2,
        decode_responses=True,
        socket_timeout=patience,
        socket_connect_timeout=min(2.0, patience),
        health_check_interval=10,
        retry=redis.asyncio.retry.Retry(redis.backoff.NoBackoff(), 1),
    )
    return client


def check_board(url: str) -> None:
    """See that Redis answers and can do what is needed; raises Unavailable."""
    client = _module().Redis.from_url(url, protocol=2, socket_timeout=PATIENCE, socket_connect_timeout=2.0)
    try:
        with reached(url):
            client.xlen("footnote:check")
    finally:
        client.close()


@contextmanager
def reached(url: str) -> Generator[None]:
    """Have it said in a sentence, as Unavailable, that Redis does not answer."""
    try:
        yield
    except (_module().RedisError, OSError) as error:
        raise Unavailable(
            f"Redis at {place_of(url)}, which replicas share, does not answer ({type(error).__name__}).",
            "Start it, or correct FOOTNOTE_RUNS_URL or FOOTNOTE_BUDGETS_URL.",
        ) from error


def place_of(url: str) -> str:
    """Return where a Redis is, without its password."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 6379}" if parts.hostname else parts.path


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


def key(*parts: str) -> str:
    """Return a key by its parts, as the head of this file names them."""
    return ":".join(("footnote", *parts))


def events_of(run: str) -> str:
    """Return the key of a run's events."""
    return key("run", run, "events")


def keys_of(runs: Iterable[str]) -> list[str]:
    """Return the keys of all that is kept of runs."""
    return [name for run in runs for name in (key("run", run), events_of(run))]


def conversation_hash(owner: str, conversation: str | None) -> str:
    """Name a conversation, or with None all of its owner's, without its id, which is the client's own words."""
    return sha256(repr((owner, conversation)).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def events_to_json(events: Sequence[Event]) -> str:
    """Write events as a JSON list; lone surrogates, which UTF-8 does not have, are escaped."""
    return json.dumps([_plain(event) for event in events], separators=(",", ":"))


def events_from_json(text: bytes | str) -> list[Event]:
    """Read what `events_to_json` wrote; raises Unavailable when another version wrote something else."""
    with _readable():
        return [_event(name, value) for name, value in json.loads(text)]


def entry(first: int, events: Sequence[Event]) -> Entry:
    """Return the stream's entry of consecutive events, the first of them number `first`; 0: whatever came before."""
    return {"first": first, "events": events_to_json(events)}


def events_after(number: int, entries: Iterable[Entry]) -> list[Event]:
    """Return the events after number `number`, counted from 1; raises Unavailable when some are no longer kept."""
    events: list[Event] = []
    for fields in entries:
        first = int(fields["first"])
        seen = number + len(events) + 1 - first if first else 0
        if seen < 0:
            raise Unavailable("Part of this answer is no longer kept.", "Ask again.")
        events += events_from_json(fields["events"])[seen:]
    return events


def run_to_json(run: Run) -> str:
    """Write what others must know of a run before its events; its id is the key."""
    return json.dumps(_RUN.dump_python(run, mode="json", exclude={"id"}), separators=(",", ":"))


def run_from_json(run: str, text: bytes | str) -> Run:
    """Read what `run_to_json` wrote, as a run without events; raises Unavailable as `events_from_json` does."""
    with _readable():
        return _RUN.validate_python(json.loads(text) | {"id": run})


def _plain(event: Event) -> list[object]:
    if isinstance(event, Text):  # one for every token
        return ["Text", event.delta]
    name = type(event).__name__
    return [name, _EVENTS[name].dump_python(event, mode="json")]


def _event(name: str, value: object) -> Event:
    if name == "Text" and isinstance(value, str):
        return Text(value)
    return _EVENTS[name].validate_python(value)


@contextmanager
def _readable() -> Generator[None]:
    try:
        yield
    except (ValueError, KeyError, TypeError) as error:
        raise Unavailable(
            "The shared run buffer holds a run that this version cannot read.",
            "Run the same version of Footnote on every replica.",
        ) from error
