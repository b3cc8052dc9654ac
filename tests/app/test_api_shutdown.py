"""SIGTERM on a real server process: no stream ends without a terminal event."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests import forked

ROOT = Path(__file__).parents[2]
SERVE = """
import socket, sys
from app.http.server import serve_with_granian
from app.http.uvicorn_server import serve_with_uvicorn
from app.settings import RunSettings, ServeSettings, Settings
from app.http.application import create_app
from tests.app.edge import ANSWERED, ScriptedTurn, service
turn = ScriptedTurn((*ANSWERED[:7], float(sys.argv[1]), *ANSWERED[7:]))
settings = Settings(serve=ServeSettings(drain_seconds=1.0), runs=RunSettings(max_concurrent_runs=200))
app = create_app(service(turn, settings=settings))
serve = serve_with_granian if sys.argv[3] == "granian" else serve_with_uvicorn
with socket.socket() as listener:
    listener.bind(("127.0.0.1", int(sys.argv[2])))
    listener.listen(2_048)
    serve(app, listener, settings.serve)
"""
LOGGED = """
from vectorstore.telemetry.logs import set_up
from vectorstore.telemetry.settings import TelemetrySettings
set_up(TelemetrySettings())
"""
ENDINGS = {
    "/v1/chat": '"type":"error"',
    "/api/chat": '"type":"error"',
    "/v1/chat/completions": '"code":"shutdown"',
    "/v1/responses": "event: response.failed",
    "/agui": '"type":"RUN_ERROR"',
}
WHOLE = {
    "/v1/chat": '"type":"finish"',
    "/api/chat": '"type":"finish"',
    "/v1/chat/completions": '"finish_reason":"stop"',
    "/v1/responses": "event: response.completed",
    "/agui": '"type":"RUN_FINISHED"',
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
    assert drained(server, writes_for=writes_for, streams=10) < 8


@pytest.mark.parametrize("server", ["uvicorn", "granian"])
def test_a_signal_that_comes_while_a_line_is_logged_is_not_lost(server: str) -> None:
    pytest.importorskip(server, reason="needs the extra [granian]")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    # Standard error as it is by default: a line that is begun there lets no other begin.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-c", LOGGED + SERVE, "60", str(port), server]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            wait_until_ready(url)
            with pytest.raises(httpx.ReadTimeout):  # noqa: PT012 - nobody reads what it logs, until it can log no more
                for _ in range(5_000):
                    httpx.get(f"{url}/v1/documents", timeout=2)
            process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            _, lines = process.communicate(timeout=30)
            assert process.returncode == 0
            assert '"reason": "SIGTERM"' in lines
        finally:
            process.kill()


@pytest.mark.slow
@pytest.mark.timeout(2_400)
def test_fifty_drains_of_a_hundred_streams_each_end_every_stream() -> None:
    took = [
        drained(server, writes_for=(60.0, 0.5, 1.2)[place % 3], streams=100)
        for place, server in enumerate(["uvicorn", "granian"] * 25)
    ]
    print(f"50 drains of 100 streams: every stream ended, the slowest drain took {max(took):.1f} s")
    assert max(took) < 35


def drained(server: str, *, writes_for: float, streams: int) -> float:
    """SIGTERM a server under streams of every dialect; see that each ends, and return the seconds until it is gone."""
    port = free_port()
    arguments = [str(writes_for), str(port), server]
    process: subprocess.Popen[bytes] | forked.Process
    if server == "granian":
        process = subprocess.Popen([sys.executable, "-c", SERVE, *arguments], cwd=ROOT)
    else:
        process = forked.script(SERVE, *arguments)
    try:
        wait_until_ready(f"http://127.0.0.1:{port}")
        took, texts = asyncio.run(_under_load(f"http://127.0.0.1:{port}", process, streams))
    finally:
        process.kill()
        code = process.wait(5)
    assert code == 0
    for path, text in texts:
        ended, whole = ENDINGS[path] in text, WHOLE[path] in text
        assert ended != whole, (path, text[-300:])
        if writes_for > 30:
            assert ended, (path, text[-300:])
    print(f"{server}: {len(texts)} streams ended and the process was gone after {took:.1f} s")
    return took


async def _under_load(
    url: str, process: "subprocess.Popen[bytes]", streams: int
) -> tuple[float, list[tuple[str, str]]]:
    limits = httpx.Limits(max_connections=streams + 5)
    async with httpx.AsyncClient(timeout=60, limits=limits) as client:
        paths = [list(ENDINGS)[place % len(ENDINGS)] for place in range(streams)]
        asked = [asyncio.create_task(client.post(url + path, json=BODY)) for path in paths]
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not any(task.done() for task in asked):
            ready = await client.get(f"{url}/readyz")
            if ready.json()["active_runs"] >= min(streams, 64 + 256):
                break
            await asyncio.sleep(0.02)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        texts = [(path, (await task).text) for path, task in zip(paths, asked, strict=True)]
    await asyncio.to_thread(process.wait, 40)
    return time.monotonic() - began, texts


def wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("the server did not start")
