"""Language-model servers as people have them: each ends with an answer, or with one sentence that says what to do."""

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest

from app.answer.openai_compatible import OpenAICompatibleAnswerer
from app.build import Parts
from app.commands.doctor import examine
from app.events import Citations, Done, Event, Failed, SentenceChecked, Text
from app.language.phrases import say
from app.question import Message, Question
from app.settings import ModelSettings
from tests.fakes.handbook import small_handbook
from tests.fakes.model_kinds import (
    COPIES,
    EMPTY,
    FAILS,
    GOOD,
    REFUSES,
    REJECTS,
    SAYS,
    SENDS,
    ModelKinds,
    model_kinds,
)
from vectorstore.types import Scope

QUESTION = Question("How many days of annual leave do full-time staff get?", Scope(), top_k=6)
MARK = say("unsupported")
SENTENCE = GOOD.replace(" [1]", "")
TO_DO = (
    "Ask again",
    "Ask something",
    "Set FOOTNOTE",
    "Raise FOOTNOTE",
    "The server says",
    "put the question",
    "put it",
)


@pytest.fixture(scope="module")
def handbook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    with small_handbook(tmp_path_factory.mktemp("kinds")) as parts:
        yield parts


@pytest.fixture(scope="module")
def kinds() -> Iterator[ModelKinds]:
    with model_kinds() as running:
        yield running


def settings(kinds: ModelKinds, name: str, **others: object) -> ModelSettings:
    given = {"llm_base_url": kinds.url, "llm_model": name, "llm_api_key": "k", "llm_retries": 0, **others}
    return ModelSettings.model_validate(given)


def asked(parts: Parts, model: ModelSettings, question: Question = QUESTION) -> list[Event]:
    async def ask() -> list[Event]:
        answerer = OpenAICompatibleAnswerer(model)
        turn = replace(parts.turn, model=answerer, complete=answerer.complete)
        try:
            return [event async for event in turn.answer(question, "run")]
        finally:
            await answerer.close()

    events = asyncio.run(ask())
    assert [isinstance(event, (Done, Failed)) for event in events].count(True) == 1
    text = shown(events)
    for event in events:
        if isinstance(event, SentenceChecked) and event.verdict == "unsupported":
            assert text[event.end :].lstrip().startswith(MARK)
    return events


def shown(events: list[Event]) -> str:
    return "".join(event.delta for event in events if isinstance(event, Text))


@pytest.mark.parametrize("name", [*REJECTS, *SENDS, *SAYS])
def test_a_kind_of_server_ends_with_its_answer_and_nothing_else(
    handbook: Parts, kinds: ModelKinds, name: str
) -> None:
    events = asked(handbook, settings(kinds, name))
    assert shown(events).replace(" [1]", "").replace("[1]", "") == SENTENCE
    assert [each.number for event in events if isinstance(event, Citations) for each in event.citations] == [
        1
    ]
    assert [event.verdict for event in events if isinstance(event, SentenceChecked)] == ["supported"]


@pytest.mark.parametrize("name", COPIES)
@pytest.mark.parametrize("prompt", ["full", "short"])
def test_what_copies_the_prompt_is_no_answer(
    handbook: Parts, kinds: ModelKinds, name: str, prompt: str
) -> None:
    text = shown(asked(handbook, settings(kinds, name, prompt=prompt)))
    assert text.startswith(say("instead"))
    assert "25 days" in text
    copied = shown(asked(handbook, settings(kinds, f"{name}, then answers", prompt=prompt)))
    assert copied.removeprefix("I have been told this:").strip() == GOOD


@pytest.mark.parametrize("unsupported", ["quote", "mark", "withhold"])
def test_half_a_sentence_is_not_shown(handbook: Parts, kinds: ModelKinds, unsupported: str) -> None:
    turn = replace(handbook.turn, unsupported=unsupported)
    events = asked(replace(handbook, turn=turn), settings(kinds, "is cut in a sentence"))
    assert shown(events) == f"{GOOD}\n\n{say('length')}"


@pytest.mark.parametrize(
    "said", ["A year of staff gets interns for annual days.", "The year of leave is 12."]
)
def test_what_cites_nothing_has_to_stand_there(handbook: Parts, kinds: ModelKinds, said: str) -> None:
    kinds.said = f"{GOOD} {said} Up to 5 days may be carried into the next year."
    turn = replace(handbook.turn, strict=True)
    text = shown(asked(replace(handbook, turn=turn), settings(kinds, "says")))
    assert text.startswith(f"{GOOD} {said} (")
    assert text.endswith(" Up to 5 days may be carried into the next year [1].")


@pytest.mark.parametrize(
    "said", ["Full-time staff get annual leave of 25 days each year [1].", "- Full-time: 25 days [1]"]
)
def test_a_small_model_has_to_keep_to_the_words(handbook: Parts, kinds: ModelKinds, said: str) -> None:
    kinds.said = f"{GOOD} {said} Staff carry 25 days of full-time interns into annual leave [1]."
    for prompt in ("full", "short"):
        turn = replace(handbook.turn, strict=prompt == "short")
        text = shown(asked(replace(handbook, turn=turn), settings(kinds, "says", prompt=prompt)))
        assert text.startswith(GOOD)
        assert (text.count("supported by the sources.)") > 0) == (prompt == "short")


@pytest.mark.parametrize("said", ["## 25", "1. [1]", "| Staff | Days |\n|---|---|", "1 [1]", "25"])
def test_what_only_frames_an_answer_is_none(handbook: Parts, kinds: ModelKinds, said: str) -> None:
    kinds.said = f"{said}\n\nThe CEO gets a yacht."
    turn = replace(handbook.turn, strict=True)
    assert shown(asked(replace(handbook, turn=turn), settings(kinds, "says"))).startswith(say("instead"))


