"""The openai client against a real scripted server: every fault ends in one clear failure."""

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from app.answer.answerer import ModelFailure, Piece, Written
from app.answer.exchange import Takes, arrived, failure, reason, rejection
from app.answer.openai_compatible import OpenAICompatibleAnswerer
from app.events import Passage
from app.settings import ModelSettings
from tests.fakes.faulty_model import faulty_model
from tests.fakes.scripted_model import ScriptedModel, scripted_model
from vectorstore.types import Document, DocumentId, Span

DOCUMENT = Document(DocumentId("doc_1"), "leave.md", "Leave", "text/markdown", "digest")
PASSAGES = [Passage(1, DOCUMENT, Span(0, 32), "Staff get 25 days of leave.", chunks=())]
LIMITS = ModelSettings(
    llm_connect_seconds=5,
    llm_first_token_seconds=10,
    llm_idle_seconds=10,
    llm_total_seconds=20,
    llm_retries=0,
)
HURRIED = ModelSettings(
    llm_connect_seconds=5,
    llm_first_token_seconds=0.4,
    llm_idle_seconds=0.3,
    llm_total_seconds=3,
    llm_retries=0,
)
"""For servers that are waited for in vain; a busy machine may make others as slow."""


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    with scripted_model() as running:
        yield running


def answerer(url: str, name: str = "answer") -> OpenAICompatibleAnswerer:
    limits = HURRIED if name in {"hangs", "stalls"} else LIMITS
    return OpenAICompatibleAnswerer(at(url, name, limits))


def at(url: str, name: str, settings: ModelSettings) -> ModelSettings:
    return settings.model_copy(update={"llm_base_url": url, "llm_model": name})


async def written(answerer: OpenAICompatibleAnswerer) -> list[Piece]:
    try:
        return [piece async for piece in answerer.write("How much leave?", passages=PASSAGES, history=())]
    finally:
        await answerer.close()


def test_an_answer_streams_with_the_server_s_token_counts(model: ScriptedModel) -> None:
    pieces = asyncio.run(written(answerer(model.url)))
    assert "".join(piece for piece in pieces if isinstance(piece, str)) == model.text
    assert pieces[-1] == Written("stop", 12, 7)


def _token(text: str, reason: str | None = None) -> str:
    return json.dumps({"choices": [{"delta": {"content": text}, "finish_reason": reason}]})


def test_tokens_that_arrive_together_go_on_together() -> None:
    usage = {"prompt_tokens": 12, "completion_tokens": 3}
    read = [
        _token("Staff "),
        _token("get "),
        _token("25 days.", "stop"),
        json.dumps({"choices": [], "usage": usage}),
    ]
    found = arrived(iter(read))
    assert (found.text, found.reason, found.usage, found.failure) == (
        "Staff get 25 days.",
        "stop",
        usage,
        None,
    )


def test_what_came_before_a_damaged_event_of_the_same_read_stands() -> None:
    found = arrived(iter([_token("Staff "), _token("get "), "{damaged", _token("more")]))
    assert found.text == "Staff get "
    assert found.failure is not None
    assert found.failure.code == "model_cut_off"


def test_passages_are_fenced_by_a_delimiter_that_changes(model: ScriptedModel) -> None:
    for _ in range(2):
        asyncio.run(written(answerer(model.url)))
    fences = [request["messages"][-1]["content"].splitlines()[0] for request in model.requests]
    assert fences[0] != fences[1]
    assert all(
        request["messages"][-1]["content"].count(fence) == 2
        for request, fence in zip(model.requests, fences, strict=True)
    )
    assert "Staff get 25 days" in model.requests[0]["messages"][-1]["content"]


def test_the_agreed_refusal_never_reaches_the_reader() -> None:
    with scripted_model(text="I am sorry, NOT_IN_DOCUMENTS. Ask HR.") as model:
        pieces = asyncio.run(written(answerer(model.url)))
    assert "".join(piece for piece in pieces if isinstance(piece, str)) == "I am sorry, "
    assert isinstance(pieces[-1], Written)
    assert pieces[-1].outcome == "refused"


def test_an_answer_that_begins_like_the_refusal_is_kept() -> None:
    with scripted_model(text="NOT every day [1].") as model:
        pieces = asyncio.run(written(answerer(model.url)))
    assert "".join(piece for piece in pieces if isinstance(piece, str)) == "NOT every day [1]."


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("wrong-key", "model_refused_key"),
        ("unknown-model", "model_unavailable"),
        ("too-long", "context_overflow"),
        ("broken", "model_unavailable"),
        ("hangs", "model_timeout"),
        ("stalls", "model_timeout"),
        ("cut", "model_cut_off"),
        ("damaged", "model_cut_off"),
        ("errors", "model_cut_off"),
        ("not-utf8", "model_cut_off"),
    ],
)
def test_each_fault_is_one_typed_failure(model: ScriptedModel, name: str, code: str) -> None:
    started = time.monotonic()
    with pytest.raises(ModelFailure) as failure:
        asyncio.run(written(answerer(model.url, name)))
    assert failure.value.code == code
    assert failure.value.what.endswith(".")
    assert time.monotonic() - started < LIMITS.llm_total_seconds


