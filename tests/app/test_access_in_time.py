"""Who may not read a document today reads nothing of it: by any route, in any dialect, at any generation."""

import random
from collections.abc import Callable
from typing import Any, TypeAlias

import httpx
import pytest
from starlette.testclient import TestClient

from tests.app.library import NAMES, QUESTIONS, Caller, Library, library_at, said

__all__ = ["library_at"]
Probe: TypeAlias = Callable[["Reader"], httpx.Response]


class Reader:
    """One caller with one generation in mind, who tries a route."""

    def __init__(self, library: Library, client: TestClient, chance: random.Random) -> None:
        self.library, self._client, self.chance = library, client, chance
        self.caller: Caller = chance.choice(library.callers)
        kept = library.model.kept()
        self.at = chance.choice([None, *chance.choices(kept, k=3)])
        self.question = chance.choice(QUESTIONS)
        self.key = self.caller.headers["Authorization"]

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self._client.get(path, headers={**self.caller.headers, **more.pop("headers", {})}, **more)

    def post(self, path: str, body: dict[str, Any], **headers: str) -> httpx.Response:
        response = self._client.post(path, json=body, headers={**self.caller.headers, **headers})
        if run := response.headers.get("x-run-id"):
            known = run.replace("run_", "resp_") if path == "/v1/responses" else run
            self.library.runs.setdefault(self.key, []).append(known)
        return response

    @property
    def knobs(self) -> dict[str, Any]:
        return ({} if self.at is None else {"at": self.at}) | {"top_k": self.chance.choice((2, 6, 20))}

    @property
    def messages(self) -> list[dict[str, str]]:
        return [{"role": "user", "content": self.question}]

    @property
    def document(self) -> str:
        return self.chance.choice(self.library.documents[-12:])

    @property
    def run(self) -> str:
        return self._earlier("run_")

    @property
    def response(self) -> str:
        return self._earlier("resp_")

    def _earlier(self, prefix: str) -> str:
        # Others' too, now and then.
        of = self.chance.choice([self.key] * 5 + [*self.library.runs])
        known = [each for each in self.library.runs.get(of, []) if each.startswith(prefix)]
        return self.chance.choice(known[-3:] or [f"{prefix}none"])

    @property
    def conversation(self) -> str:
        return f"conv_{self.chance.randrange(3)}"


def search(reader: Reader) -> httpx.Response:
    return reader.post("/v1/search", {"query": reader.question, **reader.knobs})


def search_explained(reader: Reader) -> httpx.Response:
    name = reader.chance.choice(NAMES)
    body = {
        "query": reader.question,
        "explain": True,
        "expect": reader.chance.choice((name, name[:-4] + ".md")),
        **reader.knobs,
    }
    return reader.post("/v1/search", body)


def documents(reader: Reader) -> httpx.Response:
    return reader.get("/v1/documents")


def document(reader: Reader) -> httpx.Response:
    return reader.get(f"/v1/documents/{reader.document}")


def view(reader: Reader) -> httpx.Response:
    return reader.get(f"/v1/documents/{reader.document}/view")


def page(reader: Reader) -> httpx.Response:
    return reader.get(f"/v1/documents/{reader.document}/pages/1.png")


def chat(reader: Reader) -> httpx.Response:
    return reader.post("/v1/chat", {"message": reader.question, **reader.knobs})


def chat_going_on(reader: Reader) -> httpx.Response:
    question = reader.chance.choice(
        [reader.question, "What did you say?", "And the list?", "Say that again."]
    )
    return reader.post("/v1/chat", {"message": question, "conversation": reader.conversation, **reader.knobs})


def completions(reader: Reader) -> httpx.Response:
    model = reader.chance.choice(("footnote", "footnote:inline"))
    stream = reader.chance.random() < 0.5
    body = {"model": model, "messages": reader.messages, "stream": stream, "footnote": reader.knobs}
    return reader.post("/v1/chat/completions", body)


