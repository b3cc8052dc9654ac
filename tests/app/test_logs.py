"""What a service writes to its log at the default level names nobody and says nothing of what was asked or answered."""

import json
import random
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from app.identity.grant import RIGHTS
from app.identity.keys import Keys
from tests import forked
from tests.app.test_api_access import BODIES, PROTECTED
from tests.app.test_api_shutdown import wait_until_ready
from tests.fakes.handbook import small_handbook
from tests.test_command_line import environment_of

USER, MAIL, ADDRESS = "ann.unheard", "ann.unheard@example.org", "203.0.113.77"
PERSON = {
    "X-Footnote-User": USER, "X-Forwarded-User": USER, "X-Forwarded-For": ADDRESS, "X-Real-Ip": ADDRESS, "From": MAIL, "User-Agent": MAIL,
}  # fmt: skip
WAYS = ("words", "repeats the question", "repeats the question as garbage", "repeats it in 400", "repeats it in 401", "repeats it in 429", "repeats it in 500", "hangs up")  # fmt: skip


class Repeating(BaseHTTPRequestHandler):
    """A model's server that says back whatever it was sent, key and all, in each way that a client may log."""

    protocol_version = "HTTP/1.1"
    way = WAYS[0]

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers["content-length"])).decode()
        sent += self.headers.get("authorization", "")
        if self.way == "hangs up":
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        if "in " in self.way:
            body = json.dumps({"error": {"message": f"You sent {sent}", "type": sent}}).encode()
            self.send_response(int(self.way[-3:]), sent[:0])
            self.send_header("content-type", "application/json")
        else:
            said = "Full-time staff get spokenword days [1]." if self.way == "words" else sent
            chunk = json.dumps(
                {"choices": [{"index": 0, "delta": {"content": said}, "finish_reason": "stop"}]}
            )
            garbage = f"data: {{{sent}\n\n" if "garbage" in self.way else ""
            body = f"{garbage}data: {chunk}\n\ndata: [DONE]\n\n".encode()
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def repeating() -> Iterator[tuple[str, type[Repeating]]]:
    class Here(Repeating):
        pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Here)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign,assignment]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", Here
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def logging_service(folder: Path, **environment: str) -> Iterator[tuple[str, Path]]:
    """Run a real service that writes into a file."""
    log = folder / "service.log"
    with log.open("w") as written:
        named = environment_of(PORT="0", COLUMNS="1000", **environment)
        process = forked.start(folder, ["serve"], named, output=written, errors=written)
        try:
            deadline = time.monotonic() + 60
            while "http://" not in log.read_text():
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
            url = log.read_text().split("http://")[1].split()[0]
            wait_until_ready(f"http://{url}")
            yield f"http://{url}", log
        finally:
            process.terminate()
            process.wait(40)
            process.close()


