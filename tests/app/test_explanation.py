"""Why an answer is what it is: over a real index, over HTTP, and after the run itself is forgotten."""

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given

from app.build import Parts
from app.commands.ask import explained_lines
from app.events import Considered, Done, Event, Explained, SentenceChecked, Sources, Text, Timing
from app.identity.keys import Keys
from app.question import Message, Question
from app.runs.records import Records, records_url
from app.runs.run import Run
from app.turn.explanation import Explanation, drawn_from, explanation
from tests.app.dialects import turns
from tests.app.edge import ANSWERED, PASSAGES, ScriptedTurn, Served, serve, service
from tests.fakes.handbook import small_handbook
from vectorstore.errors import NotFound
from vectorstore.types import ChunkId, DocumentId, Generation, Scope, Stage

LEAVE = "How many days of annual leave do full-time staff get?"
TOLD = Explained(
    condensed="annual leave days",
    generation=Generation(3),
    probability=0.9,
    threshold=0.4,
    unsure_threshold=0.2,
    candidates=(
        Considered(
            1, ChunkId("chk_1"), DocumentId("doc_handbook"), "Handbook", "policies/handbook.pdf", ("Leave",), 2, 0.8,
            (Stage("dense", 1, 0.7),), passage=1,
        ),
        Considered(2, ChunkId("chk_9"), DocumentId("doc_wiki"), "Wiki", "w", (), None, 0.1, (), dropped="more than 1 passages"),
    ),
    timings=(Timing("retrieving", 3.5),),
)  # fmt: skip
SCRIPT = (*ANSWERED[:4], TOLD, *ANSWERED[4:])


@pytest.fixture(scope="module")
def handbook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    with small_handbook(tmp_path_factory.mktemp("told")) as parts:
        yield parts


def explain(parts: Parts, text: str, *history: Message) -> tuple[list[Event], dict[str, Any]]:
    question = Question(text, Scope(), history=history, conversation="c1", top_k=6)

    async def collect() -> list[Event]:
        async with aclosing(parts.turn.answer(question, "run_1")) as events:
            return [event async for event in events]

    events = asyncio.run(collect())
    return events, explanation("run_1", question, events).model_dump(mode="json")


def test_a_turn_tells_what_it_searched_found_packed_and_wrote(handbook: Parts) -> None:
    events, told = explain(handbook, LEAVE)
    kinds = [type(event) for event in events]
    assert kinds.count(Explained) == 1
    assert kinds.index(Explained) < kinds.index(Text)
    assert (told["status"], told["model"], told["generation"]) == ("done", "extractive", 1)
    assert told["answerability"]["probability"] >= told["answerability"]["threshold"]
    first = told["candidates"][0]
    assert first["rank"] == 1
    assert {stage["name"] for stage in first["stages"]} >= {"dense", "lexical", "fused"}
    packed = [found["passage"] for found in told["candidates"]]
    assert set(packed) - {None} == {passage["number"] for passage in told["passages"]}
    assert all(found["dropped"] for found in told["candidates"] if found["passage"] is None)
    assert [sentence["verdict"] for sentence in told["sentences"]] == ["supported"] * len(told["sentences"])
    assert {"retrieving", "deciding", "first_text", "writing"} <= {lap["stage"] for lap in told["timings"]}
    assert json.dumps(told)


def test_a_follow_up_is_shown_as_it_was_searched(handbook: Parts) -> None:
    _, told = explain(handbook, "And interns?", Message("user", LEAVE), Message("assistant", "25 days [1]."))
    assert told["question"] == "And interns?"
    assert "leave" in told["condensed"]


def test_a_refusal_tells_how_sure_it_was_and_what_is_missing(handbook: Parts) -> None:
    _, told = explain(handbook, "What is the boiling point of tungsten on Jupiter?")
    assert told["refused"]
    assert told["answerability"]["probability"] < told["answerability"]["threshold"]
    assert "tungsten" in told["answerability"]["missing"]


def test_passages_that_were_left_out_say_why(tmp_path: Path) -> None:
    with small_handbook(tmp_path, passages=1) as parts:
        _, told = explain(parts, LEAVE)
    assert [found["dropped"] for found in told["candidates"] if found["passage"] is None] == [
        "more than 1 passages"
    ] * (len(told["candidates"]) - len(told["passages"][0]["chunk_ids"]))


def ask(served: Served, **headers: str) -> str:
    answer = httpx.post(f"{served.url}/v1/chat", json={"message": "How much leave?"}, headers=headers)
    assert "Explained" not in answer.text
    assert "chk_9" not in answer.text
    return answer.headers["x-run-id"]


def test_a_run_is_explained_over_http_and_no_stream_shows_the_explanation() -> None:
    with serve(service(ScriptedTurn(SCRIPT))) as served:
        told = httpx.get(f"{served.url}/v1/runs/{ask(served)}").json()
    assert told["condensed"] == "annual leave days"
    assert told["candidates"][0]["stages"] == [{"name": "dense", "rank": 1, "score": 0.7}]
    assert [(found["passage"], found["dropped"]) for found in told["candidates"]] == [
        (1, None),
        (None, "more than 1 passages"),
    ]
    assert told["usage"] == {"input_tokens": 512, "output_tokens": 9}