def responses(reader: Reader) -> httpx.Response:
    more = {"previous_response_id": reader.response} if reader.chance.random() < 0.5 else {}
    question = reader.chance.choice([reader.question, "What did you say?"])
    body = {"input": question, "include": ["file_search_call.results"], "footnote": reader.knobs, **more}
    return reader.post("/v1/responses", body | {"stream": reader.chance.random() < 0.3})


def ui(reader: Reader) -> httpx.Response:
    return reader.post("/api/chat", {"id": reader.conversation, "messages": reader.messages, **reader.knobs})


def agui(reader: Reader) -> httpx.Response:
    return reader.post(
        "/agui", {"threadId": "t", "messages": reader.messages, "forwardedProps": reader.knobs}
    )


def run_explained(reader: Reader) -> httpx.Response:
    return reader.get(f"/v1/runs/{reader.run}")


def run_events(reader: Reader) -> httpx.Response:
    return reader.get(f"/v1/runs/{reader.run}/events")


def response_shown(reader: Reader) -> httpx.Response:
    stream = reader.chance.choice(("", "?stream=true"))
    return reader.get(f"/v1/responses/{reader.response}{stream}")


def response_cancelled(reader: Reader) -> httpx.Response:
    return reader.post(f"/v1/responses/{reader.response}/cancel", {})


def stream_taken_up(reader: Reader) -> httpx.Response:
    return reader.get(f"/api/chat/{reader.conversation}/stream")


def mcp_tool(reader: Reader, name: str, **arguments: str) -> httpx.Response:
    call = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": name, "arguments": arguments},
    }
    return reader.post("/mcp", call, Accept="application/json, text/event-stream")


def mcp_search(reader: Reader) -> httpx.Response:
    return mcp_tool(reader, "search", query=reader.question)


def mcp_fetch(reader: Reader) -> httpx.Response:
    return mcp_tool(reader, "fetch", id=reader.document)


PROBES: tuple[Probe, ...] = (
    search, search_explained, documents, document, view, page, chat, chat_going_on, completions, responses, ui, agui,
    run_explained, run_events, response_shown, response_cancelled, stream_taken_up, mcp_search, mcp_fetch,
)  # fmt: skip


def walk(library: Library, client: TestClient, *, probes: int, between: int) -> dict[str, int]:
    """Change the documents and try to read them in turn; return how often a probe showed something it may."""
    chance, shown = (
        random.Random(library.chance.random()),
        dict.fromkeys((each.__name__ for each in PROBES), 0),
    )
    changes: list[str] = []
    for number in range(probes):
        if number % between == 0:
            changes.append(library.change())
        probe = PROBES[number % len(PROBES)] if number % 2 else chance.choice(PROBES)
        reader = Reader(library, client, chance)
        response = probe(reader)
        assert response.status_code < 500, (probe.__name__, response.text)
        told = said(response)
        leaked = library.leaked(reader.caller, told)
        assert not leaked, (probe.__name__, reader.at, reader.caller.scope, leaked, changes)
        shown[probe.__name__] += any(secret in told for secret in library.secrets)
    return shown


def check_shown(shown: dict[str, int]) -> None:
    """See that the probes would have noticed: each but those two shows what may be read."""
    blind = {name for name, count in shown.items() if not count}
    assert blind <= {"page", "stream_taken_up"}, blind


def test_nothing_is_read_that_may_not_be_read_today(library_at: Any) -> None:
    shown = walk(*library_at(1), probes=300, between=3)
    assert sum(shown.values()) > 30


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_nothing_is_read_that_may_not_be_read_today_in_ten_thousand_probes(library_at: Any) -> None:
    total = dict.fromkeys((each.__name__ for each in PROBES), 0)
    for seed in range(10, 30):
        for name, count in walk(*library_at(seed), probes=500, between=4).items():
            total[name] += count
    print(
        f"\n10,000 probes, 0 of them read what may not be read; {sum(total.values()):,} read what may: {total}"
    )
    check_shown(total)
