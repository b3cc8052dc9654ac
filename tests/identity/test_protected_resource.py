"""MCP over HTTP is an OAuth protected resource (RFC 9728), and a 401 says where to read of it."""

import importlib.util
from collections.abc import Iterator

import httpx
import pytest

from app.access_settings import IdentitySettings
from app.settings import ClientSettings, Settings
from tests.app.edge import Served, serve, service
from tests.identity.forge import ISSUER
from tests.identity.provider import AUDIENCE

PEOPLE = IdentitySettings(
    oidc_issuer=ISSUER, oidc_audience=AUDIENCE, oidc_client_id="page", oidc_scopes="openid read"
)
WHERE = "/.well-known/oauth-protected-resource"
CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}


@pytest.fixture(scope="module")
def guarded() -> Iterator[Served]:
    with serve(service(settings=Settings(identity=PEOPLE))) as running:
        yield running


@pytest.mark.parametrize("path", ["", "/mcp"])
def test_the_metadata_names_the_resource_by_its_address_and_the_issuer(guarded: Served, path: str) -> None:
    answer = httpx.get(guarded.url + WHERE + path)
    assert answer.json() == {
        "resource": guarded.url + path,
        "authorization_servers": [ISSUER],
        "scopes_supported": ["openid", "read"],
        "bearer_methods_supported": ["header"],
        "resource_name": "Footnote",
    }
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.skipif(importlib.util.find_spec("mcp") is None, reason="needs the extra [mcp]")
def test_whoever_shows_nothing_is_told_where_to_read_of_it(guarded: Served) -> None:
    answer = httpx.post(f"{guarded.url}/mcp", json=CALL)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == f'Bearer resource_metadata="{guarded.url}{WHERE}/mcp"'
    wrong = httpx.post(f"{guarded.url}/mcp", json=CALL, headers={"Authorization": "Bearer x"})
    assert wrong.headers["www-authenticate"].endswith('/mcp", error="invalid_token"')
    for path in ("/v1/chat", "/v1/chat/completions", "/api/chat", "/agui", "/v1/responses"):
        challenge = httpx.post(guarded.url + path, json={}).headers["www-authenticate"]
        assert challenge == f'Bearer resource_metadata="{guarded.url}{WHERE}"'


def test_the_public_address_is_named_where_one_is_set() -> None:
    settings = Settings(identity=PEOPLE, client=ClientSettings(base_url="https://chat.example/footnote"))
    with serve(service(settings=settings)) as served:
        assert httpx.get(served.url + WHERE).json()["resource"] == "https://chat.example/footnote"
        challenge = httpx.get(f"{served.url}/v1/models").headers["www-authenticate"]
        assert challenge == f'Bearer resource_metadata="https://chat.example/footnote{WHERE}"'


def test_without_a_provider_there_is_no_such_metadata() -> None:
    with serve(service()) as served:
        for path in ("", "/mcp"):
            assert httpx.get(served.url + WHERE + path).status_code == 404
        assert httpx.get(f"{served.url}/v1/sign-in").json() == {"provider": None}


def test_without_mcp_there_is_none_of_it() -> None:
    settings = Settings(identity=PEOPLE, client=ClientSettings(mcp=False))
    with serve(service(settings=settings)) as served:
        assert httpx.get(f"{served.url}{WHERE}/mcp").status_code == 404
        assert httpx.get(served.url + WHERE).status_code == 200
