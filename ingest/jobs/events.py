"""Events of other systems as a source: a document changed there, so it is queued here.

An event is a JSON object, as teams keep them in Kafka, NATS or Redis: `{"uri": …, "action": "put" | "remove"}`, with
`tenant` and `readers` where they are not what is set, and `text` where the document itself comes along; without it
the `uri` is fetched. What carries events is an iterator of batches of `Delivery`, so that any client fits:

    def batches(consumer: confluent_kafka.Consumer) -> Iterator[list[Delivery]]:
        while True:
            messages = [each for each in consumer.consume(100, timeout=1.0) if not each.error()]
            yield [Delivery(each.value(), partial(consumer.commit, each)) for each in messages]

An event is acknowledged when its job is committed, never before; one that comes again finds its content queued or in
the index already, and changes nothing.
"""

import logging
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ingest.jobs.enqueue import Desk
from ingest.jobs.job import Wanted
from ingest.plan import Plan, make_plan
from ingest.settings import IngestSettings
from ingest.sources.discover import Discovery, Source
from ingest.sources.fetch import Fetcher, Unfetchable
from ingest.sources.ledger import Ledger
from ingest.sources.roots import printable
from ingest.sources.shared import Flags
from vectorstore.errors import Busy, FootnoteError, Unavailable
from vectorstore.store import Store

_TRIES: Final = 3
"""Deliveries of an event after which what cannot be fetched is put aside for a person."""
_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
_SYNONYMS: Final = {"create": "put", "update": "put", "upsert": "put", "delete": "remove"}
_log = logging.getLogger(__name__)

Stop: TypeAlias = Callable[[float], bool]
"""Waits so many seconds, and says whether the work is to end."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event as it comes: its bytes, what acknowledges it, and how often it has come."""

    body: bytes
    acknowledge: Callable[[], object]
    attempt: int = 1


class Event(BaseModel):
    """What an event says."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    uri: str = Field(pattern=r"^[a-z][a-z0-9+.-]*://\S+$", max_length=2_000)
    action: Annotated[
        Literal["put", "remove"],
        BeforeValidator(lambda said: _SYNONYMS.get(said, said) if isinstance(said, str) else said),
    ]
    tenant: str | None = Field(default=None, min_length=1, max_length=200)
    readers: frozenset[str] | None = None
    text: str | None = None
    media_type: Literal["text/plain", "text/markdown", "text/html"] = "text/markdown"


@dataclass(slots=True)
class Taken:
    """What became of events: `unchanged` were known already, `refused` are none or came too often."""

    queued: int = 0
    unchanged: int = 0
    refused: int = 0


class Intake:
    """Queues what events tell of."""

    def __init__(self, desk: Desk, store: Store, settings: IngestSettings, fetcher: Fetcher) -> None:
        self.taken = Taken()
        self._desk = desk
        self._store = store
        self._settings = settings
        self._fetcher = fetcher

    def run(self, batches: Iterable[Sequence[Delivery]], *, stop: Stop) -> Taken:
        """Take batches until there are no more or `stop` says so; nothing further is read while the queue takes none."""
        for batch in batches:
            pause = _PAUSE
            while batch:
                try:
                    self.take(batch)
                    break
                except (Busy, Unavailable) as error:
                    _log.warning("%s Trying again in %.0f s.", error, pause)
                    if stop(pause):
                        return self.taken
                    pause = min(pause * 2, _LONGEST_PAUSE)
            if stop(0):
                break
        return self.taken

    def take(self, batch: Sequence[Delivery]) -> None:
        """Queue a batch and then acknowledge it; of several events of an address the last counts.

        Raises Busy (QueueFull) and Unavailable with nothing acknowledged.
        """
        tenants: dict[str, dict[str, tuple[Event, Delivery]]] = {}
        for delivery in batch:
            try:
                event = Event.model_validate_json(delivery.body)
            except ValidationError as error:
                where = ".".join(map(str, error.errors()[0]["loc"])) or "the whole"
                _log.warning("An event was passed over: %s is not as it must be.", where)
                self.taken.refused += 1
            else:
                tenant = event.tenant or self._settings.tenant
                tenants.setdefault(tenant, {})[printable(event.uri)] = (event, delivery)
        unread: set[int] = set()
        for tenant, events in tenants.items():
            unread |= self._queue(tenant, events)
        for delivery in batch:
            if id(delivery) not in unread:
                delivery.acknowledge()

    def _queue(self, tenant: str, events: dict[str, tuple[Event, Delivery]]) -> set[int]:
        """Queue the events of one tenant; return those deliveries that are to come again."""
        recipe = self._settings.recipe(tenant)
        with tempfile.TemporaryDirectory(prefix="footnote-events-") as folder:
            found, flags = Discovery(), {}
            removed: list[str] = []
            unread: set[int] = set()
            for number, (uri, (event, delivery)) in enumerate(events.items()):
                if event.action == "remove":
                    removed.append(uri)
                    continue
                try:
                    found.add(self._source(event, uri, Path(folder) / str(number)))
                    flags[uri] = Flags(event.readers)
                except Unfetchable as error:
                    if delivery.attempt < _TRIES:
                        unread.add(id(delivery))
                    else:
                        self._put_aside(tenant, uri, event, error)
            with self._store.snapshot() as snapshot:
                indexed = self._desk.indexed(tenant, snapshot.digests(tenant=tenant))
            plan = make_plan(found, indexed, recipe=recipe, ledger=Ledger(flags=flags))
            plan.removals = [uri for uri in removed if uri in indexed]
            queued = self._desk.hand_in(plan, recipe)
        for failure in plan.failed:
            self._desk.queue.put_aside(
                Wanted(failure.uri, "add"), tenant=tenant, reason=failure.reason, error=failure.message
            )
        self._count(plan, new=sum(each.is_new for each in queued), of=len(events) - len(unread))
        return unread

    def _source(self, event: Event, uri: str, own: Path) -> Source:
        own.mkdir()
        if event.text is None:
            fetched = self._fetcher.fetch(event.uri)
            path, content = own / (fetched.name or "document"), fetched.content
        else:
            ending = {"text/plain": ".txt", "text/markdown": ".md", "text/html": ".html"}[event.media_type]
            path, content = own / f"document{ending}", event.text.encode("utf-8", "replace")
        path.write_bytes(content)
        return Source(uri, path, uri.partition("://")[2], named=True)

    def _put_aside(self, tenant: str, uri: str, event: Event, error: FootnoteError) -> None:
        digest = sha256(event.model_dump_json().encode()).hexdigest()[:40]
        self._desk.queue.put_aside(
            Wanted(uri, "add", digest=digest), tenant=tenant, reason="unfetchable", error=str(error)
        )
        self.taken.refused += 1

    def _count(self, plan: Plan, *, new: int, of: int) -> None:
        self.taken.queued += new
        self.taken.refused += len(plan.failed)
        self.taken.unchanged += max(of - new - len(plan.failed), 0)
