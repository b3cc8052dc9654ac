"""Server-sent events cut out of bytes, and the one timer of a stream."""

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.answer.exchange import Lines
from app.answer.openai_compatible import Alarm


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


WHOLE = 'data: {"a": "ä\u2028"}\r\n\r\n: ping\n\ndata:{"b": 2}\n\nevent: x\ndata: last'.encode()


@given(st.lists(st.integers(0, len(WHOLE)), max_size=8))
def test_any_cuts_give_the_same_data(cuts: list[int]) -> None:
    lines, places = Lines(), [0, *sorted(cuts), len(WHOLE)]
    found = [data for start, end in pairwise(places) for data in lines.feed(WHOLE[start:end])]
    assert [*found, *lines.finish()] == ['{"a": "ä\u2028"}', '{"b": 2}', "last"]
    assert lines.done


def test_nothing_counts_after_the_agreed_end() -> None:
    lines = Lines()
    assert list(lines.feed(b"data: 1\n\ndata: [DONE]\n\ndata: 2\n\n")) == ["1"]
    assert lines.done


@pytest.mark.anyio
async def test_an_alarm_that_is_moved_rings_at_its_last_time_only() -> None:
    loop = asyncio.get_running_loop()
    with Alarm() as alarm:
        for _ in range(3):
            await alarm.wait(asyncio.sleep(0.01), loop.time() + 30)
        began = loop.time()
        with pytest.raises(TimeoutError):
            await alarm.wait(asyncio.Event().wait(), began + 0.05)
        assert loop.time() - began > 0.04
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


@pytest.mark.anyio
async def test_an_alarm_lets_a_cancellation_through() -> None:
    async def waits() -> None:
        with Alarm() as alarm:
            await alarm.wait(asyncio.Event().wait(), asyncio.get_running_loop().time() + 60)

    task = asyncio.create_task(waits())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
