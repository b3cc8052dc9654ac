"""Who stands behind a pseudonym of the audit log, and what they asked where that is kept: apart from the chain.

The log holds `HMAC(key of the person, person)`. Each person has a folder, or a row, with that key, the name, and where
contents are kept those beside it. Without them the pseudonym names nobody and nobody can compute it again, while the
chain, which holds a salted hash of contents at most, still verifies.
"""

import fcntl
import hashlib
import hmac
import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

from vectorstore.errors import StoreDamaged, Unavailable
from vectorstore.state.files import private

_KEY: Final = "key.json"
_CONTENTS: Final = "contents-"
_DAY: Final = 86_400.0


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock that counts between processes and between threads; the file stays."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def written() -> Iterator[None]:
    """Say in our words that the disk does not take what has to be written; raises Unavailable."""
    try:
        yield
    except OSError as error:
        raise Unavailable(
            f"The audit log cannot be written ({error.strerror}), and without it nothing is answered.",
            "Make room and see that its folder can be written, or set FOOTNOTE_AUDIT=off.",
        ) from error


class Pseudonyms(Protocol):
    """The people of one audit log. Nothing is remembered in the process: what is forgotten is gone."""

    def of(self, person: str, name: str = "") -> str:
        """Return a person's pseudonym, made at first sight with the name that `names` will give."""

    def known(self, person: str) -> str:
        """Return a person's pseudonym; empty when there is none, or none any more."""

    def names(self) -> dict[str, str]:
        """Return the name behind each pseudonym that still has one; a person without a name goes by its id."""

    def made(self) -> dict[str, float]:
        """Return when the key of each person was made, in seconds since 1970."""

    def keep(self, person: str, contents: Mapping[str, Any]) -> str:  # Any: JSON
        """Keep what somebody asked and was answered; return the salted hash by which the chain holds it."""

    def contents(self) -> dict[str, dict[str, Any]]:  # Any: JSON
        """Return all contents that are kept, by the hash that the chain holds; what was changed is not among them."""

    def forget(self, person: str) -> bool:
        """Destroy a person's key, name and contents; say whether there was anything. After a kill, do it again."""

    def sweep(self, days: int) -> None:
        """Drop contents, and people not met, of more than so many days ago."""


