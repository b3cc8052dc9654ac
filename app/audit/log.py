"""The log itself: one entry a line, each with its number, the hash of the entry before it, and its own.

A line is JSON whose last member is the SHA-256 of all bytes before it, so that what is verified is what was written
and not somebody's reading of it. Files are segments, a day or 64 MB each; the last entry of a finished one says so,
and the next begins with its hash. Several processes write one log: each takes the lock, goes to where the others have
come, and writes after the last whole entry. Half an entry, which a kill leaves, is cut off, and that is an entry.
"""

import hashlib
import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from app.audit.pseudonyms import locked, private, written
from vectorstore.errors import StoreDamaged

START: Final = "0" * 64
"""What the first entry of all names as the hash before it."""
MOST_BYTES: Final = 64_000_000
_SEGMENT: Final = re.compile(r"(?P<first>[0-9]{12})-(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})\.jsonl")
_HASH: Final = re.compile(rb',"hash":"(?P<hash>[0-9a-f]{64})"\}')
_HASH_LENGTH: Final = 75
_BLOCK: Final = 65_536


@dataclass(frozen=True, slots=True)
class Segment:
    """One file of the log: the number of its first entry and the day it was begun on stand in its name."""

    path: Path
    first: int
    date: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as it stands in the log; `facts` is all of it but the hashes."""

    n: int
    previous: str
    hash: str
    facts: Mapping[str, Any]  # Any: JSON


def segments_of(folder: Path) -> list[Segment]:
    """Return the files of a log, in order."""
    found = ((path, _SEGMENT.fullmatch(path.name)) for path in folder.glob("*.jsonl"))
    listed = [Segment(path, int(name["first"]), name["date"]) for path, name in found if name]
    return sorted(listed, key=lambda each: (each.first, each.date))


def entry_of(line: bytes) -> Entry | None:
    """Read one line without its end; None where it is not as it was written."""
    body, end = line[:-_HASH_LENGTH], line[-_HASH_LENGTH:]
    found = _HASH.fullmatch(end)
    if found is None or hashlib.sha256(body).hexdigest() != found["hash"].decode():
        return None
    try:
        facts = json.loads(body + b"}")
        return Entry(facts["n"], facts.pop("prev"), found["hash"].decode(), facts)
    except (ValueError, KeyError):
        return None


def entries_of(folder: Path) -> Iterator[Entry]:
    """Yield all entries that are as they were written; `verify` says what the others are."""
    for segment in segments_of(folder):
        with segment.path.open("rb") as file:
            for line in file:
                if entry := entry_of(line.rstrip(b"\n")):
                    yield entry


class Log:
    """The end of the log, where entries are written. Every error is Unavailable or StoreDamaged."""

    def __init__(
        self,
        folder: Path,
        *,
        on_seal: Callable[[int, str], None] = lambda n, end: None,
        now: Callable[[], float] = time.time,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        """`on_seal` is told the number and hash of the last entry of a segment that is finished."""
        self.folder = folder
        self._on_seal = on_seal
        self._now = now
        self._most_bytes = most_bytes
        self._mutex, self._syncing = threading.Lock(), threading.Lock()
        self._file = -1
        self._size = 0
        self._date = ""
        self._n, self._hash, self._synced = 0, START, 0
        self._is_sealed = True

    def append(self, facts: Mapping[str, Any], *, sync: bool = False) -> int:  # Any: JSON
        """Write an entry and return its number; it stands where a kill of the process leaves it.

        With `sync` it stands on the disk, where a power cut leaves it. Raises Unavailable, and then it was not written.
        """
        with written():
            private(self.folder)
            with self._mutex, locked(self.folder / "lock"):
                self._catch_up()
                if not self._is_sealed and (self._date != self._today() or self._size > self._most_bytes):
                    self._seal()
                if self._is_sealed:
                    self._begin_segment()
                n = self._write(facts)
            if sync:
                self.sync()
        return n

    def end(self) -> tuple[int, str]:
        """Return the number and the hash of the last entry, whoever wrote it; 0 where there is none."""
        private(self.folder)
        with self._mutex, locked(self.folder / "lock"):
            self._catch_up()
            return self._n, self._hash

    def sync(self) -> None:
        """Have all entries so far on the disk; raises OSError."""
        with self._syncing:
            with self._mutex:
                newest = self._n
                if self._synced >= newest or self._file < 0:
                    return
                file = os.dup(self._file)
            try:
                os.fdatasync(file)
            finally:
                os.close(file)
            self._synced = max(self._synced, newest)

    def close(self) -> None:
        """Let go of the file."""
        with self._mutex:
            self._let_go()

    def _catch_up(self) -> None:
        """Go to the end of the log, wherever other processes have brought it."""
        if self._file >= 0:
            stat = os.fstat(self._file)
            if stat.st_nlink and stat.st_size == self._size:
                return
        self._let_go()
        listed = segments_of(self.folder)
        if not listed:
            if self._n:
                raise StoreDamaged("The audit log is gone.", "Restore its folder, or start the service anew.")
            return
        self._open(listed)

    def _open(self, listed: list[Segment]) -> None:
        """Open the last segment behind its last whole entry, and cut off what a kill has left behind that."""
        self._date = listed[-1].date
        self._file = os.open(listed[-1].path, os.O_RDWR | os.O_APPEND)
        size = os.fstat(self._file).st_size
        self._size, line = _last_line(self._file, size)
        for segment in reversed(listed[:-1]):
            if line:
                break
            descriptor = os.open(segment.path, os.O_RDONLY)
            try:
                _, line = _last_line(descriptor, os.fstat(descriptor).st_size)
            finally:
                os.close(descriptor)
        last = entry_of(line) if line else Entry(listed[0].first - 1, START, START, {})
        if last is None:
            raise StoreDamaged(
                "The last entry of the audit log is not as it was written.",
                "`footnote audit verify` names it. Move the folder aside, and a new log begins.",
            )
        self._n, self._hash = last.n, last.hash
        self._is_sealed = self._size > 0 and last.facts["what"] == "sealed"
        if torn := size - self._size:
            os.ftruncate(self._file, self._size)
            if self._is_sealed:
                self._begin_segment()
            self._write({"what": "torn", "bytes": torn})

    def _seal(self) -> None:
        """Finish a segment, on the disk."""
        n = self._write({"what": "sealed"})
        self._is_sealed = True
        os.fdatasync(self._file)
        self._synced = n
        self._on_seal(n, self._hash)

    def _begin_segment(self) -> None:
        self._let_go()
        self._date = self._today()
        path = self.folder / f"{self._n + 1:012d}-{self._date}.jsonl"
        self._file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_APPEND, 0o600)
        self._size, self._is_sealed = 0, False
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _write(self, facts: Mapping[str, Any]) -> int:  # Any: JSON
        at = datetime.fromtimestamp(self._now(), UTC).isoformat(timespec="milliseconds")
        told = {"n": self._n + 1, "at": at.replace("+00:00", "Z"), **facts, "prev": self._hash}
        body = json.dumps(told, separators=(",", ":")).encode()[:-1]
        written = hashlib.sha256(body).hexdigest()
        line = body + b',"hash":"' + written.encode() + b'"}\n'
        try:
            if (done := os.write(self._file, line)) < len(line):
                raise OSError(0, f"{done} of {len(line)} bytes were taken")
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._file, self._size)
            raise
        self._n, self._hash, self._size = self._n + 1, written, self._size + len(line)
        return self._n

    def _let_go(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _today(self) -> str:
        return datetime.fromtimestamp(self._now(), UTC).strftime("%Y-%m-%d")


def _last_line(file: int, size: int) -> tuple[int, bytes]:
    """Return where the last whole line ends, and the line; (0, b"") where there is none."""
    tail, start = b"", size
    while start > 0:
        step = min(_BLOCK, start)
        start -= step
        tail = os.pread(file, step, start) + tail
        end = tail.rfind(b"\n")
        if end >= 0 and (start == 0 or tail.rfind(b"\n", 0, end) >= 0):
            return start + end + 1, tail[tail.rfind(b"\n", 0, end) + 1 : end]
    return 0, b""
