"""What somebody asked before: a list for who is alone behind it, and of each answer no more than may still be read."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import sqlalchemy as sql

from app.events import Done, Failed, Passage, Sources, Started, Text
from app.identity.grant import Grant, person_id
from app.identity.identity import Identity, Shown
from app.identity.keys import Keys
from app.question import Question
from app.runs import record_tables
from app.runs.records import Records
from tests.app.edge import ANSWER, ANSWERED, HANDBOOK, LEAVE, ScriptedTurn, serve, service
from vectorstore.types import ChunkId, Scope

ANN, BOB = (
    Grant("oidc", Scope(user=name), frozenset({"chat", "documents"}), person_id("default", name))
    for name in ("ann", "bob")
)
SHARED = Grant("k_shared", Scope(), frozenset({"chat"}))
GRANTS = {"ann": ANN, "bob": BOB, "shared": SHARED}


class People(Identity):
    """Lets in by name."""

    async def grant(self, shown: Shown) -> Grant | None:
        return GRANTS.get(shown.bearer)


@dataclass
class Past:
    """A service that remembers."""

    url: str
    turn: ScriptedTurn
    records: Records
    store: Any
    seconds: float = 0.0
    """How long it takes to write an answer down that has ended."""

    def as_(self, name: str) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {name}"} if name else {})

    def ask(self, name: str, question: str, conversation: str = "conv_1") -> None:
        with self.as_(name) as client:
            body = {"message": question, "conversation": conversation}
            assert client.post("/v1/chat", json=body).status_code == 200

    def get(self, name: str, path: str = "", **query: Any) -> Any:
        with self.as_(name) as client:
            return client.get(f"/v1/conversations{path}", params=query).json()


@pytest.fixture
def past(tmp_path: Path) -> Iterator[Past]:
    records = Records(f"sqlite:///{tmp_path / 'records.db'}")

    async def record(run: Any, events: Any) -> None:
        await asyncio.sleep(running.seconds)
        records.add(run.id, run.question, run.owner, events)

    turn = ScriptedTurn()
    identity = People(Keys(tmp_path / "keys.json"))
    of = replace(service(turn, records=records, on_end=record), identity=identity)
    with serve(of) as served:
        running = Past(served.url, turn, records, of.store)
        yield running
    records.close()


def test_the_list_is_ones_own_and_the_latest_stands_first(past: Past) -> None:
    past.ask("ann", "How much leave?", "conv_1")
    past.ask("ann", f"  And\nthen {'very ' * 40}", "conv_2")
    past.ask("bob", "What is the pay?", "conv_1")
    past.ask("ann", "And interns?", "conv_1")
    mine = past.get("ann")
    assert [(each["id"], each["turns"]) for each in mine["conversations"]] == [("conv_1", 2), ("conv_2", 1)]
    assert mine["next"] is None
    assert mine["conversations"][0]["title"] == "How much leave?"
    long = mine["conversations"][1]["title"]
    assert long.startswith("And then very very")
    assert long.endswith("…")
    assert len(long) <= 80
    assert mine["conversations"][0]["answered"].endswith("Z")
    assert [each["title"] for each in past.get("bob")["conversations"]] == ["What is the pay?"]


def test_a_conversation_of_the_same_name_shows_each_their_own_turns(past: Past) -> None:
    past.ask("ann", "How much leave?")
    past.ask("bob", "What is the pay?")
    for name, question in (("ann", "How much leave?"), ("bob", "What is the pay?")):
        shown = past.get(name, "/conv_1")
        assert [(turn["question"], turn["answer"]) for turn in shown["turns"]] == [(question, ANSWER)]
    assert past.get("bob", "/conv_9")["status"] == 404


def test_one_may_forget_one_of_ones_own_and_no_other(past: Past) -> None:
    past.ask("ann", "How much leave?")
    with past.as_("bob") as bob, past.as_("ann") as ann:
        assert bob.delete("/v1/conversations/conv_1").json() == {"runs": 0}
        assert ann.delete("/v1/conversations/conv_1").json() == {"runs": 1}
    assert past.get("ann") == {"conversations": [], "next": None}


@pytest.mark.parametrize("name", ["team/chat", "/", "//", "a?b#c%2F", "\u00fc \\"])
def test_a_conversation_of_any_name_is_shown_and_forgotten_under_it(name: str, past: Past) -> None:
    past.ask("ann", "How much leave?", name)
    (listed,) = past.get("ann")["conversations"]
    assert listed["id"] == name
    assert past.get("ann", "/" + quote(name, safe=""))["id"] == name
    with past.as_("ann") as ann:
        assert ann.delete("/v1/conversations/" + quote(name, safe="")).json() == {"runs": 1}


@pytest.mark.parametrize("name", [".", ".."])
def test_a_conversation_whose_name_no_address_can_end_in_goes_by_one_of_ours(name: str, past: Past) -> None:
    past.ask("ann", "How much leave?", name)
    (listed,) = past.get("ann")["conversations"]
    assert listed["id"].startswith("conv_")


def test_a_persons_conversation_is_theirs_by_any_name_and_goes_on(past: Past) -> None:
    past.ask("ann", "How much leave?")
    past.ask("ann", "And interns?")
    assert [message.text for message in past.turn.asked[-1].history] == ["How much leave?", ANSWER]
    past.ask("bob", "And interns?")
    assert past.turn.asked[-1].history == ()


def test_what_is_still_being_written_down_is_waited_for(past: Past) -> None:
    past.seconds = 0.5
    past.ask("ann", "How much leave?")
    assert [each["title"] for each in past.get("ann")["conversations"]] == ["How much leave?"]
    past.ask("ann", "And interns?")
    assert len(past.turn.asked[-1].history) == 2
    past.ask("ann", "And the rest?")
    assert len(past.turn.asked[-1].history) == 4
    assert [each["question"] for each in past.get("ann", "/conv_1")["turns"]][-1] == "And the rest?"


def test_the_pages_of_the_list_hold_each_conversation_once(past: Past) -> None:
    for number in range(7):
        past.ask("ann", f"Question {number}", f"conv_{number}")
    with past.records._engine.begin() as connection:
        connection.execute(sql.text("UPDATE runs SET created = (SELECT min(created) FROM runs)"))
    seen: list[str] = []
    place: dict[str, str] = {}
    while True:
        page = past.get("ann", limit=3, **place)
        seen += [each["id"] for each in page["conversations"]]
        if page["next"] is None:
            break
        place = {"before": page["next"]}
    assert seen == [f"conv_{number}" for number in reversed(range(7))]
    assert past.get("ann", before="yesterday")["status"] == 422


def test_a_key_that_several_may_hold_has_no_list_but_opens_what_it_can_name(past: Past) -> None:
    name = "conv_0f1e2d3c4b5a69788796a5b4"
    past.ask("shared", "How much leave?", name)
    past.ask("shared", "How much leave?", "conv_1")
    refused = past.get("shared")
    assert (refused["status"], refused["detail"].count(".")) == (403, 2)
    assert len(past.get("shared", f"/{name}")["turns"]) == 1
    assert past.get("shared", "/conv_1")["status"] == 404


def test_this_machine_alone_has_a_list(past: Past) -> None:
    past.ask("", "How much leave?")
    assert [each["id"] for each in past.get("")["conversations"]] == ["conv_1"]


def test_a_turn_shows_what_it_cites_with_the_words_of_today(past: Past) -> None:
    past.ask("ann", "How much leave?")
    [turn] = past.get("ann", "/conv_1")["turns"]
    assert turn["outcome"] == "answered"
    assert [source["n"] for source in turn["sources"]] == [1, 2]
    first = turn["sources"][0]
    text = past.store.texts[HANDBOOK.id]
    assert (first["text"], first["page"]) == (text[LEAVE.start : LEAVE.end], 2)
    assert first["url"].startswith(f"{past.url}/v1/documents/{HANDBOOK.id}/view?")
    claim = turn["answer"].encode("utf-16-le")[: turn["sentences"][0]["end"] * 2].decode("utf-16-le")
    assert claim == "Staff get 25 days \U0001f334 [1]. "


def test_what_is_not_cited_is_not_shown(past: Past) -> None:
    past.turn.script = [each if not isinstance(each, Text) else Text("No number. ") for each in ANSWERED]
    past.ask("ann", "How much leave?")
    assert past.get("ann", "/conv_1")["turns"][0]["sources"] == []


def test_an_answer_from_what_one_may_no_longer_read_is_gone_and_its_question_stays(past: Past) -> None:
    past.ask("ann", "How much leave?")
    past.store.all[0] = replace(HANDBOOK, readers=frozenset({"hr"}))
    [turn] = past.get("ann", "/conv_1")["turns"]
    assert (turn["question"], turn["answer"], turn["sources"], turn["sentences"]) == (
        "How much leave?", None, [], [],
    )  # fmt: skip
    past.store.all[0] = replace(HANDBOOK, readers=frozenset({"user:ann"}))
    assert past.get("ann", "/conv_1")["turns"][0]["answer"] == ANSWER


def test_a_version_that_is_gone_from_the_index_leaves_the_answer_without_its_source(past: Past) -> None:
    gone = replace(HANDBOOK, id="doc_before")
    events = [
        Started("r1", "conv_1", "scripted", 0.0, ""),
        Sources((Passage(1, gone, LEAVE, "", (ChunkId("c"),)),)),  # type: ignore[arg-type]
        Text("25 days [1]."),
        Done(),
    ]
    past.records.add("r1", Question("Leave?", Scope(), conversation="conv_1", top_k=6), ANN.owner, events)
    past.store.readable = lambda documents, scope: True
    [turn] = past.get("ann", "/conv_1")["turns"]
    assert (turn["answer"], turn["sources"]) == ("25 days [1].", [])


def test_failed_and_stopped_turns_are_told_as_such(past: Past) -> None:
    past.turn.script = [*ANSWERED[:6], Failed("model_timeout", "Too slow.")]
    past.ask("ann", "How much leave?")
    [turn] = past.get("ann", "/conv_1")["turns"]
    assert turn["outcome"] == "model_timeout"


def test_a_service_that_keeps_nothing_says_so(tmp_path: Path) -> None:
    with serve(service()) as served:
        for path in ("", "/conv_1"):
            told = httpx.get(f"{served.url}/v1/conversations{path}").json()
            assert (told["status"], "keeps no records" in told["detail"]) == (404, True)


def test_an_older_file_gets_its_index(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'records.db'}"
    Records(url).close()
    engine = sql.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sql.text("DROP INDEX runs_by_owner"))
        # What was made before there were revisions has no table of them.
        connection.execute(sql.text(f"DROP TABLE {record_tables._VERSION}"))
    Records(url).close()
    assert sql.inspect(engine).has_index("runs", "runs_by_owner")
    engine.dispose()
