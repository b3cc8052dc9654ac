"""People and keys of several replicas on one database: what one does acts on the other, and what is erased leaves no byte."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.access_settings import AuditSettings
from app.audit.audit import Audit
from app.audit.verify import verify
from app.events import Done, Text
from app.identity.identity import Identity, Shown
from app.identity.keys import Keys
from app.people.people import People
from app.people.serving import is_served, serving
from app.problems import Conflict
from app.question import Question
from app.runs.records import Records, records_url
from app.runs.runs import MemoryBoard, Runs
from app.settings import RunSettings
from tests.app.test_forgetting import Echo
from tests.postgresql import Server, needs_postgresql
from tests.state import database_state
from vectorstore.errors import NotAllowed
from vectorstore.index.maintenance.byte_search import files_holding
from vectorstore.state.cell import State
from vectorstore.state.rows import DatabaseState
from vectorstore.types import Scope


def within(seconds: float, happened: Callable[[], bool]) -> bool:
    until = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def lets_in(keys: Keys, secret: str) -> bool:
    try:
        asyncio.run(Identity(keys).grant(Shown(bearer=secret)))
    except NotAllowed:
        return False
    return True


@pytest.fixture
def replicas(postgresql_url: str, tmp_path: Path) -> Iterator[tuple[DatabaseState, DatabaseState]]:
    ours, theirs = (database_state(postgresql_url, tmp_path / name) for name in ("one", "two"))
    yield ours, theirs
    for each in (ours, theirs):
        each.database.close()


@needs_postgresql
def test_a_key_made_changed_or_revoked_on_one_replica_acts_on_the_other_within_a_second(
    replicas: tuple[DatabaseState, DatabaseState],
) -> None:
    from datetime import timedelta

    ours, theirs = (Keys(each.cell("keys.json")) for each in replicas)
    assert not theirs.exist()
    made = ours.create("one", kind="page", origins=["https://www.example.org"])
    assert within(1.0, lambda: theirs.exist() and lets_in(theirs, made.secret))
    assert theirs.page_origins() == {"https://www.example.org"}
    assert theirs.signing_secret() == ours.signing_secret()
    rotated = ours.rotate(made.key.id, grace=timedelta(0))
    assert within(1.0, lambda: not lets_in(theirs, made.secret))
    assert lets_in(theirs, rotated.secret)
    theirs.write_use(made.key.id)
    assert ours.last_use(made.key.id) is not None
    ours.revoke(made.key.id)
    assert within(1.0, lambda: not lets_in(theirs, rotated.secret))
    assert theirs.exist()


@needs_postgresql
def test_a_check_asks_the_database_twice_a_second_at_most(
    replicas: tuple[DatabaseState, DatabaseState], monkeypatch: pytest.MonkeyPatch
) -> None:
    state, asked = replicas[0], []
    keys = Keys(state.cell("keys.json"))
    made = keys.create("one")
    keys.check(made.secret)
    monkeypatch.setattr(type(state.database), "connection", lambda self: asked.append(1))
    for _ in range(1_000):
        keys.check(made.secret)
    assert asked == []


def test_a_service_is_known_to_run_until_it_ends(state: State) -> None:
    assert not is_served(state)
    with serving(state):
        assert is_served(state)
    assert not is_served(state)


@contextmanager
def people_of(state: State) -> Iterator[People]:
    records = Records(records_url("", state))
    try:
        yield People(records, state)
    finally:
        records.close()


def say(records: Records, owner: str, run: str, text: str) -> None:
    question = Question(text, Scope(), conversation=f"c-{run}", top_k=6)
    records.add(run, question, owner, [Text(f"answer to {text}"), Done()])


def runs() -> Runs:
    return Runs(Echo(), MemoryBoard(RunSettings()), RunSettings())


def test_a_hold_wins_and_the_wish_is_granted_after_it(state: State) -> None:
    with people_of(state) as people:
        say(people.records, "u_1", "run_1", "asked")
        people.hold("u_1", name="ann", reason="a case", by="me")
        with pytest.raises(Conflict, match="legal hold"):
            asyncio.run(people.erase("u_1", by="me", runs=runs()))
        assert people.sweep(1) == 0
        assert [wish.owner for wish in people.release("u_1", name="ann")] == ["u_1"]
        asyncio.run(people.settle(runs()))
        book = people.ledger.read()
        assert (book.wishes, len(book.certificates), people.records.owners()) == ([], 1, set())


@needs_postgresql
def test_what_is_erased_of_a_person_leaves_no_byte_in_the_database(tmp_path: Path) -> None:
    server = Server(settings={"wal_compression": "off"})
    try:
        server.make()
        server.start()
        state = database_state(server.database(), tmp_path / "data")
        audit = Audit(
            state.below("audit"), AuditSettings(audit="contents"), keys=Keys(state.cell("keys.json"))
        )
        owner, other = "u_5f0c4a9be01177d3aa90", "u_ffffffffffffffffffff"
        words = [f"word{number:03d}ofthisperson" for number in range(40)]
        with people_of(state) as people:
            for number, word in enumerate(words):
                say(people.records, owner, f"run_{number:020d}", word)
                say(people.records, other, f"run_{number:020d}x", "kept of somebody else")
            who = audit.people.of(owner, "ann smith of this test")
            hashed = audit.people.keep(owner, {"question": words[0]})
            audit.write("answer", who=who, contents=hashed)
            needles = [word.encode() for word in (*words, owner, "ann smith of this test")]
            files = [path for path in server.folder.rglob("*") if path.is_file()]
            assert files_holding(files, needles)
            certificate = asyncio.run(people.erase(owner, by="me", runs=runs()))
            assert certificate.answers == 40
            assert "its rows are gone" in certificate.not_searched[0]
            assert "word" not in certificate.not_searched[0]
            files = [path for path in server.folder.rglob("*") if path.is_file()]
            assert files_holding(files, needles) == {}
            assert people.records.owners() == {other}
            assert (audit.people.names(), verify(state.below("audit")).sound) == ({}, True)
        state.database.close()
    finally:
        server.discard()
