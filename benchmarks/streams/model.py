"""A language model that writes at a steady pace: an OpenAI-compatible server with almost no cost of its own.

    python -m benchmarks.streams.model PORT

`POST /script` sets what every later answer is: {"first": 0.2, "pause": 0.05, "tokens": 100}, in seconds. Tokens are
sent by the clock, so that one late token does not delay the next. `GET /count` says how many have been sent.

Asked with passages, it writes their sentences one after the other, each cited and each once, as a model that keeps to
them does; asked without, one sentence again and again.
"""

import asyncio
import json
import re
import sys
from collections.abc import Sequence
from typing import Any

SENTENCE = "Full-time staff get 25 days of annual leave in every calendar year , as the policy says [1]. "
"""Twenty tokens with a citation: at 20 tokens a second, one support check every second."""


_PASSAGE = re.compile(r"^\[(\d{1,3})\] .*\n", re.MULTILINE)
_STOP = re.compile(r"(?<=[a-z)][.!?])\s+|\n+")


def sentences(asked: str) -> list[str]:
    """Return the sentences of a prompt's passages, cited, each once."""
    _, *parts = _PASSAGE.split(asked)
    found: dict[str, str] = {}
    for number, text in zip(parts[::2], parts[1::2], strict=True):
        for sentence in _STOP.split(text):
            if sentence.endswith(".") and len(sentence.split()) > 4 and "<<" not in sentence:
                found.setdefault(sentence, f"{sentence[:-1]} [{number}]. ")
    return list(found.values())


def tokens(asked: str, count: int) -> list[str]:
    """Return an answer's tokens."""
    text = "".join(sentences(asked)) or SENTENCE
    words = [f"{word} " for word in text.split()]
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
        self.first, self.pause, self.tokens = 0.2, 0.05, 100
        self.frames: dict[str, Sequence[bytes]] = {}
        self.sent = 0

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
            self.first, self.pause, self.tokens = script["first"], script["pause"], script["tokens"]
            self.frames.clear()
        if scope["path"] in {"/script", "/count"}:
            await self._start(send, b"application/json")
            await send({"type": "http.response.body", "body": b"%d" % self.sent})
            return
        asked = json.loads(body)["messages"][-1]["content"]
        # The delimiter round the passages is another one for every question.
        key = asked.partition("[1] ")[2]
        if key not in self.frames:
            self.frames[key] = [chunk(token) for token in tokens(asked, self.tokens)]
        await self._answer(send, self.frames[key])

    async def _answer(self, send: Any, frames: Sequence[bytes]) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + self.first
        await self._start(send, b"text/event-stream")
        for frame in frames:
            await asyncio.sleep(due - loop.time())
            await send({"type": "http.response.body", "body": frame, "more_body": True})
            self.sent += 1
            due += self.pause
        usage = {"prompt_tokens": 900, "completion_tokens": len(frames), "total_tokens": 1_000}
        last = b"data: " + json.dumps({"id": "chatcmpl-1", "choices": [], "usage": usage}).encode() + b"\n\n"
        end = chunk("", reason="stop") + last + b"data: [DONE]\n\n"
        await send({"type": "http.response.body", "body": end})

    @staticmethod
    async def _start(send: Any, kind: bytes) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})


if __name__ == "__main__":
    import uvicorn

    uvicorn.run(PacedModel(), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", lifespan="off")
