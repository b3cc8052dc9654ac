"""Half-open connections against a real server process: they end, and lock nobody out."""

import contextlib
import json
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeAlias

import httpx
import pytest

from tests import forked
from tests.app.edge import ANSWER
from tests.app.test_api_shutdown import free_port, wait_until_ready

ROOT = Path(__file__).parents[2]
SERVE = """
import resource, socket, sys
from app.http.server import serve_with_granian
from app.settings import ServeSettings, Settings
from app.http.application import create_app
from app.http.uvicorn_server import serve_with_uvicorn
from tests.app.edge import ANSWERED, ScriptedTurn, service
server, port, seconds, unfinished, descriptors = sys.argv[1], *map(float, sys.argv[2:])
if descriptors:
    resource.setrlimit(resource.RLIMIT_NOFILE, (int(descriptors), int(descriptors)))
listener = socket.socket()
listener.bind(("127.0.0.1", int(port)))
listener.listen(2_048)
turn = ScriptedTurn((*ANSWERED[:6], 2.0, *ANSWERED[6:]))
settings = ServeSettings(
    request_seconds=seconds, drain_seconds=5.0, max_unfinished_per_address=int(unfinished),
    send_timeout_seconds=min(30.0, seconds),
)
application = create_app(service(turn, settings=Settings(serve=settings)))
serve = serve_with_granian if server == "granian" else serve_with_uvicorn
serve(application, listener, settings)
"""
ENDLESS = SERVE.replace("import ANSWERED", "import Text, ANSWERED").replace(
    "2.0, *ANSWERED[6:]", "*([Text('word ' * 500), 0.002] * 300), *ANSWERED[6:]"
)
"""More than the buffers between a server and a client hold: 750 kB."""
HEAD = b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
BEGINNINGS = (
    b"",
    b"GET /heal",
    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-A",
    HEAD + b"Content-Length: 100\r\n\r\n",
    HEAD + b'Content-Length: 100\r\n\r\n{"query',
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{",
    # answered before the body is there
    b"POST /v1/none HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nx",
    # a request, answered, and the beginning of another
    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /h",
)


Running: TypeAlias = "tuple[int, subprocess.Popen[bytes] | forked.Process]"


@contextmanager
def server(
    kind: str = "uvicorn",
    *,
    seconds: float = 30.0,
    unfinished: int = 10_000,
    descriptors: int = 0,
    script: str = SERVE,
    new: bool = False,
) -> Iterator[Running]:
    port = free_port()
    arguments = [kind, *map(str, (port, seconds, unfinished, descriptors))]
    process: subprocess.Popen[bytes] | forked.Process
    if new or kind == "granian":
        process = subprocess.Popen([sys.executable, "-c", script, *arguments], cwd=ROOT)
    else:
        process = forked.script(script, *arguments)
    try:
        wait_until_ready(f"http://127.0.0.1:{port}")
        yield port, process
    finally:
        process.kill()
        process.wait(10)


@pytest.fixture(scope="module")
def short() -> Iterator[Running]:
    """A server that waits for a second."""
    with server(seconds=1.0) as running:
        yield running


def answer_of(connection: socket.socket) -> bytes:
    answer = b""
    while more := connection.recv(65_536):
        answer += more
    return answer


def dribble(connection: socket.socket, drop: bytes, *, most: float) -> float:
    """Send the same few bytes again and again; return after how many seconds the server hung up."""
    began = time.monotonic()
    with contextlib.suppress(ConnectionError):
        while time.monotonic() - began < most:
            connection.sendall(drop)
            time.sleep(0.05)
    return time.monotonic() - began


def begun(
    port: int, count: int, stack: ExitStack, beginnings: Sequence[bytes] = BEGINNINGS
) -> list[socket.socket]:
    """Open connections that each send a beginning and no more."""
    opened = []
    for number in range(count):
        connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
        with contextlib.suppress(ConnectionError):
            connection.sendall(beginnings[number % len(beginnings)])
        connection.setblocking(False)
        opened.append(connection)
    return opened


def still_open(connections: list[socket.socket]) -> list[socket.socket]:
    return [connection for connection in connections if not _ended(connection)]


def _ended(connection: socket.socket) -> bool:
    with contextlib.suppress(BlockingIOError):
        try:
            while connection.recv(4_096):
                pass
        except ConnectionError:
            pass
        return True
    return False


def watched(port: int, connections: list[socket.socket], *, seconds: float) -> tuple[float, float]:
    """Return the slowest answer of /healthz but two, and when the last of the connections had ended; in seconds.

    A busy machine may hold up one or two; a server that is locked up holds up all.
    """
    began, took = time.monotonic(), [0.0, 0.0, 0.0]
    while connections and time.monotonic() - began < seconds:
        asked = time.monotonic()
        assert httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=5).status_code == 200
        took.append(time.monotonic() - asked)
        connections = still_open(connections)
        time.sleep(0.1)
    assert not connections, f"{len(connections)} are open after {seconds} s"
    return sorted(took)[-3], time.monotonic() - began


