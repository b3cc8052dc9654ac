"""Send a run: as a stream that every client and proxy lets through, or collected whole.

The stream is plain ASGI: a token costs one `send`. Timers are shared by all tokens of a stream, not set for each.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Final

import anyio
from fastapi import Request, Response
from starlette.types import Receive, Scope, Send

from app.events import Event
from app.parts import ServiceSettings
from app.run import Run
from app.runs import Runs
from app.wire.frames import PING, Encoder

_HEADERS: Final = {
    "Content-Type": "text/event-stream; charset=utf-8",
    # no-transform keeps compressing proxies from holding the stream back, the other is nginx's own switch
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
}
_log = logging.getLogger(__name__)


class RunStream(Response):
    """One reader's stream of a run, with a heartbeat while there is nothing to send.

    It ends with the run, when the client leaves, or when the client has stopped reading for too long.
    """

    def __init__(
        self,
        encoder: Encoder,
        run: Run,
        *,
        runs: Runs,
        settings: ServiceSettings,
        after: int = 0,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(headers={**_HEADERS, "X-Run-Id": run.id, **(headers or {})})
        del self.headers["content-length"]
        self._frames = _frames(encoder, run, after=after)
        self._run = run
        self._runs = runs
        self._settings = settings
        self._sending_since: float | None = None
        self._sent_at = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        writing = asyncio.ensure_future(self._write(send))
        leaving = asyncio.ensure_future(_left(receive))
        watching = asyncio.get_running_loop().call_later(self._tick, self._watch, writing)
        self._watching = watching
        try:
            await asyncio.wait((writing, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._watching.cancel()
            writing.cancel()
            leaving.cancel()
            # whoever counts readers must see this one gone before the request is over
            await asyncio.wait((writing, leaving))
        if not writing.cancelled() and (error := writing.exception()) is not None:
            raise error

    @property
    def _tick(self) -> float:
        return min(self._settings.heartbeat_seconds, self._settings.send_timeout_seconds / 4)

    def _watch(self, writing: "asyncio.Future[None]") -> None:
        """Look at the stream once in a while: is a heartbeat due, or has the client stopped reading?"""
        loop = asyncio.get_running_loop()
        now = loop.time()
        if self._sending_since is None:
            if now - self._sent_at >= self._settings.heartbeat_seconds * 0.99:
                self._run.nudge()
        elif now - self._sending_since >= self._settings.send_timeout_seconds:
            _log.info("A client stopped reading and was cut off.")
            writing.cancel()
            return
        self._watching = loop.call_later(self._tick, self._watch, writing)

    async def _write(self, send: Send) -> None:
        clock = asyncio.get_running_loop().time
        with self._runs.reading(self._run):
            await send(
                {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            )
            async with aclosing(self._frames) as pieces:
                async for piece in pieces:
                    self._sending_since = clock()
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                    self._sent_at, self._sending_since = self._sending_since, None
            await send({"type": "http.response.body", "body": b""})


async def _frames(encoder: Encoder, run: Run, *, after: int) -> AsyncGenerator[bytes, None]:
    """Yield a run's frames, without the first `after` of them, and a comment when the run is nudged."""
    yield encoder.preamble
    position = 0
    async with aclosing(run.batches()) as batches:
        async for batch in batches:
            if not batch:
                yield PING
                continue
            frames = [frame for event in batch for frame in encoder.frames(event)]
            fresh = frames[max(0, after - position) :]
            position += len(frames)
            if fresh:
                yield b"".join(fresh)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def collected(run: Run, runs: Runs, request: Request) -> Sequence[Event]:
    """Wait for a run's end and return its events; a client that leaves meanwhile stops the run."""

    async def leave() -> None:
        await _left(request.receive)
        runs.cancel(run.id, "disconnect")

    with runs.reading(run):
        async with anyio.create_task_group() as group:
            group.start_soon(leave)
            async with aclosing(run.batches()) as batches:
                async for _ in batches:
                    pass
            group.cancel_scope.cancel()
    return run.recorded
