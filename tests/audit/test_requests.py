"""What the service writes down: every route, every dialect, before its answer is there; and nothing unwritten is answered."""

import asyncio
import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from pydantic import SecretStr

from app.access_settings import AuditSettings
from app.audit.audit import Audit
from app.audit.journal import entries_of
from app.audit.log import segments_of
from app.audit.verify import verify
from app.events import Done, Event, Failed
from app.http.access import GROUPS_HEADER, USER_HEADER
from app.http.application import create_app
from app.http.routes import pages
from app.identity.grant import RIGHTS, Kind
from app.identity.keys import Keys
from app.settings import Settings
from tests.app.edge import ANSWERED, ScriptedTurn, Served, serve, service
from tests.app.test_api_access import BODIES
from vectorstore.errors import Unavailable

UNTOLD = {
    "/", "/docs", "/documents", *(f"/{name}" for name in pages._FILES), "/healthz", "/readyz", "/version", "/v1/models",
    "/v1/models/{model}", "/v1/sign-in", "/.well-known/oauth-protected-resource",
    "/.well-known/oauth-protected-resource/mcp",
}  # fmt: skip
"""Nothing of documents or people is shown there. Whoever adds a route and finds it missing here or in the log decides."""
MESSAGES = [{"role": "user", "content": "How much leave?"}]
AGUI = {
    "threadId": "t",
    "runId": "r",
    "messages": [{"id": "m", **MESSAGES[0]}],
    "tools": [],
    "context": [],
    "state": {},
    "forwardedProps": {},
}
STREAMED = {
    "/v1/chat": ({"message": "How much leave?"}, b'"type":"finish"'),
    "/api/chat": ({"messages": MESSAGES}, b'"type":"finish"'),
    "/v1/chat/completions": ({"messages": MESSAGES, "stream": True}, b'"finish_reason":"stop"'),
    "/v1/responses": ({"input": "How much leave?", "stream": True}, b"response.completed"),
    "/agui": (AGUI, b"RUN_FINISHED"),
}
WHOLE = {
    "/v1/chat/completions": {"messages": MESSAGES},
    "/v1/responses": {"input": "How much leave?"},
}


NO_UPLOADS: Any = object()
"""Enough for the routes to be there."""


class Office:
    """A service with an audit log, its keys, and what stands in the log."""

    def __init__(self, folder: Path, *, turn: Any = None, audit: str = "on", **more: Any) -> None:
        self.keys = Keys(folder / "keys.json")
        self.folder = folder / "audit"
        settings = AuditSettings(audit=audit)  # type: ignore[arg-type]
        self.audit = Audit(self.folder, settings, keys=self.keys)
        self.service = service(turn, keys=folder / "keys.json", audit=self.audit, **more)

    def key(self, kind: Kind = "operator", **more: Any) -> str:
        return self.keys.create(kind, kind=kind, **more).secret

    def told(self, what: str = "") -> list[dict[str, Any]]:
        return [dict(each.facts) for each in entries_of(self.folder) if what in ("", each.facts["what"])]

    @contextmanager
    def open(self) -> Iterator[tuple[Served, httpx.Client]]:
        with serve(self.service) as served, httpx.Client(base_url=served.url, timeout=20) as client:
            yield served, client


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


@pytest.mark.parametrize("path", STREAMED)
def test_the_entry_is_there_when_the_reader_of_a_stream_sees_its_end(path: str, office: Office) -> None:
    body, end = STREAMED[path]
    with office.open() as (_, client), client.stream("POST", path, json=body) as response:
        run = response.headers["x-run-id"]
        asked = [each for each in office.told("request") if each.get("run") == run]
        assert [each["route"] for each in asked] == [f"POST {path}"]
        seen = b""
        for piece in response.iter_raw():
            seen += piece
            if end in seen:
                break
        (answer,) = office.told("answer")
    assert answer["run"] == run
    assert answer["outcome"] == "answered"
    assert answer["read"] == answer["cited"] == ["doc_handbook", "doc_wiki"]
    assert (answer["key"], answer["tenant"], answer["model"]) == ("local", "default", "scripted")


@pytest.mark.parametrize("path", WHOLE)
def test_the_entry_is_there_when_a_whole_answer_is(path: str, office: Office) -> None:
    with office.open() as (_, client):
        response = client.post(path, json=WHOLE[path]).raise_for_status()
        (answer,), (asked,) = office.told("answer"), office.told("request")
    assert answer["run"] == asked["run"] == response.headers["x-run-id"]


