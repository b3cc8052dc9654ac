"""What holds for both HTTP servers, and granian, which passes more streams per core; `app/http/uvicorn_server.py` is the other."""

import asyncio
import contextlib
import gc
import logging
import os
import resource
import signal
import socket
import sys
from typing import TYPE_CHECKING, Final

from vectorstore.errors import Unavailable, pip_install
from vectorstore.telemetry.logs import tell

if TYPE_CHECKING:
    from fastapi import FastAPI
    from granian.server.embed import Server

    from app.settings import ServeSettings

_log = logging.getLogger(__name__)
HEAD_BYTES: Final = 65_536
"""The longest head of a request: its first line and all its headers."""


def affordable(wanted: int) -> int:
    """Return how many of the wanted connections there are file descriptors for, after raising the soft limit.

    Some stay free for what the process opens meanwhile, so that no request fails for want of one.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY:
        with contextlib.suppress(ValueError, OSError):  # macOS refuses its own hard limit
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
    if soft == resource.RLIM_INFINITY:
        return wanted
    free = soft - len(os.listdir("/dev/fd"))  # noqa: PTH208 - names are all that is wanted
    return max(1, min(wanted, free - min(256, free // 2)))


def serve_with_granian(application: "FastAPI", listener: socket.socket, settings: "ServeSettings") -> None:
    """Serve on the socket's address until SIGINT, SIGTERM or SIGHUP, then drain; raises Unavailable without granian.

    granian ends a head that does not come, but counts no connections by address and makes no room: when there are
    as many as it may have, others wait for one to end.
    """
    try:
        from granian.constants import HTTPModes, Interfaces
        from granian.http import HTTP1Settings
        from granian.log import LogLevels
        from granian.server.embed import Server
    except ImportError as error:
        raise Unavailable("The server granian is not installed.", pip_install("granian")) from error

    # Each start would be told that granian calls this way of running it experimental.
    logging.getLogger("_granian").addFilter(lambda record: "experimental" not in record.getMessage())
    prepare()
    host, port = listener.getsockname()[:2]
    listener.close()  # granian opens a socket of its own
    server = Server(
        application,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        backlog=2_048,
        backpressure=affordable(settings.max_connections),
        # In its other mode it waits without end for the bytes that tell the versions apart.
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(
            header_read_timeout=int(settings.request_seconds * 1_000), max_buffer_size=HEAD_BYTES
        ),
        websockets=False,
        # Its lines go where all others go, and requests are logged at the door.
        log_level=LogLevels.warning,
        log_dictconfig={"incremental": True, "handlers": {}, "loggers": {}},
    )
    asyncio.run(_until_stopped(server, application))


def prepare() -> None:
    """Make the process ready to serve, under whichever server."""
    _spare_the_collector()
    # uvicorn sends itself the signal again when it has ended: what the process holds is still to be closed, and all is well.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        # A terminal that goes away is an order to end in good order; under nohup it is none.
        signal.signal(signal.SIGHUP, lambda _number, _frame: signal.raise_signal(signal.SIGTERM))


def _spare_the_collector() -> None:
    """Keep the collector of cycles away from what lives as long as the process, and from what is remembered later.

    A full collection walks all of it, and every stream stands still meanwhile; of what outlives the collections of
    the young next to nothing is a cycle.
    """
    gc.collect()
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, 1_000)


def stopping(told: signal.Signals) -> None:
    """Log that the process was told to stop, and by what; never from a handler of signals."""
    tell(_log, "Footnote stops", reason=told.name)


def _stop(told: signal.Signals, stopped: asyncio.Event) -> None:
    stopping(told)
    stopped.set()


async def _until_stopped(server: "Server", application: "FastAPI") -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _stop, number, stopped)
    serving = asyncio.create_task(server.serve())
    waiting = asyncio.create_task(stopped.wait())
    await asyncio.wait([serving, waiting], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    service = application.state.service
    await application.state.runs.drain(service.settings.serve.drain_seconds)
    server.stop()  # type: ignore[no-untyped-call]
    await serving
