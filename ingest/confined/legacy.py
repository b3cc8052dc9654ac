"""LibreOffice: turns Office files of before 2007 into ones that the parsers read, in a confined process."""

import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from ingest.confined.confine import SOCKETS, confined, worker_environment
from ingest.confined.worker_process import WorkerProcess, open_plain
from ingest.extract import Extract, Limits, ParseFailure
from ingest.parse.sniff import OLD_OFFICE

PROGRAM: Final = "soffice"
_MEMORY: Final = 3 << 30
"""Address space, of which it uses a tenth: it maps all its libraries and fonts."""
_NOT_YET: Final = 81
"""What it ends with when it has made its profile and wants to be started again."""
_READABLE: Final = (
    *("/etc/libreoffice", "/etc/fonts", "/etc/passwd", "/etc/nsswitch.conf", "/usr/share/fonts", "/usr/share/libreoffice"),
    *("/usr/share/fontconfig", "/usr/local/share/fonts", "/usr/share/icu", "/usr/share/mime", "/dev/null", "/dev/urandom"),
    *("/dev/random", "/var/cache/fontconfig", "/var/lib/libreoffice", "/var/spool/libreoffice", "/proc/self", "/opt", "/sys/devices/system/cpu"),
)  # fmt: skip


class _Old(NamedTuple):
    """A kind of old file: the stream that tells it, its own type and ending, and what it becomes."""

    stream: bytes
    media_type: str
    ending: str
    becomes: str


_KINDS: Final = tuple(
    _Old(stream.encode("utf-16-le"), *rest)
    for stream, *rest in (
        ("WordDocument", "application/msword", "doc", "docx"),
        ("PowerPoint Document", "application/vnd.ms-powerpoint", "ppt", "pptx"),
        ("Workbook", "application/vnd.ms-excel", "xls", "xlsx"),
        ("Book", "application/vnd.ms-excel", "xls", "xlsx"),
    )
)


class LibreOffice:
    """Converts one file a call; safe in threaded programs. `close` ends what runs, and everything after fails."""

    def __init__(self, limits: Limits, *, program: str = PROGRAM) -> None:
        self._limits = limits
        self._program = _program_file(program)
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._closed = False

    def parse(self, process: WorkerProcess, path: Path) -> Extract | ParseFailure | None:
        """Convert an old Office file and parse what comes out; None when it is no such file or cannot be converted here."""
        data = self._content(path) if self._program is not None else b""
        old = _kind(data, path.suffix)
        if old is None:
            return None
        with tempfile.TemporaryDirectory(prefix="footnote-office-") as folder:
            Path(folder, f"document.{old.ending}").write_bytes(data)
            why = self._convert(Path(folder), old)
            made = Path(folder, f"document.{old.becomes}")
            if why or not made.is_file():
                what = f"LibreOffice could not convert this Office file of before 2007{why and f' ({why})'}"
                return ParseFailure("corrupt", f"{what}; save it as {old.becomes.upper()} or PDF.")
            read = process.parse(made)
        if isinstance(read, ParseFailure):
            return read
        said = "An Office file of before 2007: LibreOffice converted it first, so that details may differ."
        return replace(read, media_type=old.media_type, findings=(*read.findings, said))

    def close(self) -> None:
        """End what runs. Called from another thread."""
        with self._lock:
            self._closed = True
            for process in self._running:
                _end(process)

    def _content(self, path: Path) -> bytes:
        """Return the bytes of a file that begins as such files do, empty for others and for what is no plain file."""
        try:
            with os.fdopen(open_plain(path), "rb") as file:
                if os.fstat(file.fileno()).st_size > self._limits.max_file_bytes:
                    return b""
                head = file.read(len(OLD_OFFICE))
                return head + file.read(self._limits.max_file_bytes) if head == OLD_OFFICE else b""
        except OSError:
            return b""

    def _convert(self, folder: Path, old: _Old) -> str:
        """Return why it failed, empty where it may have worked."""
        place = Path(folder, "profile").as_uri()
        profile = f"-env:UserInstallation={place}"
        flags = [
            "--headless",
            "--norestore",
            "--nolockcheck",
            "--nodefault",
            "--convert-to",
            old.becomes,
            "--outdir",
            str(folder),
        ]
        command = [str(self._program), profile, *flags, str(folder / f"document.{old.ending}")]
        code: int | None = _NOT_YET
        for _ in range(2):
            if code == _NOT_YET:
                code = self._run(command, folder)
                _socket_of(place).unlink(missing_ok=True)
        if code in (None, -signal.SIGXCPU):
            return f"it took longer than {self._limits.wall_seconds:g} s"
        return f"it ended with {code}" if code else ""

    def _run(self, command: list[str], folder: Path) -> int | None:
        own = str(Path(command[0]).parent.parent)
        limits = (max(self._limits.memory_bytes, _MEMORY), self._limits.cpu_seconds)
        place = {"HOME": str(folder), "TMPDIR": str(folder), "SAL_USE_VCLPLUGIN": "svp"}
        with self._lock:
            if self._closed:
                return None
            process = subprocess.Popen(
                confined(command, limits, readable=[own, *_READABLE], writing=str(folder)),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=worker_environment() | place,
                cwd=folder,
                start_new_session=True,
            )
            self._running.add(process)
        try:
            return process.wait(self._limits.wall_seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _end(process)
            process.wait()
            with self._lock:
                self._running.discard(process)


def _kind(data: bytes, suffix: str) -> _Old | None:
    if not data or "EncryptedPackage".encode("utf-16-le") in data:
        return None
    found = [old for old in _KINDS if old.stream + b"\x00\x00" in data]
    # a workbook may hold a text and the other way round; what the file is called tells which is which
    named = (old for old in found if suffix.lower()[1:3] == old.ending[:2])
    return next(named, next(iter(found), None))


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and what it has started: it leads a session of its own."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()


def _socket_of(profile: str) -> Path:
    """Return the socket by which LibreOffice would be found by another with this profile; it may not take it away itself."""
    name = "".join(
        f"{byte:x}" for byte in hashlib.md5(profile.encode("utf-16-le"), usedforsecurity=False).digest()
    )
    return Path(SOCKETS, f"OSL_PIPE_{os.getuid()}_SingleOfficeIPC_{name}")


def _program_file(name: str) -> Path | None:
    """Return the program itself: what is on the path is a script around it, which needs a shell."""
    found = shutil.which(name)
    itself = Path(found).resolve().parent / "soffice.bin" if found else None
    return itself if itself is not None and itself.is_file() else None