class Told:
    """Asks, and remembers every word that must not be in the log."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self.key = key
        self.words = [key, USER, MAIL, ADDRESS, "modelkey-unheard", "spokenword", "25 days of annual"]
        self.client = httpx.Client(timeout=30, headers={"Authorization": f"Bearer {key}", **PERSON})
        self._chance = random.Random(7)

    def word(self) -> str:
        self.words.append(f"zyx{self._chance.getrandbits(48):012x}")
        return self.words[-1]

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response | None:
        with suppress(httpx.HTTPError):
            return self.client.request(method, self.url + path, **more)
        return None


def everything(told: Told) -> None:
    """Send something of the person to every route: rightly, wrongly, with a wrong key, as no JSON at all."""
    for method, path in PROTECTED:
        body = json.loads(
            json.dumps(BODIES.get(path, {})).replace('"q"', json.dumps(f"leave {told.word()} {MAIL}?"))
        )
        for name in ("run_id", "response_id", "document_id", "chat_id", "model", "user:path"):
            path = path.replace(f"{{{name}}}", told.word())  # noqa: PLW2901
        path = path.replace("{conversation}", told.word())  # noqa: PLW2901
        for sent in (body, body | {"stream": True, "conversation": told.word()}, {told.word(): told.word()}):
            told.ask(method, path, json=sent or None, params={"q": told.word(), "user": MAIL})
        wrong = f"fn_00000000_{told.word()}{'x' * 28}"
        told.ask(method, path, json=body, headers={"Authorization": f"Bearer {wrong}"})
        told.ask(method, path, content=f'{{"message": "{told.word()}', headers={"X-Request-Id": told.word()})
    files = [("file", (f"{told.word()}.pdf", f"%PDF-1.4 {told.word()}".encode(), "application/pdf"))]
    told.ask("POST", "/v1/documents", files=files)
    told.ask("POST", "/v1/chat", content=b" " * 5_000_000 + told.word().encode())


def broken_requests(told: Told) -> None:
    """Send what is no HTTP, and leave in the midst of answers."""
    place = urlsplit(told.url)
    for raw in (
        f"GET /{told.word()} HTTP/9.9\r\nHost: {told.word()}\r\n\r\n",
        f"{told.word()}\r\n\r\n",
        f"POST /v1/chat HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {told.key}\r\nContent-Length: x{told.word()}\r\n\r\n",
    ):
        with socket.create_connection((place.hostname, place.port), 5) as connection:
            connection.sendall(raw.encode())
            connection.settimeout(5)
            with suppress(OSError):
                connection.recv(1_000)
    for _ in range(5):
        asked = {"message": f"How much leave do {told.word()} staff get?"}
        with told.client.stream("POST", f"{told.url}/v1/chat", json=asked) as response:
            next(response.iter_bytes(), b"")


@pytest.fixture(scope="module")
def handbook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("company")
    with small_handbook(folder):
        pass
    return folder


def test_no_log_names_anybody_or_says_what_was_asked(handbook: Path) -> None:
    key = Keys(handbook / "data" / "keys.json").create("all", rights=RIGHTS).secret
    with repeating() as (model, server):
        settings = {
            "LLM_BASE_URL": model,
            "LLM_MODEL": "m",
            "LLM_API_KEY": "modelkey-unheard",
            "LLM_RETRIES": "0",
            # More than is told of otherwise.
            "LOG_LEVEL": "debug",
        }
        environment = {f"FOOTNOTE_{name}": value for name, value in settings.items()}
        with logging_service(handbook, **environment) as (url, log):
            told = Told(url, key)
            for way in WAYS:
                server.way = way
                for path in ("/v1/chat", "/v1/chat/completions"):
                    asked = (
                        f"How many days of annual leave do full-time staff get, asks {MAIL} {told.word()}?"
                    )
                    body = (
                        {"message": asked}
                        if path == "/v1/chat"
                        else {"messages": [{"role": "user", "content": asked}]}
                    )
                    answer = told.ask("POST", path, json=body)
                    assert answer is not None
                    if run := answer.headers.get("x-run-id"):
                        told.ask(
                            "POST", "/v1/feedback", json={"run": run, "rating": "down", "reason": told.word()}
                        )
            server.way = WAYS[0]
            everything(told)
            broken_requests(told)
            # The records cannot be written: what fails there is logged.
            with sqlite3.connect(handbook / "data" / "records.db", isolation_level=None) as other:
                other.execute("BEGIN IMMEDIATE")
                told.ask("POST", "/v1/chat", json={"message": f"How much leave do {told.word()} staff get?"})
                deadline = time.monotonic() + 20
                while "Recording run" not in log.read_text() and time.monotonic() < deadline:
                    time.sleep(0.1)
                other.execute("ROLLBACK")
            other.close()
            told.client.close()
        written = log.read_text()
    print(f"{len(written.splitlines())} lines for {len(told.words)} words that nobody may read")
    assert "Recording run" in written
    lines = [json.loads(line) for line in written.splitlines()]
    assert all({"time", "level", "message", "logger"} <= line.keys() for line in lines)
    of_requests = [line["request_id"] for line in lines if line["message"] == "request"]
    of_answers = [line["run_id"] for line in lines if line["message"] == "answer"]
    print(f"{len(of_requests)} requests, {len(of_answers)} answers")
    assert len(of_requests) == len(set(of_requests)) > 100
    assert len(of_answers) == len(set(of_answers)) > len(WAYS)
    # What is cut into lines and columns is still read.
    plain, squeezed = written.lower(), "".join(written.split()).lower()
    said = {word for word in told.words if word.lower() in plain or "".join(word.split()).lower() in squeezed}
    assert said == set()
