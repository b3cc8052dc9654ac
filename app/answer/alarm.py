"""One timer for a whole stream: `asyncio.timeout` around every read costs more than the read."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self


class Alarm:
    """Raises TimeoutError in whoever waits past what is set. The timer is moved only when it rings too early."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._waiting: asyncio.Task[object] | None = None
        self._rung = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()

    @contextmanager
    def set(self, due: float) -> Iterator[None]:
        """Give what is awaited in the block until `due`, in the event loop's time."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - only a task can be cancelled
        before = task.cancelling()
        self._due, self._waiting = due, task
        if self._timer is None or due < self._timer.when():
            self._start()
        try:
            yield
        except asyncio.CancelledError as error:
            if self._rung and task.uncancel() <= before:
                raise TimeoutError from error
            raise
        finally:
            self._waiting = None

    def _start(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._due, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._waiting is None:
            return
        if self._loop.time() < self._due:
            self._start()
            return
        self._rung = True
        self._waiting.cancel()
