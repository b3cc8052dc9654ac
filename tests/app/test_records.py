"""Conversations and feedback in a real SQLite file, and in a real PostgreSQL."""

import sqlite3
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.events import Done, Failed, Started, Text
from app.question import Message, Question
from app.runs.records import Records, records_url
from tests.postgresql import needs_postgresql
from tests.state import database_state
from vectorstore.errors import NotFound, Unavailable
from vectorstore.state.cell import State
from vectorstore.types import Scope


@pytest.fixture
def records(state: State) -> Iterator[Records]:
    opened = Records(records_url("", state))
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


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    Records(records_url("", tmp_path)).close()
    assert stat.S_IMODE((tmp_path / "records.db").stat().st_mode) == 0o600


def test_an_unreachable_database_is_one_sentence_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as refused:
        Records(f"sqlite:///{tmp_path}/absent/records.db")
    assert "FOOTNOTE_RECORDS_URL" in refused.value.hint


def test_conversations_are_listed_by_when_they_were_answered(records: Records) -> None:
    for number in range(3):
        question = Question(f"asked {number}", Scope(), conversation=f"c{number}", top_k=6)
        records.add(f"r{number}", question, "k1", [Text("a\0b"), Done()])
    first = records.conversations(owner="k1", limit=2)
    assert [each.id for each in first] == ["c2", "c1"]
    rest = records.conversations(owner="k1", limit=2, before=(first[-1].answered, first[-1].id))
    assert [(each.id, each.question, each.turns) for each in rest] == [("c0", "asked 0", 1)]
    assert records.turns("c0", owner="k1", limit=5)[0].answer == "a\ufffdb"
    assert records.erase("k1") == 3
    assert records.owners() == set()


@needs_postgresql
def test_replicas_that_open_the_records_at_once_make_them_once(postgresql_url: str, tmp_path: Path) -> None:
    state = database_state(postgresql_url, tmp_path)
    with ThreadPoolExecutor(4) as threads:
        opened = list(threads.map(lambda _: Records(records_url("", state)), range(4)))
    add(opened[0], "r1", "?", "yes.")
    assert [each.ids("k1") for each in opened] == [["r1"]] * 4
    assert "secret" not in opened[0].place
    for each in opened:
        each.close()
    state.database.close()


def test_a_database_of_a_newer_release_is_served(tmp_path: Path) -> None:
    """A further revision only adds: while one release replaces the other, both work."""
    Records(records_url("", tmp_path)).close()
    with sqlite3.connect(tmp_path / "records.db") as newer:
        newer.execute("ALTER TABLE runs ADD COLUMN colour TEXT")
        newer.execute("UPDATE alembic_version SET version_num = '9999'")
    newer.close()
    opened = Records(records_url("", tmp_path))
    add(opened, "r1", "?", "yes.")
    assert opened.ids("k1") == ["r1"]
    opened.close()
