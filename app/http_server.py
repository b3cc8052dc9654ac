"""The HTTP servers that the application runs under: uvicorn, or granian, which passes more streams per core."""

import asyncio
import gc
import signal
import socket
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from app.connections import HEAD_BYTES, BoundedProtocol, ConnectionLimits, Crowd, affordable
from vectorstore.errors import Unavailable

if TYPE_CHECKING:
    from fastapi import FastAPI
    from granian.server.embed import Server

GRACE_SECONDS = 30
"""How long running answers may take to end after SIGTERM."""
_LIMITS: Final = ConnectionLimits()


def serve_with_uvicorn(
    application: "FastAPI", listener: socket.socket, limits: ConnectionLimits = _LIMITS
) -> None:
    """Serve on the bound socket until SIGINT, SIGTERM or SIGHUP; streams drain themselves (`app/api/streaming.py`)."""
    import uvicorn

    _spare_the_collector()
    _end_when_hung_up()
    crowd = Crowd(replace(limits, most=affordable(limits.most)))
    config = uvicorn.Config(
        application,
        http=cast(
            "Any", partial(BoundedProtocol, crowd=crowd)
        ),  # Any: it asks for a class, and only calls it
        ws="none",
        log_level="warning",
        timeout_graceful_shutdown=GRACE_SECONDS,
        server_header=False,
        date_header=False,
    )
    uvicorn.Server(config).run(sockets=[listener])


def serve_with_granian(
    application: "FastAPI", listener: socket.socket, limits: ConnectionLimits = _LIMITS
) -> None:
    """Serve on the socket's address until SIGINT, SIGTERM or SIGHUP, then drain; raises Unavailable without granian.

    granian ends a head that does not come, but counts no connections by address and makes no room: when there are
    as many as it may have, others wait for one to end.
    """
    try:
        from granian.constants import HTTPModes, Interfaces
        from granian.http import HTTP1Settings
        from granian.server.embed import Server
    except ImportError as error:
        raise Unavailable(
            "The server granian is not installed.", "pip install 'footnote[granian]'"
        ) from error

    _spare_the_collector()
    _end_when_hung_up()
    host, port = listener.getsockname()[:2]
    listener.close()  # granian opens a socket of its own
    server = Server(
        application,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        backlog=2_048,
        backpressure=affordable(limits.most),
        # In its other mode it waits without end for the bytes that tell the versions apart.
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(
            header_read_timeout=int(limits.seconds * 1_000), max_buffer_size=HEAD_BYTES
        ),
        websockets=False,
        log_enabled=False,
    )
    asyncio.run(_until_stopped(server, application))


def _spare_the_collector() -> None:
    """Keep the collector of cycles away from what lives as long as the process, and from what is remembered later.

    A full collection walks all of it, and every stream stands still meanwhile; of what outlives the collections of
    the young next to nothing is a cycle.
    """
    gc.collect()
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, 1_000)


def _end_when_hung_up() -> None:
    """Take a terminal that goes away as an order to end in good order, unless it is to be ignored (nohup)."""
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda _number, _frame: signal.raise_signal(signal.SIGTERM))


async def _until_stopped(server: "Server", application: "FastAPI") -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    serving = asyncio.create_task(server.serve())
    waiting = asyncio.create_task(stopped.wait())
    await asyncio.wait([serving, waiting], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    service = application.state.service
    await application.state.runs.drain(service.settings.drain_seconds)
    server.stop()  # type: ignore[no-untyped-call]
    await serving
