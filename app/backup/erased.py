"""What was erased, kept beside the backups: no backup brings it back, however old it is.

Documents and people are known by salted hashes alone, each with the salt of the index or the ledger that made them, and
by the moment when they were erased at the latest: what somebody puts in again afterwards is theirs to keep. What is
noted is only ever added to, so that two who note at once lose nothing.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from app.backup.place import Place
from app.people.ledger import Book
from vectorstore.errors import StoreDamaged

ALWAYS: Final = datetime.max.replace(tzinfo=UTC)
"""When something was erased that is so today: later than every backup, whatever the clocks say."""
_NOTED: Final = "erased"


@dataclass(slots=True)
class Erased:
    """When each document and each person was erased, by hash, by salt."""

    documents: dict[str, dict[str, datetime]] = field(default_factory=dict)
    people: dict[str, dict[str, datetime]] = field(default_factory=dict)

    def add(self, other: "Erased") -> None:
        """Take in what another one says too."""
        for mine, theirs in ((self.documents, other.documents), (self.people, other.people)):
            for salt, stones in theirs.items():
                known = mine.setdefault(salt, {})
                for stone, when in stones.items():
                    known[stone] = max(when, known.get(stone, when))

    def documents_since(self, moment: datetime) -> dict[str, set[str]]:
        """Return the hashes of the documents that were erased then or later; an earlier one was put in again since."""
        return {
            salt: {stone for stone, when in stones.items() if when >= moment}
            for salt, stones in self.documents.items()
        }

    def person(self, owner: str) -> datetime | None:
        """Return when all of somebody was erased the last time; None: never."""
        found = (
            persons.get(hmac.digest(salt.encode(), owner.encode(), "sha256").hex())
            for salt, persons in self.people.items()
        )
        return max((when for when in found if when), default=None)

    def is_gone(self, owner: str, made: datetime) -> bool:
        """Say whether something that an owner had at a moment has been erased since. Nobody is erased under a hold."""
        when = self.person(owner)
        return when is not None and made <= when


def of_people(book: Book) -> Erased:
    """Return who was erased, as a ledger says it."""
    return Erased(people={book.salt: dict(book.erased)} if book.erased else {})


def note(place: Place, erased: Erased) -> str:
    """Keep it beside the backups and return its key; what is noted already is not written again."""
    told: dict[str, Any] = {
        what: {
            salt: {stone: when.isoformat() for stone, when in stones.items()}
            for salt, stones in known.items()
            if stones
        }
        for what, known in (("documents", erased.documents), ("people", erased.people))
    }
    if not told["documents"] and not told["people"]:
        return ""
    content = json.dumps(told, sort_keys=True).encode()
    key = f"{_NOTED}/{hashlib.sha256(content).hexdigest()}.json"
    if key not in place.keys(_NOTED):
        place.put(key, content)
    return key


def noted(place: Place) -> Erased:
    """Return all that was ever noted; raises StoreDamaged where a note is not as it was written."""
    found = Erased()
    for key, content in _notes(place).items():
        if hashlib.sha256(content).hexdigest() not in key:
            raise StoreDamaged(
                f"{key!r} beside the backups is damaged: what was erased is not known.",
                "Put a copy of it back; without it nothing is restored.",
            )
        told = json.loads(content)
        documents, people = (
            {
                salt: {stone: datetime.fromisoformat(when) for stone, when in stones.items()}
                for salt, stones in told[what].items()
            }
            for what in ("documents", "people")
        )
        found.add(Erased(documents, people))
    return found


def _notes(place: Place) -> dict[str, bytes]:
    while True:
        found = {key: place.read(key) for key in place.keys(_NOTED)}
        whole = {key: content for key, content in found.items() if content is not None}
        if len(whole) == len(found):
            return whole
        # `tidy` was here: what is gone stands in a note that was not listed yet.


def tidy(place: Place) -> None:
    """Make one note of many; nobody else writes meanwhile."""
    keys = place.keys(_NOTED)
    whole = note(place, noted(place))
    for key in keys:
        if key != whole:
            place.delete(key)