def test_a_turn_that_explains_nothing_is_told_as_far_as_it_went() -> None:
    with serve(service()) as served:
        told = httpx.get(f"{served.url}/v1/runs/{ask(served)}").json()
    assert told["answerability"] is None
    assert told["candidates"] == []
    assert told["status"] == "done"


def test_only_who_asked_is_told(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    mine, yours = (keys.create(name, rights=("chat",)) for name in ("mine", "yours"))
    with serve(service(ScriptedTurn(SCRIPT), keys=tmp_path / "keys.json")) as served:
        run = ask(served, authorization=f"Bearer {mine.secret}")
        statuses = [
            httpx.get(f"{served.url}/v1/runs/{run}", headers=headers).status_code
            for headers in (
                {},
                {"authorization": f"Bearer {yours.secret}"},
                {"authorization": f"Bearer {mine.secret}"},
            )
        ]
    assert statuses == [401, 404, 200]


def test_the_records_keep_it_for_its_owner_until_the_conversation_is_forgotten(tmp_path: Path) -> None:
    records = Records(records_url("", tmp_path))
    run = Run(Question("How much leave?", Scope(), conversation="c1", top_k=6))
    records.add(run.id, run.question, "k1", SCRIPT)
    assert records.explanation(run.id, owner="k1") == explanation(run.id, run.question, SCRIPT)
    with pytest.raises(NotFound):
        records.explanation(run.id, owner="k2")
    records.forget("c1", owner="k1")
    with pytest.raises(NotFound):
        records.explanation(run.id, owner="k1")
    records.close()


def test_the_records_keep_an_explanation_to_the_letter_in_less_than_half_the_bytes(
    handbook: Parts, tmp_path: Path
) -> None:
    events, told = explain(handbook, LEAVE)
    records = Records(records_url("", tmp_path))
    records.add("run_1", Question(LEAVE, Scope(), conversation="c1", top_k=6), "k1", events)
    assert records.explanation("run_1", owner="k1").model_dump(mode="json") == told
    records.close()
    with sqlite3.connect(tmp_path / "records.db") as connection:
        (kept,) = connection.execute("SELECT length(told) FROM explained").fetchone()
    assert kept * 2 < len(json.dumps(told))


def test_a_run_that_the_buffer_forgot_is_explained_from_the_records(tmp_path: Path) -> None:
    records = Records(records_url("", tmp_path))
    run = Run(Question("How much leave?", Scope(), conversation="c1", top_k=6))
    records.add(run.id, run.question, "local", SCRIPT)
    with serve(service(records=records)) as served:
        told = httpx.get(f"{served.url}/v1/runs/{run.id}")
        unknown = httpx.get(f"{served.url}/v1/runs/run_none")
    records.close()
    assert told.json()["condensed"] == "annual leave days"
    assert unknown.status_code == 404


@given(events=turns())
def test_an_explanation_is_read_from_its_json_as_it_was(events: list[Event]) -> None:
    said = Message("assistant", "x", frozenset({DocumentId("doc_b"), DocumentId("doc_a")}))
    told = explanation(
        "run_x", Question("And?", Scope(), (said,), conversation="c1", top_k=6), [TOLD, *events]
    )
    assert Explanation.model_validate(json.loads(json.dumps(told.model_dump(mode="json")))) == told
    assert {"doc_a", "doc_b", "doc_handbook", "doc_wiki"} <= drawn_from(told)


@pytest.mark.parametrize(("refused", "outcome"), [(True, "refused"), (False, "answered")])
def test_an_explanation_from_before_there_were_three_outcomes_is_read(refused: bool, outcome: str) -> None:
    script = [TOLD, Done(outcome="refused" if refused else "answered")]
    earlier = explanation("run_x", Question("How much?", Scope(), top_k=6), script).model_dump(mode="json")
    del earlier["outcome"], earlier["answerability"]["unsure_threshold"]
    told = Explanation.model_validate(earlier)
    assert told.outcome == outcome
    assert told.answerability is not None
    assert told.answerability.unsure_threshold == told.answerability.threshold == 0.4


def test_scores_are_told_to_six_decimals_and_support_to_four() -> None:
    long = 1 / 3
    found = replace(TOLD.candidates[0], score=long, stages=(Stage("dense", 1, long),))
    script = (
        Sources((replace(PASSAGES[0], score=long),)),
        replace(TOLD, candidates=(found,)),
        SentenceChecked(0, 4, "partly", long),
    )
    told = explanation("run_x", Question("How much?", Scope(), top_k=6), script)
    candidate, passage = told.candidates[0], told.passages[0]
    assert [candidate.score, candidate.stages[0].score, passage.score] == [0.333333] * 3
    assert told.sentences[0].support == 0.3333


def test_the_terminal_shows_the_question_searched_the_ranks_and_what_was_left_out() -> None:
    told = explanation("run_x", Question("How much leave?", Scope(), top_k=6), SCRIPT)
    shown = "\n".join(explained_lines(told))
    assert "searched for   annual leave days" in shown
    assert "answerable     0.90: sure from 0.40, refused below 0.20" in shown
    assert "dense:1" in shown
    assert "[1]" in shown
    assert "more than 1 passages" in shown
    assert "retrieving 4 ms" in shown