def failing(kind: str, limits: ModelSettings) -> tuple[ModelFailure, int, float]:
    """Return how a faulty server's answer fails, how often it was asked, and the seconds it took."""
    with faulty_model() as server:
        writer = OpenAICompatibleAnswerer(at(server.url, kind, limits))
        started = time.monotonic()
        with pytest.raises(ModelFailure) as failure:
            asyncio.run(written(writer))
        return failure.value, len(server.asked), time.monotonic() - started


def test_a_server_that_is_asked_too_much_is_not_waited_for_longer_than_an_answer_may_take() -> None:
    failure, asked, took = failing(
        "says 429, for long", ModelSettings(llm_first_token_seconds=30, llm_retries=2)
    )
    assert (failure.code, failure.after, failure.retryable, asked) == ("model_unavailable", 600, True, 1)
    assert "Ask again in 600 seconds." in failure.what
    assert took < 5


@pytest.mark.parametrize(
    ("kind", "times", "again"),
    [
        ("says 500", 2, True),
        ("closes at once", 2, True),
        ("says 401", 1, False),
        ("says 422", 2, False),  # once more with the least that can be sent
    ],
)
def test_only_what_may_go_better_is_tried_again(kind: str, times: int, again: bool) -> None:
    failure, asked, _ = failing(kind, ModelSettings(llm_first_token_seconds=30, llm_retries=1))
    assert asked == times
    assert failure.retryable is again


@pytest.mark.parametrize("kind", ["says 400, too long", "says 400, prompt too long", "says 413"])
def test_every_way_of_saying_that_the_prompt_is_too_long_is_understood(kind: str) -> None:
    assert failing(kind, LIMITS)[0].code == "context_overflow"


def test_an_unreachable_server_is_named() -> None:
    with pytest.raises(ModelFailure, match="cannot be reached") as failure:
        asyncio.run(written(answerer("http://127.0.0.1:9/v1")))
    assert "FOOTNOTE_LLM_BASE_URL" in failure.value.hint
    assert "http://" not in failure.value.what  # readers are not told where it runs


def test_leaving_early_closes_the_upstream_call() -> None:
    async def leave(model: ScriptedModel) -> float:
        writer = answerer(model.url)
        pieces = writer.write("?", passages=PASSAGES, history=())
        async for _ in pieces:
            break
        left = time.monotonic()
        await pieces.aclose()
        while model.open and time.monotonic() - left < 5:
            await asyncio.sleep(0.01)
        await writer.close()
        return model.closed_at - left

    with scripted_model(text="word " * 400, delay=0.02) as model:
        took = [asyncio.run(leave(model)) for _ in range(3)]
        assert min(took) < 0.5  # a busy machine may hold up one of them
        assert model.written < 3 * 130


def told(status: int, body: object) -> Takes | None:
    return Takes().without(rejection(status, body, {}, hidden=()))


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        ({"message": "x", "param": "max_tokens"}, {"limit": "max_completion_tokens"}),
        ({"error": {"message": "max_tokens is too large: 800. This model supports at most 512."}}, {"limit": "max_completion_tokens"}),
        ({"error": "temperature must be 1 when thinking is on"}, {"temperature": False}),
        ("property 'stream_options' is unsupported", {"usage": False}),
        ([{"error": {"message": 'Unknown name "stream_options": Cannot find field.'}}], {"usage": False}),
        ({"message": {"detail": [{"loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}]}}, {"usage": False}),
        ({"message": "Only user and assistant roles are supported!"}, {"system": False}),
        ({"message": "'messages[0].role' does not support 'system'", "param": "messages[0].role"}, {"system": False}),
        ({"message": 'messages: Unexpected role "system".'}, {"system": False}),
        ({"detail": "stream=true is not supported"}, {"stream": False, "usage": False}),
        ({}, {"limit": "", "temperature": False, "usage": False, "guessed": True}),
    ],
)  # fmt: skip
def test_what_a_rejection_names_is_left_out(body: object, changed: dict[str, Any]) -> None:
    assert told(400, body) == replace(Takes(), **changed)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, "This model's maximum context length is 4096 tokens. However, you requested 5000, 800 of them max_tokens."),
        (400, "the request exceeds the available context size"),
        (400, "The input token count (40000) exceeds the maximum number of tokens allowed (32768)."),
        (422, "`inputs` tokens + `max_new_tokens` must be <= 4096."),
        (500, "context limit exceeded"),
        (413, ""),
    ],
)  # fmt: skip
def test_a_prompt_that_is_too_long_is_no_field_that_is_rejected(status: int, said: str) -> None:
    assert told(status, {"error": {"message": said}}) is None
    found = rejection(status, {"error": {"message": said}}, {}, hidden=())
    assert failure(found, address="http://x").code == "context_overflow"


def test_a_reason_is_one_line_without_the_key_and_the_prompt() -> None:
    body = {"error": {"message": "Key sk-12345678abcd\nis bad for: How much leave do I get? " + "x" * 900}}
    assert reason(body, hidden=["How much leave do I get?"]).startswith("Key … is bad for: … xxx")
    assert len(reason(body)) < 310
    assert reason("<html>nginx</html>") == reason(None) == reason([[[[[["x"]]]]]]) == ""


def test_a_wrong_guess_is_taken_back() -> None:
    with faulty_model() as server:
        for _ in range(2):
            with pytest.raises(ModelFailure):
                asyncio.run(written(OpenAICompatibleAnswerer(at(server.url, "says 422", LIMITS))))
        assert len(server.asked) == 3  # guessed once, then never again