@pytest.mark.parametrize(
    ("script", "outcome", "code"),
    [
        ((*ANSWERED[:-1], Done(outcome="unsure")), "unsure", None),
        ((*ANSWERED[:3], Done(outcome="refused")), "refused", None),
        ((*ANSWERED[:6], Failed("model_timeout", "Too slow.")), "failed", "model_timeout"),
        ((*ANSWERED[:6], RuntimeError("broke")), "failed", "internal"),
    ],
)
def test_what_was_decided_is_written_down(
    script: tuple[Event | Exception, ...], outcome: str, code: str | None, tmp_path: Path
) -> None:
    office = Office(tmp_path, turn=ScriptedTurn(script))
    with office.open() as (_, client):
        client.post("/v1/chat", json={"message": "q"})
        (answer,) = office.told("answer")
    assert (answer["outcome"], answer.get("code")) == (outcome, code)


def test_an_answer_that_is_stopped_or_erased_is_written_down_once(tmp_path: Path) -> None:
    office = Office(tmp_path, turn=ScriptedTurn((*ANSWERED[:6], 30.0)))
    with office.open() as (served, client):
        with client.stream("POST", "/v1/chat", json={"message": "q"}) as response:
            run = response.headers["x-run-id"]
            httpx.post(f"{served.url}/v1/runs/{run}/cancel").raise_for_status()
            assert "abort" in response.read().decode()
        assert [(each["outcome"], each["code"]) for each in office.told("answer")] == [("stopped", "user")]
        assert any(each["route"] == "POST /v1/runs/{run_id}/cancel" for each in office.told("request"))
        with client.stream("POST", "/v1/chat", json={"message": "q"}):
            pass
        served.server.should_exit = True
    assert [each["outcome"] for each in office.told("answer")] == ["stopped", "stopped"]
    assert verify(office.folder).sound
    assert office.told()[-1]["what"] == "stopped"


def test_people_go_by_pseudonyms_and_nothing_says_what_was_asked(office: Office) -> None:
    secret = office.key(groups=("hr",))
    with office.open() as (_, client):
        client.headers["authorization"] = f"Bearer {secret}"
        client.post("/v1/chat", json={"message": "Is Ann pregnant?"})
        client.post("/v1/search", json={"query": "Is Ann pregnant?"}).raise_for_status()
        client.get("/v1/documents").raise_for_status()
        client.get("/v1/documents/doc_handbook").raise_for_status()
        client.get("/v1/documents/doc_handbook/view").raise_for_status()
    told = {each["route"]: each for each in office.told("request")}
    assert told["POST /v1/search"]["documents"] == ["doc_handbook"]
    assert told["GET /v1/documents"]["listed"] == 3
    assert told["GET /v1/documents/{document_id}/view"]["document_id"] == "doc_handbook"
    assert {each["key"] for each in told.values()} == {office.keys.all()[0].id}
    assert told["POST /v1/search"]["groups"] == ["hr"]
    kept = b"".join(each.read_bytes() for each in office.folder.rglob("*") if each.is_file())
    for word in (b"Ann", b"pregnant", b"annual", secret.encode(), b"Handbook"):
        assert word not in kept


def test_contents_are_kept_apart_where_they_are_wanted_and_go_with_the_person(tmp_path: Path) -> None:
    office = Office(tmp_path, audit="contents")
    with office.open() as (_, client):
        client.post("/v1/chat", json={"message": "Is Ann pregnant?"})
        client.post("/v1/search", json={"query": "Ann"})
    (answer,), asked = office.told("answer"), office.told("request")
    held = office.audit.people.contents()
    assert held[answer["contents"]]["question"] == "Is Ann pregnant?"
    assert "25 days" in held[answer["contents"]]["answer"]
    assert held[asked[-1]["contents"]] == {"question": "Ann"}
    assert not any(b"pregnant" in each.path.read_bytes() for each in segments_of(office.folder))
    assert office.audit.people.forget("local")
    assert office.audit.people.contents() == {}
    assert verify(office.folder).sound


def routes() -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = [("POST", "/mcp")]
    waiting = list(create_app(service(uploads=NO_UPLOADS)).routes)
    while waiting:
        route = waiting.pop()
        inner = getattr(route, "original_router", None) or getattr(route, "routes", None)
        if isinstance(route, APIRoute):
            found += [(method, route.path_format) for method in route.methods or ()]
        elif inner is not None:
            waiting.extend(getattr(inner, "routes", inner))
    return sorted(found)


