"""Send a run or the progress of work: as a stream that every client and proxy lets through; a run also whole."""

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from typing import Any, Final, TypeAlias

import anyio
from fastapi import Request
from sse_starlette.sse import EventSourceResponse, SendTimeoutError
from starlette.types import Receive, Scope, Send

from app.events import Event
from app.problems import problem_details, problem_of
from app.runs.run import Run
from app.runs.runs import Runs
from app.settings import ServeSettings
from app.wire.frames import PING, Encoder, data
from vectorstore.errors import FootnoteError

_HEADERS: Final = {
    "Content-Type": "text/event-stream; charset=utf-8",
    # no-transform keeps compressing proxies from holding the stream back
    "Cache-Control": "no-cache, no-transform",
}
_log = logging.getLogger(__name__)


class _Stream(EventSourceResponse):
    """A stream that is kept open while it is quiet, and cut off quietly where its reader takes nothing any more."""

    def __init__(
        self,
        body: AsyncGenerator[bytes, None],
        *,
        settings: ServeSettings,
        headers: Mapping[str, str] | None = None,
        **more: Any,  # Any: passed on
    ) -> None:
        super().__init__(
            body,
            headers={**_HEADERS, **(headers or {})},
            ping=settings.heartbeat_seconds,
            sep="\n",
            # sse-starlette sends bytes untouched, though its annotation names only its own event class
            ping_message_factory=lambda: PING,  # type: ignore[arg-type,return-value]
            send_timeout=settings.send_timeout_seconds,
            **more,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; a client that stops reading is cut off quietly."""
        try:
            await super().__call__(scope, receive, send)
        except SendTimeoutError:
            _log.info("A client stopped reading and was cut off.")


class RunStream(_Stream):
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
            settings=settings,
            headers={"X-Run-Id": run.id, **(headers or {})},
            data_sender_callable=drain,
            shutdown_event=shutdown,
            shutdown_grace_period=settings.drain_seconds + 5,
        )


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


Say: TypeAlias = Callable[[object], None]


async def work_stream(work: Callable[[Say], None], *, settings: ServeSettings) -> EventSourceResponse:
    """Do work in a thread of its own, and stream what it says as JSON.

    What it raises before its first word is raised here; later it is the stream's last word. When the reader leaves,
    the work goes on to its end. What it says is kept until it is read, so it must be of bounded length.
    """
    said = _said(work)
    first = await anext(said)

    async def body() -> AsyncGenerator[bytes, None]:
        yield data(first)
        try:
            async for each in said:
                yield data(each)
        except FootnoteError as error:
            yield data({"type": "error", **problem_details(problem_of(error))})

    return _Stream(body(), settings=settings)


async def _said(work: Callable[[Say], None]) -> AsyncGenerator[object, None]:
    loop = asyncio.get_running_loop()
    said: asyncio.Queue[tuple[object, Exception | None, bool]] = asyncio.Queue()

    def put(value: object = None, error: Exception | None = None, *, is_last: bool = False) -> None:
        # A loop that is closed has nobody left who listens.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(said.put_nowait, (value, error, is_last))

    def run() -> None:
        try:
            work(put)
            put(is_last=True)
        except Exception as error:  # noqa: BLE001 - carried to the reader, not swallowed
            put(error=error)

    threading.Thread(target=run, name="work").start()
    while True:
        value, error, is_last = await said.get()
        if error is not None:
            raise error
        if is_last:
            return
        yield value


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
