"""Send a run: as a stream that every client and proxy lets through, or collected whole."""

import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Final

import anyio
from fastapi import Request
from sse_starlette.sse import EventSourceResponse, SendTimeoutError
from starlette.types import Receive, Scope, Send

from app.events import Event
from app.runs.run import Run
from app.runs.runs import Runs
from app.settings import ServeSettings
from app.wire.frames import PING, Encoder

_HEADERS: Final = {
    "Content-Type": "text/event-stream; charset=utf-8",
    # no-transform keeps compressing proxies from holding the stream back
    "Cache-Control": "no-cache, no-transform",
}
_log = logging.getLogger(__name__)


class RunStream(EventSourceResponse):
    """One reader's stream of a run."""

    def __init__(
        self,
        encoder: Encoder,
        run: Run,
        *,
        runs: Runs,
        settings: ServeSettings,
        after: int = 0,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        shutdown = anyio.Event()

        async def drain() -> None:
            await shutdown.wait()
            await runs.drain(settings.drain_seconds)

        super().__init__(
            _body(encoder, run, runs=runs, after=after),
            headers={**_HEADERS, "X-Run-Id": run.id, **(headers or {})},
            ping=settings.heartbeat_seconds,
            sep="\n",
            # sse-starlette sends bytes untouched, though its annotation names only its own event class
            ping_message_factory=lambda: PING,  # type: ignore[arg-type,return-value]
            send_timeout=settings.send_timeout_seconds,
            data_sender_callable=drain,
            shutdown_event=shutdown,
            shutdown_grace_period=settings.drain_seconds + 5,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; a client that stops reading is cut off quietly."""
        try:
            await super().__call__(scope, receive, send)
        except SendTimeoutError:
            _log.info("A client stopped reading and was cut off.")


async def _body(encoder: Encoder, run: Run, *, runs: Runs, after: int) -> AsyncGenerator[bytes, None]:
    """Yield a run's frames, without the first `after` of them."""
    with runs.reading(run):
        yield encoder.preamble
        position = 0
        async with aclosing(run.batches()) as batches:
            async for batch in batches:
                frames = [frame for event in batch for frame in encoder.frames(event)]
                fresh = frames[max(0, after - position) :]
                position += len(frames)
                if fresh:
                    yield b"".join(fresh)


async def collected(run: Run, runs: Runs, request: Request) -> Sequence[Event]:
    """Wait for a run's end and return its events; a client that leaves meanwhile stops the run."""

    async def leave() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        runs.cancel(run, "disconnect")

    with runs.reading(run):
        async with anyio.create_task_group() as group:
            group.start_soon(leave)
            async with aclosing(run.batches()) as batches:
                async for _ in batches:
                    pass
            group.cancel_scope.cancel()
    return run.recorded
