"""Who may call: generated from the route table, so that a new route cannot be forgotten."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute

from app.http.application import create_app
from app.identity.grant import Right
from app.identity.keys import Keys
from app.settings import ClientSettings, Settings
from tests.app.edge import ANSWERED, ScriptedTurn, Served, serve, service
from vectorstore.types import Scope

PUBLIC = {
    "/", "/documents", "/documents.css", "/documents.html", "/documents.js", "/documents-send.js", "/index.html", "/page.js", "/page-documents.js", "/page-explain.js", "/page-service.js", "/page-words.js", "/page.css", "/widget.js", "/docs", "/healthz", "/readyz", "/version",
}  # fmt: skip
BODIES: dict[str, Any] = {
    "/v1/chat": {"message": "q"},
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "q"}]},
    "/v1/responses": {"input": "q"},
    "/api/chat": {"messages": [{"role": "user", "content": "q"}]},
    "/agui": {"messages": [{"role": "user", "content": "q"}]},
    "/v1/search": {"query": "q"},
    "/v1/embeddings": {"input": "q"},
}
RIGHT: dict[str, Right] = {"/v1/search": "search", "/v1/embeddings": "search", "/v1/documents": "documents"}


def table() -> list[tuple[str, str]]:
    routes = [route for route in all_routes() if isinstance(route, APIRoute)]
    return sorted((method, route.path) for route in routes for method in route.methods or ())


def all_routes() -> list[Any]:
    """Return the routes of the application, also those inside included routers."""
    found: list[Any] = []
    waiting = list(create_app(service()).routes)
    while waiting:
        route = waiting.pop()
        inner = getattr(route, "original_router", None) or getattr(route, "routes", None)
        if isinstance(route, APIRoute):
            found.append(route)
        elif inner is not None:
            waiting.extend(getattr(inner, "routes", inner))
    return found


PROTECTED = [(method, path) for method, path in table() if path not in PUBLIC]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Keys]]:
    path = tmp_path_factory.mktemp("data") / "keys.json"
    keys = Keys(path)
    keys.create("so that there is one")
    with serve(service(keys=path)) as running:
        yield running, keys


def call(served: Served, method: str, path: str, *, secret: str | None = None) -> httpx.Response:
    for name in ("run_id", "response_id", "document_id", "chat_id", "model"):
        path = path.replace(f"{{{name}}}", "doc_handbook" if name == "document_id" else "none")
    headers = {} if secret is None else {"Authorization": f"Bearer {secret}".strip()}
    return httpx.request(method, served.url + path, json=BODIES.get(path), headers=headers)


def test_the_route_table_is_read() -> None:
    assert {path for _, path in table()} >= {*BODIES, *PUBLIC, "/v1/documents/{document_id}/view"}
    assert len(PROTECTED) >= 17


@pytest.mark.parametrize(("method", "path"), PROTECTED)
def test_no_route_opens_without_a_valid_key(guarded: tuple[Served, Keys], method: str, path: str) -> None:
    served, keys = guarded
    past = datetime.now(UTC) - timedelta(seconds=1)
    revoked = keys.create("revoked")
    keys.revoke(revoked.key.id)
    good = keys.create("good").secret
    bad = [
        None,
        "",
        "sk-anything",
        "fn_00000000_" + "x" * 43,
        good[:-1] + ("a" if good[-1] != "a" else "b"),
        good.upper(),
        revoked.secret,
        keys.create("expired", expires=past).secret,
    ]
    for secret in bad:
        response = call(served, method, path, secret=secret)
        assert response.status_code == 401, secret
        assert response.headers["www-authenticate"] == "Bearer"
    assert call(served, method, path, secret=good).status_code not in {401, 403}


@pytest.mark.parametrize(("method", "path"), PROTECTED)
def test_a_key_without_the_right_is_refused(guarded: tuple[Served, Keys], method: str, path: str) -> None:
    served, keys = guarded
    right = next((right for prefix, right in RIGHT.items() if path.startswith(prefix)), "chat")
    others: list[Right] = [each for each in ("chat", "search", "documents") if each != right]
    response = call(served, method, path, secret=keys.create("narrow", rights=others).secret)
    assert response.status_code == 403


def test_public_routes_stay_public(guarded: tuple[Served, Keys]) -> None:
    for path in ("/docs", "/healthz", "/readyz", "/version"):
        assert httpx.get(guarded[0].url + path).status_code == 200


def test_revoking_takes_effect_at_the_next_request(guarded: tuple[Served, Keys]) -> None:
    served, keys = guarded
    made = keys.create("short-lived")
    assert call(served, "GET", "/v1/models", secret=made.secret).status_code == 200
    Keys(keys._path).revoke(made.key.id)
    assert call(served, "GET", "/v1/models", secret=made.secret).status_code == 401


def test_revoking_the_last_key_does_not_open_the_service(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    keys.revoke(keys.create("only").key.id)
    with serve(service(keys=tmp_path / "keys.json")) as served:
        assert call(served, "GET", "/v1/documents").status_code == 401


def test_a_key_brings_its_tenant_and_groups_into_every_question(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    secret = keys.create("hr", tenant="acme", groups=["hr", "all"]).secret
    turn = ScriptedTurn()
    with serve(service(turn, keys=tmp_path / "keys.json")) as served:
        for path in ("/v1/chat", "/v1/chat/completions", "/v1/responses", "/api/chat", "/agui"):
            assert call(served, "POST", path, secret=secret).status_code == 200
    assert {question.scope for question in turn.asked} == {Scope("acme", frozenset({"hr", "all"}))}
    assert len(turn.asked) == 5


def test_anothers_runs_and_responses_and_chats_are_not_there(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    anna, bert = ({"Authorization": f"Bearer {keys.create(name).secret}"} for name in ("anna", "bert"))
    turn = ScriptedTurn((*ANSWERED[:6], 30.0))
    with (
        serve(service(turn, keys=tmp_path / "keys.json")) as served,
        httpx.Client(base_url=served.url) as client,
    ):
        response = client.post("/v1/responses", json={"input": "q", "background": True}, headers=anna).json()
        run = response["footnote"]["run_id"]
        paths = [
            ("GET", f"/v1/responses/{response['id']}"),
            ("POST", f"/v1/responses/{response['id']}/cancel"),
            ("GET", f"/v1/runs/{run}/events"),
            ("POST", f"/v1/runs/{run}/cancel"),
        ]
        for method, path in paths:
            assert client.request(method, path, headers=bert).status_code == 404
        follow = {"input": "q", "previous_response_id": response["id"]}
        assert client.post("/v1/responses", json=follow, headers=bert).status_code == 404
        assert turn.open == 1
        assert client.get(paths[0][1], headers=anna).status_code == 200
        client.post(paths[1][1], headers=anna)


def test_a_chat_of_the_same_id_under_another_key_is_another_chat(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    anna, bert = ({"Authorization": f"Bearer {keys.create(name).secret}"} for name in ("anna", "bert"))
    chat = "kL2mN8pQ4rS6tV0w"
    body = {"id": chat, "messages": [{"role": "user", "content": "q"}]}
    turn = ScriptedTurn((*ANSWERED[:6], 30.0))
    with (
        serve(service(turn, keys=tmp_path / "keys.json")) as served,
        httpx.stream("POST", f"{served.url}/api/chat", json=body, headers=anna) as stream,
    ):
        next(line for line in stream.iter_lines() if "text-delta" in line)
        assert httpx.get(f"{served.url}/api/chat/{chat}/stream", headers=bert).status_code == 204
        assert httpx.post(f"{served.url}/api/chat/{chat}/stop", headers=bert).json() == {"stopped": False}
        assert turn.open == 1
        assert httpx.post(f"{served.url}/api/chat/{chat}/stop", headers=anna).json() == {"stopped": True}


def test_without_keys_this_machine_may_ask_and_only_under_a_local_name() -> None:
    with serve(service()) as served:
        port = served.url.rsplit(":", 1)[1]
        for host in (f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}", "localhost"):
            assert httpx.get(f"{served.url}/v1/models", headers={"Host": host}).status_code == 200
        for host in (
            "evil.example",
            f"evil.example:{port}",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "",
        ):
            response = httpx.get(f"{served.url}/v1/models", headers={"Host": host})
            assert response.status_code in {400, 403}, host


def test_without_keys_a_foreign_page_may_do_nothing() -> None:
    """Another port of this machine is another page: it might be anybody's."""
    listed = Settings(client=ClientSettings(cors_origins="http://localhost:3000"))
    with serve(service()) as served, serve(service(settings=listed)) as open_to_one:
        own = served.url
        port = own.rsplit(":", 1)[1]
        for origin in ("https://evil.example", "null", "http://localhost:3000", "http://127.0.0.1:1", "",
                       f"http://localhost:{port}", f"https://127.0.0.1:{port}", "http://127.0.0.1", "http://["):  # fmt: skip
            for method, path in PROTECTED:
                response = httpx.request(
                    method, own + path, json=BODIES.get(path), headers={"Origin": origin}
                )
                assert response.status_code == 403, (origin, path)
        assert (
            httpx.post(f"{own}/v1/chat", json=BODIES["/v1/chat"], headers={"Origin": own}).status_code == 200
        )
        listed_page = {"Origin": "http://localhost:3000"}
        answer = httpx.post(f"{open_to_one.url}/v1/chat", json=BODIES["/v1/chat"], headers=listed_page)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "http://localhost:3000"


