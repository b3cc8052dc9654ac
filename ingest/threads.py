"""What runs beside the embedder: reading a little ahead of it, and writing one behind."""

import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue
from typing import TypeAlias, TypeVar

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


T = TypeVar("T")

_PATIENCE = 1.0


class _End:
    pass


@contextmanager
def read_ahead(items: Iterator[T], *, at_most: int = 1) -> Iterator[Iterator[T]]:
    """Yield an iterator over the same items, of which `at_most` wait ready.

    What `items` raises is raised here. Leaving the block early stops the thread at its next item, which is
    not waited for long: Ctrl-C must not hang on a slow file, as it would with an executor's thread.
    """
    ready: SimpleQueue[T | BaseException | _End] = SimpleQueue()
    room = threading.Semaphore(at_most)
    left = threading.Event()

    def read() -> None:
        try:
            for item in items:
                room.acquire()
                if left.is_set():
                    break
                ready.put(item)
            ready.put(_End())
        except BaseException as error:  # noqa: BLE001 - carried to the consumer's thread, not swallowed
            ready.put(error)
        finally:
            if isinstance(items, Generator):
                items.close()

    def made() -> Iterator[T]:
        while not isinstance(item := ready.get(), _End):
            if isinstance(item, BaseException):
                raise item
            room.release()
            yield item

    thread = threading.Thread(target=read, name="read-ahead", daemon=True)
    thread.start()
    try:
        yield made()
    finally:
        left.set()
        room.release()
        thread.join(_PATIENCE)