def test_half_open_connections_end_and_others_are_answered_meanwhile(short: Running) -> None:
    with ExitStack() as stack:
        slowest, _ = watched(short[0], begun(short[0], 64, stack), seconds=2.5)
    assert slowest < 0.5


def test_under_granian_they_end_as_well() -> None:
    pytest.importorskip("granian", reason="needs the extra [granian]")
    with server("granian", seconds=2.0) as (port, _), ExitStack() as stack:
        opened = begun(port, 56, stack)
        slowest, _ = watched(port, opened, seconds=6.0)
    assert slowest < 0.5


def test_half_open_connections_that_take_every_descriptor_lock_nobody_out() -> None:
    with server(descriptors=64) as (port, _), ExitStack() as stack:
        for _ in range(4):
            begun(port, 100, stack)
            asked = time.monotonic()
            assert httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=5).status_code == 200
            assert time.monotonic() - asked < 0.5
            answer = httpx.post(f"http://127.0.0.1:{port}/v1/search", json={"query": "leave"}, timeout=5)
            assert answer.status_code == 200


def test_one_address_holds_no_more_unfinished_connections_than_it_may() -> None:
    with server(seconds=7.5, unfinished=5) as (port, _), ExitStack() as stack:
        opened = begun(port, 40, stack)
        assert len(still_open(opened)) == 40  # many may come at once
        time.sleep(4)
        assert 1 <= len(still_open(opened)) <= 5
        assert httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200