@pytest.mark.parametrize("name", [
    "X-Forwarded-For", "Forwarded", "Via", "X-Real-IP", "X-Forwarded-Host", "X-Forwarded-Proto", "CF-Connecting-IP",
])  # fmt: skip
def test_without_keys_what_a_proxy_passes_on_is_refused(name: str, tmp_path: Path) -> None:
    with serve(service()) as served:
        for value in ("127.0.0.1", "203.0.113.9", ""):
            response = httpx.get(f"{served.url}/v1/documents", headers={name: value})
            assert response.status_code == 403
        assert "footnote keys create" in response.json()["detail"]
        assert httpx.get(f"{served.url}/healthz", headers={name: "127.0.0.1"}).status_code == 200
    secret = Keys(tmp_path / "keys.json").create("with a key it is no matter").secret
    with serve(service(keys=tmp_path / "keys.json")) as served:
        headers = {name: "127.0.0.1", "Authorization": f"Bearer {secret}"}
        assert httpx.get(f"{served.url}/v1/documents", headers=headers).status_code == 200


def test_without_keys_any_other_key_is_as_good_as_none_but_one_of_ours_is_checked() -> None:
    with serve(service()) as served:
        assert call(served, "GET", "/v1/models", secret="sk-unused").status_code == 200
        assert call(served, "GET", "/v1/models", secret="fn_00000000_" + "x" * 43).status_code == 401
