"""Questions from documents: what is made, what is dropped, and a person's decisions."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from eval.cases import load_cases
from eval.commands import app
from eval.generation import Text, modelled, offline
from tests.fakes.handbook import write_documents
from vectorstore.errors import BadInput

LEAVE = Text(
    "leave.md",
    "# Leave\n\n## How many days do I get?\n\nFull-time staff get 25 days of annual leave a year.\n\n"
    "Garden leave is the time between notice and the last day during which nobody works.\n\n"
    "| Event | Days |\n|---|---|\n| Wedding | 2 |\n| Moving house | 1 |\n",
)
TRAVEL = Text(
    "travel.md",
    "# Travel\n\nTrips are booked through Meridian Tours and paid by the company card.\n",
)


def test_headings_definitions_tables_and_swapped_names_become_questions() -> None:
    cases = {case.question: case for case in offline([LEAVE, TRAVEL])}
    assert cases["How many days do I get?"].reference == "Full-time staff get 25 days of annual leave a year."
    assert cases["What is Garden leave?"].answerable
    assert cases["What is the days for Wedding?"].reference == "2"
    assert any("swapped" in case.tags and not case.answerable for case in cases.values())
    assert not any(case.reviewed for case in cases.values())


def test_every_quote_stands_in_its_document_and_runs_agree() -> None:
    cases = offline([LEAVE, TRAVEL])
    text = {item.uri: item.text for item in (LEAVE, TRAVEL)}
    assert all(evidence.quote in text[evidence.doc] for case in cases for evidence in case.evidence)
    assert cases == offline([LEAVE, TRAVEL])
    assert len({case.id for case in cases}) == len(cases)


def test_a_withheld_document_gives_questions_without_an_answer() -> None:
    held = [c for c in offline([LEAVE, TRAVEL], withheld=frozenset({"leave.md"})) if c.group == "leave.md"]
    assert held
    assert not any(case.answerable or case.evidence for case in held)


def saying(*replies: str) -> Callable[[str, int], tuple[str, int, int]]:
    left = list(replies)
    return lambda prompt, seed: (left.pop(0), 0, 0)


GOOD = "QUESTION: What is my yearly holiday entitlement?\nANSWER: 25 days of annual leave\nQUOTE: Full-time staff get 25 days of annual leave a year."


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("A question about leave?", "form"),
        (GOOD.replace("25 days of annual leave a year.", "26 days."), "does not stand"),
        (GOOD.replace("my yearly holiday entitlement", "full-time staff annual leave days"), "copies"),
        (GOOD.replace("ANSWER: 25", "ANSWER: 31"), "does not support"),
    ],
)
def test_what_a_model_writes_is_kept_only_if_it_holds(reply: str, reason: str) -> None:
    dropped: Counter[str] = Counter()
    assert modelled([LEAVE], saying(reply), per_document=1, dropped=dropped) == []
    assert reason in next(iter(dropped))


def test_a_model_question_that_holds_is_kept_once() -> None:
    dropped: Counter[str] = Counter()
    kept = modelled([LEAVE, LEAVE], saying(GOOD, GOOD), per_document=1, dropped=dropped)
    assert [case.question for case in kept] == ["What is my yearly holiday entitlement?"]
    assert list(dropped) == ["nearly the same as another"]


def test_generate_and_review_from_a_shell(tmp_path: Path) -> None:
    docs, out = write_documents(tmp_path), tmp_path / "cases.jsonl"
    always = ["generate", "--docs", str(docs), "--out", str(out)]
    made = CliRunner().invoke(app, always)
    assert made.exit_code == 0, made.output
    cases = load_cases(out)
    assert len(cases) > 2
    assert isinstance(CliRunner().invoke(app, always).exception, BadInput)
    answers = "a\nr\ne\nWhat else?\nn\nq\n"
    done = CliRunner().invoke(app, ["review", "--data", str(out)], input=answers)
    assert "2 accepted, 1 rejected" in done.output
    after = load_cases(out)
    assert len(after) == len(cases) - 1
    assert after[0].reviewed
    assert (after[1].question, after[1].answerable) == ("What else?", False)
    assert json.loads(out.read_text().splitlines()[0])["id"] == cases[0].id