@pytest.mark.parametrize(("method", "path"), [each for each in routes() if each[1] not in UNTOLD])
def test_every_route_is_written_down_also_when_it_refuses(method: str, path: str, office: Office) -> None:
    """A route that is new is here by itself: one that tells nothing has to be named in UNTOLD to be left out."""
    office.key()
    application = create_app(replace(office.service, uploads=NO_UPLOADS))

    async def send() -> int:
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            at = path.replace("{page}", "1").replace("{document_id}", "doc_handbook")
            headers = {"authorization": "Bearer fn_00000000_wrong"}
            return (await client.request(method, at, json=BODIES.get(path), headers=headers)).status_code

    status = asyncio.run(send())
    assert status in {401, 403, 422}
    assert [(each["route"], each["status"]) for each in office.told("denied")] == [
        (f"{method} {path}", status)
    ]


def test_the_routes_that_are_left_out_are_those_that_are_named(office: Office) -> None:
    office.key()
    with office.open() as (_, client):
        for method, path in routes():
            if path in UNTOLD:
                client.request(method, path)
    assert office.told("request") == office.told("denied") == []


def test_no_flood_of_wrong_keys_fills_the_disk(office: Office) -> None:
    secret = office.key("ingest")
    with office.open() as (_, client):
        for _ in range(300):
            assert client.post("/v1/search", json={"query": "q"}).status_code == 401
        for _ in range(50):
            client.get("/v1/documents/doc_secret", headers={"authorization": f"Bearer {secret}"})
    denied = office.told("denied")
    key = office.keys.all()[0].id
    assert [sum(each.get("key", "") == whose for each in denied) for whose in ("", key)] == [20, 20]
    counted = office.told("refused")
    assert {whose: sum(each["callers"].get(whose, 0) for each in counted) for whose in ("", key)} == {
        "": 280,
        key: 30,
    }


