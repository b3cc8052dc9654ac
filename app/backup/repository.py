"""A repository of backups: compressed blobs named by what they hold, and a manifest for each backup, written last.

    repository.json     the format
    blobs/ab/abcd…      zlib, named by the SHA-256 of what is in it: what is there already is not written again
    backups/ID.json     what a backup is made of, sealed
    erased/…            what was erased, as salted hashes: see `erased.py`

A backup is there when its manifest is; what a kill leaves are blobs that no manifest names, and `prune` takes them.
"""

import hashlib
import json
import re
import secrets
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from app import __version__
from app.backup.place import LARGEST, Place
from vectorstore.errors import BadInput, NotFound, StoreDamaged

FORMAT: Final = 1
"""Of repositories and manifests: raised when an older version would read them otherwise."""
PIECE: Final = 4 << 20
"""Bytes after which a blob is full."""
_REPOSITORY: Final = "repository.json"
_BACKUPS: Final = "backups"
_BLOBS: Final = "blobs"
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_FAST: Final = 3
"""zlib's level: half the text's size at several times the speed of the best."""


@dataclass(frozen=True, slots=True)
class Blob:
    """A piece: the SHA-256 and the bytes of what is in it, and how many rows that are."""

    digest: str
    size: int
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Manifest:
    """What one backup is made of.

    `tables` are blobs of rows by name, in the order in which they are put back; `facts` is what else has to be known,
    `settings` those that were set, secrets by their names alone.
    """

    id: str
    taken: str
    version: str
    engine: str
    tables: dict[str, list[Blob]]
    facts: dict[str, Any]  # Any: JSON
    settings: dict[str, str] = field(default_factory=dict)
    format: int = FORMAT

    def rows(self, table: str) -> int:
        """Return how many rows a table has."""
        return sum(blob.rows for blob in self.tables.get(table, ()))

    @property
    def moment(self) -> datetime:
        """When the index that it holds had changed for the last time."""
        return datetime.fromisoformat(self.facts.get("moment", "0001-01-01T00:00:00+00:00"))

    @property
    def size(self) -> int:
        """Return the bytes of all that it holds in rows, before they are compressed."""
        return sum(blob.size for blobs in self.tables.values() for blob in blobs)


