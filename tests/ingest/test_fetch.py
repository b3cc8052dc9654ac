"""Documents by URL: 150 ways to lead the fetcher to an inner address, and none connects."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.sources.fetch import Fetcher, Unfetchable, is_public

PAGE = b"<html><body><h1>Leave</h1><p>Staff get 25 days of annual leave.</p></body></html>"
OUTSIDE, INSIDE = "127.0.0.2", "127.0.0.1"
"""Two addresses of this machine: the first stands for the internet, the second for what must not be reached."""
INNER = [
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001", "0",
    "0.0.0.0", "localhost", "LOCALHOST", "localhost.", "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[::127.0.0.1]", "127.127.127.127", "127.0.0.1.",
]  # fmt: skip
PRIVATE = [
    "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.255.254", "169.254.169.254",
    "169.254.0.1", "100.64.0.1", "100.100.100.200", "192.0.0.1", "192.0.0.192", "192.0.2.1", "198.18.0.1",
    "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "0.1.2.3",
    "168.63.129.16", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%lo", "ff02::1", "fec0::1", "2001:db8::1",
    "2001::1", "2002:a00:1::", "2002:a9fe:a9fe::", "64:ff9b::a00:1", "64:ff9b:1::1", "::ffff:10.0.0.1",
    "::ffff:169.254.169.254", "::a00:1", "::", "::1", "::ffff:0:10.0.0.1", "100::1", "3fff::1",
]  # fmt: skip
BROKEN = [
    "", "/etc/passwd", "file:///etc/passwd", "ftp://{inside}/x", "gopher://{inside}/_x", "dict://{inside}/x",
    "data:text/html,x", "javascript:alert(1)", "jar:http://{inside}!/", "ldap://{inside}", "http:{inside}", "http://",
    "http:///x", "//{inside}/", "http://user@{inside}/", "http://user:secret@{inside}/", "http://a@b@{inside}/",
    "http://example.org@{inside}/", "http://{inside}\\@example.org/", "http://example.org\\{inside}/",
    "http://exa mple.org/", "http://example.org\n@{inside}/", "http://{inside}%2f@example.org/", "http://%31%32%37.0.0.1/",
    "http://①②⑦.⓪.⓪.①/", "http://127。0。0。1/", "http://[::1", "http://[::1]x/", "http://[fe80::1%25lo]/",
    "http://127.0.0.1:99999/", "http://127.0.0.1:-1/", "http://127.0.0.1:22/", "http://127.0.0.1:25/", "http://x:6379a/",
    "http://\t{inside}/", "http://{inside}\0.example.org/", "HTTP://{inside}/", "hTTps://{inside}/", "http://.{inside}/",
    "http://{inside}#@example.org/", "http://{inside}?@example.org/", "netdoc:///etc/passwd", "unix:///run/docker.sock",
]  # fmt: skip


@dataclass
class Server:
    """A listener that gives fixed answers and counts who comes."""

    port: int
    visits: list[str] = field(default_factory=list)
    answers: dict[str, bytes] = field(default_factory=dict)


@contextmanager
def listening(host: str, port: int = 0, *, pause: float = 0.0) -> Iterator[Server]:
    """Answer on one address; with `pause` a byte at a time."""
    with socket.create_server((host, port), backlog=200) as listener:
        server, stopped = Server(listener.getsockname()[1]), threading.Event()
        listener.settimeout(0.05)

        def serve() -> None:
            while not stopped.is_set():
                try:
                    connection, _ = listener.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.settimeout(2)
                    try:
                        path = connection.recv(10_000).split(b" ")[1:2]
                    except OSError:
                        continue
                    server.visits.append((path or [b"?"])[0].decode())
                    answer = server.answers.get(server.visits[-1], response(PAGE))
                    for start in range(0, len(answer), 1 if pause else len(answer)):
                        if stopped.wait(pause):
                            break
                        try:
                            connection.sendall(answer[start : start + (1 if pause else len(answer))])
                        except OSError:
                            break

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            stopped.set()
            thread.join(5)


def response(body: bytes, *headers: str, status: str = "200 OK", kind: str = "text/html") -> bytes:
    lines = [
        f"HTTP/1.1 {status}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def redirect(to: str, status: str = "302 Found") -> bytes:
    return response(b"", f"Location: {to}", status=status)


def outer(host: str, port: int) -> list[str]:
    return [OUTSIDE]


def fetcher(**more: object) -> Fetcher:
    settings: dict[str, object] = {
        "hosts": ["*"],
        "resolve": outer,
        "permits": lambda address: address == OUTSIDE,
        "seconds": 3.0,
    }
    return Fetcher(**(settings | more))  # type: ignore[arg-type]


def test_a_page_is_fetched() -> None:
    with listening(OUTSIDE) as server:
        changed = "Last-Modified: Mon, 02 Nov 2026 10:00:00 GMT"
        server.answers["/hr/leave?x=1"] = response(PAGE, changed)
        found = fetcher().fetch(f"http://docs.example.org:{server.port}/hr/leave?x=1#part")
    assert (found.content, found.name) == (PAGE, "leave.html")
    assert found.modified is not None
    assert found.modified.day == 2


@pytest.fixture(scope="module")
def canary() -> Iterator[Server]:
    with listening(INSIDE) as server:
        yield server
        assert server.visits == []


@pytest.mark.parametrize("host", INNER)
def test_an_inner_host_however_written_is_not_reached(canary: Server, host: str) -> None:
    for scheme in ("http", "https"):
        with pytest.raises(Unfetchable):
            Fetcher(["*"]).fetch(f"{scheme}://{host}:{canary.port}/")
    assert canary.visits == []


@pytest.mark.parametrize("address", PRIVATE)
def test_a_name_that_stands_for_an_inner_address_is_not_asked(address: str) -> None:
    assert not is_public(address)
    for answers in ([address], ["93.184.215.14", address]):
        with pytest.raises(Unfetchable, match="not a public address"):
            Fetcher(["*"], resolve=lambda host, port, given=answers: given).fetch("http://docs.example.org/")  # type: ignore[misc]


@pytest.mark.parametrize("url", BROKEN)
def test_what_is_no_plain_web_address_is_refused(canary: Server, url: str) -> None:
    with pytest.raises(Unfetchable):
        Fetcher(["*"]).fetch(url.replace("{inside}", f"{INSIDE}:{canary.port}"))
    assert canary.visits == []


@pytest.mark.parametrize(
    "status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"]
)
@pytest.mark.parametrize("to", ["http://{inside}/", "//{inside}/", "http://localhost:{port}/", "http://2130706433:{port}/", "file:///etc/passwd", "http://[::ffff:127.0.0.1]:{port}/"])  # fmt: skip
def test_a_redirect_leads_nowhere_that_is_not_public(canary: Server, to: str, status: str) -> None:
    to = to.replace("{inside}", f"{INSIDE}:{canary.port}").replace("{port}", str(canary.port))

    def by_name(host: str, port: int) -> list[str]:
        return [OUTSIDE] if host == "docs.example.org" else [INSIDE]

    with listening(OUTSIDE) as server:
        server.answers["/"] = redirect(to, status)
        with pytest.raises(Unfetchable):
            fetcher(resolve=by_name).fetch(f"http://docs.example.org:{server.port}/")
        assert server.visits == ["/"]
    assert canary.visits == []


def test_a_name_is_resolved_once_for_each_hop(canary: Server) -> None:
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return [OUTSIDE if len(asked) == 1 else INSIDE]

    with listening(OUTSIDE, canary.port) as server:
        assert fetcher(resolve=rebinding).fetch(f"http://rebind.example.org:{server.port}/").content == PAGE
        assert asked == ["rebind.example.org"]
        server.answers["/"] = redirect("/again")
        asked.clear()
        with pytest.raises(Unfetchable, match="not a public address"):
            fetcher(resolve=rebinding).fetch(f"http://rebind.example.org:{server.port}/")
    assert canary.visits == []


def test_a_round_of_redirects_ends() -> None:
    with listening(OUTSIDE) as server:
        server.answers["/"] = redirect("/")
        with pytest.raises(Unfetchable, match="redirects"):
            fetcher().fetch(f"http://docs.example.org:{server.port}/")
        assert len(server.visits) == 4


def test_only_the_hosts_that_are_listed_are_asked() -> None:
    with listening(OUTSIDE) as server:
        one = fetcher(hosts=["docs.example.org", "*.acme.example"])
        for host in ("docs.example.org", "DOCS.example.org", "wiki.acme.example"):
            assert one.fetch(f"http://{host}:{server.port}/").content == PAGE
        for host in ("evil.org", "docs.example.org.evil.org", "xdocs.example.org", "acme.example"):
            with pytest.raises(Unfetchable, match="not among the hosts"):
                one.fetch(f"http://{host}:{server.port}/")
        with pytest.raises(Unfetchable):
            Fetcher([]).fetch(f"http://docs.example.org:{server.port}/")


@pytest.mark.parametrize("answer", [
    response(b"x" * 2_000), response(b"x", kind="image/png"), response(b"x", "Content-Encoding: gzip"), response(b"", status="404 Not Found"),
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\nshort", b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 300 + b"\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", redirect(""), b"\0" * 50,
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n" + b"3e8\r\n" + b"x" * 1_000 + b"\r\n3e8\r\n" + b"x" * 1_000 + b"\r\n0\r\n\r\n",
])  # fmt: skip
def test_an_answer_that_is_too_much_or_none_is_refused(answer: bytes) -> None:
    with listening(OUTSIDE) as server:
        server.answers["/"] = answer
        with pytest.raises(Unfetchable):
            fetcher(max_bytes=1_000).fetch(f"http://docs.example.org:{server.port}/")


def test_a_server_that_drips_is_left_when_time_is_up() -> None:
    with listening(OUTSIDE, pause=0.1) as server:
        started = time.monotonic()
        with pytest.raises(Unfetchable):
            fetcher(seconds=0.6).fetch(f"http://docs.example.org:{server.port}/")
        assert time.monotonic() - started < 3


def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch, canary: Server) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://{INSIDE}:{canary.port}")
    with listening(OUTSIDE) as server:
        assert fetcher().fetch(f"http://docs.example.org:{server.port}/").content == PAGE
    assert canary.visits == []


@given(st.ip_addresses())
def test_public_is_never_more_than_what_the_standard_library_calls_global(address: object) -> None:
    if is_public(str(address)):
        assert address.is_global  # type: ignore[attr-defined]


def test_there_are_a_hundred_and_fifty_tricks() -> None:
    assert 2 * len(INNER) + 2 * len(PRIVATE) + len(BROKEN) + 30 >= 150


def test_a_list_of_urls_goes_in_and_what_fails_is_said(tmp_path: Path) -> None:
    from ingest.run import Ingestion, Request
    from ingest.settings import IngestSettings
    from ingest.sources.elsewhere import fetched_sources
    from vectorstore.settings import StoreSettings

    with listening(OUTSIDE) as server:
        server.answers["/gone"] = response(b"", status="404 Not Found")
        base = f"http://docs.example.org:{server.port}"
        file = tmp_path / "urls.txt"
        file.write_text(f"# ours\n{base}/leave\n\n{base}/gone\n{base}/leave\nfile:///etc/passwd\n")
        ingestion = Ingestion(IngestSettings(), StoreSettings(data_dir=tmp_path / "data"))
        for expected in (1, 0):
            with fetched_sources(file, fetcher()) as fetched:
                report = ingestion.carry_out(ingestion.plan(Request(()), fetched=fetched))
            assert len(report.added) == expected
            assert report.unchanged == 1 - expected
            assert {failure.uri for failure in report.failed} == {f"{base}/gone", "file:///etc/passwd"}
