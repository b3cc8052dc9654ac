"""Drift, topics and shares of live questions on made-up vectors; real questions are in the slow test at the end."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import monitor as simulation
from benchmarks.kept_vectors import KeptVectors
from eval.live import topics
from eval.live.drift import FEWEST, Questions, drift
from eval.live.shares import FEWEST_PEOPLE, differences, line, wilson
from eval.live.topics import groups
from tests.eval.live import runs_of
from vectorstore.settings import DEFAULT_EMBEDDER

DIMENSION = 24


def about(topic: int, count: int, random: np.random.Generator, *, spread: float = 0.6) -> np.ndarray:
    """Return unit vectors around one of several directions."""
    vectors = random.normal(size=(count, DIMENSION)) * spread / np.sqrt(DIMENSION)
    vectors[:, topic] += 1
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def week(
    topics: list[int], random: np.random.Generator, prefix: str, *, conversations: int = 60
) -> Questions:
    """Return conversations of three questions each, all of one about nearly the same."""
    vectors, units = [], []
    for place in range(conversations):
        first = about(int(random.choice(topics)), 1, random)
        vectors.append(first + 0.02 * random.normal(size=(3, DIMENSION)).astype(np.float32))
        units += [f"{prefix}{place}"] * 3
    every = np.concatenate(vectors)
    return Questions(every / np.linalg.norm(every, axis=1, keepdims=True), tuple(units))


def test_without_a_change_conversations_raise_few_alarms_and_single_questions_would_raise_many() -> None:
    together = alone = 0
    for seed in range(40):
        random = np.random.default_rng(seed)
        now, before = week([*range(8)], random, "n"), week([*range(8)], random, "b")
        together += (drift(now, before, permutations=199).p or 1) <= 0.05
        single = [
            Questions(each.vectors, tuple(f"{name}{at}" for at, name in enumerate(each.units)))
            for each in (now, before)
        ]
        alone += (drift(*single, permutations=199).p or 1) <= 0.05
    assert together <= 6  # of 40 at .05, in 1.4 % of all sets of seeds more
    assert alone >= 20


def test_a_new_topic_is_found_and_its_questions_stand_out() -> None:
    random = np.random.default_rng(1)
    before = week([*range(8)], random, "b")
    old, new = week([*range(8)], random, "n", conversations=48), week([19], random, "o", conversations=12)
    found = drift(
        Questions(np.concatenate([old.vectors, new.vectors]), old.units + new.units), before, permutations=199
    )
    assert found.p is not None
    assert found.p <= 0.03
    assert np.mean(found.new[: len(old.units)]) < 0.2
    assert np.mean(found.new[len(old.units) :]) > 0.9


def test_with_few_people_nothing_is_tested() -> None:
    random = np.random.default_rng(2)
    few = week([0], random, "n", conversations=FEWEST - 1)
    found = drift(few, week([1], random, "b"))
    assert (found.p, found.units) == (None, (FEWEST - 1, 60))
    assert len(found.new) == len(few.units)


def test_a_planted_topic_comes_first_and_one_that_few_people_asked_about_is_not_shown() -> None:
    random = np.random.default_rng(3)
    scattered = np.concatenate([about(topic, 1, random, spread=0.4) for topic in range(12)])
    planted, whispered = about(20, 5, random, spread=0.5), about(22, 6, random, spread=0.5)
    vectors = np.concatenate([scattered, planted, whispered])
    units = [f"p{place}" for place in range(17)] + ["one", "one", "one", "two", "two", "two"]
    new = [False] * 12 + [True] * 5 + [True] * 6
    found = groups(vectors, units, new, vectors[:0], least=3)
    assert set(found[0].places) == set(range(12, 17))
    assert (found[0].people, found[0].new, found[0].share) == (5, 1.0, 1.0)
    assert all(place < 17 for group in found for place in group.places)
    assert groups(vectors[:2], units[:2], new[:2], vectors[2:], least=3) == []


def test_of_too_many_the_newest_are_grouped_and_named_by_their_own_places(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    random = np.random.default_rng(3)
    vectors = np.concatenate([about(1, 6, random), about(5, 4, random), about(9, 4, random)])
    monkeypatch.setattr(topics, "MOST", 8)
    found = groups(vectors, [f"p{n}" for n in range(14)], [False] * 14, vectors[:0], least=3)
    assert {frozenset(group.places) for group in found} == {frozenset(range(6, 10)), frozenset(range(10, 14))}


def test_what_is_often_answered_weighs_less() -> None:
    random = np.random.default_rng(4)
    answered = np.concatenate([about(topic, 12, random, spread=0.5) for topic in (1, 2, 3, 4, 5)])
    unanswered = np.concatenate([about(5, 4, random, spread=0.5), about(7, 4, random, spread=0.5)])
    found = groups(unanswered, [f"p{n}" for n in range(8)], [False] * 8, answered, least=3)
    assert set(found[0].places) == {4, 5, 6, 7}
    assert found[1].share < 0.5 < found[0].share


def test_an_interval_is_wilson_s_and_wider_where_few_people_ask_much() -> None:
    assert wilson(0.1, 100) == pytest.approx((0.0552, 0.1744), abs=1e-4)  # Newcombe 1998, method 3
    many = line("", runs_of(100, outcome=lambda n: "refused" if n % 5 == 0 else "answered")).shares["refused"]
    few = line("", runs_of(100, people=10, outcome=lambda n: "refused" if n % 10 < 2 else "answered"))
    assert (many.value, many.of, many.people) == (0.2, 100, 100)
    assert few.shares["refused"].value == 0.2
    assert few.shares["refused"].high - few.shares["refused"].low > 2 * (many.high - many.low)


def test_a_difference_is_named_where_chance_is_not_enough_and_counted_for_all_that_were_looked_at() -> None:
    usual = runs_of(120, outcome=lambda n: "refused" if n % 10 == 0 else "answered")
    worse = runs_of(40, prefix="w", outcome=lambda n: "refused" if n % 2 == 0 else "answered")
    alike = runs_of(40, prefix="a", outcome=lambda n: "refused" if n % 8 == 0 else "answered")
    pairs = {"sales": (worse, usual), "support": (alike, usual)}
    (found,) = differences(pairs, alpha=0.03)
    assert (found.name, found.kind, found.is_worse) == ("sales", "refused", True)
    (alone,) = differences({"sales": pairs["sales"]}, alpha=0.03)
    assert alone.p <= found.p
    small = runs_of(FEWEST_PEOPLE - 1, prefix="s", outcome=lambda n: "refused")
    assert differences({"two": (small, usual)}, alpha=0.03) == []


def test_times_and_unsupported_sentences_are_summed_up() -> None:
    found = line(
        "x", runs_of(20, sentences=4, supported=3, outcome=lambda n: "failed" if n == 0 else "answered")
    )
    assert found.shares["unsupported"].value == 0.25
    assert found.shares["failed"].value == 0.05
    assert found.first_ms == (500.0, 500.0)
    assert "rated down" not in found.shares


@pytest.mark.filterwarnings("error")
def test_of_one_person_a_share_is_told_as_of_one_observation() -> None:
    found = line("x", runs_of(8, people=1, outcome=lambda n: "refused" if n % 2 else "answered"))
    share = found.shares["refused"]
    assert (share.value, share.people) == (0.5, 1)
    assert (share.low, share.high) == wilson(0.5, 1)


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_weeks_of_real_questions(shared_data: Path, tmp_path: Path) -> None:
    """The promises of docs/monitor.md; `python -m benchmarks.monitor` has the full counts."""
    pairs = simulation.reported_on(shared_data, KeptVectors(tmp_path, DEFAULT_EMBEDDER))
    found = simulation.measured(pairs, still=300, changed=50)
    for name, (hits, of) in found.items():
        if name.startswith("nothing changed"):
            assert hits / of <= 0.05, name
        elif not name.endswith(("CLAPnq", "Warsaw")):  # no topic of its own; one as wide as the rest
            assert hits / of >= 0.8, name
