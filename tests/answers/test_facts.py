"""One-line facts and the plain question that each answers, which nobody has tuned on; only totals are told.

facts_N.tsv: question, fact, and the words of the fact that answer; a question alone is one that nothing answers, about
the same things. Nothing may be fitted, weighed or worded with them in view.
"""

from pathlib import Path

import pytest

from eval.cases import Case
from eval.commands.configuration import Configuration, opened
from eval.metrics.outcome import Outcome
from vectorstore.language.marks import MARKER
from vectorstore.language.words import fold

SETS = sorted(Path(__file__).parent.glob("facts_*.tsv"))
FACTS, NOTHING = 30, 15
MOST_FALSE = 0.25
FEWEST_RIGHT = 27


def lines(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_set_holds_thirty_facts_with_their_answers_and_fifteen_questions_that_nothing_answers() -> None:
    assert len(SETS) == 3
    asked = [line[0] for path in SETS for line in lines(path)]
    assert len(set(asked)) == len(asked) == 3 * (FACTS + NOTHING)
    for path in SETS:
        facts = [line for line in lines(path) if len(line) == 3]
        assert len(facts) == FACTS
        assert all(fold(key) in fold(fact) for _, fact, key in facts)


def right(outcome: Outcome, key: str) -> bool:
    """Answered as sure, with the fact before the first marker."""
    marker = MARKER.search(outcome.answer)
    first = outcome.answer[: marker.start()] if marker else ""
    return outcome.outcome == "answered" and fold(key) in fold(first)


@pytest.mark.slow
@pytest.mark.parametrize("path", SETS, ids=[path.stem for path in SETS])
def test_a_fact_is_answered_as_sure_and_first_and_what_is_not_there_seldom_is(
    path: Path, tmp_path: Path
) -> None:
    rows = lines(path)
    for number, line in enumerate(line for line in rows if len(line) == 3):
        (tmp_path / f"note-{number:02}.md").write_text(f"{line[1]}\n", encoding="utf-8")
    cases = [
        Case(id=f"{number}", question=line[0], answerable=len(line) == 3) for number, line in enumerate(rows)
    ]
    with opened(Configuration("facts", {}), docs=tmp_path) as target:
        outcomes = target.ask(cases)
    shown = [(one, line) for one, line in zip(outcomes, rows, strict=True) if len(line) == 3]
    good = sum(right(one, line[2]) for one, line in shown)
    refused = sum(one.refused for one, _ in shown)
    false = sum(one.outcome == "answered" for one in outcomes if not one.case.answerable)
    print(f"{path.stem}: {good} of {FACTS} right, {refused} refused, {false} of {NOTHING} false")
    assert not any(one.error for one in outcomes)
    # Totals alone are told: who sees which questions fail tunes on them.
    held = good >= FEWEST_RIGHT, false <= MOST_FALSE * NOTHING
    assert held == (True, True)
