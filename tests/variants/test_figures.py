"""What is told of a variant is what the records hold: by user, with plain words, in SQLite and in PostgreSQL."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, select

from app.events import Done, Failed, Started, Text
from app.identity.grant import person_id
from app.question import Question
from app.runs.measured import Measured
from app.runs.record_tables import explained, feedback, measures, runs, trials
from app.runs.records import Records, records_url
from app.runs.trials import Trials
from app.variants.definition import Changes
from app.variants.figures import Report, report
from app.variants.standing import Variant
from tests.state import state  # noqa: F401 - a fixture
from vectorstore.state.cell import State
from vectorstore.types import Scope

BEGAN = datetime.now(UTC) - timedelta(minutes=1)
BIG = Variant(name="big", changes=Changes(values={"top_k": "30"}), share=0.5, started=BEGAN)
DARK = BIG.model_copy(update={"name": "dark", "shadow": True})


class Kept:
    """Records that are written as the service writes them."""

    def __init__(self, records: Records) -> None:
        self.records, self.trials, self.count = records, Trials(records), 0

    def add(
        self, user: str, variant: str = "", *, outcome: Any = "answered", rating: Any = "", **more: Any
    ) -> str:
        self.count += 1
        run, owner = f"run_{self.count}", person_id("default", user)
        question = Question("How much?", Scope(), top_k=5, conversation=f"conv_{user}", variant=variant)
        end = Failed("model_unavailable", "") if outcome == "failed" else Done(outcome=outcome)
        figures = Measured(
            outcome, variant=variant, **{"sentences": 2, "supported": 2, "total_ms": 9.0} | more
        )
        self.records.add(
            run, question, owner, [Started(run, "", "m", 0.0, ""), Text("Words."), end], figures=figures
        )
        if rating:
            self.records.rate(run, owner=owner, rating=rating)
        return run


@pytest.fixture
def kept(state: State) -> Iterator[Kept]:  # noqa: F811
    records = Records(records_url("", state))
    yield Kept(records)
    records.close()


def test_users_are_counted_and_not_their_answers(kept: Kept) -> None:
    for _ in range(5):
        kept.add("often", rating="down")
    kept.add("once", rating="up")
    kept.add("mixed", "big", rating="up")
    kept.add("mixed", "big", rating="down", sentences=0, supported=0)
    kept.add("silent", "big", outcome="refused")
    kept.add("left", outcome="failed")
    found = report(BIG, kept.trials)
    assert [arm.users for arm in found.arms] == [3, 2]
    assert [arm.answers for arm in found.arms] == [7, 3]
    by_name = {each.name: each.compared for each in found.measures}
    assert by_name["rating"].users == (2, 1)
    assert by_name["rating"].means == (0.5, 0.5)
    assert by_name["refused"].means == (0.0, 0.5)
    assert by_name["failed"].means == (pytest.approx(1 / 3), 0.0)
    assert by_name["unsupported"].users == (3, 2)
    assert found.verdict.startswith("Too early: 1 user of the variant and 2 users of the settings rated;")


def test_who_was_moved_counts_where_they_were_first(kept: Kept) -> None:
    kept.add("moved", rating="up")
    kept.add("moved", "big", rating="down")
    found = report(BIG, kept.trials)
    assert [arm.answers for arm in found.arms] == [1, 0]


def test_a_variant_that_is_worse_is_to_be_stopped_however_people_like_it(kept: Kept) -> None:
    # Straight from figures: a hundred rows of a real database for each case would take minutes.
    found = report(BIG, _Given(kept, liked=(0.5, 0.9), refused=(0.0, 0.4)))
    assert found.is_worse
    assert found.verdict.startswith("WORSE: it refuses more often (by 0.")
    assert "People rate it better, by 0." in found.verdict
    assert found.verdict.endswith("Stop it: footnote variants stop big.")
    assert word(report(BIG, _Given(kept, liked=(0.5, 0.9), refused=(0.1, 0.1)))) == "BETTER"
    assert word(report(BIG, _Given(kept, liked=(0.9, 0.5), refused=(0.1, 0.1)))) == "WORSE"
    same = report(BIG, _Given(kept, liked=(0.5, 0.5), refused=(0.1, 0.1)))
    assert word(same) == "No"
    assert "more rated users find one of 0.1 in four cases of five" in same.verdict
    assert report(DARK, _Given(kept, liked=(0.5, 0.5), refused=(0.0, 0.5))).is_worse


@pytest.mark.parametrize(("broke", "is_worse"), [(0, False), (4, False), (60, True), (200, True)])
def test_a_variant_that_breaks_is_worse_though_nobody_sees_it(kept: Kept, broke: int, is_worse: bool) -> None:
    given = _Given(kept, liked=(0.5, 0.5), refused=(0.1, 0.1))
    given._rows[200:] = [replace(each, broke=n % 200 < broke) for n, each in enumerate(given._rows[200:])]
    found = report(BIG, given)
    assert (found.broken, found.is_worse) == (broke, is_worse)
    assert ("it fails more often" in found.verdict) == is_worse


def test_a_shadow_is_told_beside_what_was_shown_and_not_beside_nothing(kept: Kept) -> None:
    found = report(DARK, _Given(kept, liked=(0.5, 0.5), refused=(0.2, 0.3)))
    refused = next(each.compared for each in found.measures if each.name == "refused")
    assert refused.means == (pytest.approx(0.2), pytest.approx(0.3))
    assert refused.low < refused.difference < refused.high


def test_figures_are_read_without_a_word(kept: Kept) -> None:
    read: list[str] = []
    kept.add("ann")
    event.listen(kept.records.engine, "before_cursor_execute", lambda *given: read.append(given[2]))
    assert kept.trials.answered(BEGAN, [""])
    assert kept.trials.pairs(BEGAN, "dark") == []
    assert not [each for each in read if "question" in each or "answer," in each or "vector" in each]


def test_an_earlier_release_deletes_answers_with_figures_that_it_does_not_know(kept: Kept) -> None:
    run = kept.add("ann")
    kept.trials.add(run, "shadow", Measured("answered", variant="dark"))
    with kept.records.engine.begin() as connection:
        for table in (feedback, explained, runs):  # all that it knows
            connection.execute(table.delete())
        assert [connection.execute(select(each)).first() for each in (measures, trials)] == [None, None]


def word(found: Report) -> str:
    return found.verdict.split()[0]


class _Given(Trials):
    def __init__(self, kept: Kept, *, liked: tuple[float, float], refused: tuple[float, float]) -> None:
        self._rows = []
        kept.add("one")
        example = kept.trials.answered(BEGAN, [""])[0]
        for variant, likes, refuses in zip(("", "big"), liked, refused, strict=True):
            for n in range(200):
                self._rows.append(
                    replace(
                        example,
                        owner=person_id(variant, str(n)),
                        variant=variant,
                        rating="up" if n % 10 < 10 * likes else "down",
                        outcome="refused" if n % 10 < 10 * refuses else "answered",
                    )
                )

    def answered(self, since: Any, variants: Any) -> Any:
        del since, variants
        return self._rows

    def pairs(self, since: Any, variant: Any) -> Any:
        from app.runs.trials import Pair

        return [Pair(one, two, 0.5) for one, two in zip(self._rows[:200], self._rows[200:], strict=True)]


def test_figures_of_other_answers_go_with_the_run_and_the_person(kept: Kept) -> None:
    run = kept.add("ann")
    other = Measured("answered", variant="dark", prompt="abc", sentences=3, supported=1, total_ms=5.0)
    assert kept.trials.add(run, "shadow", other, 0.5)
    assert kept.trials.add(run, "broke", replace(other, variant="big", outcome="failed", code="internal"))
    assert not kept.trials.add("run_gone", "shadow", other)
    assert [each.broke for each in kept.trials.answered(BEGAN, [""])] == [True]
    found = report(DARK, kept.trials)
    assert (found.overlap, found.agreed) == (0.5, 1.0)
    assert [each.answers for each in found.arms] == [1, 1]
    assert {
        each["variant"] for each in next(iter(kept.records.all(person_id("default", "ann"))))["tried"]
    } == {"dark", "big"}  # type: ignore[attr-defined]
    assert kept.records.erase(person_id("default", "ann")) == 1
    assert kept.trials.pairs(BEGAN, "dark") == []
