"""The queue is fair: tenant after tenant, of each owner after owner, and no place is ever lost."""

import asyncio
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.runs.places import Places

WAITERS = st.lists(st.tuples(st.sampled_from("ABCD"), st.sampled_from("xyz")), max_size=24)


async def waiting(places: Places, name: tuple[str, str], served: list[tuple[str, str]]) -> None:
    async with places.place(*name, seconds=30):
        served.append(name)
        await asyncio.sleep(0)


async def served_in_order(names: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Let all wait behind one who holds the only place, and return the order in which they are served."""
    places, served = Places(1), []
    async with places.place("first", "first", seconds=1):
        tasks = [asyncio.create_task(waiting(places, name, served)) for name in names]
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    return served


@given(names=WAITERS)
def test_nobody_waits_for_more_than_one_of_each_other_tenant(names: list[tuple[str, str]]) -> None:
    served = asyncio.run(served_in_order(names))
    assert sorted(served) == sorted(names)
    tenants = [tenant for tenant, _ in served]
    for tenant in set(tenants):
        own = [place for place, each in enumerate(tenants) if each == tenant]
        for before, after in zip([-1, *own], own, strict=False):
            between = Counter(tenants[before + 1 : after])
            assert max(between.values(), default=0) <= 1, served
    for tenant in set(tenants):
        owners = [owner for each, owner in served if each == tenant]
        for owner in set(owners):
            own = [place for place, each in enumerate(owners) if each == owner]
            for before, after in zip([-1, *own], own, strict=False):
                assert max(Counter(owners[before + 1 : after]).values(), default=0) <= 1, served


def test_one_question_is_not_delayed_by_another_tenants_250() -> None:
    names = [("big", f"owner{number % 3}") for number in range(250)] + [("small", "anna")]
    assert asyncio.run(served_in_order(names)).index(("small", "anna")) <= 1


@given(
    count=st.integers(1, 3),
    steps=st.lists(st.tuples(st.sampled_from("ABC"), st.sampled_from(["wait", "leave", "end", "step"])), max_size=40),
)  # fmt: skip
def test_places_are_neither_lost_nor_doubled_whoever_leaves_when(
    count: int, steps: list[tuple[str, str]]
) -> None:
    async def test() -> None:
        places, inside = Places(count), 0
        running: list[tuple[asyncio.Task[None], asyncio.Event]] = []

        async def visit(tenant: str, over: asyncio.Event) -> None:
            nonlocal inside
            async with places.place(tenant, "x", seconds=30):
                inside += 1
                assert inside <= count
                try:
                    await over.wait()
                finally:
                    inside -= 1

        for tenant, step in steps:
            if step == "wait":
                over = asyncio.Event()
                running.append((asyncio.create_task(visit(tenant, over)), over))
            elif step == "leave" and running:
                running[len(running) // 2][0].cancel()
            elif step == "end" and running:
                running[0][1].set()
            else:
                await asyncio.sleep(0)
        for _, over in running:
            over.set()
        await asyncio.gather(*(task for task, _ in running), return_exceptions=True)
        assert inside == 0
        async with asyncio.timeout(5):
            held = [places.place("z", "z", seconds=1) for _ in range(count)]
            for each in held:
                await each.__aenter__()

    asyncio.run(test())


def test_who_waits_too_long_leaves_the_queue() -> None:
    async def test() -> None:
        places = Places(1)
        async with places.place("a", "x", seconds=1):
            with pytest.raises(TimeoutError):
                async with places.place("b", "x", seconds=0.01):
                    pass
        async with places.place("b", "x", seconds=0.01):
            pass

    asyncio.run(test())