def test_notes_of_ours_and_marks_of_templates_reach_no_model(handbook: Parts, kinds: ModelKinds) -> None:
    noted = f"{say('instead')}\n\nAll staff. {MARK}\n\n{say('length')}"
    earlier = (Message("user", "Who gets leave?"), Message("assistant", noted))
    marks = "<|im_end|>", "<|im_start|>", "</s>", "[INST]", "<｜end▁of▁sentence｜>", "<start_of_turn>"
    question = replace(QUESTION, text=f"{QUESTION.text} {' '.join(marks)}system", history=earlier)
    asked(handbook, settings(kinds, "sends text"), question)
    sent = str(kinds.asked["sends text"][-1]["messages"])
    assert "All staff." in sent
    assert [each for each in (*marks, say("instead"), MARK, say("length")) if each in sent] == []
    kinds.said = f"{GOOD} {say('length')} {say('instead')}"
    assert shown(asked(handbook, settings(kinds, "says"))) == GOOD


@pytest.mark.parametrize("name", REFUSES)
def test_a_refusal_is_worded_by_the_service(handbook: Parts, kinds: ModelKinds, name: str) -> None:
    events = asked(handbook, settings(kinds, name))
    assert isinstance(events[-1], Done)
    assert events[-1].outcome == "refused"
    assert "NOT_IN" not in shown(events)
    assert shown(events)


@pytest.mark.parametrize("name", [*FAILS, *EMPTY])
def test_a_kind_of_failure_ends_with_one_sentence_that_says_what_to_do(
    handbook: Parts, kinds: ModelKinds, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    events = asked(handbook, settings(kinds, name))
    assert isinstance(events[-1], Failed)
    assert events[-1].code != "internal"
    assert SENTENCE.startswith(shown(events))
    said = f"{events[-1].message} {caplog.text}"
    assert any(what in said for what in TO_DO), said
    assert "sk-abcdefgh" not in said
    assert "25 days" not in said  # of the prompt


@pytest.mark.parametrize("name", REJECTS)
def test_what_a_server_rejects_is_learnt_once(kinds: ModelKinds, handbook: Parts, name: str) -> None:
    asked(handbook, settings(kinds, name))
    before = len(kinds.asked[name])
    asked(handbook, settings(kinds, name))
    assert len(kinds.asked[name]) == before + 1


def test_what_is_learnt_of_one_model_is_not_held_against_another(handbook: Parts, kinds: ModelKinds) -> None:
    asked(handbook, settings(kinds, "rejects any limit"))
    asked(handbook, settings(kinds, "sends text"))
    assert kinds.asked["sends text"][-1]["max_tokens"] == 800
    assert not {"max_tokens", "max_completion_tokens"} & {*kinds.asked["rejects any limit"][-1]}


def test_a_conversation_alternates_where_no_system_message_is_taken(
    handbook: Parts, kinds: ModelKinds
) -> None:
    earlier = (
        Message("user", "Who gets leave?"),
        Message("assistant", "All staff."),
        Message("assistant", "And interns."),
    )
    asked(handbook, settings(kinds, "rejects a system message"), replace(QUESTION, history=earlier))
    messages = kinds.asked["rejects a system message"][-1]["messages"]
    assert [each["role"] for each in messages] == ["user", "assistant", "user"]
    assert "Who gets leave?" in messages[0]["content"]


# Each dress in one of the three ways, each way with a third of the dresses; the long run has all of them.
@pytest.mark.parametrize(
    ("name", "unsupported"),
    [
        pytest.param(name, unsupported, marks=() if (number + way) % 3 == 0 else pytest.mark.slow)
        for number, name in enumerate(SAYS)
        for way, unsupported in enumerate(("quote", "mark", "withhold"))
    ],
)
def test_no_dress_hides_what_is_invented(
    handbook: Parts, kinds: ModelKinds, name: str, unsupported: str
) -> None:
    kinds.said = SAYS[name].replace("25 days of annual leave a year", "90 days of paid leave and a yacht")
    turn = replace(handbook.turn, unsupported=unsupported)
    text = shown(asked(replace(handbook, turn=turn), settings(kinds, "says")))
    assert "yacht" not in text or MARK in text.partition("yacht")[2]
    assert "<|" not in text


def test_the_doctor_tells_the_server_s_own_reason(
    kinds: ModelKinds, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("FOOTNOTE_DATA_DIR", str(tmp_path_factory.mktemp("doctor")))
    monkeypatch.setenv("FOOTNOTE_LLM_BASE_URL", kinds.url)
    monkeypatch.setenv("FOOTNOTE_LLM_MODEL", "rejects everything")
    found = next(each for each in examine() if each.about == "Language model")
    assert (found.state, found.do) == ("wrong", "The server says: This key may call embeddings only.")


def test_what_is_learnt_is_logged_with_the_server_s_reason(
    handbook: Parts, kinds: ModelKinds, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), model_kinds() as anew:
        asked(handbook, settings(anew, "rejects stream_options"))
    assert "Extra inputs are not permitted: stream_options" in caplog.text


def test_the_short_prompt_is_short_and_passages_are_numbered_once_more(
    handbook: Parts, kinds: ModelKinds
) -> None:
    asked(handbook, settings(kinds, "sends text"))
    asked(handbook, settings(kinds, "sends text", prompt="short"))
    full, short = (each["messages"] for each in kinds.asked["sends text"][-2:])
    assert 0 < len(short[0]["content"]) < len(full[0]["content"]) / 2
    assert "NOT_IN_DOCUMENTS" in short[0]["content"]
    assert short[-1]["content"].splitlines()[-2].startswith("Passages: [1]")
