"""A stream that begins before anyone may see it."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from app.answer.answerer import ModelFailure
from app.events import Event, Text
from app.turn.writing import Ahead


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Recorded:
    """A stream of two texts that tells how far it came; the first waits until it may go."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.may_go = asyncio.Event()
        self.closed = False

    async def stream(self) -> AsyncGenerator[Event, None]:
        self.begun.set()
        try:
            await self.may_go.wait()
            yield Text("one")
            yield Text("two")
        finally:
            self.closed = True


@pytest.mark.anyio
async def test_the_stream_begins_before_it_is_asked_for_and_loses_nothing() -> None:
    recorded = Recorded()
    async with Ahead() as ahead:
        ahead.start(recorded.stream())
        await recorded.begun.wait()
        recorded.may_go.set()
        assert [event async for event in ahead.events()] == [Text("one"), Text("two")]
    assert recorded.closed


@pytest.mark.anyio
@pytest.mark.parametrize("waits", [True, False])
async def test_a_stream_that_nobody_may_see_is_closed(waits: bool) -> None:
    recorded = Recorded()
    async with Ahead() as ahead:
        ahead.start(recorded.stream())
        await recorded.begun.wait()
        if not waits:
            recorded.may_go.set()
            await asyncio.sleep(0)
        await ahead.stop()
        assert recorded.closed
        assert [event async for event in ahead.events()] == []


@pytest.mark.anyio
async def test_a_failure_before_the_decision_comes_after_it() -> None:
    async def broken() -> AsyncGenerator[Event, None]:
        raise ModelFailure("model_timeout", "Too slow.")
        yield Text("never")

    async with Ahead() as ahead:
        ahead.start(broken())
        await asyncio.sleep(0)
        with pytest.raises(ModelFailure):
            [event async for event in ahead.events()]


@pytest.mark.anyio
async def test_cancelling_whoever_waits_closes_the_stream() -> None:
    recorded = Recorded()

    async def turn() -> None:
        async with Ahead() as ahead:
            ahead.start(recorded.stream())
            async for _ in ahead.events():
                pass

    task = asyncio.create_task(turn())
    await recorded.begun.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert recorded.closed
