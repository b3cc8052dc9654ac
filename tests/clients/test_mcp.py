"""The released MCP client: search and fetch over HTTP and over standard input and output."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.identity.keys import Keys
from app.settings import ClientSettings, ServeSettings, Settings
from tests.app.edge import serve, service
from tests.app.hostile import status_of

pytest.importorskip("mcp")
SETTINGS = Settings(client=ClientSettings(mcp=True))


def ask(url: str, *, secret: str | None = None) -> tuple[set[str], Any, Any]:
    """List the tools, search, and fetch the first hit."""

    async def main() -> tuple[set[str], Any, Any]:
        from mcp import Client
        from mcp.client.streamable_http import streamable_http_client
        from mcp.shared._httpx_utils import create_mcp_http_client

        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        async with (
            create_mcp_http_client(headers=headers) as http,
            Client(streamable_http_client(f"{url}/mcp", http_client=http)) as client,
        ):
            tools = await client.list_tools()
            found = json.loads(text(await client.call_tool("search", {"query": "leave"})))
            fetched = await client.call_tool("fetch", {"id": found["results"][0]["id"]})
            return {tool.name for tool in tools.tools}, found, json.loads(text(fetched))

    return asyncio.run(main())


def text(result: Any) -> str:
    return str(result.content[0].text)


def test_the_client_searches_and_fetches() -> None:
    with serve(service(settings=SETTINGS)) as served:
        tools, found, fetched = ask(served.url)
    assert tools == {"search", "fetch"}
    assert found["results"][0].keys() == {"id", "title", "url"}
    assert found["results"][0]["url"].startswith(f"{served.url}/v1/documents/doc_handbook/view?")
    assert fetched["text"] == "Staff get 25 days of annual leave."
    assert fetched["metadata"]["page"] == 2


def test_the_door_is_the_same_as_for_other_routes(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    good, narrow = keys.create("good").secret, keys.create("narrow", rights=["chat"]).secret
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    with serve(service(keys=tmp_path / "keys.json", settings=SETTINGS)) as served:
        url = f"{served.url}/mcp"
        assert httpx.post(url, json=call).status_code == 401
        assert httpx.post(url, json=call, headers={"Authorization": f"Bearer {narrow}"}).status_code == 403
        assert ask(served.url, secret=good)[0] == {"search", "fetch"}
    with serve(service(settings=SETTINGS)) as served:
        for headers in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}):
            assert httpx.post(f"{served.url}/mcp", json=call, headers=headers).status_code == 403


def test_a_key_that_only_searches_fetches_passages_and_no_whole_documents(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    narrow, reader = keys.create("narrow", rights=["search"]).secret, keys.create("reader").secret
    with serve(service(keys=tmp_path / "keys.json", settings=SETTINGS)) as served:
        assert ask(served.url, secret=narrow)[2]["text"] == "Staff get 25 days of annual leave."
        for secret, is_whole in ((narrow, False), (reader, True)):
            call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call",
                    "params": {"name": "fetch", "arguments": {"id": "doc_handbook"}}}  # fmt: skip
            headers = {"Accept": "application/json, text/event-stream", "Authorization": f"Bearer {secret}"}
            result = httpx.post(f"{served.url}/mcp", json=call, headers=headers).json()["result"]
            assert result["isError"] != is_whole
            assert ("The end." in result["content"][0]["text"]) == is_whole


def test_a_body_that_does_not_come_whole_is_no_error_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    slow = Settings(
        client=ClientSettings(mcp=True), serve=ServeSettings(request_seconds=0.3, max_body_bytes=1_000)
    )
    head = b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n"
    with serve(service(settings=slow)) as served:
        port = int(served.url.rsplit(":", 1)[1])
        assert status_of(port, head + b'Content-Length: 90\r\n\r\n{"jsonrpc"', silence=2) == 408
        chunk = b"5dc\r\n" + b" " * 1_500 + b"\r\n"
        assert status_of(port, head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk) == 413
        for method in ("GET", "DELETE"):
            assert httpx.request(method, f"{served.url}/mcp").status_code == 405
    assert not [each for each in caplog.records if each.levelname == "ERROR"]


@pytest.mark.parametrize("identity", ["doc_secret", "doc_other", "doc_none", "doc_handbook/chk_none"])
def test_what_is_out_of_scope_is_not_there(identity: str) -> None:
    call = {
        "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "fetch", "arguments": {"id": identity}},
    }  # fmt: skip
    headers = {"Accept": "application/json, text/event-stream"}
    with serve(service(settings=SETTINGS)) as served:
        answer = httpx.post(f"{served.url}/mcp", json=call, headers=headers).json()
    assert answer["result"]["isError"]
    assert "There is no" in answer["result"]["content"][0]["text"]
