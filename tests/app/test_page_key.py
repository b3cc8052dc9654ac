"""A stranger has read the source of a page, and with it the page's key: what they cannot do with it."""

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.events import Citations, Done, Event, Explained, Sources, Started, Text
from app.identity.keys import Keys
from app.question import Question
from app.runs.run import only_cited
from tests.app.edge import ANSWERED, PASSAGES, WIKI, Served, citation, serve, service
from tests.app.every_route import BODIES, Uploading, call
from tests.app.streamed_dialects import ASKED
from vectorstore.types import Generation

PAGE = "https://www.example.org"
CANARY = "Zyzzogeton"
BESIDE = replace(
    PASSAGES[0],
    number=3,
    document=replace(WIKI, title=CANARY, uri=f"{CANARY}.md", id=CANARY),
    text=CANARY,  # type: ignore[arg-type]
)
ANSWER: tuple[Event, ...] = (
    *ANSWERED[:3],
    Explained(CANARY, Generation(1), 0.9, 0.4, 0.2),
    Sources((*PASSAGES, BESIDE)),
    Text("Staff get 25 days ["),
    Text("1]."),
    Text(" Ask. "),
    Citations((citation(1),)),
    Done(),
)


@dataclass
class Strangers:
    """A service with a page's key, and records."""

    served: Served
    keys: Keys
    key: str
    id: str

    def visitor(self) -> str:
        """Come as somebody new."""
        made = call(self.served, "POST", "/v1/visitors", secret=self.key, Origin=PAGE).raise_for_status()
        token: str = made.json()["token"]
        return token

    def call(self, method: str, path: str, token: str, **names: str) -> httpx.Response:
        return call(self.served, method, path, secret=token, names=names, Origin=PAGE)


@pytest.fixture
def strangers(tmp_path: Path) -> Iterator[Strangers]:
    async def turn(question: Question, run: str) -> AsyncGenerator[Event, None]:
        for event in ANSWER:
            yield (
                replace(event, run=run, conversation=question.conversation)
                if isinstance(event, Started)
                else event
            )

    keys = Keys(tmp_path / "keys.json")
    made = keys.create("page", kind="page", origins=[PAGE])
    built = replace(service(turn, keys=keys._cell), uploads=Uploading())  # type: ignore[arg-type]  # its routes only
    with serve(built) as served:
        yield Strangers(served, keys, made.secret, made.key.id)


def test_the_key_alone_asks_nothing(strangers: Strangers) -> None:
    for path in BODIES:
        found = call(strangers.served, "POST", path, secret=strangers.key, Origin=PAGE)
        assert found.status_code == 403, path
    assert "POST /v1/visitors" in found.json()["detail"]


def test_a_stranger_cannot_list(strangers: Strangers) -> None:
    token = strangers.visitor()
    for method, path in (
        ("GET", "/v1/documents"),
        ("POST", "/v1/search"),
        ("POST", "/v1/embeddings"),
        ("POST", "/mcp"),
        ("GET", "/v1/access"),
    ):
        assert strangers.call(method, path, token).status_code == 403, path


def test_a_stranger_cannot_open(strangers: Strangers) -> None:
    token = strangers.visitor()
    for path in ("", "/view", "/pages/{page}.png"):
        assert strangers.call("GET", "/v1/documents/{document_id}" + path, token).status_code == 403
    assert httpx.get(f"{strangers.served.url}/v1/documents/doc_handbook/view").status_code == 401


def test_a_stranger_cannot_ingest_or_delete(strangers: Strangers) -> None:
    token = strangers.visitor()
    headers = {"Authorization": f"Bearer {token}", "Origin": PAGE}
    sent = httpx.post(
        f"{strangers.served.url}/v1/documents", files={"file": ("x.md", b"# x")}, headers=headers
    )
    assert sent.status_code == 403
    assert strangers.call("DELETE", "/v1/documents/{document_id}", token).status_code == 403


def test_a_stranger_cannot_become_somebody(strangers: Strangers) -> None:
    token = strangers.visitor()
    assert strangers.call("POST", "/v1/sessions", token).status_code == 403
    assert strangers.call("POST", "/v1/visitors", token).status_code == 403  # nor multiply with a token alone
    found = call(strangers.served, "POST", "/v1/chat", secret=token, Origin=PAGE, X_Footnote_User="ann")
    assert found.status_code == 403


def test_a_stranger_cannot_read_stop_or_delete_another_visitors_conversation(strangers: Strangers) -> None:
    """Though they know its id, its run and its name."""
    ann, eve = strangers.visitor(), strangers.visitor()
    chat = "kL2mN8pQ4rS6tV0w"
    asked = strangers.call("POST", "/v1/responses", ann).json()
    run, response = asked["footnote"]["run_id"], asked["id"]
    known = {"run_id": run, "response_id": response, "chat_id": chat, "conversation": chat}
    assert strangers.call("GET", "/v1/runs/{run_id}/events", ann, **known).status_code == 200
    for method, path in (
        ("GET", "/v1/runs/{run_id}/events"), ("POST", "/v1/runs/{run_id}/cancel"), ("GET", "/v1/responses/{response_id}"),
        ("POST", "/v1/responses/{response_id}/cancel"),
    ):  # fmt: skip
        assert strangers.call(method, path, eve, **known).status_code == 404, path
        assert strangers.call(method, path, strangers.key, **known).status_code == 403, path
    assert strangers.call("GET", "/v1/runs/{run_id}", ann, **known).status_code == 403  # an explanation
    headers = {"Authorization": f"Bearer {eve}", "Origin": PAGE}
    follow = {"input": "q", "previous_response_id": response}
    assert httpx.post(f"{strangers.served.url}/v1/responses", json=follow, headers=headers).status_code == 404


