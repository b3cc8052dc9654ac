"""Tasks run one behind the other in a thread, and what they raise is not lost."""

import threading
from contextlib import suppress

import pytest

from ingest.pipeline import one_behind


def test_tasks_run_in_order_while_the_next_is_made_ready() -> None:
    ran, may_end = [], threading.Event()

    def first() -> None:
        assert may_end.wait(5)
        ran.append(1)

    with one_behind() as start:
        start(first)
        assert ran == []
        may_end.set()
        start(lambda: ran.append(2))
        assert ran[0] == 1
    assert ran == [1, 2]


def _fail() -> None:
    raise ValueError("broken")


def test_an_error_is_raised_by_the_next_call() -> None:
    ran: list[int] = []
    with one_behind() as start:
        start(_fail)
        with pytest.raises(ValueError, match="broken"):
            start(lambda: ran.append(2))
        assert ran == []
        start(lambda: ran.append(3))
    assert ran == [3]


def test_an_error_of_the_last_is_raised_at_the_end() -> None:
    with pytest.raises(ValueError, match="broken"), one_behind() as start:
        start(_fail)


def test_leaving_early_waits_for_the_task_under_way() -> None:
    ran, under_way, may_end = [], threading.Event(), threading.Event()

    def task() -> None:
        under_way.set()
        assert may_end.wait(5)
        ran.append(1)

    with suppress(KeyboardInterrupt), one_behind() as start:
        start(task)
        assert under_way.wait(5)
        threading.Timer(0.05, may_end.set).start()
        raise KeyboardInterrupt
    assert ran == [1]
