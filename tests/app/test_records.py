"""Conversations and feedback in a real SQLite file."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.events import Done, Failed, Started, Text
from app.question import Message, Question
from app.runs.records import Records, records_url
from vectorstore.errors import NotFound, Unavailable
from vectorstore.types import Scope


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    opened = Records(records_url("", tmp_path))
    yield opened
    opened.close()


def asked(text: str) -> Question:
    return Question(text, Scope(), conversation="c1", top_k=6)


def add(records: Records, run: str, text: str, answer: str, *, owner: str = "k1") -> None:
    events = [Started(run, "c1", "extractive", 0.0, ""), Text(answer[:3]), Text(answer[3:]), Done()]
    records.add(run, asked(text), owner, events)


def test_history_comes_back_oldest_first_and_only_to_its_owner(records: Records) -> None:
    add(records, "r1", "How much leave?", "25 days [1].")
    add(records, "r2", "And interns?", "12 days [1].")
    assert records.history("c1", owner="k1") == (
        Message("user", "How much leave?"),
        Message("assistant", "25 days [1]."),
        Message("user", "And interns?"),
        Message("assistant", "12 days [1]."),
    )
    assert records.history("c1", owner="k2") == ()


def test_answers_that_are_unsure_or_a_refusal_are_history_too(records: Records) -> None:
    for run, outcome in (("r1", "unsure"), ("r2", "refused")):
        records.add(run, asked("?"), "k1", [Text("Hm."), Done(outcome=outcome)])  # type: ignore[arg-type]
        assert records.explanation(run, owner="k1").outcome == outcome
    assert len(records.history("c1", owner="k1")) == 4


def test_a_failed_run_is_kept_but_is_no_history(records: Records) -> None:
    records.add("r1", asked("?"), "k1", [Text("half"), Failed("model_timeout", "Too slow.")])
    assert records.history("c1", owner="k1") == ()
    records.rate("r1", owner="k1", rating="down")


def test_feedback_replaces_what_was_said_before(records: Records) -> None:
    add(records, "r1", "?", "yes.")
    records.rate("r1", owner="k1", rating="up")
    records.rate("r1", owner="k1", rating="down", reason="wrong year")
    assert records.ratings() == [("r1", "down", "wrong year")]


def test_feedback_on_another_owner_s_run_is_refused(records: Records) -> None:
    add(records, "r1", "?", "yes.")
    with pytest.raises(NotFound):
        records.rate("r1", owner="k2", rating="up")


def test_forgetting_takes_feedback_along(records: Records) -> None:
    add(records, "r1", "?", "yes.")
    records.rate("r1", owner="k1", rating="up")
    assert records.forget("c1", owner="k1") == 1
    assert records.ratings() == []
    assert records.history("c1", owner="k1") == ()


def test_the_file_is_for_its_owner_alone(records: Records, tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / "records.db").stat().st_mode) == 0o600


def test_an_unreachable_database_is_one_sentence_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as refused:
        Records(f"sqlite:///{tmp_path}/absent/records.db")
    assert "FOOTNOTE_RECORDS_URL" in refused.value.hint
