"""The HTTP servers that the application runs under: uvicorn, or granian, which passes more streams per core."""

import asyncio
import gc
import signal
import socket
from typing import TYPE_CHECKING

from vectorstore.errors import Unavailable
from vectorstore.extras import pip_install

if TYPE_CHECKING:
    from fastapi import FastAPI
    from granian.server.embed import Server

GRACE_SECONDS = 30
"""How long running answers may take to end after SIGTERM."""


def serve_with_uvicorn(application: "FastAPI", listener: socket.socket) -> None:
    """Serve on the bound socket until SIGINT or SIGTERM; streams drain themselves (`app/api/streaming.py`)."""
    import uvicorn

    _spare_the_collector()
    config = uvicorn.Config(
        application,
        log_level="warning",
        timeout_graceful_shutdown=GRACE_SECONDS,
        server_header=False,
        date_header=False,
    )
    uvicorn.Server(config).run(sockets=[listener])


def serve_with_granian(application: "FastAPI", listener: socket.socket) -> None:
    """Serve on the socket's address until SIGINT or SIGTERM, then drain; raises Unavailable without granian."""
    try:
        from granian.constants import Interfaces
        from granian.server.embed import Server
    except ImportError as error:
        raise Unavailable("The server granian is not installed.", pip_install("granian")) from error

    _spare_the_collector()
    host, port = listener.getsockname()[:2]
    listener.close()  # granian opens a socket of its own
    server = Server(
        application,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        backlog=2_048,
        backpressure=8_192,
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
