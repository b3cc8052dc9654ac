"""nginx in front with its default buffering: tokens pass as they come."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from app.settings import ServeSettings, Settings
from tests.app.edge import ANSWERED, ScriptedTurn, serve, service

PAUSE = 0.2
CONFIGURATION = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  gzip on; gzip_types *; gzip_min_length 0;
  server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass {upstream}; proxy_set_header Host localhost; }} }}
}}
"""


@contextmanager
def nginx(upstream: str, folder: Path) -> Iterator[str]:
    binary = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if binary is None:
        pytest.skip("needs nginx")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    file = folder / "nginx.conf"
    file.write_text(CONFIGURATION.format(folder=folder, port=port, upstream=upstream))
    process = subprocess.Popen([binary, "-c", str(file), "-e", str(folder / "error.log")])
    try:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                httpx.get(f"http://127.0.0.1:{port}/healthz").raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def times(url: str, path: str) -> tuple[float, float]:
    """Return the seconds until the first token, and until the one after the pause."""
    body = {"messages": [{"role": "user", "content": "q"}], "input": "q", "stream": True}
    began = time.monotonic()
    first = 0.0
    headers = {"Accept-Encoding": "gzip"}
    with httpx.stream("POST", url + path, json=body, headers=headers) as response:
        for line in response.iter_lines():
            if "Staff get " in line and not first:
                first = time.monotonic() - began
            if "25 days \U0001f334" in line:
                return first, time.monotonic() - began
    raise AssertionError("the stream broke off")


def quickest(measured: list[tuple[float, float]]) -> float:
    return min(first for first, _ in measured)


@pytest.mark.parametrize("path", ["/v1/chat", "/api/chat", "/v1/chat/completions", "/v1/responses", "/agui"])
def test_default_nginx_delays_the_first_token_by_less_than_50_ms(path: str, tmp_path: Path) -> None:
    turn = ScriptedTurn((*ANSWERED[:6], PAUSE, ANSWERED[6], PAUSE, *ANSWERED[7:]))
    settings = Settings(serve=ServeSettings(heartbeat_seconds=5))
    with serve(service(turn, settings=settings)) as served, nginx(served.url, tmp_path) as proxied:
        direct: list[tuple[float, float]] = []
        through: list[tuple[float, float]] = []
        # The quickest of each, in turn: a buffer would hold up every one, a busy machine only some.
        while len(through) < 5 or (len(through) < 25 and quickest(through) - quickest(direct) >= 0.05):
            direct.append(times(served.url, path))
            through.append(times(proxied, path))
    delay = quickest(through) - quickest(direct)
    print(f"{path}: nginx adds {delay * 1000:.1f} ms to the first token")
    assert delay < 0.05
    assert max(second - first for first, second in through) > PAUSE / 2


def test_leaving_through_nginx_stops_the_turn(tmp_path: Path) -> None:
    turn = ScriptedTurn((*ANSWERED[:6], 30.0))
    body = {"messages": [{"role": "user", "content": "q"}], "stream": True}
    with serve(service(turn)) as served, nginx(served.url, tmp_path) as proxied:
        with httpx.stream("POST", f"{proxied}/v1/chat/completions", json=body) as response:
            next(line for line in response.iter_lines() if "Staff get " in line)
        assert turn.closed.wait(10)