class FolderPseudonyms:
    """The people of one audit log, in its folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "people"

    def of(self, person: str, name: str = "") -> str:
        """Return a person's pseudonym, made at first sight with the name that `names` will give."""
        place = self._place(person)
        with written():
            try:
                return pseudonym_of(_read(place))
            except FileNotFoundError:
                private(place)
                with locked(self._folder / "lock"):
                    return pseudonym_of(_made(place, person, name))

    def known(self, person: str) -> str:
        """Return a person's pseudonym; empty when there is none, or none any more."""
        try:
            return pseudonym_of(_read(self._place(person)))
        except FileNotFoundError:
            return ""

    def names(self) -> dict[str, str]:
        """Return the name behind each pseudonym that still has one; a person without a name goes by its id."""
        found = (_read(path.parent) for path in sorted(self._folder.glob(f"*/*/{_KEY}")))
        return {pseudonym_of(each): each["name"] or each["person"] for each in found}

    def made(self) -> dict[str, float]:
        """Return when the key of each person was made, in seconds since 1970."""
        found = (_read(path.parent) for path in sorted(self._folder.glob(f"*/*/{_KEY}")))
        return {each["person"]: float(each["made"]) for each in found}

    def keep(self, person: str, contents: Mapping[str, Any]) -> str:  # Any: JSON
        """Keep what somebody asked and was answered; return the salted hash by which the chain holds it."""
        line = salted_contents(contents)
        place = self._place(person)
        with written():
            private(place)
            path = place / f"{_CONTENTS}{time.strftime('%Y-%m-%d', time.gmtime())}.jsonl"
            descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "ab", buffering=0) as file:
                file.write(json.dumps(line).encode() + b"\n")
        return line["hash"]

    def contents(self) -> dict[str, dict[str, Any]]:  # Any: JSON
        """Return all contents that are kept, by the hash that the chain holds; what was changed is not among them."""
        found = {}
        for path in sorted(self._folder.glob(f"*/*/{_CONTENTS}*.jsonl")):
            for line in path.read_bytes().splitlines():
                try:
                    kept = json.loads(line)
                    if salted(kept["salt"], kept["text"]) == kept["hash"]:
                        found[kept["hash"]] = json.loads(kept["text"])
                except (ValueError, KeyError, TypeError):
                    continue  # half a line, after a kill: no entry of the chain holds it
        return found

    def forget(self, person: str) -> bool:
        """Destroy a person's key, name and contents; say whether there was anything. After a kill, do it again."""
        place = self._place(person)
        if not place.is_dir():
            return False
        with locked(self._folder / "lock"):
            _remove(place)
        return True

    def sweep(self, days: int) -> None:
        """Drop contents, and people not met, of more than so many days ago."""
        oldest = time.time() - days * _DAY
        with locked(self._folder / "lock") if self._folder.is_dir() else _nothing():
            for place in self._folder.glob("*/*/"):
                for path in place.glob(f"{_CONTENTS}*"):
                    if path.stat().st_mtime < oldest:
                        path.unlink()
                # A key is touched when it is used, a day apart at most: none of its pseudonyms is in the log any more.
                if all(path.stat().st_mtime < oldest - _DAY for path in place.iterdir()):
                    _remove(place)

    def _place(self, person: str) -> Path:
        name = place_of(person)
        return self._folder / name[:2] / name


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def _read(place: Path) -> dict[str, str]:
    path = place / _KEY
    try:
        known: dict[str, str] = json.loads(path.read_bytes())
    except ValueError as error:
        raise StoreDamaged(
            "The key of a person in the audit log cannot be read.",
            f"Remove {path.parent}: the person gets a new one, and earlier entries name nobody.",
        ) from error
    if time.time() - path.stat().st_mtime > _DAY:
        os.utime(path)
    return known


def _remove(place: Path) -> None:
    """Leave nothing of a person; the key last, so that what a kill leaves is found by it."""
    for path in sorted(place.iterdir(), key=lambda path: path.name == _KEY):
        path.unlink()
    place.rmdir()


def _made(place: Path, person: str, name: str) -> dict[str, str]:
    """Make a person's key, under the lock; whoever was first made it for all."""
    try:
        return _read(place)
    except FileNotFoundError:
        known = new_person(person, name)
        private(place)
        descriptor = os.open(place / "new", os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            json.dump(known, file)
            file.flush()
            os.fsync(file.fileno())
        (place / "new").rename(place / _KEY)
        return known


def place_of(person: str) -> str:
    """Return under which name a person's key is kept."""
    return hashlib.sha256(person.encode("utf-8", "surrogatepass")).hexdigest()[:40]


def new_person(person: str, name: str) -> dict[str, str]:
    """Return what is kept of a person met for the first time."""
    return {"person": person, "name": name, "key": secrets.token_hex(32), "made": f"{time.time():.3f}"}


def pseudonym_of(known: Mapping[str, str]) -> str:
    """Return the pseudonym of a person of whom the key is kept."""
    person = known["person"].encode("utf-8", "surrogatepass")
    return "p_" + hmac.new(bytes.fromhex(known["key"]), person, hashlib.sha256).hexdigest()[:24]


def salted_contents(contents: Mapping[str, Any]) -> dict[str, str]:  # Any: JSON
    """Return contents as they are kept: the text, a salt, and the hash of both."""
    salt = secrets.token_hex(16)
    text = json.dumps(contents, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return {"hash": salted(salt, text), "salt": salt, "text": text}


def salted(salt: str, text: str) -> str:
    """Return the hash by which the chain holds a text."""
    return hashlib.sha256(f"{salt}\0{text}".encode("utf-8", "surrogatepass")).hexdigest()