def test_a_stranger_cannot_ask_what_was_there_before(strangers: Strangers) -> None:
    headers = {"Authorization": f"Bearer {strangers.visitor()}", "Origin": PAGE}
    asked = httpx.post(f"{strangers.served.url}/v1/chat", json={"message": "q", "at": 0}, headers=headers)
    assert asked.status_code == 403


@pytest.mark.parametrize("dialect", ASKED)
def test_no_dialect_shows_a_passage_that_the_answer_does_not_cite(strangers: Strangers, dialect: str) -> None:
    path, body = ASKED[dialect]
    headers = {"Authorization": f"Bearer {strangers.visitor()}", "Origin": PAGE}
    asked = body("q", (), "kL2mN8pQ4rS6tV0w")
    if "response" in dialect:
        asked["include"] = ["file_search_call.results"]
    told = httpx.post(f"{strangers.served.url}{path}", json=asked, headers=headers).raise_for_status().text
    assert "25 days" in told
    assert PASSAGES[0].document.uri in told or PASSAGES[0].document.id in told
    assert WIKI.id not in told
    assert CANARY not in told
    other = call(strangers.served, "POST", path, secret=strangers.keys.create("whole").secret)
    assert path == "/v1/responses" or CANARY in other.text  # another key is shown what was found


def test_an_answer_taken_up_again_shows_no_more(strangers: Strangers) -> None:
    token = strangers.visitor()
    first = strangers.call("POST", "/v1/chat", token)
    again = strangers.call("GET", "/v1/runs/{run_id}/events", token, run_id=first.headers["x-run-id"])
    assert again.text == first.text
    parts = [json.loads(line[6:]) for line in again.text.splitlines() if line.startswith("data: {")]
    kinds = [part["type"] for part in parts]
    # The page can make its marker a button as soon as it stands there.
    assert kinds.index("source-document") < [part.get("delta") for part in parts].index("1].")
    assert kinds.count("source-document") == 1


def test_what_an_answer_cites_opens_that_place_and_nothing_else(strangers: Strangers) -> None:
    shown = strangers.call("POST", "/v1/chat/completions", strangers.visitor()).json()
    url = httpx.URL(shown["citations"][0])
    assert "an excerpt" in httpx.get(url).text
    for name, value in {
        "chunk": "chk_2",
        "start": "0",
        "key": "00000000",
        "expires": "9999999999",
        "whole": "1",
    }.items():
        assert httpx.get(url.copy_set_param(name, value)).status_code == 401, name
    assert httpx.get(str(url).replace("doc_handbook", "doc_wiki")).status_code == 401
    strangers.keys.revoke(strangers.id)
    assert httpx.get(url).status_code == 401


def test_a_page_reads_from_its_own_origin_without_saying_so(strangers: Strangers) -> None:
    """A browser sends no Origin when a page reads from where it comes from: the page's address stands for it."""
    token = strangers.visitor()

    def get(**headers: str) -> int:
        return call(strangers.served, "GET", "/v1/starters", secret=token, **headers).status_code

    assert get(Referer=f"{PAGE}/some/page") == 200
    for other in (
        "https://evil.example/",
        "https://www.example.org.evil.example/",
        "https://evil.example/https://www.example.org",
        "https://[",
        "",
    ):
        assert get(Referer=other) == 403, other
    assert get(Referer=f"{PAGE}/", Origin="https://evil.example") == 403


def test_a_browser_lets_the_pages_of_a_key_call_as_long_as_the_key_is_open(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    keys.create("so that there is one")

    def allowed(served: Served, origin: str) -> bool:
        asks = {
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization",
        }
        found = httpx.options(f"{served.url}/v1/visitors", headers=asks)
        plain = httpx.get(f"{served.url}/healthz", headers={"Origin": origin})
        both = {
            found.headers.get("access-control-allow-origin"),
            plain.headers.get("access-control-allow-origin"),
        }
        assert both in ({origin}, {None})
        return both == {origin}

    with serve(service(keys=keys._cell)) as served:
        assert not allowed(served, PAGE)
        made = keys.create("page", kind="page", origins=[PAGE, "http://localhost:3000"])
        assert allowed(served, PAGE)
        assert allowed(served, "http://localhost:3000")
        for other in (
            "https://example.org",
            "http://www.example.org",
            f"{PAGE}:444",
            "null",
            "http://localhost",
        ):
            assert not allowed(served, other), other
        keys.revoke(made.key.id)
        assert not allowed(served, PAGE)
        (tmp_path / "keys.json").write_text("broken")
        assert not allowed(served, PAGE)


def test_only_what_is_cited_passes_and_before_the_word_that_cites_it() -> None:
    async def events() -> AsyncGenerator[Event, None]:
        for event in (
            Sources((*PASSAGES, BESIDE)),
            *map(Text, ("a [", "2", "] b ", "[7] [1]", "[2]")),
            Done(),
        ):
            yield event

    async def passing() -> list[Event]:
        return [event async for event in only_cited(events())]

    passed = asyncio.run(passing())
    assert [_brief(event) for event in passed] == [[], "a [", "2", [2], "] b ", [1], "[7] [1]", "[2]", "end"]


def _brief(event: Event) -> Any:
    match event:
        case Sources(passages):
            return [passage.number for passage in passages]
        case Text(delta):
            return delta
        case _:
            return "end"
