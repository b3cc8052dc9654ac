"""Chat completions: every delta arrives, and nothing but Done looks like the end."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from app.events import Citation, Citations, Done, Event, Sources, Usage
from app.wire.completions import CompletionOptions, CompletionsStream, completion
from tests.app.dialects import ANSWERED, LINK, RUN, UNFINISHED, answer_of, encoded, ended_in, payloads, turns

OPTIONS = CompletionOptions(run=RUN, model="footnote", created=1, link=LINK, include_usage=True)


def stream(events: Sequence[Event], options: CompletionOptions = OPTIONS) -> list[Any]:
    return payloads(encoded(CompletionsStream(options), events))


def chunks(shown: list[Any]) -> list[Any]:
    return [chunk for chunk in shown if chunk != "[DONE]" and "error" not in chunk]


def text_of(shown: list[Any]) -> str:
    return "".join(choice["delta"]["content"] for chunk in chunks(shown) for choice in chunk["choices"])


@given(turns())
def test_concatenated_deltas_are_the_answer(events: list[Event]) -> None:
    shown = stream(events)
    assert text_of(shown) == answer_of(events)
    for chunk in chunks(shown):
        assert isinstance(chunk["choices"], list)
        assert chunk["id"] == "chatcmpl-0123456789abcdef01234567"


@given(turns())
def test_only_a_finished_turn_has_a_finish_reason_and_done(events: list[Event]) -> None:
    shown = stream(events)
    finishes = [c["choices"][0]["finish_reason"] for c in chunks(shown) if c["choices"]]
    if isinstance(events[-1], Done):
        assert finishes[:-1] == [None] * (len(finishes) - 1)
        assert finishes[-1] == events[-1].reason
        assert shown[-1] == "[DONE]"
    else:
        assert set(finishes) <= {None}
        assert set(shown[-1]) == {"error"}
        assert "[DONE]" not in shown


@given(turns())
def test_the_first_chunk_names_the_role_and_no_other_does(events: list[Event]) -> None:
    roles = [c["choices"][0]["delta"].get("role") for c in chunks(stream(events)) if c["choices"]]
    assert roles[:1] == ["assistant"][: len(roles)]
    assert set(roles[1:]) <= {None}


@given(turns())
def test_streamed_and_whole_say_the_same(events: list[Event]) -> None:
    if not isinstance(events[-1], Done):
        return
    shown, whole = stream(events), completion(OPTIONS, events)
    last = [chunk for chunk in chunks(shown) if chunk["choices"]][-1]
    choice = whole["choices"][0]
    assert choice["message"]["content"] == text_of(shown)
    assert choice["finish_reason"] == last["choices"][0]["finish_reason"]
    assert choice["message"]["annotations"] == last["choices"][0]["delta"].get("annotations", [])
    assert whole["usage"] == chunks(shown)[-1]["usage"]


def test_annotations_stand_on_the_finish_chunk_and_mark_their_markers_in_code_points() -> None:
    finish = [chunk for chunk in chunks(stream(ANSWERED)) if chunk["choices"]][-1]["choices"][0]
    assert finish["delta"]["content"] == ""
    answer = answer_of(ANSWERED)
    marked = [each["url_citation"] for each in finish["delta"]["annotations"]]
    assert [answer[each["start_index"] : each["end_index"]] for each in marked] == ["[1]", "[2]"]
    assert marked[0]["url"].startswith("https://footnote.example/v1/documents/doc_handbook/view?")
    assert marked[0]["url"].endswith("#page=2")


def test_sources_cited_twice_come_once_first_in_number_order() -> None:
    first, second = next(event.citations for event in ANSWERED if isinstance(event, Citations))
    citations: tuple[Citation, ...] = (second, first, replace(second, marker=(0, 3)))
    events = [event if not isinstance(event, Citations) else Citations(citations) for event in ANSWERED]
    whole = completion(OPTIONS, events)
    urls = [each["url_citation"]["url"] for each in whole["choices"][0]["message"]["annotations"]]
    assert ["doc_handbook" in url for url in urls] == [True, False, False]


def test_usage_comes_only_when_asked_for() -> None:
    assert next(c for c in chunks(stream(ANSWERED)) if "usage" in c)["usage"]["total_tokens"] == 521
    without = stream(ANSWERED, replace(OPTIONS, include_usage=False))
    assert all(chunk["choices"] for chunk in chunks(without))


def test_perplexity_extras_are_in_number_order_from_the_first_chunk() -> None:
    first = stream(ANSWERED)[0]
    assert [result["title"] for result in first["search_results"]] == [
        "Handbook <b>2026</b>, p. 2",
        "Leave policy",
    ]
    assert first["citations"] == [result["url"] for result in first["search_results"]]
    assert first["footnote"]["run_id"] == RUN
    assert first["footnote"]["notice"] == "A machine answers."


def test_inline_sources_follow_the_answer_as_markdown_that_a_title_cannot_break() -> None:
    inline = replace(OPTIONS, inline_sources=True)
    text = text_of(stream(ANSWERED, inline))
    assert text == completion(inline, ANSWERED)["choices"][0]["message"]["content"]
    block = text.removeprefix(answer_of(ANSWERED))
    assert block.startswith(
        "\n\n**Sources**\n1. [Handbook &lt;b>2026&lt;/b>, p. 2](https://footnote.example/"
    )
    assert block.count("\n") == 4


def test_open_webui_gets_passages_with_pages_from_zero_instead_of_annotations() -> None:
    shown = chunks(stream(ANSWERED, replace(OPTIONS, openwebui_events=True)))
    events = [chunk["event"] for chunk in shown if "event" in chunk]
    sources = [event["data"] for event in events if event["type"] == "source"]
    assert [source["metadata"][0]["source"] for source in sources] == ["chk_1", "chk_2"]
    assert sources[0]["metadata"][0]["page"] == 1
    assert sources[0]["document"] == ["Staff get 25 days of annual leave."]
    assert any(event["type"] == "status" for event in events)
    assert all("annotations" not in c["choices"][0]["delta"] for c in shown if c["choices"])
    assert all("choices" in chunk for chunk in shown)
    assert text_of(shown) == answer_of(ANSWERED)


@pytest.mark.parametrize("ending", UNFINISHED)
def test_a_broken_turn_ends_in_an_error_object(ending: Event) -> None:
    last = stream(ended_in(ending))[-1]
    assert set(last["error"]) == {"message", "type", "param", "code"}
    assert last["error"]["message"].endswith(".")


def test_a_turn_without_sources_or_usage_is_fine() -> None:
    events = [event for event in ANSWERED if not isinstance(event, Sources | Usage | Citations)]
    assert text_of(stream(events)) == answer_of(ANSWERED)
    assert completion(OPTIONS, events)["usage"]["total_tokens"] == 0
