"""UI message stream: parts that every major of the client accepts, and frames numbered for resume."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given

from app.events import Done, Event
from app.wire.ui import PARTS, UiOptions, UiStream
from tests.app.dialects import (
    ANSWERED,
    FAILED,
    LINK,
    RUN,
    UNFINISHED,
    answer_of,
    encoded,
    ended_in,
    payloads,
    turns,
)

KNOWN = {
    "start", "start-step", "source-document", "source-url", "text-start", "text-delta", "text-end",
    "finish-step", "finish", "error", "abort",
}  # fmt: skip
"""What the client knows; anything else must be its own `data-*`."""


def stream(events: Sequence[Event]) -> list[Any]:
    return payloads(encoded(UiStream(UiOptions(RUN, LINK)), events))


def parts(events: Sequence[Event]) -> list[Any]:
    return [part for part in stream(events) if part != "[DONE]"]


@given(turns())
def test_concatenated_deltas_are_the_answer_inside_one_closed_text_part(events: list[Event]) -> None:
    shown = parts(events)
    assert "".join(part["delta"] for part in shown if part["type"] == "text-delta") == answer_of(events)
    kinds = [part["type"] for part in shown if part["type"].startswith("text-")]
    assert kinds in ([], ["text-start", *["text-delta"] * (len(kinds) - 2), "text-end"])


@given(turns())
def test_only_known_parts_without_nulls_and_done_at_the_very_end(events: list[Event]) -> None:
    shown = stream(events)
    assert shown.index("[DONE]") == len(shown) - 1
    for part in shown[:-1]:
        assert part["type"] in KNOWN or part["type"].startswith("data-")
        assert part["type"] in PARTS
        assert None not in part.values()


@given(turns())
def test_only_a_finished_turn_has_a_finish_part(events: list[Event]) -> None:
    kinds = [part["type"] for part in parts(events)]
    assert ("finish" in kinds) == isinstance(events[-1], Done)
    assert ("error" in kinds or "abort" in kinds) != ("finish" in kinds)


@given(turns())
def test_native_frames_are_the_same_with_consecutive_numbers(events: list[Event]) -> None:
    plain = encoded(UiStream(UiOptions(RUN, LINK)), events)
    native = encoded(UiStream(UiOptions(RUN, LINK, numbered=True)), events)
    assert native == [b"id: %d\n%b" % (number, frame) for number, frame in enumerate(plain, start=1)]


def test_citations_count_utf16_units_for_javascript_and_code_points_beside_them() -> None:
    shown = parts(ANSWERED)
    units = answer_of(ANSWERED).encode("utf-16-le")

    def cut(start: int, end: int) -> str:
        return units[2 * start : 2 * end].decode("utf-16-le")

    cited = next(part for part in shown if part["type"] == "data-citations")["data"]
    assert [cut(each["markerStart"], each["markerEnd"]) for each in cited] == ["[1]", "[2]"]
    assert cut(cited[1]["start"], cited[1]["end"]) == "Ask your lead [2]."
    points = [answer_of(ANSWERED)[slice(*each["evidence"]["marker"])] for each in cited]
    assert points == ["[1]", "[2]"]
    claims = next(part for part in shown if part["type"] == "text-end")["citations"]
    assert cut(claims[1]["startIndex"], claims[1]["endIndex"]) == "Ask your lead [2]."
    assert [claim["source"]["sourceType"] for claim in claims] == ["document", "url"]


def test_a_failure_closes_the_text_and_tells_its_sentence() -> None:
    shown = parts(ended_in(FAILED))
    assert [part["type"] for part in shown[-3:]] == ["text-end", "data-error", "error"]
    assert shown[-1]["errorText"] == FAILED.message
    assert shown[-2]["data"] == {"code": "model_timeout", "retryable": True}


@pytest.mark.parametrize("ending", UNFINISHED)
def test_a_broken_turn_never_looks_finished(ending: Event) -> None:
    kinds = {part["type"] for part in parts(ended_in(ending))}
    assert "finish" not in kinds
    assert "finish-step" not in kinds


def test_the_notice_that_a_machine_answers_comes_first() -> None:
    first = parts(ANSWERED)[0]
    assert first["type"] == "start"
    assert first["messageMetadata"]["notice"] == "A machine answers."
