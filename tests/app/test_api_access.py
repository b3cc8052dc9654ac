"""Who may call, and what is theirs; every route by itself: `test_every_route.py`."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from app.identity.keys import Keys
from app.settings import ClientSettings, Settings
from tests.app.edge import ANSWERED, ScriptedTurn, Served, serve, service
from tests.app.every_route import ALL_ON, BODIES, PROTECTED, Uploading, call
from vectorstore.types import Scope


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Keys]]:
    path = tmp_path_factory.mktemp("data") / "keys.json"
    keys = Keys(path)
    keys.create("so that there is one")
    with serve(service(keys=path)) as running:
        yield running, keys


def test_public_routes_stay_public(guarded: tuple[Served, Keys]) -> None:
    for path in ("/docs", "/healthz", "/readyz", "/version"):
        assert httpx.get(guarded[0].url + path).status_code == 200


def test_revoking_takes_effect_at_the_next_request(guarded: tuple[Served, Keys]) -> None:
    served, keys = guarded
    made = keys.create("short-lived")
    assert call(served, "GET", "/v1/models", secret=made.secret).status_code == 200
    Keys(keys._cell).revoke(made.key.id)
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
    whole = replace(service(settings=ALL_ON), uploads=Uploading())  # type: ignore[arg-type]  # only its routes
    with serve(whole) as served, serve(service(settings=listed)) as open_to_one:
        own = served.url
        port = own.rsplit(":", 1)[1]
        for origin in ("https://evil.example", "null", "http://localhost:3000", "http://127.0.0.1:1", "",
                       f"http://localhost:{port}", f"https://127.0.0.1:{port}", "http://127.0.0.1", "http://["):  # fmt: skip
            for method, path in PROTECTED:
                response = call(served, method, path, Origin=origin)
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
