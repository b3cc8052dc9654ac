"""API keys, stored hashed. A key says whose documents its holder sees and what it may be used for."""

import hashlib
import json
import re
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from hmac import compare_digest
from math import inf
from pathlib import Path
from typing import Any, Final

from app.identity.grant import READING, RIGHTS, RIGHTS_OF, Grant, Kind, Right, name_of, names_of
from vectorstore.errors import BadInput, NotAllowed, NotFound, StoreDamaged
from vectorstore.state.cell import Cell
from vectorstore.state.files import FileCell
from vectorstore.types import DEFAULT_TENANT, Scope

_NO_DIGEST: Final = "0" * 64
_HOST: Final = r"(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])"
_ORIGIN: Final = re.compile(rf"(?P<scheme>https?)://(?P<host>{_HOST})(?::(?P<port>[0-9]{{1,5}}))?")
_LOOPBACK: Final = re.compile(r"localhost|127\.[0-9.]+|\[::1\]")
_MOST_GROUPS: Final = 2_000
"""Groups of one key: of a server's, all that its users may have."""
_NOTED_SECONDS: Final = 60.0
"""How often at most the use of one key is written down."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key as it is stored: never the secret, only its SHA-256 (the secret has 256 random bits).

    `kind` is None for a key whose rights were chosen one by one. `earlier` is the hash of the secret before the
    last rotation, which opens the key too until `earlier_until`.
    """

    id: str
    hash: str
    name: str
    tenant: str
    groups: tuple[str, ...]
    rights: tuple[Right, ...]
    created: str
    expires: str | None = None
    revoked: str | None = None
    kind: Kind | None = None
    origins: tuple[str, ...] = ()
    earlier: str | None = None
    earlier_until: str | None = None

    def active(self, now: datetime) -> bool:
        """Say whether the key opens anything at `now`."""
        return self.revoked is None and _lies_ahead(self.expires, now)

    def opened_by(self, digest: str, now: datetime) -> bool:
        """Say whether a secret with this hash opens the key at `now`."""
        is_live = self.earlier_until is not None and _lies_ahead(self.earlier_until, now)
        earlier = self.earlier if self.earlier and is_live else _NO_DIGEST
        # Both are compared in any case, so that time does not tell one from the other.
        return any([compare_digest(self.hash, digest), compare_digest(earlier, digest)])


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made, with the secret, which is never shown again."""

    key: Key
    secret: str


class Keys:
    """The keys as one small thing: a JSON file of mode 0600, or a cell of the database.

    Changes by other processes are seen at the next check, by other replicas within a second. Once there were keys,
    losing their file closes the service: its lock file, which is never removed, remembers that they were made.
    Everything that reads them raises StoreDamaged then, and Unavailable while the database is away.
    """

    def __init__(self, place: Cell | Path) -> None:
        """Take the cell that they are in, or the file."""
        self._cell: Cell = FileCell(place) if isinstance(place, Path) else place
        self._read: tuple[object, dict[str, Key], bytes] | None = None
        self._is_there = False
        self._links = b""
        self._asked = -inf
        self._noted: dict[str, float] = {}

    def create(
        self,
        name: str,
        *,
        tenant: str = DEFAULT_TENANT,
        groups: Iterable[str] = (),
        rights: Iterable[Right] | None = None,
        expires: datetime | None = None,
        kind: Kind | None = None,
        origins: Iterable[str] = (),
    ) -> NewKey:
        """Make a key, with the rights of its kind or with those named, else to read.

        Raises BadInput for an unknown right, rights beside a kind, an expiry without time zone, names that are none,
        and origins that are none, are missing at a page's key or stand at another.
        """
        identity = secrets.token_hex(4)
        secret = _new_secret(identity)
        if expires is not None and expires.tzinfo is None:
            raise BadInput("The expiry has no time zone.", "Add one, for example +00:00.")
        key = Key(
            id=identity,
            hash=_digest(secret),
            name=name_of(name),
            tenant=name_of(tenant),
            groups=tuple(sorted(names_of(groups, most=_MOST_GROUPS))),
            rights=_rights(kind, rights),
            created=_now().isoformat(timespec="seconds"),
            expires=expires.isoformat(timespec="seconds") if expires else None,
            kind=kind,
            origins=_origins(kind, origins),
        )
        with self._writing() as keys:
            keys[key.id] = key
        return NewKey(key, secret)

    def rotate(self, identity: str, *, grace: timedelta) -> NewKey:
        """Give a key a new secret; the one until now opens it for `grace` more, and one before that no more.

        Raises NotFound, and BadInput for a key that is revoked or expired.
        """
        self._known(identity)
        secret = _new_secret(identity)
        with self._writing() as keys:
            found, now = keys[identity], _now()
            if not found.active(now):
                raise BadInput(f"The key {identity!r} is closed.", "Make a new one: footnote keys create.")
            until = (now + grace).isoformat(timespec="seconds")
            found = replace(found, hash=_digest(secret), earlier=found.hash, earlier_until=until)
            keys[identity] = found
        return NewKey(found, secret)

    def revoke(self, identity: str) -> Key:
        """Close a key for good; raises NotFound."""
        self._known(identity)
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
        now, digest = _now(), _digest(secret)
        matches = (key or _NO_KEY).opened_by(digest, now)
        if key is None or not matches or not key.active(now):
            raise NotAllowed("The API key is not valid.", "Check it, or ask for a new one.")
        return _grant(key)

    def grant_of(self, identity: str) -> Grant | None:
        """Return what the key with this id grants now, or None when it is gone, revoked or expired."""
        key = self._load()[0].get(identity)
        return _grant(key) if key and key.active(_now()) else None

    def page_origins(self) -> frozenset[str]:
        """Return the origins of the pages whose keys are open."""
        now = _now()
        return frozenset(
            origin
            for key in self._load()[0].values()
            if key.origins and key.active(now)
            for origin in key.origins
        )

    def note_use(self, identity: str) -> bool:
        """Say whether the use of a key is to be written down now, by `write_use`: once a minute at most."""
        now = time.monotonic()
        if now - self._noted.get(identity, -_NOTED_SECONDS) < _NOTED_SECONDS:
            return False
        self._noted[identity] = now
        return True

    def write_use(self, identity: str) -> None:
        """Write down that a key is used, whoever else does."""
        self._cell.note_use(identity)

    def last_use(self, identity: str) -> datetime | None:
        """Return when a key was last used, to the minute; None: never, as far as is known."""
        return self._cell.last_use(identity)

    def signing_secret(self) -> bytes:
        """Return the secret that links and tokens are signed with; where there are no keys, one of its own."""
        return self._load()[1] or self._secret_without_keys()

    @property
    def is_fresh(self) -> bool:
        """Say whether a check needs no look at what is kept, or a look costs nothing."""
        return time.monotonic() - self._asked < self._cell.trusted_for or not self._cell.trusted_for

    def refresh(self) -> None:
        """Look at what is kept, for checks that must not wait for it; raises StoreDamaged and Unavailable."""
        self._load()

    def _secret_without_keys(self) -> bytes:
        if not (self._links and self._cell.trusted_for):
            cell = self._cell.beside("keys.links")
            made = cell.read()
            if made is None:
                with cell.changing() as change:  # another process may be first
                    made = change.content = change.content or secrets.token_hex(32).encode("ascii")
            self._links = bytes.fromhex(made.decode("ascii"))
        return self._links

    def _known(self, identity: str) -> None:
        if identity not in self._load()[0]:
            raise NotFound(f"There is no key {identity!r}.", "`footnote keys ls` lists them.")

    def _load(self) -> tuple[dict[str, Key], bytes]:
        if (found := self._stored()) is not None:
            return found
        mark = self._cell.mark
        if self._read is not None or mark is not None:
            again = (
                f" To do without keys again, remove {mark.name} beside it and start the service anew."
                if mark
                else ""
            )
            raise StoreDamaged(
                "The API keys are gone.",
                f"Restore {self._cell.name} from a backup, or make a new key: footnote keys create.{again}",
            )
        return {}, b""

    def _stored(self) -> tuple[dict[str, Key], bytes] | None:
        """Return what is kept, or None where there is nothing; raises StoreDamaged and Unavailable."""
        if not (self._cell.trusted_for and self.is_fresh):
            asked = time.monotonic()
            try:
                self._look()
            except OSError as error:
                raise _unreadable() from error
            self._asked = asked
        return (self._read[1], self._read[2]) if self._read is not None and self._is_there else None

    def _look(self) -> None:
        stamp = self._cell.stamp()
        if stamp is not None and (self._read is None or self._read[0] != stamp):
            content = self._cell.read()
            if content is None:  # it went meanwhile
                stamp = None
            else:
                self._read = (stamp, *_parsed(content))
        self._is_there = stamp is not None

    @contextmanager
    def _writing(self) -> Iterator[dict[str, Key]]:
        """Change the keys under a lock; a clean exit replaces them at once."""
        with self._cell.changing() as change:
            loaded, signing = ({}, b"") if change.content is None else _parsed(change.content)
            keys = dict(loaded)
            yield keys
            told = {
                "signing": (signing or secrets.token_bytes(32)).hex(),
                "keys": [asdict(key) for key in keys.values()],
            }
            change.content = json.dumps(told, indent=1).encode()
        self._asked = -inf


def _parsed(content: bytes) -> tuple[dict[str, Key], bytes]:
    try:
        stored = json.loads(content)
        keys = {item["id"]: _key(item) for item in stored["keys"]}
        signing = bytes.fromhex(stored["signing"])
        if not keys or len(keys) < len(stored["keys"]) or len(signing) < 32:
            raise ValueError("no keys of ours: they are revoked, never removed, and each stands there once")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _unreadable() from error
    return keys, signing


def _unreadable() -> StoreDamaged:
    return StoreDamaged("The API keys cannot be read.", "Restore them from a backup.")


def _grant(key: Key) -> Grant:
    return Grant(
        key.id,
        # Who may ask as anybody sees what anybody sees.
        Scope(key.tenant, frozenset(key.groups), unrestricted="operate" in key.rights),
        frozenset(key.rights),
        origins=frozenset(key.origins),
        expires=datetime.fromisoformat(key.expires).timestamp() if key.expires else None,
    )


def _key(item: dict[str, Any]) -> Key:  # Any: parsed JSON of our own file, checked by the field names below
    # What files of earlier releases call it.
    rights = item.pop("scopes") if "scopes" in item else item["rights"]
    lists = {"groups": tuple(item["groups"]), "origins": tuple(item.get("origins", ()))}
    if not all(isinstance(each, list) for each in (rights, item["groups"], item.get("origins", []))):
        raise TypeError("a text would be read as its letters")
    key = Key(**{**item, **lists, "rights": tuple(rights)})
    names = (key.id, key.hash, key.name, key.tenant, *key.groups, *key.origins)
    if not all(isinstance(each, str) for each in names) or not set(key.rights) <= set(RIGHTS):
        raise TypeError("names are texts, and rights are those that there are")
    # What is no date or no kind raises here, and not when somebody calls.
    key.opened_by(_NO_DIGEST, _now())
    key.active(_now())
    if key.kind is not None and (key.kind not in RIGHTS_OF or (key.kind == "page") != bool(key.origins)):
        raise ValueError("a kind of key that this release does not know")
    return key


def _rights(kind: Kind | None, rights: Iterable[Right] | None) -> tuple[Right, ...]:
    if kind is not None:
        if kind not in RIGHTS_OF:
            raise BadInput(f"There is no kind {kind!r} of key.", f"Choose from {', '.join(RIGHTS_OF)}.")
        if rights is not None:
            raise BadInput("A kind of key has its rights.", "Name a kind or rights, not both.")
        return RIGHTS_OF[kind]
    chosen = READING if rights is None else tuple(rights)
    if not chosen or any(right not in RIGHTS for right in chosen):
        raise BadInput(f"Unknown right in {chosen!r}.", f"Choose from {', '.join(RIGHTS)}.")
    return chosen


def _origins(kind: Kind | None, origins: Iterable[str]) -> tuple[str, ...]:
    checked = tuple(dict.fromkeys(map(_origin, origins)))
    if kind == "page" and not checked:
        raise BadInput(
            "A page's key needs the page's origin.",
            "Add --origin https://www.example.org, for each that has it.",
        )
    if kind != "page" and checked:
        raise BadInput("Only a page's key has origins.", "Make it with --kind page.")
    return checked


def _origin(given: str) -> str:
    """Return an origin as browsers send it."""
    found = _ORIGIN.fullmatch(given.lower())
    port = int(found["port"]) if found and found["port"] else None
    if found is None or (port is not None and not 0 < port <= 65_535):
        raise BadInput(
            f"{given[:200]!r} is no origin.",
            "Write scheme and host as browsers send them, and no path: https://www.example.org",
        )
    if found["scheme"] == "http" and not _LOOPBACK.fullmatch(found["host"]):
        raise BadInput(
            f"{given[:200]!r} is not encrypted, and anybody on the way could take its place.",
            "Use https; http is for this machine alone (http://localhost:3000).",
        )
    is_usual = port in {None, {"https": 443, "http": 80}[found["scheme"]]}
    return f"{found['scheme']}://{found['host']}" + ("" if is_usual else f":{port}")


def _lies_ahead(moment: str | None, now: datetime) -> bool:
    return moment is None or datetime.fromisoformat(moment) > now


def _new_secret(identity: str) -> str:
    return f"fn_{identity}_{secrets.token_urlsafe(32)}"


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _now() -> datetime:
    return datetime.now(UTC)


_NO_KEY: Final = Key("", _NO_DIGEST, "", "", (), (), "", revoked="always")
