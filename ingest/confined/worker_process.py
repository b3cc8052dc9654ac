"""One worker process seen from its parent: start it, hand it a file, wait no longer than allowed."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Final, TypeVar

from ingest.confined.confine import worker_environment
from ingest.extract import Extract, Limits, OcrPages, ParseFailure
from ingest.parcel import LENGTH, READY, BadParcel, unpack
from ingest.parse.dispatch import plugged_parsers
from vectorstore.errors import Unavailable

_FILES_PER_WORKER: Final = 1_000
_BYTES_PER_CHAR: Final = 12  # a character of text, escaped, with its share of blocks
_EXTRA_BYTES: Final = 4 << 20
_START_SECONDS: Final = 30.0
_STARTS: Final = 3
_CODE_ROOT: Final = Path(__file__).resolve().parents[2]
_START = (
    "import sys, json; sys.path[:] = [*sys.path, *json.loads(sys.argv.pop(1))]; "
    "from ingest.confined.worker import main; main()"
)
_Answer = TypeVar("_Answer")
_RECYCLED: Final = frozenset({"out_of_memory", "timeout", "crashed"})


class _Died(Exception):
    """The worker closed its end before its answer was whole."""


class WorkerProcess:
    """A worker that is started when it is needed and replaced when it fails. One thread uses it at a time."""

    def __init__(self, limits: Limits, folder: Path) -> None:
        self._limits = limits
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._served = 0
        self._closed = False
        self._lock = threading.Lock()

    @property
    def pid(self) -> int | None:
        """The running process's id, or None."""
        return self._process.pid if self._process else None

    def parse(self, path: Path, *, ocr: OcrPages | None = None) -> Extract | ParseFailure:
        """Parse one file within the limits, whatever happens to the process."""
        most = self._limits.max_text_chars * _BYTES_PER_CHAR + _EXTRA_BYTES
        if ocr is None:
            return self.ask(path, {}, most=most, read=unpack)
        with tempfile.TemporaryFile() as beside:  # a request is one small message, pages of text are more
            beside.write(json.dumps([dict(ocr.texts), dict(ocr.failed)]).encode())
            beside.seek(0)
            return self.ask(path, {}, most=most, read=unpack, beside=beside.fileno())

    def ask(
        self,
        path: Path,
        asked: dict[str, object],
        *,
        most: int,
        read: Callable[[bytes], _Answer],
        beside: int | None = None,
    ) -> _Answer | ParseFailure:
        """Ask something about one file; `read` makes sense of an answer of at most `most` bytes, or raises BadParcel.

        The worker also gets the open descriptor `beside`.
        """
        try:
            descriptor = open_plain(path)
        except OSError as error:
            return ParseFailure("unreadable", f"The file cannot be opened: {error.strerror or error}.")
        try:
            if os.fstat(descriptor).st_size > self._limits.max_file_bytes:
                limit = self._limits.max_file_bytes // 1_000_000
                return ParseFailure("too_large", f"The file is larger than {limit} MB; split it.")
            given = [descriptor] if beside is None else [descriptor, beside]
            outcome = self._ask({"name": path.name[-200:], **asked}, given, most=most, read=read)
        finally:
            os.close(descriptor)
        self._served += 1
        if self._served >= _FILES_PER_WORKER or (
            isinstance(outcome, ParseFailure) and outcome.reason in _RECYCLED
        ):
            self.stop()
        return outcome

    def close(self) -> None:
        """End the process, in the middle of a file if need be. Called from another thread."""
        with self._lock:
            self._closed = True
            if self._process is not None:
                self._process.kill()

    def _ask(
        self, asked: dict[str, object], given: list[int], *, most: int, read: Callable[[bytes], _Answer]
    ) -> _Answer | ParseFailure:
        try:
            channel = self._start()
            deadline = time.monotonic() + self._limits.wall_seconds
            request = json.dumps(asked, ensure_ascii=False).encode("utf-8", "replace")
            socket.send_fds(channel, [request], given)
            return read(self._receive(channel, deadline, most=most))
        except TimeoutError:
            return ParseFailure(
                "timeout", f"Reading the file took longer than {self._limits.wall_seconds:g} s; split it."
            )
        except (_Died, ConnectionError):
            return self._obituary()
        except BadParcel:
            return ParseFailure("crashed", "The parser broke on this file; it may be hostile. Leave it out.")

    def _receive(self, channel: socket.socket, deadline: float, *, most: int) -> bytes:
        (length,) = LENGTH.unpack(_read(channel, LENGTH.size, deadline))
        if length > most:
            raise BadParcel("too long")
        return _read(channel, length, deadline)

    def _start(self) -> socket.socket:
        if self._process is not None and self._process.poll() is not None:
            self.stop()  # it died between two files, so neither is to blame
        if self._socket is not None:
            return self._socket
        for _ in range(_STARTS):
            channel = self._spawn()
            if self._is_ready(channel):
                self._socket, self._served = channel, 0
                return channel
            channel.close()
            self._give_up_unless_killed()
        raise Unavailable(
            "The parser process is killed whenever it starts.", "Check the machine's free memory."
        )

    def _spawn(self) -> socket.socket:
        with self._lock:
            if self._closed:
                raise _Died
            ours, theirs = socket.socketpair()
            paths = [str(_CODE_ROOT), *(entry for entry in sys.path if entry)]
            with theirs:
                self._process = subprocess.Popen(
                    [
                        *(sys.executable, "-I", "-B", "-X", "utf8", "-c", _START),
                        *(json.dumps(paths), json.dumps(asdict(self._limits))),
                        json.dumps([asdict(each) for each in plugged_parsers().values()]),
                    ],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    cwd=self._folder,
                    env=worker_environment(),
                    start_new_session=True,
                )
            return ours

    def _is_ready(self, channel: socket.socket) -> bool:
        try:
            return _read(channel, len(READY), time.monotonic() + _START_SECONDS) == READY
        except (_Died, OSError):
            return False

    def _give_up_unless_killed(self) -> None:
        """Raise unless a signal ended the process: one that cannot start is our fault, not the file's."""
        process, self._process = self._process, None
        if self._closed or process is None:
            raise _Died
        with suppress(subprocess.TimeoutExpired):
            process.wait(1)
        killed = process.returncode is not None and process.returncode < 0
        process.kill()
        _, errors = process.communicate()
        if not killed:
            said = errors.decode("utf-8", "replace").strip().rpartition("\n")[2][:300]
            raise Unavailable(
                "The parser process does not start.", f"It said: {said}" if said else "Run footnote doctor."
            )

    def stop(self) -> None:
        """End the process and wait until it is gone."""
        with self._lock:
            process, channel = self._process, self._socket
            self._process = self._socket = None
        if channel is not None:
            channel.close()
        if process is not None:
            process.kill()
            if process.stderr is not None:
                process.stderr.close()
            process.wait()

    def _obituary(self) -> ParseFailure:
        process = self._process
        status = process.wait(_START_SECONDS) if process else None
        if status == -signal.SIGXCPU:
            limit = self._limits.cpu_seconds
            return ParseFailure(
                "timeout", f"Reading the file took more than {limit} s of processor time; split it."
            )
        how = f"signal {-status}" if status is not None and status < 0 else f"exit status {status}"
        return ParseFailure(
            "crashed", f"The parser process died on this file ({how}); it may be damaged or hostile."
        )


def open_plain(path: Path) -> int:
    """Open a file: never waits (a pipe would), never follows a link in the last step, never hands on a device."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError("it is not a regular file")
    return descriptor


def _read(channel: socket.socket, length: int, deadline: float) -> bytes:
    pieces = bytearray()
    while len(pieces) < length:
        channel.settimeout(max(deadline - time.monotonic(), 0.001))
        piece = channel.recv(min(length - len(pieces), 1 << 20))
        if not piece:
            raise _Died
        pieces += piece
    return bytes(pieces)
