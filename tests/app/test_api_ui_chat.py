"""useChat's route: stop and resume by chat id; and AG-UI's."""

import json
from typing import Any

import httpx
import pytest

from app.settings import RunSettings, Settings
from tests.app.edge import ANSWER, ANSWERED, ScriptedTurn, serve, service

LONG = 30.0
SLOW = [step for event in ANSWERED for step in (event, 0.02)]


def body(*texts: str, **more: Any) -> dict[str, Any]:
    roles = ("user", "assistant")
    messages = [
        {"id": str(place), "role": roles[place % 2], "parts": [{"type": "text", "text": text}]}
        for place, text in enumerate(texts)
    ]
    return {"id": "chat1", "trigger": "submit-message", "messages": messages, **more}


def parts_of(text: str) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def test_the_stream_has_no_numbers_and_the_chat_is_the_conversation() -> None:
    turn = ScriptedTurn()
    with serve(service(turn)) as served:
        response = httpx.post(f"{served.url}/api/chat", json=body("q"))
    assert response.headers["x-vercel-ai-ui-message-stream"] == "v1"
    assert "\nid: " not in response.text
    assert response.text.startswith(": open\ndata: ")
    assert (
        "".join(part["delta"] for part in parts_of(response.text) if part["type"] == "text-delta") == ANSWER
    )
    assert turn.asked[0].conversation == "chat1"


@pytest.mark.parametrize(
    "sent",
    [
        body(
            "How much leave?", "25 days.", "And then?", "A regenerated answer.", trigger="regenerate-message"
        ),
        body("How much leave?", "25 days.", "And then?"),
    ],
)
def test_regenerating_asks_the_last_question_again(sent: dict[str, Any]) -> None:
    turn = ScriptedTurn()
    with serve(service(turn)) as served:
        assert httpx.post(f"{served.url}/api/chat", json=sent).status_code == 200
    assert turn.asked[0].text == "And then?"
    assert [said.text for said in turn.asked[0].history] == ["How much leave?", "25 days."]


def test_the_last_message_alone_is_enough() -> None:
    turn = ScriptedTurn()
    with serve(service(turn)) as served:
        sent = {
            "id": "c",
            "message": {"role": "user", "parts": [{"type": "text", "text": "q"}, {"type": "data-x"}]},
        }
        assert httpx.post(f"{served.url}/api/chat", json=sent).status_code == 200
    assert turn.asked[0].text == "q"


def test_a_refused_question_is_a_short_sentence_for_the_chat_window() -> None:
    with serve(service()) as served:
        response = httpx.post(f"{served.url}/api/chat", json=body(""))
    assert response.status_code == 422
    assert response.json()["error"]["message"].startswith("The question is empty.")


def test_resuming_replays_the_answer_from_its_start_and_asks_once() -> None:
    turn = ScriptedTurn(SLOW)
    with serve(service(turn)) as served:
        first = ""
        with httpx.stream("POST", f"{served.url}/api/chat", json=body("q")) as response:
            for piece in response.iter_text():
                first += piece
                if "text-delta" in first:
                    break
        resumed = httpx.get(f"{served.url}/api/chat/chat1/stream")
        assert resumed.status_code == 200
        assert resumed.text.startswith(first)
        assert "".join(p["delta"] for p in parts_of(resumed.text) if p["type"] == "text-delta") == ANSWER
        assert parts_of(resumed.text)[-1]["type"] == "finish"
        assert httpx.get(f"{served.url}/api/chat/chat1/stream").status_code == 204
        assert httpx.get(f"{served.url}/api/chat/other/stream").status_code == 204
    assert len(turn.asked) == 1


def test_a_chat_that_nobody_comes_back_to_is_stopped_after_its_grace() -> None:
    turn = ScriptedTurn((*ANSWERED[:6], LONG))
    with serve(service(turn, settings=Settings(runs=RunSettings(grace_seconds=2.0)))) as served:
        with httpx.stream("POST", f"{served.url}/api/chat", json=body("q")) as response:
            next(line for line in response.iter_lines() if "text-delta" in line)
        assert not turn.closed.wait(0.5)
        assert turn.closed.wait(15)


def test_without_a_chat_id_leaving_stops_the_turn_at_once() -> None:
    turn = ScriptedTurn((*ANSWERED[:6], LONG))
    sent = {key: value for key, value in body("q").items() if key != "id"}
    with serve(service(turn)) as served:
        with httpx.stream("POST", f"{served.url}/api/chat", json=sent) as response:
            next(line for line in response.iter_lines() if "text-delta" in line)
        assert turn.closed.wait(10)


def test_stop_is_confirmed_and_ends_the_stream_with_abort() -> None:
    turn = ScriptedTurn((*ANSWERED[:6], LONG))
    with (
        serve(service(turn)) as served,
        httpx.stream("POST", f"{served.url}/api/chat", json=body("q")) as response,
    ):
        lines = response.iter_lines()
        next(line for line in lines if "text-delta" in line)
        stop = httpx.post(f"{served.url}/api/chat/chat1/stop", json={"activeStreamId": "x"})
        assert stop.json() == {"stopped": True}
        assert turn.open == 0
        kinds = [part["type"] for part in parts_of("\n".join(lines))]
        assert kinds == ["text-end", "abort"]
        assert httpx.post(f"{served.url}/api/chat/chat1/stop").json() == {"stopped": False}


def test_ag_ui_names_the_clients_own_thread_and_run() -> None:
    sent = {
        "threadId": "t1", "runId": "r1", "state": {}, "tools": [], "context": [],
        "messages": [{"id": "1", "role": "user", "content": "q"}],
        "forwardedProps": {"top_k": 9},
    }  # fmt: skip
    turn = ScriptedTurn()
    with serve(service(turn)) as served:
        events = parts_of(httpx.post(f"{served.url}/agui", json=sent).text)
    assert events[0] == {"type": "RUN_STARTED", "threadId": "t1", "runId": "r1"}
    assert events[-1]["type"] == "RUN_FINISHED"
    assert "".join(event["delta"] for event in events if event["type"] == "TEXT_MESSAGE_CONTENT") == ANSWER
    assert (turn.asked[0].conversation, turn.asked[0].top_k) == ("t1", 9)
