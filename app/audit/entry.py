"""What an entry of the log is, wherever the log lies: its line, and what a reader may ask of all of them.

A line is JSON whose last member is the SHA-256 of all bytes before it, so that what is verified is what was written
and not somebody's reading of it.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol, TypeAlias

START: Final = "0" * 64
"""What the first entry of all names as the hash before it."""
_HASH: Final = re.compile(rb',"hash":"(?P<hash>[0-9a-f]{64})"\}')
_HASH_LENGTH: Final = 75
Lines: TypeAlias = tuple[list[tuple[int, bytes]], bytes]
"""Lines by their numbers, and half a line that stands behind them."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as it stands in the log; `facts` is all of it but the hashes."""

    n: int
    previous: str
    hash: str
    facts: Mapping[str, Any]  # Any: JSON


@dataclass(frozen=True, slots=True)
class Page:
    """A piece of the log that is read at once: a file, which says in its name with which entry it begins, or rows."""

    name: str
    first: int
    read: Callable[[], Lines]
    is_file: bool


class Journal(Protocol):
    """A log: its end, where entries are written, and all of it. Errors are Unavailable and StoreDamaged."""

    @property
    def waits(self) -> bool:
        """Say whether writing waits for another machine: then nobody else is to wait with whoever writes."""

    def append(self, facts: Mapping[str, Any], *, sync: bool = False) -> int:  # Any: JSON
        """Write an entry and return its number; it stands where a kill of the process leaves it.

        With `sync` it stands on the disk, where a power cut leaves it. Raises Unavailable, and then it was not written.
        """

    def end(self) -> tuple[int, str]:
        """Return the number and the hash of the last entry, whoever wrote it; 0 where there is none."""

    def noted_end(self) -> tuple[int, str] | None:
        """Return number and hash of the last entry where they stand apart from it, None where they do not. Writes nothing."""

    def sync(self) -> None:
        """Have all entries so far on the disk."""

    def close(self) -> None:
        """Let go of what is held open."""

    def entries(self) -> Iterator[Entry]:
        """Yield all entries that are as they were written; `verify` says what the others are."""

    def pages(self) -> list[Page]:
        """Return all of it as it is at one moment, to be read piece after piece."""

    def first_since(self, day: str) -> Entry | None:
        """Return the first entry that stays where what is older than a day goes; None where nothing goes."""

    def drop(self, first: int) -> int:
        """Drop what is before an entry that `first_since` named; return how many pieces."""


def line_of(n: int, previous: str, facts: Mapping[str, Any], *, at: float) -> tuple[bytes, str]:  # Any: JSON
    """Return an entry as a line with its end, and its hash."""
    when = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    told = {"n": n, "at": when, **facts, "prev": previous}
    body = json.dumps(told, separators=(",", ":")).encode()[:-1]
    hashed = hashlib.sha256(body).hexdigest()
    return body + b',"hash":"' + hashed.encode() + b'"}\n', hashed


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
