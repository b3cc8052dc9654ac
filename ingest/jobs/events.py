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
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from ingest.jobs.enqueue import Desk
from ingest.jobs.incoming import no_room
from ingest.jobs.job import Wanted
from ingest.parse.access import means_readers
from ingest.plan import Plan, make_plan
from ingest.progress import unheard
from ingest.settings import IngestSettings
from ingest.sources.discover import Discovery, Source
from ingest.sources.elsewhere import written_down
from ingest.sources.fetch import Fetched, Fetcher, Unfetchable
from ingest.sources.ledger import Ledger
from ingest.sources.roots import printable
from ingest.sources.shared import Flags
from vectorstore.errors import Busy, LostLease, Unavailable
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
    """An event as it comes: its bytes, what acknowledges it, and how often it has come.

    `hold` is called while it is worked on; it raises LostLease where another reader has taken over.
    """

    body: bytes
    acknowledge: Callable[[], object]
    attempt: int = 1
    hold: Callable[[], object] = unheard


_Delivered: TypeAlias = tuple["Event", Delivery]


def _plain(name: str) -> str:
    if not name.strip() or not name.isprintable():
        raise ValueError("a name is empty or not plain")
    return name


_Name: TypeAlias = Annotated[str, Field(max_length=200), AfterValidator(_plain)]


