"""MCP over HTTP is an OAuth protected resource (RFC 9728), and a 401 says where to read of it."""

import asyncio
import importlib.util
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from app.access_settings import IdentitySettings
from app.identity.oidc import Provider as Provided
from app.settings import ClientSettings, Settings
from tests.app.edge import Served, serve, service
from tests.identity.forge import ISSUER
from tests.identity.provider import AUDIENCE, Provider, provider

PEOPLE = IdentitySettings(
    oidc_issuer=ISSUER, oidc_audience=AUDIENCE, oidc_client_id="page", oidc_scopes="openid read"
)
WHERE = "/.well-known/oauth-protected-resource"
BACK = "http://127.0.0.1/"
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


class Kept:
    """What the released client keeps: nothing but the id that it was given."""

    def __init__(self, client_id: str) -> None:
        from mcp.shared.auth import OAuthClientInformationFull

        self.tokens: Any = None
        self.info = OAuthClientInformationFull(
            client_id=client_id, redirect_uris=[BACK], token_endpoint_auth_method="none"
        )

    async def get_tokens(self) -> Any:
        return self.tokens

    async def set_tokens(self, tokens: Any) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> Any:
        return self.info

    async def set_client_info(self, client_info: Any) -> None:
        self.info = client_info


async def tools(url: str, real: Provider, user: str) -> set[str]:
    """List the tools as the released client does, which is told nothing but the address of /mcp."""
    from mcp import Client
    from mcp.client.auth.oauth2 import AuthorizationCodeResult, OAuthClientProvider
    from mcp.client.streamable_http import streamable_http_client
    from mcp.shared._httpx_utils import create_mcp_http_client
    from mcp.shared.auth import OAuthClientMetadata

    came_back: dict[str, str] = {}

    async def opened(page: str) -> None:
        where = await asyncio.to_thread(real.returned, page, user)
        came_back.update(parse_qsl(urlsplit(where).query))

    async def called_back() -> AuthorizationCodeResult:
        return AuthorizationCodeResult(code=came_back["code"], state=came_back["state"], iss=came_back["iss"])

    auth = OAuthClientProvider(
        f"{url}/mcp", OAuthClientMetadata(redirect_uris=[BACK]), Kept(real.client_id), opened, called_back
    )
    async with (
        create_mcp_http_client(auth=auth) as http,
        Client(streamable_http_client(f"{url}/mcp", http_client=http)) as client,
    ):
        return {tool.name for tool in (await client.list_tools()).tools}


@pytest.mark.skipif(importlib.util.find_spec("mcp") is None, reason="needs the extra [mcp]")
def test_the_released_client_finds_the_provider_and_signs_in() -> None:
    with provider() as real:
        people = IdentitySettings(oidc_issuer=real.issuer, oidc_audience=AUDIENCE)
        built = service(settings=Settings(identity=people))
        with serve(built) as served:
            # the port is known now, and with it the name of the resource
            named = people.model_copy(update={"oidc_audience": f"{served.url}/mcp"})
            built.identity.provider = Provided(named)
            assert asyncio.run(tools(served.url, real, "ann")) == {"search", "fetch"}


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
