"""Responses: consecutive numbers, opened items closed, and a final response that says what the stream said."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from app.events import Cancelled, Done, Event, Failed
from app.wire.response_object import ResponseOptions, response
from app.wire.responses import EVENTS, ResponsesStream
from tests.app.dialects import ANSWERED, LINK, RUN, UNFINISHED, answer_of, encoded, ended_in, payloads, turns

OPTIONS = ResponseOptions(run=RUN, model="footnote", created=1, link=LINK, question="How much leave?")


def stream(events: Sequence[Event], options: ResponseOptions = OPTIONS) -> list[Any]:
    frames = encoded(ResponsesStream(options), events)
    shown = payloads(frames)
    for frame, event in zip(frames, shown, strict=True):
        assert frame.startswith(b"event: " + event["type"].encode() + b"\ndata: ")
    return shown


@given(turns())
def test_concatenated_deltas_are_the_answer_and_the_numbers_have_no_gap(events: list[Event]) -> None:
    shown = stream(events)
    assert [event["sequence_number"] for event in shown] == list(range(len(shown)))
    deltas = [event["delta"] for event in shown if event["type"] == "response.output_text.delta"]
    assert "".join(deltas) == answer_of(events)
    assert {event["type"] for event in shown} <= set(EVENTS)


@given(turns())
def test_what_is_added_is_done_when_the_response_completes(events: list[Event]) -> None:
    shown = stream(events)
    added = [e["item"]["id"] for e in shown if e["type"] == "response.output_item.added"]
    done = [e["item"] for e in shown if e["type"] == "response.output_item.done"]
    final = shown[-1]["response"]
    if final["status"] == "completed" and any(
        e["type"] == "response.file_search_call.completed" for e in shown
    ):
        assert [item["id"] for item in done] == added
        assert final["output"] == done
    assert [e["output_index"] for e in shown if e["type"] == "response.output_item.added"] == list(
        range(len(added))
    )


@given(turns())
def test_the_last_event_tells_how_it_ended(events: list[Event]) -> None:
    last = stream(events)[-1]
    match events[-1]:
        case Done("stop"):
            assert last["type"] == "response.completed"
        case Failed() | Cancelled("shutdown"):
            assert last["type"] == "response.failed"
            assert last["response"]["error"]["message"].endswith(".")
        case _:
            assert last["type"] == "response.incomplete"
            assert last["response"]["incomplete_details"]["reason"]


@given(turns())
def test_streamed_and_whole_say_the_same(events: list[Event]) -> None:
    final, whole = stream(events)[-1]["response"], response(OPTIONS, events)
    if events[-1] == Cancelled("user"):
        assert whole["status"] == "cancelled"
        whole["status"] = "incomplete"
    assert whole == final


def test_annotations_come_as_file_and_address_and_mark_their_markers() -> None:
    shown = stream(ANSWERED)
    added = [e["annotation"] for e in shown if e["type"] == "response.output_text.annotation.added"]
    assert [each["type"] for each in added] == ["file_citation", "url_citation"] * 2
    answer = answer_of(ANSWERED)
    urls = added[1::2]
    assert [answer[each["start_index"] : each["end_index"]] for each in urls] == ["[1]", "[2]"]
    assert added[0] == {
        "type": "file_citation",
        "index": 23,
        "file_id": "doc_handbook",
        "filename": "handbook.pdf",
    }


def test_results_come_only_when_included() -> None:
    without = response(OPTIONS, ANSWERED)["output"][0]
    included = response(replace(OPTIONS, include_results=True), ANSWERED)["output"][0]
    assert without["results"] is None
    assert [result["attributes"].get("page") for result in included["results"]] == [2, None]
    assert included["results"][0]["text"] == "Staff get 25 days of annual leave."


@pytest.mark.parametrize("ending", UNFINISHED)
def test_a_broken_turn_never_completes(ending: Event) -> None:
    shown = stream(ended_in(ending))
    assert "response.completed" not in {event["type"] for event in shown}
    assert shown[-1]["response"]["output"][1]["status"] == "incomplete"


def test_a_run_in_progress_is_shown_without_output() -> None:
    shown = response(OPTIONS, ANSWERED[:6])
    assert shown["status"] == "in_progress"
    assert shown["output"] == []
    assert shown["usage"] is None
