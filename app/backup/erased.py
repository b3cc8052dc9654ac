"""What was erased, kept beside the backups: no backup brings it back, however old it is.

Documents and people are known by salted hashes alone, each with the salt of the index or the ledger that made them.
What is noted is only ever added to, so that two who note at once lose nothing.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from app.backup.place import Place
from app.people.ledger import Book
from vectorstore.errors import StoreDamaged

_NOTED: Final = "erased"


@dataclass(slots=True)
class Erased:
    """Hashes of documents' ids by salt; when each person was erased, by hash, by salt."""

    documents: dict[str, set[str]] = field(default_factory=dict)
    people: dict[str, dict[str, datetime]] = field(default_factory=dict)

    def add(self, other: "Erased") -> None:
        """Take in what another one says too."""
        for salt, hashes in other.documents.items():
            self.documents.setdefault(salt, set()).update(hashes)
        for salt, persons in other.people.items():
            known = self.people.setdefault(salt, {})
            for stone, when in persons.items():
                known[stone] = max(when, known.get(stone, when))

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
        "documents": {salt: sorted(hashes) for salt, hashes in sorted(erased.documents.items()) if hashes},
        "people": {
            salt: {stone: when.isoformat() for stone, when in sorted(persons.items())}
            for salt, persons in sorted(erased.people.items())
        },
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
    for key in place.keys(_NOTED):
        content = place.read(key)
        if content is None:  # `tidy` was here
            continue
        if hashlib.sha256(content).hexdigest() not in key:
            raise StoreDamaged(
                f"{key!r} beside the backups is damaged: what was erased is not known.",
                "Put a copy of it back; without it nothing is restored.",
            )
        told = json.loads(content)
        people = {
            salt: {stone: datetime.fromisoformat(when) for stone, when in persons.items()}
            for salt, persons in told["people"].items()
        }
        found.add(Erased({salt: set(hashes) for salt, hashes in told["documents"].items()}, people))
    return found


def tidy(place: Place) -> None:
    """Make one note of many; nobody else writes meanwhile."""
    keys = place.keys(_NOTED)
    whole = note(place, noted(place))
    for key in keys:
        if key != whole:
            place.delete(key)
