"""Turns beyond one question and one answer: several parts, the conversation itself, other languages, asking back."""

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace

import pytest

from app.build import Parts
from app.events import Done, Event, Explained, Sources, Started, Status, Text
from app.question import Message, Question
from app.understand.follow_ups import follow_ups
from tests.app.passages import passage
from tests.fakes.handbook import small_handbook
from vectorstore.types import Chunk, ChunkId, Hit, Scope

LEAVE = "How many days of annual leave do full-time staff get?"
HISTORY = (Message("user", LEAVE), Message("assistant", "25 days [1]."))


@pytest.fixture(scope="module")
def handbook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    with small_handbook(tmp_path_factory.mktemp("parts")) as parts:
        yield parts


def ask(parts: Parts, text: str, *history: Message) -> list[Event]:
    async def collect() -> list[Event]:
        question = Question(text, Scope(), history=history, conversation="c1", top_k=6)
        async with aclosing(parts.turn.answer(question, "run_1")) as events:
            return [event async for event in events]

    return asyncio.run(collect())


def text_of(events: list[Event]) -> str:
    return "".join(event.delta for event in events if isinstance(event, Text))


def test_a_question_in_two_parts_is_searched_and_answered_part_by_part(handbook: Parts) -> None:
    events = ask(handbook, "How many days of annual leave do interns get, and what does error E-217 mean?")
    told = next(event for event in events if isinstance(event, Explained))
    assert len(told.parts) == 2
    sources = next(event for event in events if isinstance(event, Sources))
    assert {"leave.md", "gateway.txt"} <= {
        passage.document.uri.rsplit("/")[-1] for passage in sources.passages[:2]
    }
    assert "12 days" in text_of(events)
    assert "clock is not set" in text_of(events)


def test_a_part_that_the_documents_do_not_answer_is_named(handbook: Parts) -> None:
    events = ask(
        handbook,
        "How many days of annual leave do interns get, and who won the 1998 chess olympiad in Elista?",
    )
    assert events[-1] == Done()
    assert "12 days" in text_of(events)
    said, _, note = text_of(events).partition("\n\n")
    assert "[1]" in said
    assert "do not say this: “who won the 1998 chess olympiad in Elista”" in note


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What did I ask before?", f"You asked: “{LEAVE}”"),
        ("Can you repeat that?", "My last answer was: “25 days.”"),
        ("Was habe ich gerade gefragt?", f"Sie haben gefragt: “{LEAVE}”"),
    ],
)
def test_the_conversation_is_answered_from_itself(handbook: Parts, question: str, answer: str) -> None:
    events = ask(handbook, question, *HISTORY)
    assert text_of(events) == answer
    assert not any(isinstance(event, Status | Sources) for event in events)


def test_the_first_question_has_no_conversation_before_it(handbook: Parts) -> None:
    assert (
        text_of(ask(handbook, "What was my last question?"))
        == "Nothing has been asked in this conversation yet."
    )


def test_what_footnote_says_itself_is_in_the_question_s_language(handbook: Parts) -> None:
    events = ask(handbook, "Wer hat die Schacholympiade 1998 in Elista gewonnen?")
    started = events[0]
    assert isinstance(started, Started)
    assert "Maschine" in started.notice
    assert text_of(events).startswith("In den Dokumenten")
    assert events[-1] == Done(outcome="refused")
    assert text_of(ask(handbook, "merci beaucoup")).startswith("Je vous en prie")


def test_a_question_that_says_too_little_is_asked_back(handbook: Parts) -> None:
    events = ask(handbook, "limits?")
    assert text_of(events).startswith("The documents treat this in several places")
    assert "Annual leave policy" in text_of(events)
    assert events[-1] == Done()


def found(heading: str, *, document: str = "Leave policy", number: int = 1) -> Hit:
    one = passage("Some text.", title=document, number=number)
    chunk = Chunk(ChunkId(f"chk_{number}"), one.document.id, number, one.text, one.span, headings=(heading,))
    return Hit(chunk, one.document, 1.0)


def test_what_is_suggested_next_stands_under_headings_that_were_not_cited() -> None:
    cited = replace(passage("Some text.", title="Leave policy"), headings=("1. Entitlement",))
    hits = [
        found("Can I bring my dog?", document="FAQ", number=5),
        found("1. Entitlement"),
        found("3. Carry-over into next year", number=2),
        found("Leave policy", number=3),
        found("General", number=4),
    ]
    assert follow_ups("How much annual leave?", hits, cited=[cited], language="en") == (
        "What does “Leave policy” say about “Carry-over into next year”?",
        "What does “FAQ” say about “Can I bring my dog”?",
    )
    assert "Was sagt" in follow_ups("Wie viel Urlaub habe ich?", hits, cited=[cited], language="de")[0]
