"""One question being answered, or answered: its events in order, and whoever is reading them."""

import asyncio
import contextlib
import logging
import secrets
import time
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias

from app.events import Cancelled, Done, Event, Failed, Passage, Sources, Terminal, Text
from app.guard import inert
from app.question import Question
from vectorstore.errors import BadInput, Busy, FootnoteError, NotFound, Unavailable
from vectorstore.language.marks import cited

_log = logging.getLogger(__name__)

Reason: TypeAlias = Literal["user", "disconnect", "shutdown"]
Dialect: TypeAlias = Mapping[str, str | bool | None]
"""What the route that started a run keeps in order to show it again."""

_MARKER: Final = 64
"""More characters than one marker has."""


@dataclass(eq=False)
class Run:
    """A buffer of events that any number of readers follow from any place. Filled by `Runs`, and by a board that copies it.

    Its fields are what other processes must know of it before its events; `host` is the process that executes it.
    """

    question: Question
    owner: str = ""
    resumable: bool = False
    background: bool = False
    dialect: Dialect = field(default_factory=dict)
    id: str = field(default_factory=lambda: f"run_{secrets.token_hex(12)}")
    created: float = field(default_factory=time.time)
    host: str = ""

    def __post_init__(self) -> None:
        """Begin without events or readers."""
        self.begun = time.monotonic()
        self.first_text_at: float | None = None
        self.ended_at: float | None = None
        self.stop_reason: Reason | None = None
        self.readers = 0
        self.read_elsewhere_until = 0.0
        self.on_append: Callable[[Run], None] | None = None
        self.settle: Settle | None = None
        self.erased = False
        self.answer_size = 0
        self.size = len(self.question.text) + sum(len(message.text) for message in self.question.history)
        self._events: list[Event] = []
        self._waiting: set[asyncio.Future[None]] = set()

    @property
    def is_read(self) -> bool:
        """Say whether somebody reads it here, or has lately said that he does elsewhere."""
        return self.readers > 0 or self.read_elsewhere_until > time.monotonic()

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

    async def batches(self, after: int = 0) -> AsyncGenerator[Sequence[Event], None]:
        """Yield the events after number `after` as they come, those that are ready at once together."""
        position = after
        while True:
            if self.erased and position:
                yield self._events
                return
            if position < len(self._events):
                ready = self._events[position:]
                position += len(ready)
                yield ready
                if isinstance(ready[-1], Done | Failed | Cancelled):
                    return
            elif self.ended:
                return
            else:
                await self._changed()

    async def wait_for_end(self, seconds: float) -> None:
        """Return when the run has ended, or after so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self.ended:
                    await self._changed()

    def append(self, event: Event) -> None:
        """Add an event and wake the readers; after a terminal event nothing is added any more."""
        if self.ended:
            return
        self._events.append(event)
        match event:
            case Text(delta):
                if self.first_text_at is None:
                    self.first_text_at = time.monotonic()
                self.answer_size += len(delta)
                self.size += len(delta)
            case Sources(passages):
                self.size += sum(len(passage.text) for passage in passages)
            case Done() | Failed() | Cancelled():
                self.ended_at = time.monotonic()
            case _:
                pass
        if self.on_append is not None:
            self.on_append(self)
        waiting, self._waiting = self._waiting, set()
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def erase(self) -> None:
        """Leave nothing of it but that it was stopped; who is still reading is told that and no more."""
        self.append(Cancelled("user"))
        self.erased = True
        self.question = replace(self.question, text="", history=())
        self.dialect = {}
        self._events = [Cancelled("user")]

    async def _changed(self) -> None:
        future = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            await future
        finally:
            self._waiting.discard(future)


Settle: TypeAlias = Callable[[Run], Awaitable[None]]
"""Settles what a run has used up."""


async def only_cited(events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
    """Pass on of the passages only those that the answer cites, each before the word that cites it.

    All dialects, and whoever takes the answer up again, read what is kept of a run: what does not come there is
    nowhere shown.
    """
    held: dict[int, Passage] = {}
    end = ""
    async with aclosing(events):
        async for event in events:
            match event:
                case Sources(passages):
                    held |= {passage.number: passage for passage in passages}
                    yield Sources(())  # the search is over
                    continue
                case Text(delta):
                    end += delta
                    named = sorted(held.keys() & set(cited(end)))
                    end = end[-_MARKER:]
                    if named:
                        yield Sources(tuple(held.pop(number) for number in named))
                case _:
                    pass
            yield event


def failed_by(error: FootnoteError) -> Failed:
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
    if isinstance(error, Busy | Unavailable):
        # It broke on another machine, which the log tells of in words of its own.
        _log.error("%s: what it needs is away or busy (%s).", what, type(error).__name__)
        return
    frames = "".join(traceback.format_tb(error.__traceback__))
    _log.error("%s: %s\n%s", what, type(error).__name__, frames)


async def settled(run: Run) -> None:
    """Settle a run once; what fails there harms no answer."""
    settle, run.settle = run.settle, None
    if settle is not None:
        try:
            await settle(run)
        except Exception as error:  # noqa: BLE001 - the run's edge
            report(f"Settling run {run.id} failed", error)
