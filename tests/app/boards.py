"""Every kind of board, for tests of what any board must do. Another kind is held to it by a line in `KINDS`."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import pytest

from app.events import Event
from app.runs.redis_board import RedisBoard
from app.runs.redis_format import Timing
from app.runs.run import Run
from app.runs.runs import Board, MemoryBoard, OnEnd, Runs, TurnFunction
from app.settings import RunSettings
from tests.fakes.redis_server import redis_server

QUICK = Timing(beat=0.1, alive=3.0, wait=0.1, gather=0.005, retry=0.1)
"""A process that a busy machine holds up for a second or two is not dead."""

NewBoard = Callable[[RunSettings], Board]


def redis_board(url: str, settings: RunSettings) -> Board:
    return RedisBoard(settings.model_copy(update={"runs_url": url}), timing=QUICK)


class Boards:
    """One kind of board, at which two processes sit; in memory, both are the same."""

    def __init__(self, new: NewBoard, *, is_shared: bool) -> None:
        self.is_shared = is_shared
        self._new = new
        self._stack = AsyncExitStack()

    async def open(
        self,
        turn: TurnFunction,
        *,
        settings: RunSettings | None = None,
        on_end: OnEnd | None = None,
    ) -> tuple[Runs, Runs]:
        """Return the process that is asked and another that can find its runs, until the test is over."""
        settings = settings or RunSettings()
        pair = []
        for _ in range(2 if self.is_shared else 1):
            runs = Runs(turn, self._new(settings), settings, on_end=on_end)
            await runs.board.open()
            self._stack.push_async_callback(runs.board.close)
            self._stack.push_async_callback(runs.drain, 0)
            pair.append(runs)
        return pair[0], pair[-1]

    def together(self, test: Callable[[], Awaitable[None]]) -> None:
        """Run a test on a loop of its own and see that it leaves no task behind."""

        async def main() -> None:
            async with self._stack:
                await asyncio.wait_for(test(), 30)
            left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            assert left == []

        asyncio.run(main())


def _in_memory(_: ExitStack, __: Path) -> NewBoard:
    return MemoryBoard


def _in_redis(stack: ExitStack, folder: Path) -> NewBoard:
    server = stack.enter_context(redis_server(folder))
    return lambda settings: redis_board(server.url, settings)


KINDS: Mapping[str, tuple[Callable[[ExitStack, Path], NewBoard], bool]] = {
    "memory": (_in_memory, False),
    "redis": (_in_redis, True),
}


@pytest.fixture(scope="module", params=KINDS)
def boards(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Boards]:
    make, is_shared = KINDS[request.param]
    with ExitStack() as stack:
        yield Boards(make(stack, tmp_path_factory.mktemp("board")), is_shared=is_shared)


async def read(runs: Runs, run: Run, after: int = 0) -> list[Event]:
    """Return the events after number `after`, read as clients do."""
    with runs.reading(run):
        return [event async for batch in run.batches(after) for event in batch]


async def begun(run: Run, events: int = 1) -> None:
    """Wait until so many events are there."""
    count = 0
    async for batch in run.batches():
        count += len(batch)
        if count >= events:
            return
