"""A server of embeddings and of reranking that behaves and fails as the real ones do; the model's name says how."""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias

import numpy as np

KEY = "sk-very-secret-0123456789"
DIMENSION = 8
Body: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Reply:
    """What is sent; `drips` sends the body's first bytes one by one, and never all of it."""

    body: object = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    waits: float = 0.0
    drips: bool = False
    breaks: bool = False


def numbers(text: str, dimension: int = DIMENSION) -> list[float]:
    """Return a text's vector, of no particular length."""
    digest = hashlib.sha256(text.encode()).digest()
    return [float(digest[place % len(digest)] + 1) for place in range(dimension)]


def vectors(body: Body, *, encoding: str | None = None, dimension: int = DIMENSION) -> list[dict[str, Any]]:
    rows = []
    for index, text in enumerate(body["input"]):
        found: Any = numbers(text, body.get("dimensions", dimension))
        if (encoding or body.get("encoding_format")) == "base64":
            found = base64.b64encode(np.array(found, "<f4").tobytes()).decode()
        rows.append({"object": "embedding", "index": index, "embedding": found})
    return rows


def embedded(body: Body, **more: Any) -> Reply:
    count = sum(len(text.split()) for text in body["input"])
    return Reply({"data": vectors(body, **more), "usage": {"prompt_tokens": count, "total_tokens": count}})


def said(status: int, message: str, **headers: str) -> Reply:
    return Reply(
        {"error": {"message": message}},
        status,
        {name.replace("_", "-"): value for name, value in headers.items()},
    )


def changed(body: Body, **fields: object) -> Reply:
    """Answer with the last vector changed."""
    rows = vectors(body, encoding="float")
    rows[-1] |= fields
    return Reply({"data": rows})


def refuses(field_name: str) -> Callable[[Body, int], Reply]:
    def play(body: Body, _: int) -> Reply:
        if field_name in body:
            return said(400, f"Unrecognized request argument supplied: {field_name}")
        return embedded(body)

    return play


def once(reply: Reply) -> Callable[[Body, int], Reply]:
    return lambda body, asked: reply if asked == 1 else embedded(body)


def takes(most: int) -> Callable[[Body, int], Reply]:
    def play(body: Body, _: int) -> Reply:
        if len(body["input"]) > most:
            return Reply({"error": f"batch size {len(body['input'])} > maximum allowed {most}"}, 422)
        return embedded(body)

    return play


