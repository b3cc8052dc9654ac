"""What must be known of people beyond their rows: who is held, what is to be erased, who was.

It lies in a file of its own (`people.json`, mode 0600), so that a copy of the records that is put back brings
neither an erased person nor a hold that was lifted back with it. Who is erased stands in it as a keyed hash.
"""

import contextlib
import fcntl
import hashlib
import hmac
import os
import secrets
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from vectorstore.errors import StoreDamaged

FILE: Final = "people.json"
_SERVING: Final = "serving.lock"
_MOST_CERTIFICATES: Final = 1_000


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold: `name` says in the operator's words whose, `by` who placed it."""

    name: str
    reason: str
    since: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be erased: a conversation, or with None all that is kept of its owner.

    It stands from before the first byte goes until none is left; `runs` and `rated` say what there was, `gone`
    since when it is deleted and only sought for.
    """

    owner: str
    conversation: str | None
    asked: datetime
    by: str
    runs: tuple[str, ...] = ()
    rated: int = 0
    gone: datetime | None = None


@dataclass(frozen=True, slots=True)
class Certificate:
    """That everything which was kept of somebody is gone. It names nobody: `person` is a keyed hash.

    `places` is where things were kept; so many files were searched for so many patterns, and none was found.
    `digest` is the SHA-256 of all else. Blocks that the file system freed without writing over them, and copies
    elsewhere, are out of reach.
    """

    person: str
    asked: datetime
    asked_by: str
    finished: datetime
    answers: int
    opinions: int
    places: tuple[str, ...]
    searched_files: int
    searched_patterns: int
    digest: str = ""

    def sealed(self) -> "Certificate":
        """Return it with its digest."""
        return replace(
            self, digest=hashlib.sha256(_CERTIFICATE.dump_json(replace(self, digest=""))).hexdigest()
        )

    def told(self) -> str:
        """Return it as JSON."""
        return _CERTIFICATE.dump_json(self, indent=2).decode()


@dataclass(slots=True)
class Book:
    """All of it. `holds` are by owner, `erased` says when, by the keyed hash of the owner."""

    salt: str = field(default_factory=lambda: secrets.token_hex(32))
    holds: dict[str, Hold] = field(default_factory=dict)
    wishes: list[Wish] = field(default_factory=list)
    erased: dict[str, datetime] = field(default_factory=dict)
    certificates: list[Certificate] = field(default_factory=list)

    def stone(self, owner: str) -> str:
        """Return the keyed hash by which an erased owner is known."""
        return hmac.digest(self.salt.encode(), owner.encode(), "sha256").hex()

    def due(self) -> list[Wish]:
        """Return what is to be erased and is not held."""
        return [wish for wish in self.wishes if wish.owner not in self.holds]

    def has(self, wish: Wish) -> Wish | None:
        """Return a wish of the same owner for the same thing, as it stands here."""
        wanted = (wish.owner, wish.conversation)
        return next((each for each in self.wishes if (each.owner, each.conversation) == wanted), None)

    def wish(self, wish: Wish) -> None:
        """Remember a wish, once."""
        if self.has(wish) is None:
            self.wishes.append(wish)

    def grant(self, wish: Wish, certificate: Certificate | None = None) -> None:
        """Strike a wish off, and what it covers; a certificate says that its owner is erased."""
        self.wishes = [
            each
            for each in self.wishes
            if each.owner != wish.owner or wish.conversation not in {None, each.conversation}
        ]
        if certificate is not None:
            self.erased[certificate.person] = wish.gone or certificate.finished
            self.certificates = [*self.certificates, certificate][-_MOST_CERTIFICATES:]


_BOOK: Final = TypeAdapter(Book)
_CERTIFICATE: Final = TypeAdapter(Certificate)


class Ledger:
    """The book in its file. Whoever erases holds it open meanwhile, so that no hold is placed too late."""

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / FILE
        self._new = self.path.with_suffix(".new")
        self._lock = self.path.with_suffix(".lock")

    @property
    def files(self) -> set[Path]:
        """Its file, and the one that is about to take its place."""
        return {self.path, self._new}

    def read(self) -> Book:
        """Return what stands in it; raises StoreDamaged."""
        try:
            return _BOOK.validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return Book()
        except ValidationError as error:
            raise StoreDamaged(
                f"{self.path.name} cannot be read: whom a legal hold protects is not known, and nothing is erased.",
                "Put a copy of the file back.",
            ) from error

    @contextlib.contextmanager
    def open(self) -> Generator[Book]:
        """Hold it for this process alone, and write down what was changed unless the block raises."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self._lock, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            book = self.read()
            before = _BOOK.dump_json(book)
            yield book
            if _BOOK.dump_json(book) != before:
                self._replace(_BOOK.dump_json(book, indent=1))
        finally:
            os.close(lock)

    def stamp(self) -> tuple[int, int]:
        """Return what changes with the file."""
        with contextlib.suppress(FileNotFoundError):
            found = self.path.stat()
            return found.st_mtime_ns, found.st_ino
        return 0, 0

    def _replace(self, text: bytes) -> None:
        self._new.unlink(missing_ok=True)
        file = os.open(self._new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(file, "wb") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        self._new.replace(self.path)


@contextlib.contextmanager
def serving(data_dir: Path) -> Generator[None]:
    """Say while the block runs that a service holds answers in its memory."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(data_dir / _SERVING, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield
    finally:
        os.close(lock)


def is_served(data_dir: Path) -> bool:
    """Say whether a service runs with this data folder."""
    try:
        lock = os.open(data_dir / _SERVING, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(lock)