class Event(BaseModel):
    """What an event says. One that may have been meant to name readers, and does not, is none."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    uri: str = Field(pattern=r"^[a-z][a-z0-9+.-]*://\S+$", max_length=2_000)
    action: Annotated[
        Literal["put", "remove"],
        BeforeValidator(lambda said: _SYNONYMS.get(said, said) if isinstance(said, str) else said),
    ]
    tenant: _Name | None = None
    readers: Annotated[frozenset[_Name], Field(min_length=1)] | None = None
    """At least one: an empty list could mean nobody, and would be everyone."""
    text: str | None = None
    media_type: Literal["text/plain", "text/markdown", "text/html"] = "text/markdown"

    @model_validator(mode="before")
    @classmethod
    def _named_right(cls, said: object) -> object:
        for key in said if isinstance(said, dict) else ():
            if key not in cls.model_fields and means_readers(str(key)):
                raise PydanticCustomError("readers", "{key} is not `readers`", {"key": str(key)[:60]})
        return said

    def after(self, earlier: "Event | None") -> "Event":
        """Return this event with the readers of an earlier one that was not queued: silence must not open."""
        if earlier is None or earlier.action != "put" or self.action != "put" or self.readers is not None:
            return self
        return self.model_copy(update={"readers": earlier.readers})


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
        self._unread: dict[tuple[str, str], _Delivered] = {}
        """What could not be fetched and is to come again, by tenant and address: what comes later is newer."""
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
                except LostLease as error:
                    _log.warning("%s", error)
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

        Raises Busy (QueueFull) and Unavailable with nothing acknowledged, LostLease with nothing queued.
        """
        tenants: dict[str, dict[str, _Delivered]] = {}
        for delivery in batch:
            try:
                event = Event.model_validate_json(delivery.body)
            except ValidationError as error:
                _log.warning("An event was passed over: %s", _wrong(error))
                self.taken.refused += 1
                continue
            tenant, uri = event.tenant or self._settings.tenant, printable(event.uri)
            events = tenants.setdefault(tenant, {})
            earlier = events.get(uri) or self._unread.get((tenant, uri))
            events[uri] = event.after(earlier[0] if earlier else None), delivery
        unread: set[int] = set()
        for tenant, events in tenants.items():
            unread |= self._queued(tenant, events)
        for delivery in batch:
            if id(delivery) not in unread:
                delivery.acknowledge()

    def _queued(self, tenant: str, events: dict[str, _Delivered]) -> set[int]:
        """Queue the events of one tenant; one that breaks this is put aside, and holds up none of the others."""
        try:
            return self._queue(tenant, events)
        except (Busy, Unavailable, LostLease):
            raise
        except Exception as error:  # the edge: what others send must not end the reader
            if full := no_room(error):
                raise full from error
            if len(events) > 1:
                return {each for uri, one in events.items() for each in self._queued(tenant, {uri: one})}
            [(uri, (event, _))] = events.items()
            _log.warning("An event was put aside.", exc_info=error)
            told = f"Something unexpected went wrong ({type(error).__name__})."
            self._put_aside(tenant, uri, event, told, reason="unexpected")
            return set()

    def _queue(self, tenant: str, events: dict[str, _Delivered]) -> set[int]:
        """Queue the events of one tenant; return those deliveries that are to come again."""
        recipe = self._settings.recipe(tenant)
        with tempfile.TemporaryDirectory(prefix="footnote-events-") as folder:
            found, flags = Discovery(), {}
            removed: list[str] = []
            unread: set[int] = set()
            for number, (uri, (event, delivery)) in enumerate(events.items()):
                delivery.hold()
                if event.action == "remove":
                    removed.append(uri)
                    continue
                try:
                    found.add(self._source(event, uri, Path(folder) / str(number)))
                    flags[uri] = Flags(event.readers)
                except Unfetchable as error:
                    if delivery.attempt < _TRIES:
                        unread.add(id(delivery))
                        self._unread[tenant, uri] = event, delivery
                        continue
                    self._put_aside(tenant, uri, event, str(error))
            with self._store.snapshot() as snapshot:
                indexed = self._desk.indexed(tenant, snapshot.digests(tenant=tenant))
            plan = make_plan(found, indexed, recipe=recipe, ledger=Ledger(flags=flags))
            plan.removals = [uri for uri in removed if uri in indexed]
            delivery.hold()
            queued = self._desk.hand_in(plan, recipe)
        for uri, (_, delivery) in events.items():
            if id(delivery) not in unread and (older := self._unread.pop((tenant, uri), None)):
                older[1].acknowledge()  # or it would come after this
        for failure in plan.failed:
            self._desk.queue.put_aside(
                Wanted(failure.uri, "add"), tenant=tenant, reason=failure.reason, error=failure.message
            )
        self._count(plan, new=sum(each.is_new for each in queued), of=len(events) - len(unread))
        return unread

    def _source(self, event: Event, uri: str, own: Path) -> Source:
        if event.text is None:
            fetched = self._fetcher.fetch(event.uri)
        else:
            ending = {"text/plain": ".txt", "text/markdown": ".md", "text/html": ".html"}[event.media_type]
            fetched = Fetched(event.text.encode("utf-8", "replace"), f"document{ending}")
        path = written_down(own, fetched.name or "document", fetched.content, fetched.modified)
        return Source(uri, path, uri.partition("://")[2], named=True)

    def _put_aside(
        self, tenant: str, uri: str, event: Event, why: str, *, reason: str = "unfetchable"
    ) -> None:
        digest = sha256(event.model_dump_json().encode()).hexdigest()[:40]
        self._desk.queue.put_aside(Wanted(uri, "add", digest=digest), tenant=tenant, reason=reason, error=why)
        self.taken.refused += 1

    def _count(self, plan: Plan, *, new: int, of: int) -> None:
        self.taken.queued += new
        self.taken.refused += len(plan.failed)
        self.taken.unchanged += max(of - new - len(plan.failed), 0)


def _wrong(error: ValidationError) -> str:
    """Say what is wrong with an event, without what it holds."""
    first = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(map(str, first["loc"]))
    return printable(f"{where}: {first['msg']}." if where else f"{first['msg']}.")


def lasting(
    source: Callable[[], Iterator[Sequence[Delivery]]], *, stop: Stop
) -> Iterator[Sequence[Delivery]]:
    """Read a source that goes away and comes back; one that was never there raises Unavailable."""
    pause = 0.0
    while True:
        try:
            for batch in source():
                pause = _PAUSE
                yield batch
            return
        except Unavailable as error:
            if not pause:
                raise
            _log.warning("%s Trying again in %.0f s.", error, pause)
            if stop(pause):
                return
            pause = min(pause * 2, _LONGEST_PAUSE)
