"""A relay before a language model's server: passes bytes on as they come, and keeps what was asked and said."""

import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.fakes.scripted_model import serving


@dataclass
class Exchange:
    """One request to the model, and what it wrote."""

    messages: list[dict[str, str]]
    said: str = ""
    tokens: int = 0
    reason: str | None = None
    began: float = field(default_factory=time.monotonic)
    seconds: float = 0.0


@dataclass
class Relay:
    """The relay. `at_token` is called once, as soon as the model has written that many tokens of an answer."""

    behind: str
    url: str = ""
    exchanges: list[Exchange] = field(default_factory=list)
    open: int = 0
    at_token: tuple[int, Callable[[], None]] | None = None

    async def complete(self, request: Request) -> Response:
        body = await request.json()
        exchange = Exchange(body["messages"])
        self.exchanges.append(exchange)
        client = httpx.AsyncClient(timeout=300)
        sent = client.build_request("POST", f"{self.behind}/v1/chat/completions", json=body)
        try:
            arriving = await client.send(sent, stream=True)
        except httpx.HTTPError:
            await client.aclose()
            return JSONResponse({"error": {"message": "gone"}}, 503)
        return StreamingResponse(
            self._passed(client, arriving, exchange),
            arriving.status_code,
            media_type=arriving.headers.get("content-type"),
        )

    async def _passed(
        self, client: httpx.AsyncClient, arriving: httpx.Response, exchange: Exchange
    ) -> AsyncIterator[bytes]:
        self.open += 1
        try:
            async for line in arriving.aiter_lines():
                self._read(line, exchange)
                yield f"{line}\n".encode()
        finally:
            self.open -= 1
            exchange.seconds = time.monotonic() - exchange.began
            await arriving.aclose()
            await client.aclose()

    def _read(self, line: str, exchange: Exchange) -> None:
        if not line.startswith("data: {"):
            return
        chunk: dict[str, Any] = json.loads(line[6:])
        for choice in chunk.get("choices", ()):
            said = choice.get("delta", {}).get("content")
            exchange.said += said or ""
            exchange.tokens += bool(said)
            exchange.reason = choice.get("finish_reason") or exchange.reason
        if self.at_token and exchange.tokens >= self.at_token[0]:
            (_, call), self.at_token = self.at_token, None
            call()


@contextmanager
def recording(behind: str) -> Iterator[Relay]:
    """Relay to a server; `url` is the base URL that clients take."""
    relay = Relay(behind)
    with serving(Starlette(routes=[Route("/v1/chat/completions", relay.complete, methods=["POST"])])) as at:
        relay.url = f"{at}/v1"
        yield relay
