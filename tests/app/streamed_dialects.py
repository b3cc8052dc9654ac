"""A client of each dialect that reads its stream as it comes, may leave or ask for a stop, and counts its endings."""

import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import httpx

Json: TypeAlias = dict[str, Any]
Said: TypeAlias = Sequence[tuple[str, str]]
"""The conversation before: questions and answers."""


@dataclass
class Heard:
    """What a client has in the end."""

    dialect: str
    text: str = ""
    endings: list[str] = field(default_factory=list)
    """What the dialect says at an end, in order."""
    after: int = 0
    """How many parts came after the first ending."""
    status: int = 200
    run: str = ""
    conversation: str = ""
    left: bool = False
    usage: Json = field(default_factory=dict)


Leave: TypeAlias = Callable[[Heard], bool]
"""Asked after each line (a heartbeat too) whether to hang up now."""


def _messages(question: str, said: Said) -> list[Json]:
    turns = [(role, text) for pair in said for role, text in zip(("user", "assistant"), pair, strict=True)]
    return [{"role": role, "content": text} for role, text in (*turns, ("user", question))]


def _native(question: str, said: Said, chat: str) -> Json:
    return {"messages": _messages(question, said), "conversation": chat}


def _ui(question: str, said: Said, chat: str) -> Json:
    parts = [
        {"id": str(place), "role": each["role"], "parts": [{"type": "text", "text": each["content"]}]}
        for place, each in enumerate(_messages(question, said))
    ]
    return {"id": chat, "trigger": "submit-message", "messages": parts}


def _completions(question: str, said: Said, chat: str) -> Json:
    return {"model": "footnote", "messages": _messages(question, said), "stream": True}


def _responses(question: str, said: Said, chat: str) -> Json:
    return {"model": "footnote", "input": _messages(question, said), "stream": True}


def _agui(question: str, said: Said, chat: str) -> Json:
    messages = [{"id": str(place), **each} for place, each in enumerate(_messages(question, said))]
    rest: Json = {"tools": [], "context": [], "state": {}, "forwardedProps": {}}
    return {"threadId": chat, "runId": "r", "messages": messages, **rest}


def _whole(body: Callable[[str, Said, str], Json]) -> Callable[[str, Said, str], Json]:
    return lambda question, said, chat: body(question, said, chat) | {"stream": False}


def _inline(question: str, said: Said, chat: str) -> Json:
    return _completions(question, said, chat) | {"model": "footnote:inline"}


ASKED: Mapping[str, tuple[str, Callable[[str, Said, str], Json]]] = {
    "native": ("/v1/chat", _native),
    "ui": ("/api/chat", _ui),
    "completions": ("/v1/chat/completions", _completions),
    "completion": ("/v1/chat/completions", _whole(_completions)),
    "inline": ("/v1/chat/completions", _inline),
    "responses": ("/v1/responses", _responses),
    "response": ("/v1/responses", _whole(_responses)),
    "agui": ("/agui", _agui),
}
WAYS_TO_END: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "native": (("finish", "[DONE]"), ("error", "[DONE]"), ("abort", "[DONE]")),
    "ui": (("finish", "[DONE]"), ("error", "[DONE]"), ("abort", "[DONE]")),
    "completions": (("stop", "[DONE]"), ("length", "[DONE]"), ("error",)),
    "inline": (("stop", "[DONE]"), ("length", "[DONE]"), ("error",)),
    "completion": (("stop",), ("length",), ("error",)),
    "responses": (("response.completed",), ("response.incomplete",), ("response.failed",)),
    "response": (("completed",), ("incomplete",), ("error",)),
    "agui": (("RUN_FINISHED",), ("RUN_ERROR",)),
}
"""What each dialect says at an end; it says one of these once, and nothing after it."""
FAILED = frozenset({"error", "response.failed", "RUN_ERROR"})
STOPPED = FAILED | {"abort", "response.incomplete"}


def ask(
    home: str,
    dialect: str,
    question: str,
    *,
    said: Said = (),
    chat: str = "",
    leave: Leave = lambda _: False,
    more: Json | None = None,
) -> Heard:
    """Ask and read to the end, or until it is time to leave."""
    path, body = ASKED[dialect]
    chat = chat or str(uuid.uuid4())
    heard = Heard(dialect, conversation=chat)
    posted = body(question, said, chat) | (more or {})
    with httpx.stream("POST", f"{home}{path}", json=posted, timeout=300) as response:
        heard.status, heard.run = response.status_code, response.headers.get("x-run-id", "")
        if dialect in {"completion", "response"} or response.status_code != 200:
            _read_whole(json.loads(response.read()), heard)
        else:
            read(response, heard, leave=leave)
    return heard


def taken_up(home: str, dialect: str, heard: Heard, events: int) -> Heard:
    """Take a stream up after so many events, in the dialect's own way."""
    rest = Heard(dialect, run=heard.run, conversation=heard.conversation)
    address = {
        "native": f"/v1/runs/{heard.run}/events?after={events}",
        "responses": f"/v1/responses/{heard.run.replace('run_', 'resp_')}?stream=true",
        "ui": f"/api/chat/{heard.conversation}/stream",
    }[dialect]
    with httpx.stream("GET", f"{home}{address}", timeout=300) as response:
        rest.status = response.status_code
        read(response, rest)
    return rest


def read(response: httpx.Response, heard: Heard, *, leave: Leave = lambda _: False) -> None:
    """Read a stream as it comes."""
    for line in response.iter_lines():
        if line.startswith("data: "):
            _read_part(line[6:], heard)
        if leave(heard):
            heard.left = True
            return


def _read_part(data: str, heard: Heard) -> None:
    part: Any = data if data == "[DONE]" else json.loads(data)
    endings = list(_endings(part, heard.dialect))
    if not endings and heard.endings and not (isinstance(part, dict) and part.get("usage")):
        heard.after += 1
    heard.endings += endings
    if not isinstance(part, dict):
        return
    kind = part.get("type")
    if kind in {"text-delta", "TEXT_MESSAGE_CONTENT", "response.output_text.delta"}:
        heard.text += part["delta"]
    for choice in part.get("choices", ()):
        heard.text += choice["delta"].get("content") or ""


def _endings(part: Any, dialect: str) -> Iterator[str]:
    if not isinstance(part, dict):
        yield part
        return
    kind = str(part.get("type", ""))
    ends = {way for ways in WAYS_TO_END[dialect] for way in ways}
    if "error" in part and dialect in {"completions", "inline"}:
        yield "error"
    elif kind in ends:
        yield kind
    for choice in part.get("choices", ()):
        if choice.get("finish_reason"):
            yield choice["finish_reason"]


def _read_whole(body: Json, heard: Heard) -> None:
    if heard.status != 200:
        heard.endings.append("error")
    elif heard.dialect == "completion":
        heard.text = body["choices"][0]["message"]["content"]
        heard.endings.append(body["choices"][0]["finish_reason"])
        heard.run = heard.run or body["footnote"]["run_id"]
    else:
        messages = [item for item in body["output"] if item["type"] == "message"]
        heard.text = messages[-1]["content"][0]["text"] if messages else ""
        heard.endings.append(body["status"])
