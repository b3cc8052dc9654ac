"""SIGTERM on a real server process: no stream ends without a terminal event."""

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
SERVE = """
import sys, uvicorn
from app.parts import ServiceSettings
from app.service import create_app
from tests.app.edge import ANSWERED, ScriptedTurn, service
turn = ScriptedTurn((*ANSWERED[:7], float(sys.argv[1]), *ANSWERED[7:]))
app = create_app(service(turn, settings=ServiceSettings(drain_seconds=1.0)))
if sys.argv[3] == "granian":
    import socket
    from app.http_server import serve_with_granian
    listener = socket.socket()
    listener.bind(("127.0.0.1", int(sys.argv[2])))
    serve_with_granian(app, listener)
else:
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning", timeout_graceful_shutdown=10)
"""
ENDINGS = {
    "/v1/chat": '"type":"error"',
    "/api/chat": '"type":"error"',
    "/v1/chat/completions": '"code":"shutdown"',
    "/v1/responses": "event: response.failed",
    "/agui": '"type":"RUN_ERROR"',
}
BODY = {"messages": [{"role": "user", "content": "q"}], "input": "q", "stream": True}


def free_port() -> int:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.mark.parametrize("server", ["uvicorn", "granian"])
@pytest.mark.parametrize("writes_for", [60.0, 0.5])
def test_every_stream_ends_with_a_terminal_event(writes_for: float, server: str) -> None:
    pytest.importorskip(server, reason="needs the extra [granian]")
    port = free_port()
    command = [sys.executable, "-c", SERVE, str(writes_for), str(port), server]
    process = subprocess.Popen(command, cwd=ROOT)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(url)
        with ThreadPoolExecutor(20) as pool:
            asked = [
                (path, pool.submit(httpx.post, url + path, json=BODY, timeout=20))
                for path in ENDINGS
                for _ in "ab"
            ]
            while httpx.get(f"{url}/readyz").json()["active_runs"] < len(asked):
                time.sleep(0.02)
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            texts = [(path, reading.result().text) for path, reading in asked]
        process.wait(10)
        took = time.monotonic() - began
    finally:
        process.kill()
        process.wait(5)
    for path, text in texts:
        ended = ENDINGS[path] in text
        assert ended if writes_for > 1 else not ended, (path, text[-300:])
    print(f"{len(texts)} streams ended and the process was gone after {took:.1f} s")
    assert took < 8


def wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("the server did not start")
