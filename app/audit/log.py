"""The log in files: one entry a line, each with its number, the hash of the entry before it, and its own.

Files are segments, a day or 64 MB each; the last entry of a finished one says so, and the next begins with its hash.
Several processes write one log: each takes the lock, goes to where the others have come, and writes after the last
whole entry. Half an entry, which a kill leaves, is cut off, and that is an entry.
"""

import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

from app.audit.entry import START, Entry, Page, entry_of, line_of
from app.audit.pseudonyms import locked, written
from vectorstore.errors import StoreDamaged
from vectorstore.state.files import private

MOST_BYTES: Final = 64_000_000
_SEGMENT: Final = re.compile(r"(?P<first>[0-9]{12})-(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})\.jsonl")
_BLOCK: Final = 65_536


@dataclass(frozen=True, slots=True)
class Segment:
    """One file of the log: the number of its first entry and the day it was begun on stand in its name."""

    path: Path
    first: int
    date: str


def segments_of(folder: Path) -> list[Segment]:
    """Return the files of a log, in order."""
    found = ((path, _SEGMENT.fullmatch(path.name)) for path in folder.glob("*.jsonl"))
    listed = [Segment(path, int(name["first"]), name["date"]) for path, name in found if name]
    return sorted(listed, key=lambda each: (each.first, each.date))


class Log:
    """A log in files, and its end, where entries are written. Every error is Unavailable or StoreDamaged."""

    waits = False

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

    def noted_end(self) -> None:
        """Where a file ends stands nowhere else."""

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

    def entries(self) -> Iterator[Entry]:
        """Yield all entries that are as they were written; `verify` says what the others are."""
        for segment in segments_of(self.folder):
            with segment.path.open("rb") as file:
                for line in file:
                    if entry := entry_of(line.rstrip(b"\n")):
                        yield entry

    def pages(self) -> list[Page]:
        """Return the files as they are at one moment, to be read one after the other."""
        # A copy on a read-only volume has nobody who writes it.
        with locked(self.folder / "lock") if os.access(self.folder, os.W_OK) else nullcontext():
            listed = [(each, each.path.stat().st_size) for each in segments_of(self.folder)]
        return [
            Page(each.path.name, each.first, partial(_lines, each.path, size), is_file=True)
            for each, size in listed
        ]

    def first_since(self, day: str) -> Entry | None:
        """Return the first entry that stays where all files begun before a day go; None where none goes.

        None, too, where that entry is not as it was written: that is no place to begin at.
        """
        listed = segments_of(self.folder)
        gone = sum(1 for _ in takewhile(lambda date: date < day, _dates(listed)[:-1]))
        if not gone:
            return None
        with listed[gone].path.open("rb") as file:
            return entry_of(file.readline().rstrip(b"\n"))

    def drop(self, first: int) -> int:
        """Drop the files before the one that begins with an entry; return how many."""
        gone = [each for each in segments_of(self.folder) if each.first < first]
        for each in gone:
            each.path.unlink()
        return len(gone)

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
        line, written = line_of(self._n + 1, self._hash, facts, at=self._now())
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


def _dates(segments: list[Segment]) -> list[str]:
    """Return when each was begun; one that a clock ahead has put into the future, by the one after it."""
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    dates: list[str] = []
    for each in reversed(segments):
        dates.append(each.date if each.date <= today or not dates else dates[-1])
    return dates[::-1]


def _lines(path: Path, size: int) -> tuple[list[tuple[int, bytes]], bytes]:
    """Return the lines of a file by their numbers, and what stands behind the last whole one."""
    with path.open("rb") as file:
        lines = file.read(size).split(b"\n")
    torn = lines.pop()
    return list(enumerate(lines, start=1)), torn


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
