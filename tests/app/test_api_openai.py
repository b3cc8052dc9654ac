"""The stock openai client against the service over a real socket."""

import time
from collections.abc import Iterator
from statistics import median
from typing import Any

import httpx
import openai
import pytest

from app.events import Cancelled, Event, Failed, Text
from app.settings import ClientSettings, ServeSettings, Settings
from tests.app.edge import ANSWER, ANSWERED, ScriptedTurn, Served, serve, service

LONG = 30.0
FAILED = Failed("model_timeout", "The model was too slow.")
QUESTION: Any = [{"role": "user", "content": "How much leave?"}]


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serve(service()) as running:
        yield running


def client(served: Served) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{served.url}/v1", api_key="unused", max_retries=0)


def test_a_stream_brings_text_annotations_and_usage(served: Served) -> None:
    with client(served) as api:
        chunks = list(
            api.chat.completions.create(
                model="footnote", messages=QUESTION, stream=True, stream_options={"include_usage": True}
            )
        )
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == ANSWER
    finish = next(c.choices[0] for c in chunks if c.choices and c.choices[0].finish_reason)
    annotations: Any = finish.delta.model_extra
    urls = [each["url_citation"] for each in annotations["annotations"]]
    assert [ANSWER[each["start_index"] : each["end_index"]] for each in urls] == ["[1]", "[2]"]
    assert urls[0]["url"].startswith(served.url)
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 521


def test_the_stream_helper_gathers_the_annotations(served: Served) -> None:
    with client(served) as api, api.chat.completions.stream(model="footnote", messages=QUESTION) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.content == ANSWER
    annotations = final.choices[0].message.annotations
    assert annotations is not None
    assert len(annotations) == 2


def test_an_answer_in_one_piece_has_the_same_text_and_annotations(served: Served) -> None:
    with client(served) as api:
        whole = api.chat.completions.create(model="footnote", messages=QUESTION)
    message = whole.choices[0].message
    assert message.content == ANSWER
    assert message.annotations is not None
    assert message.annotations[0].url_citation.title == "Handbook <b>2026</b>, p. 2"
    assert whole.usage is not None
    assert whole.usage.completion_tokens == 9


def test_pings_do_not_break_the_client() -> None:
    turn = ScriptedTurn((*ANSWERED[:6], 0.4, *ANSWERED[6:]))
    with (
        serve(service(turn, settings=Settings(serve=ServeSettings(heartbeat_seconds=0.05)))) as served,
        client(served) as api,
    ):
        for create in (
            lambda: api.chat.completions.create(model="footnote", messages=QUESTION, stream=True),
            lambda: api.responses.create(model="footnote", input="q", stream=True),
        ):
            stream: Any = create()
            assert list(stream)


@pytest.mark.parametrize("ending", [FAILED, Cancelled("shutdown"), RuntimeError("boom")])
def test_a_break_in_the_middle_is_an_api_error(ending: Event | Exception) -> None:
    with serve(service(ScriptedTurn((*ANSWERED[:7], ending)))) as served, client(served) as api:
        stream = api.chat.completions.create(model="footnote", messages=QUESTION, stream=True)
        got: list[str] = []
        with pytest.raises(openai.APIError) as raised:
            got.extend(chunk.choices[0].delta.content or "" for chunk in stream)
    assert "".join(got) == "Staff get 25 days \U0001f334 [1]. "
    assert "run_" in str(raised.value) or str(raised.value).endswith(".")


@pytest.mark.parametrize(
    ("failed", "status"),
    [(FAILED, 504), (Failed("model_unavailable", "Down."), 503), (Failed("internal", "Broke."), 500)],
)
def test_a_break_without_streaming_has_a_status(failed: Failed, status: int) -> None:
    with (
        serve(service(ScriptedTurn((Text("a"), failed)))) as served,
        client(served) as api,
        pytest.raises(openai.APIStatusError) as raised,
    ):
        api.chat.completions.create(model="footnote", messages=QUESTION)
    assert raised.value.status_code == status
    assert raised.value.code == failed.code
    assert raised.value.request_id is not None
    assert raised.value.request_id.startswith("req_")


def test_a_client_that_leaves_stops_the_turn_within_half_a_second() -> None:
    turn = ScriptedTurn((*ANSWERED[:6], LONG))
    took = []
    with serve(service(turn)) as served, client(served) as api:
        for _ in range(10):
            stream = api.chat.completions.create(model="footnote", messages=QUESTION, stream=True)
            next(chunk for chunk in stream if chunk.choices[0].delta.content)
            assert turn.open == 1
            began = time.monotonic()
            stream.close()
            assert turn.closed.wait(10)
            took.append(time.monotonic() - began)
        deadline = time.monotonic() + 10
        while served.runs.active and time.monotonic() < deadline:
            time.sleep(0.01)
        assert served.runs.active == 0
    print(f"turn closed after {median(took) * 1000:.1f} ms, {max(took) * 1000:.1f} ms at most")
    assert median(took) <= 0.5  # a busy machine may hold up one of them


def test_a_client_that_leaves_before_a_whole_answer_stops_the_turn_too() -> None:
    turn = ScriptedTurn((*ANSWERED[:6], LONG))
    left = httpx.Timeout(30, read=1.5)
    with serve(service(turn)) as served:
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{served.url}/v1/chat/completions", json={"messages": QUESTION}, timeout=left)
        assert turn.closed.wait(10)


