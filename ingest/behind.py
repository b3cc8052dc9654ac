"""Runs tasks one after another in a thread of its own, so that whoever hands them over is already at the next."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeAlias

Task: TypeAlias = Callable[[], None]


@contextmanager
def one_behind() -> Iterator[Callable[[Task], None]]:
    """Yield a function that starts a task once the one before it is done; the block ends when the last one is.

    What a task raises is raised by the next call or at the end of the block.
    """
    last: Future[None] | None = None

    with ThreadPoolExecutor(1, thread_name_prefix="behind") as thread:

        def start(task: Task) -> None:
            nonlocal last
            before, last = last, None
            if before is not None:
                before.result()
            last = thread.submit(task)

        yield start
        if last is not None:
            last.result()
