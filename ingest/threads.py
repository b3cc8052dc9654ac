"""Reads an iterator in a thread of its own, a little ahead of whoever consumes it."""

import queue
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Generic, TypeAlias, TypeVar

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


@contextmanager
def read_ahead(items: Iterator[T], *, at_most: int = 1) -> Iterator[Iterator[T]]:
    """Yield an iterator over the same items, of which `at_most` wait ready.

    What `items` raises is raised here. Leaving the block early stops the thread at its next item, which is
    not waited for long: Ctrl-C must not hang on a slow file.
    """
    reader = _Reader(items, at_most)
    thread = threading.Thread(target=reader.run, name="read-ahead", daemon=True)
    thread.start()
    try:
        yield reader.items()
    finally:
        reader.stop()
        thread.join(_PATIENCE)


class _End:
    pass


class _Reader(Generic[T]):
    def __init__(self, source: Iterator[T], at_most: int) -> None:
        self._source = source
        self._ready: queue.Queue[T | BaseException | _End] = queue.Queue(at_most)
        self._stopped = threading.Event()

    def run(self) -> None:
        try:
            for item in self._source:
                self._put(item)
                if self._stopped.is_set():
                    return
            self._put(_End())
        except BaseException as error:  # noqa: BLE001 - carried to the consumer's thread, not swallowed
            self._put(error)
        finally:
            if isinstance(self._source, Generator):
                self._source.close()

    def _put(self, item: T | BaseException | _End) -> None:
        while not self._stopped.is_set():
            try:
                self._ready.put(item, timeout=0.1)
                return
            except queue.Full:
                continue

    def items(self) -> Iterator[T]:
        while not isinstance(item := self._ready.get(), _End):
            if isinstance(item, BaseException):
                raise item
            yield item

    def stop(self) -> None:
        self._stopped.set()