def test_models_are_listed_and_unknown_ones_not_found(served: Served) -> None:
    with client(served) as api:
        assert [model.id for model in api.models.list()] == ["footnote", "footnote:inline"]
        assert api.models.retrieve("footnote:inline").id == "footnote:inline"
        with pytest.raises(openai.NotFoundError) as raised:
            api.chat.completions.create(model="gpt-4o", messages=QUESTION)
    assert (raised.value.code, raised.value.param) == ("model_not_found", "model")


def test_the_inline_model_lists_its_sources_in_the_text(served: Served) -> None:
    with client(served) as api:
        content = (
            api.chat.completions.create(model="footnote:inline", messages=QUESTION).choices[0].message.content
        )
    assert content is not None
    assert content.startswith(ANSWER + "\n\n**Sources**\n1. [Handbook")


@pytest.mark.parametrize(("setting", "agent", "inline"), [
    ("off", "curl/8.0", False), ("auto", "curl/8.0", True), ("auto", "OpenAI/Python 3.0", False), ("on", "x", True),
])  # fmt: skip
def test_inline_sources_follow_the_setting(setting: Any, agent: str, inline: bool) -> None:
    with serve(service(settings=Settings(client=ClientSettings(inline_sources=setting)))) as served:
        url = f"{served.url}/v1/chat/completions"
        whole = httpx.post(url, json={"messages": QUESTION}, headers={"User-Agent": agent}).json()
    assert ("**Sources**" in whole["choices"][0]["message"]["content"]) == inline


def test_open_webui_is_known_by_its_headers(served: Served) -> None:
    body = {"messages": QUESTION, "stream": True}
    url = f"{served.url}/v1/chat/completions"
    plain = httpx.post(url, json=body).text
    rich = httpx.post(url, json=body, headers={"X-OpenWebUI-User-Name": "Anna"}).text
    assert '"event":' not in plain
    assert '"event":{"type":"source"' in rich


def test_openai_errors_have_their_own_shape(served: Served) -> None:
    response = httpx.post(
        f"{served.url}/v1/chat/completions", json={"messages": [{"role": "user", "content": ""}]}
    )
    assert response.status_code == 422
    assert set(response.json()["error"]) == {"message", "type", "param", "code"}


def test_responses_stream_items_and_annotations_to_the_helper(served: Served) -> None:
    with (
        client(served) as api,
        api.responses.stream(
            model="footnote", input="How much leave?", include=["file_search_call.results"]
        ) as stream,
    ):
        final = stream.get_final_response()
    assert final.output_text == ANSWER
    search: Any = final.output[0]
    assert [result.attributes["n"] for result in search.results] == [1, 2]
    message: Any = final.output[1]
    assert [each.type for each in message.content[0].annotations] == ["file_citation", "url_citation"] * 2
    assert final.usage is not None
    assert final.usage.total_tokens == 521


def test_a_background_response_outlives_its_client_and_is_taken_up_by_number() -> None:
    slow = [step for event in ANSWERED for step in (event, 0.02)]
    turn = ScriptedTurn(slow)
    with serve(service(turn)) as served, client(served) as api:
        seen: list[Any] = []
        stream: Any = api.responses.create(model="footnote", input="q", stream=True, background=True)
        for event in stream:
            seen.append(event)
            if event.type == "response.output_text.delta":
                break
        stream.close()
        identity = seen[0].response.id
        resumed: Any = api.responses.retrieve(identity, stream=True, starting_after=seen[-1].sequence_number)
        seen += list(resumed)
        final = api.responses.retrieve(identity)
    assert [event.sequence_number for event in seen] == list(range(len(seen)))
    assert "".join(e.delta for e in seen if e.type == "response.output_text.delta") == ANSWER
    assert final.output_text == ANSWER
    assert len(turn.asked) == 1


def test_a_background_response_is_polled_and_cancelled() -> None:
    turn = ScriptedTurn((*ANSWERED[:6], LONG))
    with serve(service(turn)) as served, client(served) as api:
        begun = api.responses.create(model="footnote", input="q", background=True)
        assert begun.status == "in_progress"
        cancelled = api.responses.cancel(begun.id)
        assert cancelled.status == "cancelled"
        assert turn.open == 0
        with pytest.raises(openai.NotFoundError):
            api.responses.retrieve("resp_unknown")


def test_a_previous_response_is_the_history_of_the_next() -> None:
    turn = ScriptedTurn()
    with serve(service(turn)) as served, client(served) as api:
        first = api.responses.create(model="footnote", input="How much leave?")
        api.responses.create(model="footnote", input="And sick days?", previous_response_id=first.id)
    assert [said.text for said in turn.asked[1].history] == ["How much leave?", ANSWER]


@pytest.mark.parametrize("ending", [FAILED, Cancelled("shutdown"), RuntimeError("boom")])
def test_a_broken_response_never_completes(ending: Event | Exception) -> None:
    with serve(service(ScriptedTurn((*ANSWERED[:7], ending)))) as served, client(served) as api:
        stream: Any = api.responses.create(model="footnote", input="q", stream=True)
        last = list(stream)[-1]
    assert last.type in {"response.failed", "response.incomplete"}
    assert last.response.status != "completed"