class Repository:
    """One repository; `wrote` counts the blobs and bytes that this object has written."""

    def __init__(self, place: Place) -> None:
        """Open what is at a place, if anything is; raises BadInput for something else, and for a newer format."""
        self.place = place
        self.wrote, self.bytes = 0, 0
        self._there: set[str] | None = None
        told = place.read(_REPOSITORY)
        self.is_begun = told is not None
        if told is not None:
            _check_format(_json(told, place.name), place.name)

    def begin(self) -> None:
        """Make a repository where there is none; raises BadInput where something else is."""
        if self.is_begun:
            return
        others = [key for key in self.place.keys("") if key != "lock" and not key.startswith("running/")]
        # Somebody else may have begun it since it was opened.
        if others and self.place.read(_REPOSITORY) is None:
            raise BadInput(
                f"{self.place.name!r} holds something else than backups ({others[0]}).",
                "Name an empty place, or one that a backup has made.",
            )
        self.place.put(_REPOSITORY, json.dumps({"format": FORMAT, "what": "footnote backups"}).encode())
        self.is_begun = True

    def put(self, content: bytes, *, rows: int = 0) -> Blob:
        """Keep some bytes, unless they are kept already."""
        if self._there is None:
            self._there = {key.rpartition("/")[2] for key in self.place.keys(_BLOBS)}
        digest = hashlib.sha256(content).hexdigest()
        if digest not in self._there:
            packed = zlib.compress(content, _FAST)
            self.place.put(_key(digest), packed)
            self._there.add(digest)
            self.wrote, self.bytes = self.wrote + 1, self.bytes + len(packed)
        return Blob(digest, len(content), rows)

    def holds(self, digests: Sequence[str]) -> bool:
        """Say whether all of these are kept."""
        if self._there is None:
            self._there = {key.rpartition("/")[2] for key in self.place.keys(_BLOBS)}
        return self._there.issuperset(digests)

    def get(self, blob: Blob) -> bytes:
        """Return what was kept; raises StoreDamaged where it is gone or something else."""
        # A manifest may be somebody else's: neither a key that leads elsewhere nor more than memory holds.
        is_one = _DIGEST.fullmatch(blob.digest) and 0 <= blob.size <= LARGEST
        packed = self.place.read(_key(blob.digest)) if is_one else None
        if packed is not None:
            try:
                content = zlib.decompressobj().decompress(packed, blob.size + 1)
            except zlib.error:
                content = b""
            if hashlib.sha256(content).hexdigest() == blob.digest:
                return content
        how = "is missing" if packed is None else "is damaged"
        raise StoreDamaged(
            f"The piece {_key(blob.digest)} of the backup in {self.place.name!r} {how}.",
            "Use another backup: `footnote backups verify` names those that are not whole.",
        )

    def add(
        self, engine: str, tables: dict[str, list[Blob]], facts: dict[str, Any], settings: dict[str, str]
    ) -> Manifest:
        """Write the manifest of a backup, of which all blobs are there: from now on it is one."""
        now = datetime.now(UTC)
        name = f"{now:%Y%m%d-%H%M%S}-{now.microsecond // 1000:03d}{secrets.token_hex(2)}"
        made = Manifest(name, now.isoformat(timespec="seconds"), __version__, engine, tables, facts, settings)
        body = asdict(made)
        self.place.put(f"{_BACKUPS}/{name}.json", json.dumps({**body, "seal": _seal(body)}).encode())
        return made

    def ids(self) -> list[str]:
        """Return the ids of the backups, oldest first."""
        return [key.rpartition("/")[2].removesuffix(".json") for key in self.place.keys(_BACKUPS)]

    def manifest(self, name: str = "") -> Manifest:
        """Return a backup by its id, the beginning of one (a day), or the newest; raises NotFound, BadInput, StoreDamaged."""
        found = [each for each in self.ids() if each.startswith(name)]
        if not found:
            which = f"There is no backup {name!r} in" if name else "There is no backup in"
            raise NotFound(f"{which} {self.place.name!r}.", "`footnote backups ls` lists them.")
        told = self.place.read(f"{_BACKUPS}/{found[-1]}.json")
        if told is None:
            raise NotFound(f"The backup {found[-1]} was deleted a moment ago.", "Choose another one.")
        body = _json(told, f"{self.place.name}/{found[-1]}")
        _check_format(body, f"{self.place.name}/{found[-1]}")
        if body.pop("seal", "") != _seal(body):
            raise StoreDamaged(
                f"The manifest of the backup {found[-1]} is not as it was written.", "Use another backup."
            )
        tables = {table: [Blob(**each) for each in blobs] for table, blobs in body.pop("tables").items()}
        return Manifest(**body, tables=tables)

    def drop(self, names: Sequence[str], used: Mapping[str, set[str]]) -> int:
        """Drop backups, and all blobs that none of `used` (digests by backup) names; return how many blobs went."""
        for name in names:
            self.place.delete(f"{_BACKUPS}/{name}.json")
        kept = set().union(*(digests for name, digests in used.items() if name not in names))
        gone = [key for key in self.place.keys(_BLOBS) if key.rpartition("/")[2] not in kept]
        for key in gone:
            self.place.delete(key)
        self.place.sweep()
        return len(gone)


def _key(digest: str) -> str:
    return f"{_BLOBS}/{digest[:2]}/{digest}"


def _seal(body: Mapping[str, Any]) -> str:  # Any: JSON
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _json(content: bytes, where: str) -> dict[str, Any]:  # Any: JSON
    try:
        found = json.loads(content)
    except ValueError as error:
        raise StoreDamaged(f"{where!r} cannot be read as part of a backup.", "Use another backup.") from error
    if not isinstance(found, dict):
        raise StoreDamaged(f"{where!r} cannot be read as part of a backup.", "Use another backup.")
    return found


def _check_format(told: Mapping[str, Any], where: str) -> None:  # Any: JSON
    if told.get("format") != FORMAT:
        raise BadInput(
            f"{where!r} has the format {told.get('format')!r} of backups, and this version of Footnote knows {FORMAT}.",
            "Use the version of Footnote that wrote it, or a newer one.",
        )
