"""What must be known of people beyond their rows: who is held, what is to be erased, who was.

It is kept apart (`people.json`, mode 0600, or a cell of the database), so that a copy of the records that is put
back brings neither an erased person nor a hold that was lifted back with it. Who is erased stands in it as a keyed
hash.
"""

import contextlib
import hashlib
import hmac
import secrets
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from vectorstore.errors import StoreDamaged
from vectorstore.state.cell import State
from vectorstore.state.files import FileCell, state_of

_NAME: Final = "people.json"
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
    not_searched: tuple[str, ...] = ()
    """What could not be searched, or written anew, a sentence each: what a database's server keeps copies in."""
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
    """The book where it is kept. Whoever erases holds it open meanwhile, so that no hold is placed too late."""

    def __init__(self, place: State | Path) -> None:
        self._cell = state_of(place).cell(_NAME)

    @property
    def files(self) -> set[Path]:
        """Its file, and the one that is about to take its place; none in a database."""
        return {self._cell.path, self._cell.new} if isinstance(self._cell, FileCell) else set()

    def read(self) -> Book:
        """Return what stands in it; raises StoreDamaged."""
        return self._book(self._cell.read())

    @contextlib.contextmanager
    def open(self) -> Generator[Book]:
        """Hold it for this process alone, and write down what was changed unless the block raises."""
        with self._cell.changing() as change:
            book = self._book(change.content)
            before = _BOOK.dump_json(book)
            yield book
            if _BOOK.dump_json(book) != before:
                change.content = _BOOK.dump_json(book, indent=1)

    def stamp(self) -> object:
        """Return what changes with it."""
        return self._cell.stamp()

    def _book(self, content: bytes | None) -> Book:
        if content is None:
            return Book()
        try:
            return _BOOK.validate_json(content)
        except ValidationError as error:
            raise StoreDamaged(
                f"{self._cell.name} cannot be read: whom a legal hold protects is not known, and nothing is erased.",
                "Put a copy of it back.",
            ) from error
