"""API keys, stored hashed. A key says whose documents its holder sees and what it may be used for."""

import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from hmac import compare_digest
from pathlib import Path
from typing import Any

from app.identity.grant import READING, RIGHTS, Grant, Right
from vectorstore.errors import BadInput, NotAllowed, NotFound, StoreDamaged
from vectorstore.types import DEFAULT_TENANT, Scope


@dataclass(frozen=True, slots=True)
class Key:
    """One key as it is stored: never the secret, only its SHA-256 (the secret has 256 random bits)."""

    id: str
    hash: str
    name: str
    tenant: str
    groups: tuple[str, ...]
    rights: tuple[Right, ...]
    created: str
    expires: str | None = None
    revoked: str | None = None

    def active(self, now: datetime) -> bool:
        """Say whether the key opens anything at `now`."""
        return self.revoked is None and (self.expires is None or datetime.fromisoformat(self.expires) > now)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made, with the secret, which is never shown again."""

    key: Key
    secret: str


class Keys:
    """The keys in one JSON file of mode 0600. Changes by other processes are seen at the next check.

    Once there were keys, losing their file closes the service: its lock file, which is never removed, remembers
    that they were made. Everything that reads them raises StoreDamaged then.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = path.with_suffix(".lock")
        self._read: tuple[tuple[int, int, int], dict[str, Key], bytes] | None = None

    def create(
        self,
        name: str,
        *,
        tenant: str = DEFAULT_TENANT,
        groups: Iterable[str] = (),
        rights: Iterable[Right] = READING,
        expires: datetime | None = None,
    ) -> NewKey:
        """Make a key; raises BadInput for an unknown right or an expiry without time zone."""
        chosen = tuple(rights)
        if not chosen or any(right not in RIGHTS for right in chosen):
            raise BadInput(f"Unknown right in {chosen!r}.", f"Choose from {', '.join(RIGHTS)}.")
        if expires is not None and expires.tzinfo is None:
            raise BadInput("The expiry has no time zone.", "Add one, for example +00:00.")
        identity = secrets.token_hex(4)
        secret = f"fn_{identity}_{secrets.token_urlsafe(32)}"
        key = Key(
            id=identity,
            hash=_digest(secret),
            name=name,
            tenant=tenant,
            groups=tuple(groups),
            rights=chosen,
            created=_now().isoformat(timespec="seconds"),
            expires=expires.isoformat(timespec="seconds") if expires else None,
        )
        with self._writing() as keys:
            keys[key.id] = key
        return NewKey(key, secret)

    def revoke(self, identity: str) -> Key:
        """Close a key for good; raises NotFound."""
        if identity not in self._load()[0]:
            raise NotFound(f"There is no key {identity!r}.", "`footnote keys ls` lists them.")
        with self._writing() as keys:
            found = keys[identity]
            if found.revoked is None:
                found = replace(found, revoked=_now().isoformat(timespec="seconds"))
                keys[identity] = found
        return found

    def all(self) -> list[Key]:
        """Return every key ever made, oldest first."""
        return list(self._load()[0].values())

    def exist(self) -> bool:
        """Say whether any key was ever made: from then on the service is closed to callers without one."""
        return bool(self._load()[0])

    def any_active(self) -> bool:
        """Say whether some key still opens the service."""
        now = _now()
        return any(key.active(now) for key in self._load()[0].values())

    def check(self, secret: str) -> Grant:
        """Return what a secret grants; raises NotAllowed for a wrong, revoked or expired one."""
        parts = secret.split("_", 2)
        key = self._load()[0].get(parts[1]) if len(parts) == 3 and parts[0] == "fn" else None
        # The comparison is made in any case, so that time does not tell known identities from unknown ones.
        matches = compare_digest(key.hash if key else "0" * 64, _digest(secret))
        if key is None or not matches or not key.active(_now()):
            raise NotAllowed("The API key is not valid.", "Check it, or ask for a new one.")
        return _grant(key)

    def grant_of(self, identity: str) -> Grant | None:
        """Return what the key with this id grants now, or None when it is gone, revoked or expired."""
        key = self._load()[0].get(identity)
        return _grant(key) if key and key.active(_now()) else None

    def signing_secret(self) -> bytes:
        """Return the secret that links are signed with; it exists once there is a key."""
        return self._load()[1]

    def _load(self) -> tuple[dict[str, Key], bytes]:
        if (found := self._stored()) is not None:
            return found
        if self._read is not None or os.path.lexists(self._lock):
            raise StoreDamaged(
                "The file of API keys is gone.",
                f"Restore {self._path.name} from a backup, or make a new key: footnote keys create. To do without "
                f"keys again, remove {self._lock.name} beside it and start the service anew.",
            )
        return {}, b""

    def _stored(self) -> tuple[dict[str, Key], bytes] | None:
        """Return what the file holds, or None where there is none; raises StoreDamaged."""
        try:
            stat = self._path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if self._read is None or self._read[0] != stamp:
                self._read = (stamp, *self._parsed())
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise StoreDamaged("The file of API keys cannot be read.", "Restore it from a backup.") from error
        return self._read[1], self._read[2]

    def _parsed(self) -> tuple[dict[str, Key], bytes]:
        stored = json.loads(self._path.read_text(encoding="utf-8"))
        keys = {item["id"]: _key(item) for item in stored["keys"]}
        signing = bytes.fromhex(stored["signing"])
        if not keys or len(signing) < 32:
            raise ValueError("no file of ours: keys are revoked, never removed")
        return keys, signing

    @contextmanager
    def _writing(self) -> Iterator[dict[str, Key]]:
        """Change the keys under a lock; a clean exit replaces the file at once."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self._lock, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            loaded, signing = self._stored() or ({}, b"")
            keys = dict(loaded)
            yield keys
            self._replace(keys, signing or secrets.token_bytes(32))
        finally:
            os.close(lock)

    def _replace(self, keys: dict[str, Key], signing: bytes) -> None:
        text = json.dumps(
            {"signing": signing.hex(), "keys": [asdict(key) for key in keys.values()]}, indent=1
        )
        temporary = self._path.with_suffix(".new")
        temporary.unlink(missing_ok=True)
        file = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(file, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(self._path)


def _grant(key: Key) -> Grant:
    return Grant(key.id, Scope(key.tenant, frozenset(key.groups)), frozenset(key.rights))


def _key(item: dict[str, Any]) -> Key:  # Any: parsed JSON of our own file, checked by the field names below
    # What files of earlier releases call it.
    rights = item.pop("scopes") if "scopes" in item else item["rights"]
    key = Key(**{**item, "groups": tuple(item["groups"]), "rights": tuple(rights)})
    key.active(_now())  # an expiry that is no date raises here, and not when somebody calls
    return key


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _now() -> datetime:
    return datetime.now(UTC)
