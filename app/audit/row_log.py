"""The log in rows of the database of the index: the same lines in one chain, whoever of many replicas writes.

One row holds the number and the hash of the last entry. Whoever writes locks it, writes what all threads of the process
have to say after it, and lets go when that is committed: an entry is on the disk before anybody sees what it is about.
Nobody changes a row; `verify` finds who does.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from app.audit.entry import START, Entry, Lines, Page, entry_of, line_of
from vectorstore.errors import FootnoteError, StoreDamaged, Unavailable
from vectorstore.index.postgresql.database import PostgreSQL

TABLE: Final = "audit"
END: Final = "audit_end"
_PAGE: Final = 50_000
"""Entries that are read at once."""
_AT_ONCE: Final = 500
"""Entries that are written in one transaction, at most, and read at once where few are wanted."""


@dataclass(slots=True)
class _Told:
    """What a thread has to say, and what became of it."""

    facts: Mapping[str, Any]  # Any: JSON
    n: int = 0
    error: FootnoteError | None = None


class RowLog:
    """The end of the log in a database, and all of it. Every error is Unavailable or StoreDamaged."""

    waits = True

    def __init__(self, database: PostgreSQL, *, now: Callable[[], float] = time.time) -> None:
        self._database = database
        self._now = now
        self._telling = threading.Lock()
        self._mutex = threading.Lock()
        self._waiting: list[_Told] = []

    def append(self, facts: Mapping[str, Any], *, sync: bool = False) -> int:  # Any: JSON
        """Write an entry and return its number; it is committed, whether it is to be or not.

        Whoever comes first writes for all that wait meanwhile, in one transaction.
        """
        del sync
        told = _Told(facts)
        with self._mutex:
            self._waiting.append(told)
        with self._telling:
            while not (told.n or told.error):
                self._tell()
        if told.error:
            raise told.error
        return told.n

    def end(self) -> tuple[int, str]:
        """Return the number and the hash of the last entry, whoever wrote it; 0 where there is none."""
        return self.noted_end() or (0, START)

    def noted_end(self) -> tuple[int, str] | None:
        """Return what the log says of its end."""
        with self._database.connection() as connection:
            found = connection.one("SELECT n, hash FROM audit_end")
        return (int(found[0]), str(found[1])) if found else None

    def sync(self) -> None:
        """Nothing waits for the disk: what was committed is on it."""

    def close(self) -> None:
        """Nothing is held open: the connections are the database's."""

    def entries(self) -> Iterator[Entry]:
        """Yield all entries that are as they were written; `verify` says what the others are."""
        for page in self.pages():
            for _, line in page.read()[0]:
                if entry := entry_of(line):
                    yield entry

    def pages(self) -> list[Page]:
        """Return the rows as they are at one moment, to be read piece after piece."""
        first, last = self._bounds()
        return [
            Page(TABLE, start, partial(self._read, start, min(start + _PAGE - 1, last)), is_file=False)
            for start in range(first, last + 1, _PAGE)
        ]

    def first_since(self, day: str) -> Entry | None:
        """Return the first entry that stays where what is older than a day goes; None where nothing goes.

        Read in order, as far as something goes: what is young stays, whatever clock wrote something older behind it.
        One of a day to come, which a clock ahead has written, counts as what stands behind it.
        """
        today = f"{datetime.fromtimestamp(self._now(), UTC):%Y-%m-%d}"
        gone: Entry | None = None
        stays: Entry | None = None
        for entry in self._in_order():
            if entry is None:
                # Not as it was written: no place to begin at, and it stays where nothing older stands behind it.
                stays = stays or gone
            elif (date := str(entry.facts["at"])[:10]) < day:
                gone, stays = entry, None
            else:
                stays = stays or entry
                if date <= today:
                    break
        # The last of all stays: the next is written behind it.
        found = stays or gone
        return found if gone and found and found.n > self._bounds()[0] else None

    def drop(self, first: int) -> int:
        """Drop the rows before an entry; return how many."""
        with self._database.connection() as connection, connection.transaction("UNLOCKED"):
            return connection.run("DELETE FROM audit WHERE n < ?", [first])

    def _tell(self) -> None:
        """Write what waits, in one transaction: all of it or nothing."""
        with self._mutex:
            batch, self._waiting = self._waiting[:_AT_ONCE], self._waiting[_AT_ONCE:]
        try:
            numbers = self._written([each.facts for each in batch])
        except FootnoteError as error:
            for each in batch:
                each.error = _unwritten(error)
            return
        for each, n in zip(batch, numbers, strict=True):
            each.n = n

    def _written(self, told: list[Mapping[str, Any]]) -> list[int]:  # Any: JSON
        with self._database.connection() as connection, connection.transaction("UNLOCKED"):
            found = connection.one("SELECT n, hash FROM audit_end FOR UPDATE")
            if found is None:
                raise StoreDamaged(
                    "The end of the audit log is gone from the database.",
                    "Restore table audit_end from a backup.",
                )
            n, end = int(found[0]), str(found[1])
            numbers = range(n + 1, n + 1 + len(told))
            rows = []
            for number, facts in zip(numbers, told, strict=True):
                line, end = line_of(number, end, facts, at=self._now())
                rows.append((number, line[:-1].decode("ascii")))
            connection.run_many("INSERT INTO audit (n, line) VALUES (?, ?)", rows)
            connection.run("UPDATE audit_end SET n = ?, hash = ?", [numbers[-1], end])
        return list(numbers)

    def _in_order(self) -> Iterator[Entry | None]:
        """Yield all entries, a few at a time; None for one that is not as it was written."""
        first, last = self._bounds()
        for start in range(first, last + 1, _AT_ONCE):
            for _, line in self._read(start, min(start + _AT_ONCE - 1, last))[0]:
                yield entry_of(line)

    def _bounds(self) -> tuple[int, int]:
        """Return the numbers of the first and the last row; of none, two that nothing lies between."""
        with self._database.connection() as connection:
            found = connection.one("SELECT min(n), max(n) FROM audit")
        return (int(found[0]), int(found[1])) if found and found[0] is not None else (1, 0)

    def _read(self, first: int, last: int) -> Lines:
        with self._database.connection() as connection:
            found = connection.rows(
                "SELECT n, line FROM audit WHERE n BETWEEN ? AND ? ORDER BY n", [first, last]
            )
        return [(int(n), str(line).encode()) for n, line in found], b""


def _unwritten(error: FootnoteError) -> FootnoteError:
    if isinstance(error, StoreDamaged):
        return error
    return Unavailable(
        "The audit log cannot be written to the database, and without it nothing is answered.",
        "See that the database is there, or set FOOTNOTE_AUDIT=off.",
    )
