"""How long an answer takes does not tell what is hidden from a document that is not there."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.leaks.world import Caller, Library, library_at, word


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Library, Caller, TestClient]]:
    with library_at(tmp_path, 5, monkeypatch) as library:
        caller = max(library.callers[:8], key=lambda each: len(library.hidden(each)))
        with library.world.open() as client:
            yield library, caller, client


def auc(hidden: Sequence[float], none: Sequence[float]) -> float:
    """Return how often a hidden one takes longer than none: 0.5 where time does not tell (ties count half)."""
    values = sorted((value, which) for which, of in ((1, hidden), (0, none)) for value in of)
    ranks = sum(place for place, (_, which) in enumerate(values, start=1) if which)
    return (ranks - len(hidden) * (len(hidden) + 1) / 2) / (len(hidden) * len(none))


def compared(
    pairs: int,
    ask: Callable[[str], object],
    hidden: Callable[[], str],
    none: Callable[[], str],
    chance: random.Random,
) -> float:
    """Time both kinds in turn, each pair in an order of its own, so that what the machine does besides hits both alike."""
    taken: dict[bool, list[float]] = {True: [], False: []}
    for number in range(pairs + 20):
        for is_hidden in chance.sample((True, False), 2):
            what = hidden() if is_hidden else none()
            began = time.perf_counter()
            ask(what)
            if number >= 20:
                taken[is_hidden].append(time.perf_counter() - began)
    return auc(taken[True], taken[False])


def told_by_time(asked: tuple[Library, Caller, TestClient], pairs: int) -> dict[str, float]:
    library, caller, client = asked
    chance = random.Random(7)
    pages = [page for page in library.hidden(caller) if page.tenant == caller.scope.tenant]
    assert len(pages) >= 2

    def search(query: str) -> None:
        assert client.post("/v1/search", json={"query": query}, headers=caller.headers).status_code == 200

    def document(identity: str) -> None:
        assert client.get(f"/v1/documents/{identity}", headers=caller.headers).status_code == 404

    # As many invented ones as hidden ones: what is asked again is answered sooner, whichever it is.
    words = [word(chance) for _ in pages]
    ids = ["doc_" + "".join(chance.choices("0123456789abcdef", k=20)) for _ in pages]

    return {
        "a hidden hit": compared(
            pairs,
            search,
            lambda: f"code {chance.choice(pages).canary}",
            lambda: f"code {chance.choice(words)}",
            chance,
        ),
        "a hidden id": compared(
            pairs,
            document,
            lambda: chance.choice(pages).sample().document.id,
            lambda: chance.choice(ids),
            chance,
        ),
    }


def test_time_tells_little(asked: tuple[Library, Caller, TestClient]) -> None:
    """Of few pairs, on a machine that does other things as well: something gross would show."""
    for what, found in told_by_time(asked, 150).items():
        assert abs(found - 0.5) < 0.15, (what, found)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_time_tells_nothing_in_two_thousand_pairs(asked: tuple[Library, Caller, TestClient]) -> None:
    found = told_by_time(asked, 2_000)
    print(f"\nAUC of telling apart by time, 2,000 pairs each: {found}")
    assert all(abs(each - 0.5) <= 0.05 for each in found.values()), found
