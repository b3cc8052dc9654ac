"""One token of any length holds up nobody: it is read in parts, and what is too much does not go out."""

import asyncio
import contextlib
import gc
import time
from collections.abc import AsyncGenerator

import pytest

from app.events import Done, Event, Failed
from app.question import Question
from app.runs.runs import MemoryBoard, Runs
from app.settings import RunSettings, Unsupported
from app.support import ground
from app.turn.retrieve import TokenCounter
from app.turn.writing import Stopwatch, Task, Writing
from tests.app.boards import read
from tests.app.reader import Ready
from tests.app.test_writing import ASKED, LEAVE, QUESTION, Scripted, text_of


async def told(
    token: str, limits: RunSettings, unsupported: Unsupported = "mark"
) -> tuple[Runs, list[Event], float]:
    """Answer with one token; return the events and the most processor time that the loop was held for, in seconds."""

    async def turn(question: Question, run: str) -> AsyncGenerator[Event, None]:
        counter = TokenCounter("words", len)
        quoting, model = Scripted(("“Interns get 12 days.” [1]",)), Scripted((token,))
        writing = Writing(quoting, ground.check, counter, Stopwatch(), unsupported, model)
        async for event in writing.events(Task(ASKED, (LEAVE,), (), Ready())):
            yield event

    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            started = time.thread_time()
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - started)

    # What other tests left in this process is not collected meanwhile: that holds the loop too.
    gc.collect()
    gc.freeze()
    watching = asyncio.create_task(watch())
    runs = Runs(turn, MemoryBoard(limits), limits)
    run = await runs.begin(QUESTION, resumable=True)
    events = await read(runs, run)
    gc.unfreeze()
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching
    return runs, events, longest


@pytest.mark.parametrize("bit", ["[", "`", "@", "x|", "<a ", "word ", "http://a.b "])
def test_the_loop_goes_on_while_a_long_token_is_read(bit: str) -> None:
    limits = RunSettings(max_answer_chars=400_000)
    _, events, longest = asyncio.run(told(bit * (450_000 // len(bit)), limits))
    assert isinstance(events[-1], Failed)
    assert longest < 0.05


@pytest.mark.parametrize("bit", ["Pets fly. ", "[", "Hello! "])
def test_what_is_held_back_does_not_grow_without_end(bit: str) -> None:
    limits = RunSettings(max_answer_chars=100_000)
    _, events, longest = asyncio.run(told(bit * (450_000 // len(bit)), limits, "quote"))
    assert events[-1] == Done()
    assert text_of(events).endswith("\n\n“Interns get 12 days.” [1]")
    assert longest < 0.05


def test_a_token_beyond_the_limit_does_not_go_out() -> None:
    from app.events import Text

    _, events, _ = asyncio.run(told("word " * 400_000, RunSettings(max_answer_chars=100_000)))
    assert isinstance(events[-1], Failed)
    assert sum(len(event.delta) for event in events if isinstance(event, Text)) <= 100_000
