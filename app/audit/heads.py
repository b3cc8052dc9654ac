"""Signed heads: that the log had reached an entry, and its hash.

What a log's own place cannot prove, a head kept elsewhere does: that nobody has cut its end off or written it anew.
The key is made at first use and lies beside the log; its public half goes with each head. An anchor is a head that
says where the log begins since what was older was dropped.
"""

import json
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from app.audit.entry import Journal
from vectorstore.errors import StoreDamaged
from vectorstore.state.cell import Cell, Change, State
from vectorstore.state.files import state_of

Kind: TypeAlias = Literal["head", "anchor"]
HEADS: Final = "heads.txt"
ANCHOR: Final = "anchor.txt"
_KEY: Final = "key.pem"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Head:
    """What is signed: that entry `n` of the log has this hash. `key` is the public key, as hexadecimal digits."""

    kind: Kind
    n: int
    hash: str
    at: str
    key: str
    signature: str = ""

    @property
    def signed(self) -> bytes:
        """What the signature is of."""
        told = {name: value for name, value in asdict(self).items() if name != "signature"}
        return json.dumps(told, sort_keys=True, separators=(",", ":")).encode()

    @property
    def is_sound(self) -> bool:
        """Say whether the signature is that of the key."""
        try:
            key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.key))
            key.verify(bytes.fromhex(self.signature), self.signed)
        except (InvalidSignature, ValueError):
            return False
        return True


def heads_in(cell: Cell) -> Iterator[tuple[int, Head | None]]:
    """Yield number and head of each line of a cell; None for one that is not as it was signed."""
    lines = (cell.read() or b"").split(b"\n")
    for number, line in enumerate(lines, start=1):
        if not line and number == len(lines):
            return
        yield number, _head_of(line)


def _head_of(line: bytes) -> Head | None:
    try:
        found = Head(**json.loads(line))
        return found if found.is_sound and line == _line(found) else None
    except (ValueError, TypeError):
        return None


def _line(head: Head) -> bytes:
    return json.dumps(asdict(head), separators=(",", ":")).encode()


class Signer:
    """Signs the end of one log, beside it and, where the operator names a file elsewhere, into that too."""

    def __init__(self, place: State | Path, *, elsewhere: str = "") -> None:
        state = state_of(place)
        self._heads, self._anchor, self._key_cell = map(state.cell, (HEADS, ANCHOR, _KEY))
        self._elsewhere = Path(elsewhere) if elsewhere else None

    @property
    def public(self) -> str:
        """The public key, as hexadecimal digits."""
        return self._key().public_key().public_bytes_raw().hex()

    def signed_line(self, n: int, end: str) -> str:
        """Return a signed head as a line, without writing it."""
        return _line(self._signed("head", n, end)).decode()

    def head(self, n: int, end: str) -> None:
        """Write a signed head; one that cannot be written elsewhere is a warning, because the next holds all that it held."""
        with self._heads.changing() as heads:
            self._write(heads, n, end)

    def due(self, log: Journal, *, minutes: int) -> bool:
        """Write a head where there is something new, and the last is so many minutes old; say whether there was."""
        n, end = log.end()
        with self._heads.changing() as heads:
            last = _last(heads.content)
            if n == 0 or (last and (last.n >= n or _age(last) < timedelta(minutes=minutes))):
                return False
            self._write(heads, n, end)
        return True

    def _write(self, heads: Change, n: int, end: str) -> None:
        line = _line(self._signed("head", n, end)) + b"\n"
        kept = heads.content or b""
        heads.content = kept[: kept.rfind(b"\n") + 1] + line
        if self._elsewhere is not None:
            try:
                _append(self._elsewhere, line)
            except OSError as error:
                _log.warning(
                    "The audit log's head cannot be written to FOOTNOTE_AUDIT_HEAD_FILE: %s", error.strerror
                )

    def drop(self, log: Journal, *, days: int) -> int:
        """Drop what is more than so many days old and anchor the log at what stays; return how many pieces went.

        The anchor is written first: what a kill leaves is dropped the next time.
        """
        with self._anchor.changing() as anchor:
            first = log.first_since(f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%d}")
            if first is None:
                return 0
            through, end = first.n - 1, first.previous
            log.append({"what": "dropped", "through": through})
            anchor.content = _line(self._signed("anchor", through, end)) + b"\n"
        return log.drop(first.n)

    def _signed(self, kind: Kind, n: int, end: str) -> Head:
        key = self._key()
        at = datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="seconds")
        head = Head(kind, n, end, at, key.public_key().public_bytes_raw().hex())
        return Head(**{**asdict(head), "signature": key.sign(head.signed).hex()})

    def _key(self) -> Ed25519PrivateKey:
        pem = self._key_cell.read()
        if pem is None:
            with self._key_cell.changing() as change:  # another process may be first
                made = Ed25519PrivateKey.generate()
                pem = change.content = change.content or made.private_bytes(
                    Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
                )
        try:
            key = load_pem_private_key(pem, None)
        except ValueError as error:
            raise StoreDamaged(
                "The audit log's signing key cannot be read.", f"Restore {_KEY} from a backup."
            ) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise StoreDamaged(
                "The audit log's signing key is of another kind.", f"Restore {_KEY} from a backup."
            )
        return key


def _append(path: Path, line: bytes) -> None:
    """Write a line, on the disk, over half a line that a power cut has left."""
    with os.fdopen(os.open(path, os.O_CREAT | os.O_RDWR, 0o600), "rb+", buffering=0) as stream:
        stream.truncate(stream.read().rfind(b"\n") + 1)
        stream.seek(0, os.SEEK_END)
        stream.write(line)
        os.fsync(stream.fileno())


def _last(lines: bytes | None) -> Head | None:
    return next((head for head in map(_head_of, reversed((lines or b"").splitlines())) if head), None)


def _age(head: Head) -> timedelta:
    """Return how far a head lies from now: one of a clock that was ahead must not keep the next from being signed."""
    return abs(datetime.now(UTC) - datetime.fromisoformat(head.at))
