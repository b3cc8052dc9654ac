"""AG-UI: what is started is ended, in the order that its client verifies."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given

from app.events import Done, Event
from app.wire.agui import EVENTS, AguiOptions, AguiStream
from tests.app.dialects import ANSWERED, LINK, RUN, answer_of, encoded, payloads, turns


def stream(events: Sequence[Event]) -> list[Any]:
    return payloads(encoded(AguiStream(AguiOptions(RUN, "thread", "client_run", LINK)), events))


@given(turns())
def test_concatenated_deltas_are_the_answer_and_none_is_empty(events: list[Event]) -> None:
    deltas = [event["delta"] for event in stream(events) if event["type"] == "TEXT_MESSAGE_CONTENT"]
    assert "".join(deltas) == answer_of(events)
    assert "" not in deltas


@given(turns())
def test_steps_and_message_are_closed_before_the_run_ends(events: list[Event]) -> None:
    open_steps: list[str] = []
    message = ended = False
    shown = stream(events)
    assert {event["type"] for event in shown} <= set(EVENTS)
    assert shown[0] == {"type": "RUN_STARTED", "threadId": "thread", "runId": "client_run"}
    for event in shown[1:]:
        assert not ended
        match event["type"]:
            case "STEP_STARTED":
                assert not open_steps
                open_steps.append(event["stepName"])
            case "STEP_FINISHED":
                assert open_steps.pop() == event["stepName"]
            case "TEXT_MESSAGE_START":
                assert not message
                message = True
            case "TEXT_MESSAGE_CONTENT":
                assert message
            case "TEXT_MESSAGE_END":
                message = False
            case "RUN_FINISHED" | "RUN_ERROR":
                assert not open_steps
                assert not message
                ended = True
    assert ended
    assert (shown[-1]["type"] == "RUN_FINISHED") == isinstance(events[-1], Done)


def test_sources_and_citations_come_as_custom_events() -> None:
    custom = {event["name"]: event["value"] for event in stream(ANSWERED) if event["type"] == "CUSTOM"}
    assert [source["n"] for source in custom["footnote.sources"]] == [1, 2]
    assert custom["footnote.citations"][0]["quote"] == "Staff get 25 days of annual leave."
    assert custom["footnote.citations"][0]["page"] == 2
