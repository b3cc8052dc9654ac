"""A language model that writes at a steady pace: an OpenAI-compatible server with almost no cost of its own.

    python -m benchmarks.streams.model PORT

`POST /script` sets what every later answer is: {"first": 0.2, "pause": 0.05, "tokens": 100}, in seconds. Tokens are
sent by the clock, so that one late token does not delay the next.
"""

import asyncio
import json
import sys
from collections.abc import Sequence
from typing import Any

SENTENCE = "Full-time staff get 25 days of annual leave in every calendar year , as the policy says [1]. "
"""Twenty tokens with a citation: at 20 tokens a second, one support check every second."""


def tokens(count: int) -> list[str]:
    """Return the answer's tokens."""
    words = [f"{word} " for word in SENTENCE.split()]
    words[-1] = "says [1]. " if words[-1] != "[1]. " else words[-1]
    return [words[place % len(words)] for place in range(count)]


def chunk(content: str, *, reason: str | None = None) -> bytes:
    """Return one chat.completion.chunk as OpenAI sends it."""
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_790_000_000,
        "model": "paced",
        "system_fingerprint": "fp_1",
        "choices": [
            {
                "index": 0,
                "delta": {"content": content} if reason is None else {},
                "logprobs": None,
                "finish_reason": reason,
            }
        ],
    }
    return b"data: " + json.dumps(body).encode() + b"\n\n"


class PacedModel:
    """The server."""

    def __init__(self) -> None:
        self.first, self.pause = 0.2, 0.05
        self.frames: Sequence[bytes] = [chunk(token) for token in tokens(100)]
        self.open = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        if scope["path"] == "/script":
            script = json.loads(body)
            self.first, self.pause = script["first"], script["pause"]
            self.frames = [chunk(token) for token in tokens(script["tokens"])]
            await self._start(send, b"application/json")
            await send({"type": "http.response.body", "body": b"{}"})
            return
        self.open += 1
        try:
            await self._answer(send)
        finally:
            self.open -= 1

    async def _answer(self, send: Any) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + self.first
        await self._start(send, b"text/event-stream")
        for frame in self.frames:
            await asyncio.sleep(due - loop.time())
            await send({"type": "http.response.body", "body": frame, "more_body": True})
            due += self.pause
        usage = {"prompt_tokens": 900, "completion_tokens": len(self.frames), "total_tokens": 1_000}
        last = b"data: " + json.dumps({"id": "chatcmpl-1", "choices": [], "usage": usage}).encode() + b"\n\n"
        end = chunk("", reason="stop") + last + b"data: [DONE]\n\n"
        await send({"type": "http.response.body", "body": end})

    @staticmethod
    async def _start(send: Any, kind: bytes) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})


if __name__ == "__main__":
    import uvicorn

    uvicorn.run(PacedModel(), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", lifespan="off")
