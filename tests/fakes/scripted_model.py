"""A real OpenAI-compatible server on loopback whose behaviour is written in the model's name.

`answer` streams the scripted text; the other names are faults: see `_FAULTS`. It counts what it served, so
that a test can see an upstream call being closed.
"""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route


@dataclass
class ScriptedModel:
    """What the server says, and what it has seen."""

    text: str = "Staff get 25 days of leave [1]."
    delay: float = 0.0
    """Seconds between two tokens."""
    first: float = 0.0
    """Seconds before the first token."""
    says: dict[str, str] = field(default_factory=dict)
    """Other texts, by the model's name."""
    down: set[str] = field(default_factory=set)
    """Models that answer with an error now."""
    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    written: int = 0
    open: int = 0
    closed_at: float = 0.0

    async def complete(self, request: Request) -> Response:
        body = await request.json()
        self.requests.append(body)
        self.headers.append(dict(request.headers))
        if body["model"] in self.down:
            return _FAULTS["broken"](0)
        if (fault := _FAULTS.get(body["model"])) is not None:
            return fault(len(self.requests))
        return StreamingResponse(self._stream(body["model"]), media_type="text/event-stream")

    async def _stream(self, model: str) -> AsyncIterator[bytes]:
        self.open += 1
        try:
            await asyncio.sleep(3_600 if model == "hangs" else self.first)
            words = self.says.get(model, self.text).split(" ")
            for index, word in enumerate(words):
                if model == "cut" and index == 2:
                    return
                if model == "damaged" and index == 2:
                    yield b'data: {"choices": [{"delta": {"con\n\n'
                    return
                if model == "not-utf8" and index == 2:
                    yield b"data: \xff\xfe\n\n"
                if model == "stalls" and index == 2:
                    await asyncio.sleep(3_600)
                if model == "errors" and index == 2:
                    yield _line({"error": {"message": "overloaded"}})
                    return
                token = word if index == 0 else f" {word}"
                yield _line({"choices": [{"index": 0, "delta": {"content": token}, "finish_reason": None}]})
                self.written += 1
                await asyncio.sleep(self.delay)
            reason = "content_filter" if model == "filtered" else "stop"
            yield _line({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
            yield _line({"choices": [], "usage": {"prompt_tokens": 12, "completion_tokens": len(words)}})
            yield b"data: [DONE]\n\n"
        finally:
            self.open -= 1
            self.closed_at = time.monotonic()


def _status(code: int, message: str, **headers: str) -> Any:
    return lambda _: JSONResponse({"error": {"message": message}}, code, headers=headers)


_FAULTS: dict[str, Any] = {
    "wrong-key": _status(401, "bad key"),
    "unknown-model": _status(404, "no such model"),
    "too-long": _status(400, "maximum context length exceeded"),
    "broken": _status(500, "boom"),
}


def _line(chunk: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


@contextmanager
def serving(application: Any) -> Iterator[str]:
    """Run an ASGI application in a thread on a free loopback port; yield its address."""
    config = uvicorn.Config(application, host="127.0.0.1", port=0, log_level="warning", lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = server.force_exit = True
        thread.join(timeout=10)


@contextmanager
def scripted_model(**script: Any) -> Iterator[ScriptedModel]:
    """Serve a scripted model; its `url` is the base URL that clients take."""
    model = ScriptedModel(**script)
    application = Starlette(routes=[Route("/v1/chat/completions", model.complete, methods=["POST"])])
    with serving(application) as address:
        model.url = f"{address}/v1"
        yield model
