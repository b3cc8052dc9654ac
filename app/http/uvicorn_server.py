"""The application under uvicorn, with an end to every wait for a client, and descriptors left free.

uvicorn itself lets a client take any time over the head of a request, and send one of any length. Bodies are
timed by `app/http/application.py`, under every server.
"""

import asyncio
import signal
import socket
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from app.http.server import HEAD_BYTES, affordable, prepare, stopping

if TYPE_CHECKING:
    from fastapi import FastAPI

    from app.settings import ServeSettings

_YOUNG: Final = 1 / 6
"""Many connections may come at once, and their first bytes lie unread: only those that waited for this part of their
time count against an address."""

_AFTER_DRAIN: Final = 10
"""Seconds that requests have beyond the time in which streams drain."""

_SPARE: Final = 1.5
"""How many times its time a body has here: the service answers a late one with a sentence, and must come first."""


def serve_with_uvicorn(application: "FastAPI", listener: socket.socket, settings: "ServeSettings") -> None:
    """Serve on the bound socket until SIGINT, SIGTERM or SIGHUP; streams drain themselves (`app/http/streaming.py`)."""
    prepare()
    crowd = Crowd(settings, most=affordable(settings.max_connections))
    config = uvicorn.Config(
        application,
        http=cast(
            "Any", partial(BoundedProtocol, crowd=crowd)
        ),  # Any: it asks for a class, and only calls it
        ws="none",
        # Its lines go where all others go, and requests are logged at the door.
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=int(settings.drain_seconds) + _AFTER_DRAIN,
        # A caller's address and scheme are what they are, and not what a header says.
        proxy_headers=False,
        server_header=False,
        date_header=False,
    )
    _Server(config).run(sockets=[listener])


class _Server(uvicorn.Server):
    """uvicorn's, which says why it stops."""

    told = signal.SIGTERM

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Remember the signal. It may have come in the middle of a line that is being logged: no other can be then."""
        self.told = signal.Signals(sig)
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Say why, and stop."""
        stopping(self.told)
        await super().shutdown(sockets)


class Crowd:
    """All connections of a server. Those that wait for a request, or for the rest of one, stand in order of silence."""

    def __init__(self, settings: "ServeSettings", *, most: int) -> None:
        self.seconds = settings.request_seconds
        """How long a request's head, and each silence after it, may take."""
        self._unfinished = settings.max_unfinished_per_address
        self._most = most
        self.waiting: dict[BoundedProtocol, None] = {}
        self.all: set[BoundedProtocol] = set()
        self._sweeping: asyncio.TimerHandle | None = None

    def admit(self, connection: "BoundedProtocol") -> None:
        """Take a connection in; when there are too many, the one that waited longest makes room."""
        self.all.add(connection)
        self.waiting[connection] = None
        if len(self.all) > self._most:
            next(iter(self.waiting)).cut()
        if self._sweeping is None:
            self._sweep(connection.loop)

    def heard(self, connection: "BoundedProtocol") -> None:
        """Put a connection last in the order of silence."""
        self.waiting.pop(connection, None)
        self.waiting[connection] = None

    def leave(self, connection: "BoundedProtocol") -> None:
        """Forget a connection."""
        self.all.discard(connection)
        self.waiting.pop(connection, None)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        unfinished: dict[str, list[BoundedProtocol]] = {}
        for connection in list(self.waiting):
            if connection.overdue(now):
                connection.cut(408)
            elif not connection.idle and now - connection.since > self.seconds * _YOUNG:
                unfinished.setdefault(connection.address, []).append(connection)
        for those in unfinished.values():
            for connection in those[: max(0, len(those) - self._unfinished)]:
                connection.cut()
        for connection in self.all - self.waiting.keys():
            connection.cut_if_unread(now)
        self._sweeping = loop.call_later(self.seconds / 15, self._sweep, loop) if self.all else None


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol over httptools, with an end to every wait for the client."""

    def __init__(self, *arguments: Any, crowd: Crowd, **named: Any) -> None:  # Any: uvicorn's own
        super().__init__(*arguments, **named)
        self._crowd = crowd
        self.since = self.loop.time()
        """When it began to wait, or last heard more of a body."""
        self.address = ""
        self.idle = False
        self._in_head = True
        self._head_ended = False
        self._head_bytes = 0
        self._unread = (0, self.since)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the parent
        """Join the others."""
        super().connection_made(transport)
        self.address = self.client[0] if self.client else ""
        self._crowd.admit(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the others."""
        self._crowd.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read; a head that grows past all bounds ends the connection."""
        was_in_head, self.idle = self._in_head, False
        if not was_in_head and not self.cycle.response_complete and self in self._crowd.waiting:
            self.since = self.loop.time()
            self._crowd.heard(self)
        self._head_ended = False
        super().data_received(data)
        # What came with the end of a head is mostly body.
        self._head_bytes += len(data) if was_in_head and not self._head_ended else 0
        if self._in_head and self._head_bytes > HEAD_BYTES:
            self.cut(431)

    def on_message_begin(self) -> None:
        """Begin to count the head: there is something of it."""
        self._in_head, self._head_bytes = True, 1
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Give the body its time."""
        self._in_head, self._head_ended, self._head_bytes = False, True, 0
        self.since = self.loop.time()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Wait no more: it is the service's turn."""
        super().on_message_complete()
        self._in_head = True
        if self.cycle is not None and not self.cycle.response_complete:
            self._crowd.waiting.pop(self, None)

    def on_response_complete(self) -> None:
        """Wait for the next request, or for what is left of this one's body."""
        super().on_response_complete()
        if self in self._crowd.all and (self.cycle is None or self.cycle.response_complete):
            self.since, self.idle = self.loop.time(), self._in_head and not self._head_bytes
            self._crowd.heard(self)

    def overdue(self, now: float) -> bool:
        """Say whether the client has had its time; where we do not read, it is not the client that is slow."""
        is_asking = self.cycle is not None and not self.cycle.response_complete and not self._in_head
        seconds = self._crowd.seconds * (_SPARE if is_asking else 1)
        return not self.flow.read_paused and now - self.since >= seconds

    def cut(self, status: int | None = None) -> None:
        """End the connection, with an answer where a request had begun and none was given."""
        if status is not None and self._in_head and self._head_bytes and not self.transport.is_closing():
            head = b"content-length: 0\r\nconnection: close\r\n\r\n"
            self.transport.write(STATUS_LINE[status] + head)
            self._crowd.waiting.pop(self, None)
            self.transport.close()
        else:
            self._crowd.leave(self)
            self.transport.abort()

    def cut_if_unread(self, now: float) -> None:
        """End the connection when its client has taken nothing of what waits for it."""
        size = self.transport.get_write_buffer_size()
        if size == 0 or size != self._unread[0]:
            self._unread = (size, now)
        elif now - self._unread[1] >= self._crowd.seconds:
            self.cut()
