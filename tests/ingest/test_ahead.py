"""Reading ahead keeps the order, raises what was raised, and stops when nobody listens."""

import threading
from collections.abc import Iterator

import pytest

from ingest.pipeline import read_ahead


def test_items_come_in_order() -> None:
    with read_ahead(iter(range(100))) as items:
        assert list(items) == list(range(100))


def test_only_so_many_are_made_ahead() -> None:
    made, third = [], threading.Event()

    def make() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            if number == 2:
                third.set()
            yield number

    with read_ahead(make(), at_most=1) as items:
        assert next(items) == 0
        assert third.wait(5)
        assert len(made) <= 4


def test_error_is_raised_where_the_items_are_used() -> None:
    def make() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    with read_ahead(make()) as items:
        assert next(items) == 1
        with pytest.raises(ValueError, match="broken"):
            next(items)


def test_leaving_early_closes_the_source() -> None:
    closed = threading.Event()

    def make() -> Iterator[int]:
        try:
            yield from range(1_000_000)
        finally:
            closed.set()

    with read_ahead(make()) as items:
        next(items)
    assert closed.wait(5)
