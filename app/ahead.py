"""Begins a stream of events before it is known whether anyone may see it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from types import TracebackType
from typing import Self

from app.events import Event


class Ahead:
    """Holds a stream's first event back; leaving the block closes the stream and whatever is upstream of it.

    Only the first event is waited for in a task of its own: the others come as they are asked for.
    """

    def __init__(self) -> None:
        self._stream: AsyncGenerator[Event, None] | None = None
        self._first: asyncio.Task[Event | None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def started(self) -> bool:
        """Say whether a stream has begun."""
        return self._stream is not None

    def start(self, stream: AsyncGenerator[Event, None]) -> None:
        """Begin; the first event is asked for at once."""
        self._stream = stream
        self._first = asyncio.create_task(_first(stream))

    async def events(self) -> AsyncGenerator[Event, None]:
        """Yield what the stream yields; raises what it raises."""
        stream, first = self._stream, self._first
        if stream is None or first is None:
            return
        async with aclosing(stream):
            event = await first
            self._first = None
            if event is None:
                return
            yield event
            async for event in stream:
                yield event

    async def stop(self) -> None:
        """Close the stream; what its first step came to is nobody's business any more."""
        first, self._first = self._first, None
        if first is not None:
            first.cancel()
            await asyncio.wait([first])
            if not first.cancelled():
                first.exception()
        if self._stream is not None:
            await self._stream.aclose()


async def _first(stream: AsyncGenerator[Event, None]) -> Event | None:
    return await anext(stream, None)