EMBEDS: dict[str, Callable[[Body, int], Reply]] = {
    "as asked": lambda body, _: embedded(body),
    "floats always": lambda body, _: embedded(body, encoding="float"),
    "in any order": lambda body, _: Reply({"data": vectors(body)[::-1]}),
    "without indices": lambda body, _: Reply({"data": [{"embedding": row["embedding"]} for row in vectors(body)]}),
    "takes no encoding": refuses("encoding_format"),
    "takes no dimensions": refuses("dimensions"),
    "takes eight": takes(8),
    "busy for a moment": once(said(429, "slow down", retry_after="0.1")),
    "stumbles once": once(said(503, "warming up")),
    "breaks once": once(Reply(breaks=True)),
}  # fmt: skip
FAILS: dict[str, Callable[[Body, int], Reply]] = {
    "busy for long": lambda *_: said(429, "slow down", retry_after="600"),
    "out of money": lambda *_: Reply({"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}, 429),
    "refuses the key": lambda *_: said(401, f"Incorrect API key provided: {KEY}, or sk-v***********6789."),
    "knows no model": lambda *_: Reply({"error": 'model "knows no model" not found, try pulling it first'}, 404),
    "too long": lambda *_: Reply({"detail": [{"msg": "input must have less than 256 tokens"}]}, 422),
    "down": lambda *_: said(500, "CUDA out of memory"),
    "one too few": lambda body, _: Reply({"data": vectors(body)[1:]}),
    "one twice": lambda body, _: changed(body, index=0),
    "too short": lambda body, _: changed(body, embedding=[1.0, 2.0, 3.0]),
    "not a number": lambda body, _: changed(body, embedding=[float("nan")] * DIMENSION),
    "zeros": lambda body, _: changed(body, embedding=[0.0] * DIMENSION),
    "words": lambda body, _: changed(body, embedding="no vector"),
    "a page": lambda *_: Reply("<html>hello</html>"),
    "an error with 200": lambda *_: Reply({"error": {"message": "upstream is asleep"}}),
    "hangs": lambda *_: Reply({}, waits=2.0),
    "drips": lambda *_: Reply({}, drips=True),
    "breaks": lambda *_: Reply(breaks=True),
}  # fmt: skip


def relevance(body: Body) -> list[float]:
    """Return scores in [0, 1]: the later a passage, the better."""
    count = len(body.get("documents", body.get("texts", ())))
    return [(place + 1) / (count + 1) for place in range(count)]


def ranked(body: Body, *, shift: float = 0.0, scale: float = 1.0) -> Reply:
    if "documents" not in body:
        return Reply({"message": "missing required parameter documents"}, 400)
    rows = [
        {"index": place, "relevance_score": score * scale + shift}
        for place, score in enumerate(relevance(body))
    ]
    return Reply({"results": rows[::-1]})


def as_tei(body: Body) -> Reply:
    if "texts" not in body:
        return Reply({"error": "Failed to deserialize the JSON body: missing field `texts`"}, 422)
    return Reply([{"index": place, "score": score} for place, score in enumerate(relevance(body))][::-1])


RANKS: dict[str, Callable[[Body, int], Reply]] = {
    "cohere": lambda body, _: ranked(body),
    "tei": lambda body, _: as_tei(body),
    "logits": lambda body, _: ranked(body, shift=-3.0, scale=9.0),
    "with documents": lambda body, _: Reply(
        {"results": [row | {"document": {"text": "…"}} for row in ranked(body).body["results"]]}  # type: ignore[index]
    ),
}
RANKS_NOTHING: dict[str, Callable[[Body, int], Reply]] = {
    "hangs": lambda *_: Reply({}, waits=2.0),
    "drips": lambda *_: Reply({}, drips=True),
    "down": lambda *_: said(500, "CUDA out of memory"),
    "busy": lambda *_: said(429, "slow down", retry_after="600"),
    "refuses the key": lambda *_: Reply({"message": f"invalid api token {KEY}"}, 401),
    "refuses both": lambda *_: Reply({"message": "model is required"}, 400),
    "only the best": lambda body, _: Reply({"results": [{"index": 0, "relevance_score": 0.5}]}),
    "one too many": lambda body, _: Reply([{"index": 99, "score": 0.1}, *[{"index": place, "score": 0.1} for place in range(len(body["documents"]))]]),
    "not a number": lambda body, _: Reply({"results": [{"index": place, "relevance_score": float("nan")} for place in range(len(body["documents"]))]}),
    "no score": lambda body, _: Reply({"results": [{"index": place} for place in range(len(body["documents"]))]}),
    "a number": lambda *_: Reply(7),
    "an error with 200": lambda *_: Reply({"error": "upstream is asleep"}),
}  # fmt: skip


@dataclass
class VectorServer:
    """The server: `asked` is what came, `texts` what was embedded, `after` fails requests from then on with 401."""

    url: str = ""
    asked: list[Body] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    after: int | None = None

    def reply(self, path: str, body: Body) -> Reply:
        self.asked.append(body)
        if self.after is not None and len(self.asked) > self.after:
            return said(401, "the key has expired")
        if path.endswith("/embeddings"):
            reply = (EMBEDS | FAILS)[body["model"].partition("@")[0]](body, len(self.asked))
            if reply.status == 200:
                self.texts += body["input"]
            return reply
        kind = path.strip("/").partition("/")[0].replace("-", " ")
        return (RANKS | RANKS_NOTHING)[kind](body, len(self.asked))


@contextmanager
def vector_server() -> Iterator[VectorServer]:
    """Serve in threads on a free port of the loopback: `{url}/v1/embeddings`, `{url}/KIND/rerank`."""
    server, stopping = VectorServer(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            server.keys.add(self.headers["authorization"])
            reply = server.reply(self.path, body)
            if reply.breaks:
                return
            stopping.wait(reply.waits)
            data = reply.body.encode() if isinstance(reply.body, str) else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(data) + 1_000 * reply.drips))
            self.end_headers()
            ends = time.monotonic() + 3
            while reply.drips and time.monotonic() < ends and not stopping.wait(0.05):
                self.wfile.write(b" ")
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

        def handle(self) -> None:
            with suppress(OSError):  # the client has left
                super().handle()

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

    http = Quiet(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    server.url = f"http://127.0.0.1:{http.server_port}"
    try:
        yield server
    finally:
        stopping.set()
        http.shutdown()
        http.server_close()
        thread.join(5)