@pytest.mark.parametrize("drop", [b"X", b"a: b\r\n", b"\r\n"])
def test_a_head_that_trickles_in_is_cut_off_in_time(short: Running, drop: bytes) -> None:
    with socket.create_connection(("127.0.0.1", short[0])) as connection:
        connection.sendall(b"" if drop == b"\r\n" else b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n")
        assert dribble(connection, drop, most=5.0) < 2.5


def test_the_rest_of_a_body_that_nobody_wants_may_not_trickle_in(short: Running) -> None:
    with socket.create_connection(("127.0.0.1", short[0])) as connection:
        connection.sendall(b"POST /v1/none HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n")
        assert dribble(connection, b" ", most=5.0) < 2.5


def test_a_head_without_end_is_refused(short: Running) -> None:
    with socket.create_connection(("127.0.0.1", short[0])) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\n")
        with pytest.raises(ConnectionError):
            connection.sendall((b"X: " + b"y" * 16_000 + b"\r\n") * 1_000)


def test_a_body_that_stalls_is_refused_with_a_sentence(short: Running) -> None:
    with socket.create_connection(("127.0.0.1", short[0])) as connection:
        connection.sendall(HEAD + b'Content-Length: 100\r\n\r\n{"query')
        answer = answer_of(connection)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"detail":"The body did not come in time. Send it again."' in answer


def test_a_body_that_comes_slowly_and_steadily_is_taken(short: Running) -> None:
    """For longer than any silence may be, at a rate that a poor line has."""
    body = b'{"query": "' + b"leave " * 300 + b'"}'
    with socket.create_connection(("127.0.0.1", short[0])) as connection:
        connection.sendall(HEAD + f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode())
        for at in range(0, len(body), 100):
            connection.sendall(body[at : at + 100])
            time.sleep(0.1)
        assert answer_of(connection).startswith(b"HTTP/1.1 200 ")


def test_a_body_that_trickles_in_is_refused(short: Running) -> None:
    with socket.create_connection(("127.0.0.1", short[0])) as connection:
        connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n")
        assert dribble(connection, b" ", most=6.0) < 4


def test_a_client_that_takes_nothing_of_its_answers_is_cut_off(short: Running) -> None:
    port, process = short
    with ExitStack() as stack:
        before = _descriptors(process)
        for _ in range(5):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            connection.connect(("127.0.0.1", port))
            connection.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                for _ in range(20_000):
                    connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
        deadline = time.monotonic() + 15
        while _descriptors(process) > before and time.monotonic() < deadline:
            time.sleep(0.2)
        assert _descriptors(process) <= before


def _descriptors(process: "subprocess.Popen[bytes]") -> int:
    folder = Path(f"/proc/{process.pid}/fd")
    if not folder.is_dir():
        pytest.skip("needs /proc")
    count = 0
    for link in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            count += link.exists() or "socket" in str(link.readlink())
    return count


@pytest.mark.parametrize("kind", ["uvicorn", "granian"])
def test_a_terminal_that_goes_away_lets_running_answers_end(kind: str) -> None:
    pytest.importorskip(kind, reason="needs the extra [granian]")
    with server(kind) as (port, process):
        with httpx.stream("POST", f"http://127.0.0.1:{port}/v1/chat", json={"message": "q"}) as stream:
            lines = stream.iter_lines()
            next(lines)
            process.send_signal(signal.SIGHUP)
            rest = "\n".join(lines)
        assert '"type":"finish"' in rest
        assert "25 days" in ANSWER
        assert process.wait(15) is not None


def test_under_nohup_it_goes_on() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with server(new=True) as (port, process):
            process.send_signal(signal.SIGHUP)
            time.sleep(0.5)
            assert httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
    finally:
        signal.signal(signal.SIGHUP, before)


def frozen(port: int, count: int, stack: ExitStack) -> list[socket.socket]:
    """Ask for answers over connections that read nothing of them, however much waits."""
    body = json.dumps({"message": "q"}).encode()
    head = "POST /v1/chat HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    asked = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    opened = []
    for _ in range(count):
        connection = stack.enter_context(socket.socket())
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.connect(("127.0.0.1", port))
        connection.sendall(asked)
        opened.append(connection)
    return opened


def slow_and_frozen(port: int, process: "subprocess.Popen[bytes]", count: int, *, within: float) -> float:
    """Hold half of the connections open by drops and half by not reading; return the slowest healthy answer.

    Fails when a descriptor of theirs is left after `within` seconds.
    """
    before = _descriptors(process)
    slowest, began = 0.0, time.monotonic()
    with ExitStack() as stack:
        frozen(port, count // 2, stack)
        dripping = begun(port, count // 2, stack, BEGINNINGS[1:6])
        while _descriptors(process) < before + count // 2:
            assert time.monotonic() - began < within, "they were never let in"
            time.sleep(0.02)
        while _descriptors(process) > before + 2:
            assert time.monotonic() - began < within, "some are still open"
            asked = time.monotonic()
            assert httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=5).status_code == 200
            slowest = max(slowest, time.monotonic() - asked)
            for connection in dripping:
                with contextlib.suppress(OSError):
                    connection.send(b" ")
            time.sleep(0.2)
    print(
        f"{count} slow and frozen: all gone after {time.monotonic() - began:.1f} s, slowest {slowest * 1e3:.0f} ms"
    )
    return slowest


def test_dripping_and_frozen_clients_are_cut_off_and_others_are_answered_meanwhile() -> None:
    with server(seconds=1.0, script=ENDLESS) as (port, process):
        assert slow_and_frozen(port, process, 40, within=20) < 2


@pytest.mark.slow
def test_two_hundred_slow_and_frozen_clients_are_gone_within_30_seconds_each() -> None:
    with server(seconds=20.0, script=ENDLESS) as (port, process):
        assert slow_and_frozen(port, process, 200, within=60) < 2


@pytest.mark.slow
@pytest.mark.parametrize("unfinished", [10_000, 256])
def test_twelve_hundred_half_open_connections_end_within_35_seconds(unfinished: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4_096), hard))
    try:
        with server(unfinished=unfinished) as (port, _), ExitStack() as stack:
            slowest, last = watched(port, begun(port, 1_200, stack, BEGINNINGS[:5]), seconds=35.0)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    print(
        f"1,200 half-open: /healthz took {slowest * 1_000:.0f} ms at most, the last ended after {last:.1f} s"
    )
    assert slowest < 0.5


def test_a_long_body_after_a_short_head_is_no_long_head(short: Running) -> None:
    body = json.dumps({"query": "x" * 500_000}).encode()
    with httpx.Client(base_url=f"http://127.0.0.1:{short[0]}") as client:
        statuses = [client.post("/v1/search", content=body).status_code for _ in range(5)]
    assert 431 not in statuses
