"""A turn over a real index: what it emits, in which order, and how it ends whatever happens."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.build import Parts
from app.events import (
    Cancelled,
    Citations,
    Done,
    Event,
    Explained,
    Failed,
    SentenceChecked,
    Sources,
    Started,
    Status,
    Text,
    Usage,
)
from app.question import Message, Question
from tests.fakes.handbook import small_handbook
from tests.fakes.scripted_model import ScriptedModel, scripted_model
from vectorstore.types import Scope

SUPPORTED = (
    "Full-time staff get 25 days of annual leave [1]. Interns get 12 days [1]. They expire on 31 March [1]."
)
LEAVE = "How many days of annual leave do full-time staff get?"


@pytest.fixture(scope="module")
def handbook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    with small_handbook(tmp_path_factory.mktemp("turn")) as parts:
        yield parts


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    with scripted_model() as running:
        yield running


def ask(parts: Parts, text: str, *history: Message, cites_only: bool = False) -> list[Event]:
    async def collect() -> list[Event]:
        question = Question(text, Scope(), history=history, conversation="c1", top_k=6, cites_only=cites_only)
        try:
            async with aclosing(parts.turn.answer(question, "run_1")) as events:
                return [event async for event in events]
        finally:
            await parts.disconnect()

    return asyncio.run(collect())


def text_of(events: list[Event]) -> str:
    return "".join(event.delta for event in events if isinstance(event, Text))


def citations_of(events: list[Event]) -> Citations:
    return next((event for event in events if isinstance(event, Citations)), Citations(()))


def assert_well_formed(events: list[Event]) -> None:
    kinds = [type(event) for event in events]
    assert kinds[0] is Started
    assert [kind for kind in kinds if kind in {Done, Failed, Cancelled}] == [kinds[-1]]
    for once in (Sources, Citations, Usage):
        assert kinds.count(once) <= 1
    if Text in kinds and Sources in kinds:
        assert kinds.index(Sources) < kinds.index(Text)


def test_an_answer_quotes_the_document_and_cites_it(handbook: Parts) -> None:
    events = ask(handbook, LEAVE)
    assert_well_formed(events)
    assert "25 days" in text_of(events)
    assert events[-1] == Done()
    first = citations_of(events).citations[0]
    with handbook.store.snapshot() as snapshot:
        text = snapshot.text(first.document.id)
    assert text[first.evidence.start : first.evidence.end] == first.quote
    assert "25 days" in first.quote
    start, end = first.marker
    assert text_of(events)[start:end] == f"[{first.number}]"


def test_every_sentence_of_an_extract_is_supported(handbook: Parts) -> None:
    checked = [event for event in ask(handbook, LEAVE) if isinstance(event, SentenceChecked)]
    assert checked
    assert {event.verdict for event in checked} == {"supported"}


def test_a_question_beside_the_documents_is_refused_and_shows_the_nearest(handbook: Parts) -> None:
    events = ask(handbook, "What is the boiling point of tungsten on Jupiter?")
    assert_well_formed(events)
    assert events[-1] == Done(outcome="refused")
    assert any(isinstance(event, Sources) for event in events)
    assert citations_of(events).citations == ()


def test_a_refusal_names_no_titles_to_who_sees_only_what_is_cited(handbook: Parts) -> None:
    beside = "What is the boiling point of tungsten on Jupiter?"
    assert "“" in text_of(ask(handbook, beside))
    told = text_of(ask(handbook, beside, cites_only=True))
    assert told == "I found nothing about this in the documents I can search."


def test_between_the_thresholds_the_closest_passage_is_quoted_as_unsure(tmp_path: Path) -> None:
    with small_handbook(tmp_path, answer_threshold=1.0, unsure_threshold=0.0) as parts:
        events = ask(parts, LEAVE)
        german = ask(parts, "Wie viele Tage annual leave gibt es für full-time staff?")
    assert_well_formed(events)
    assert text_of(events) == (
        "I am not sure that the documents answer this. The closest passage, from “Annual leave policy”, says: "
        "“Full-time staff get 25 days of annual leave a year.” [1]"
    )
    assert events[-1] == Done(outcome="unsure")
    assert [one.verdict for one in events if isinstance(one, SentenceChecked)] == ["supported"]
    assert [one.number for one in citations_of(events).citations] == [1]
    assert text_of(german).startswith("Ich bin nicht sicher, dass die Dokumente das beantworten. Die nächst")


def test_thanks_needs_no_search(handbook: Parts) -> None:
    events = ask(handbook, "Thanks!")
    assert_well_formed(events)
    assert not any(isinstance(event, Status | Sources) for event in events)


def test_a_follow_up_is_understood_from_the_conversation(handbook: Parts) -> None:
    events = ask(handbook, "And interns?", Message("user", LEAVE), Message("assistant", "25 days [1]."))
    assert "12 days" in text_of(events)


def test_an_empty_index_refuses(tmp_path: Path) -> None:
    from app.build import build
    from app.settings import Settings
    from vectorstore.settings import StoreSettings

    parts = build(Settings(store=StoreSettings(data_dir=tmp_path / "none")))
    try:
        assert ask(parts, LEAVE)[-1] == Done(outcome="refused")
    finally:
        parts.close()


def by_model(folder: Path, model: ScriptedModel, name: str = "answer", **more: object) -> dict[str, object]:
    return {
        "llm_base_url": model.url,
        "llm_model": name,
        "llm_first_token_seconds": 20.0,
        "llm_idle_seconds": 1.5 if name == "stalls" else 20.0,
    } | more


def test_a_model_s_answer_is_cited_and_what_it_invents_is_marked(tmp_path: Path) -> None:
    said = "Full-time staff get 25 days of annual leave [1]. The CEO gets 90 days [1][9]."
    with scripted_model(text=said) as model, small_handbook(tmp_path, **by_model(tmp_path, model)) as parts:
        events = ask(parts, LEAVE)
    assert_well_formed(events)
    assert text_of(events) == (
        "Full-time staff get 25 days of annual leave [1]. The CEO gets 90 days [1]. (Not supported by the sources.)"
    )
    assert [event.verdict for event in events if isinstance(event, SentenceChecked)] == [
        "supported",
        "unsupported",
    ]
    assert [citation.number for citation in citations_of(events).citations] == [1, 1]
    assert next(event for event in events if isinstance(event, Usage)).input_tokens == 12


def test_a_model_s_refusal_is_a_refusal(tmp_path: Path) -> None:
    with (
        scripted_model(text="NOT_IN_DOCUMENTS") as model,
        small_handbook(tmp_path, **by_model(tmp_path, model)) as parts,
    ):
        events = ask(parts, LEAVE)
    assert events[-1] == Done(outcome="refused")
    assert "NOT_IN_DOCUMENTS" not in text_of(events)


@pytest.mark.parametrize("unsupported", ["quote", "mark", "withhold"])
@pytest.mark.parametrize(
    "said",
    [
        "Answer: NOT_IN_DOCUMENTS",
        "I am sorry, `not_in_documents`.",
        "<think>25 days? No.</think>\n\nNOT_IN_DOCUMENTS",
    ],
)
def test_a_model_s_refusal_in_any_dress_shows_nothing_else(
    tmp_path: Path, said: str, unsupported: str
) -> None:
    with (
        scripted_model(text=said) as model,
        small_handbook(tmp_path, **by_model(tmp_path, model, unsupported=unsupported)) as parts,
    ):
        events = ask(parts, LEAVE)
    assert events[-1] == Done(outcome="refused")
    assert text_of(events).startswith("I could not find the answer in the documents I can search.")
    assert citations_of(events).citations == ()


@pytest.mark.parametrize("begun", ["<think>", ""])
def test_what_a_model_thinks_aloud_is_neither_shown_nor_checked_nor_searched(
    tmp_path: Path, begun: str
) -> None:
    thought = f"{begun}They ask for days. Was it 30 before? I will say 25.</think>\n\n"
    said = "Full-time staff get 25 days of annual leave [1]."
    with (
        scripted_model(text=thought + said) as model,
        small_handbook(tmp_path, **by_model(tmp_path, model)) as parts,
    ):
        events = ask(
            parts, "And for full-time staff?", Message("user", LEAVE), Message("assistant", "25 [1].")
        )
    assert text_of(events) == said
    searched = [event.detail for event in events if isinstance(event, Status)][1]
    assert "annual leave" in searched
    assert "30" not in searched
    assert [event.verdict for event in events if isinstance(event, SentenceChecked)] == ["supported"]
    assert "Was it 30" not in str(model.requests)


def test_a_model_decides_whatever_the_reader_thinks(tmp_path: Path) -> None:
    said = "Full-time staff get 25 days of annual leave [1]."
    with (
        scripted_model(text=said) as model,
        small_handbook(
            tmp_path, **by_model(tmp_path, model, answer_threshold=1.0, unsure_threshold=1.0)
        ) as parts,
    ):
        events = ask(parts, LEAVE)
        assert len(model.requests) == 1
    assert text_of(events) == said
    assert events[-1] == Done()
    (told,) = (event for event in events if isinstance(event, Explained))
    assert told.probability < told.threshold


def test_a_model_is_not_asked_where_nothing_at_all_is_found(tmp_path: Path) -> None:
    from app.build import build
    from app.settings import ModelSettings, Settings
    from vectorstore.settings import StoreSettings

    with scripted_model() as model:
        settings = ModelSettings(llm_base_url=model.url, llm_model="answer")
        parts = build(Settings(store=StoreSettings(data_dir=tmp_path / "none"), model=settings))
        try:
            assert ask(parts, LEAVE)[-1] == Done(outcome="refused")
        finally:
            parts.close()
        assert not model.requests


def test_a_model_s_first_words_do_not_wait_for_the_reader(tmp_path: Path) -> None:
    shown = threading.Event()

    def slow(*values: Any) -> Any:
        assert shown.wait(10), "the text waited"
        return read(*values)

    with (
        scripted_model(text=SUPPORTED) as model,
        small_handbook(tmp_path, **by_model(tmp_path, model)) as parts,
    ):
        read, turn = parts.turn.read, replace(parts.turn, read=slow)

        async def collect() -> list[Event]:
            found = list[Event]()
            async with aclosing(turn.answer(Question(LEAVE, Scope(), top_k=6), "run_1")) as events:
                async for event in events:
                    found.append(event)
                    if isinstance(event, Text):
                        shown.set()
            await parts.disconnect()
            return found

        kinds = [type(event) for event in asyncio.run(collect())]
    assert kinds.index(Text) < kinds.index(Explained) < kinds.index(Usage)


def test_a_link_in_a_model_s_answer_is_broken(tmp_path: Path) -> None:
    said = "Full-time staff get 25 days [1]. ![x](https://evil.example/?q=25)"
    with scripted_model(text=said) as model, small_handbook(tmp_path, **by_model(tmp_path, model)) as parts:
        answer = text_of(ask(parts, LEAVE))
    assert answer.startswith("Full-time staff get 25 days [1]. ! [x] (`https://evil.example/?q=25`)")


@pytest.mark.parametrize(
    ("fault", "code"),
    [("cut", "model_cut_off"), ("stalls", "model_timeout"), ("wrong-key", "model_refused_key")],
)
def test_a_fault_ends_in_one_failure_and_shows_no_half_sentence(
    tmp_path: Path, model: ScriptedModel, fault: str, code: str
) -> None:
    with small_handbook(tmp_path, **by_model(tmp_path, model, fault)) as parts:
        events = ask(parts, LEAVE)
    assert_well_formed(events)
    assert isinstance(events[-1], Failed)
    assert events[-1].code == code
    assert text_of(events) == ""


def test_the_fallback_answers_when_the_model_is_down(tmp_path: Path, model: ScriptedModel) -> None:
    with small_handbook(tmp_path, **by_model(tmp_path, model, "broken", llm_fallback=True)) as parts:
        events = ask(parts, LEAVE)
    assert_well_formed(events)
    assert "25 days" in text_of(events)
    assert events[-1] == Done()


def test_closing_a_turn_closes_the_model_s_connection(tmp_path: Path) -> None:
    async def leave(parts: Parts, model: ScriptedModel) -> float:
        async with aclosing(parts.turn.answer(Question(LEAVE, Scope(), top_k=6), "run_1")) as events:
            async for event in events:
                if isinstance(event, Text):
                    break
        left = time.monotonic()
        while model.open and time.monotonic() - left < 5:
            await asyncio.sleep(0.01)
        await parts.disconnect()
        return model.closed_at - left

    with (
        scripted_model(text=SUPPORTED + " word" * 300, delay=0.02) as model,
        small_handbook(tmp_path, **by_model(tmp_path, model)) as parts,
    ):
        took = [asyncio.run(leave(parts, model)) for _ in range(3)]
        assert min(took) < 0.5  # a busy machine may hold up one of them
        assert model.written < 3 * 100
