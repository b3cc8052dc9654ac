"""One question asked of a running service in every dialect that answers, and what each shows of the answer."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import httpx

Body: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Shown:
    """What a client of one dialect has in the end."""

    text: str
    outcome: str | None
    refused: bool | None


def asked_in_every_dialect(home: str, question: str) -> dict[str, Shown]:
    """Ask anew in each dialect."""
    return {name: ask(home, question) for name, ask in _DIALECTS.items()}


def _parts(response: httpx.Response) -> Iterator[Any]:
    for line in response.text.splitlines():
        if line.startswith("data: ") and line != "data: [DONE]":
            yield json.loads(line[6:])


def _posted(home: str, path: str, body: Body) -> httpx.Response:
    return httpx.post(f"{home}{path}", json=body, timeout=30).raise_for_status()


def _shown(text: str, told: Body) -> Shown:
    return Shown(text, told.get("outcome"), told.get("refused"))


def _ui(path: str) -> Callable[[str, str], Shown]:
    def ask(home: str, question: str) -> Shown:
        said = {"id": "m", "role": "user", "parts": [{"type": "text", "text": question}]}
        body = {"id": "c", "trigger": "submit-message", "messages": [said]}
        parts = list(_parts(_posted(home, path, body)))
        text = "".join(part["delta"] for part in parts if part["type"] == "text-delta")
        return _shown(text, next(part["messageMetadata"] for part in parts if part["type"] == "finish"))

    return ask


def _completion(home: str, question: str) -> Shown:
    body = {"model": "footnote", "messages": [{"role": "user", "content": question}]}
    whole = _posted(home, "/v1/chat/completions", body).json()
    return _shown(whole["choices"][0]["message"]["content"], whole["footnote"])


def _completions(home: str, question: str) -> Shown:
    body = {"model": "footnote", "stream": True, "messages": [{"role": "user", "content": question}]}
    chunks = list(_parts(_posted(home, "/v1/chat/completions", body)))
    text = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)
    return _shown(text, chunks[-1]["footnote"])


def _response(home: str, question: str) -> Shown:
    whole = _posted(home, "/v1/responses", {"model": "footnote", "input": question}).json()
    return _shown(whole["output"][-1]["content"][0]["text"], whole["footnote"])


def _responses(home: str, question: str) -> Shown:
    body = {"model": "footnote", "input": question, "stream": True}
    events = list(_parts(_posted(home, "/v1/responses", body)))
    text = "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta")
    return _shown(text, events[-1]["response"]["footnote"])


def _agui(home: str, question: str) -> Shown:
    said = {"id": "m", "role": "user", "content": question}
    rest: dict[str, Any] = {"tools": [], "context": [], "state": {}, "forwardedProps": {}}
    events = list(_parts(_posted(home, "/agui", {"threadId": "t", "runId": "r", "messages": [said], **rest})))
    text = "".join(event["delta"] for event in events if event["type"] == "TEXT_MESSAGE_CONTENT")
    return _shown(text, events[-1]["result"])


_DIALECTS: Mapping[str, Callable[[str, str], Shown]] = {
    "native": _ui("/v1/chat"),
    "ui": _ui("/api/chat"),
    "completion": _completion,
    "completions": _completions,
    "response": _response,
    "responses": _responses,
    "agui": _agui,
}