def test_what_cannot_be_written_down_is_not_answered(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    turn = office.service.turn

    def full(facts: object, *, sync: bool = False) -> int:
        raise Unavailable(
            "The audit log cannot be written (No space left on device), and without it nothing is answered."
        )

    with office.open() as (_, client):
        client.get("/v1/documents").raise_for_status()
        monkeypatch.setattr(office.audit._entries, "append", full)
        for _ in range(2):
            listed = client.get("/v1/documents")
            assert (listed.status_code, listed.json()["code"]) == (503, "unavailable")
            assert "without it nothing is answered" in listed.json()["detail"]
        asked = client.post("/v1/chat/completions", json={"messages": MESSAGES})
        assert asked.status_code == 503
        assert asked.json()["error"]["type"] == "server_error"
        assert client.get("/readyz").status_code == 503
        assert client.get("/healthz").status_code == 200
        monkeypatch.undo()
        assert client.get("/v1/documents").status_code == 200
        assert client.get("/readyz").status_code == 200
    assert isinstance(turn, ScriptedTurn)
    assert turn.asked == []
    assert "resumed" in {each["what"] for each in office.told()}


@pytest.mark.parametrize("path", STREAMED)
def test_a_stream_whose_end_cannot_be_written_down_ends_as_failed(
    path: str, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    body, end = STREAMED[path]
    real = office.audit._entries.append

    def full_at_the_end(facts: Any, *, sync: bool = False) -> int:
        if facts["what"] == "answer":
            raise Unavailable("The audit log cannot be written.")
        return real(facts, sync=sync)

    monkeypatch.setattr(office.audit._entries, "append", full_at_the_end)
    with office.open() as (_, client):
        shown = client.post(path, json=body)
    assert shown.status_code == 200
    assert end not in shown.content
    assert "The audit log cannot be written." in shown.text


def test_mcp_tools_are_written_down(office: Office) -> None:
    pytest.importorskip("mcp")
    with office.open() as (_, client):
        client.headers["accept"] = "application/json, text/event-stream"
        for name, arguments in (("search", {"query": "leave"}), ("fetch", {"id": "doc_handbook/chk_1"})):
            called = {
                "jsonrpc": "2.0",
                "id": 1,
                "method": "tools/call",
                "params": {"name": name, "arguments": arguments},
            }
            client.post("/mcp", json=called).raise_for_status()
        client.post("/mcp", json={"jsonrpc": "2.0", "id": 2, "method": "tools/list"}).raise_for_status()
    told = [(each["route"], each["tool"], each["documents"]) for each in office.told("request")]
    assert told == [("POST /mcp", "search", ["doc_handbook"]), ("POST /mcp", "fetch", ["doc_handbook"])]


def test_settings_and_keys_that_change_are_written_down_without_what_they_are(office: Office) -> None:
    secret = "sk-very-secret"
    settings = Settings()
    model = settings.model.model_copy(update={"llm_model": "gpt", "llm_api_key": SecretStr(secret)})
    office.audit.start("1.0", settings)
    office.audit.start("1.0", replace(settings, model=model))
    key = office.keys.create("x", rights=RIGHTS)
    office.audit.minute()
    office.keys.revoke(key.key.id)
    office.audit.minute()
    office.audit.minute()
    changed = [(each["of"], list(each["names"])) for each in office.told("changed")]
    assert changed[-3:] == [
        ("settings", ["FOOTNOTE_LLM_API_KEY", "FOOTNOTE_LLM_MODEL"]), ("keys", [key.key.id]), ("keys", [key.key.id]),
    ]  # fmt: skip
    states = [each["names"][key.key.id].split()[0] for each in office.told("changed") if each["of"] == "keys"]
    assert states == ["open", "revoked"]
    kept = b"".join(each.read_bytes() for each in office.folder.rglob("*") if each.is_file())
    assert secret.encode() not in kept
    assert key.secret.encode() not in kept
    json.dumps(office.told())


@pytest.mark.parametrize("step", ["notice", "minute", "close"])
def test_a_full_disk_is_one_sentence_wherever_the_log_is_written(
    step: str, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.audit.start("1.0", Settings())

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    does = {
        "notice": lambda: office.audit.notice("settings", {"A": ("set", "x")}),
        "minute": office.audit.minute,
        "close": office.audit.close,
    }
    with pytest.raises(Unavailable, match="No space left"):
        does[step]()


def test_a_head_is_signed_when_the_service_ends(office: Office) -> None:
    with office.open() as (_, client):
        client.get("/v1/documents")
    found = verify(office.folder)
    assert (found.sound, found.heads >= 1) == (True, True)
    assert found.last == office.told()[-1]["n"]


def test_who_acts_for_whom_is_written_down(office: Office) -> None:
    server, operator = office.key("server", groups=("hr",)), office.key()
    with office.open() as (_, client):
        for secret in (server, operator):
            headers = {"authorization": f"Bearer {secret}", USER_HEADER: "ann", GROUPS_HEADER: "hr"}
            client.post("/v1/search", json={"query": "q"}, headers=headers).raise_for_status()
        made = {"user": "ann", "groups": ["hr"]}
        issued = client.post("/v1/sessions", json=made, headers={"authorization": f"Bearer {server}"})
        issued.raise_for_status()
    acted, previewed, session = office.told("request")
    (ann,) = [pseudonym for pseudonym, name in office.audit.people.names().items() if name == "ann"]
    assert (acted["who"], acted.get("as")) == (ann, None)
    assert (previewed.get("who"), previewed["as"]) == (None, ann)
    assert session["issued_to"] == ann


def test_a_client_token_leaves_one_name_of_a_person_and_none_of_who_was_refused(office: Office) -> None:
    headers = {"authorization": f"Bearer {office.key('server')}"}
    with office.open() as (_, client):
        for user in ("jos\u00e9", "jose\u0301", " ann", "bob\n"):
            client.post("/v1/sessions", json={"user": user}, headers=headers)
        client.post("/v1/sessions", json={"user": "cem", "groups": ["board"]}, headers=headers)
    assert list(office.audit.people.names().values()) == ["jos\u00e9"]


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b'{"salt": 5}', b'{"salt": "zz"}', b'{"salt": "00", "keys": []}']
)
def test_where_what_was_noticed_is_damaged_all_is_noticed_anew(damage: bytes, office: Office) -> None:
    office.audit.start("1.0", Settings())
    key = office.key()
    (office.folder / "noticed.json").write_bytes(damage)
    office.audit.start("1.0", Settings())
    assert [each["names"] for each in office.told("changed") if each["of"] == "keys"][-1].keys() == {
        key.split("_")[1]
    }
    assert verify(office.folder).sound
