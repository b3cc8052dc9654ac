"""Checksums over the truth, so that a flipped bit in a value is noticed (SQLite itself has none).

A document's seal covers its row, text, chunks and vectors. A generation's seal is the sum of its visible
documents' shares, so that a commit updates it at the cost of the change; its mark covers its own row.
"""

import hashlib
import json
import struct
from collections.abc import Iterable

from vectorstore.index.truth.database import Connection, Row, Value

SEAL = "seal"
_SET = "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"


def read_meta(connection: Connection) -> dict[str, str]:
    """Return all facts by name."""
    return dict(connection.rows("SELECT key, value FROM meta"))


def write_meta(connection: Connection, **facts: str | None) -> None:
    """Set facts (None deletes one) and seal them all anew; the caller is in a transaction."""
    for key, value in facts.items():
        if value is None:
            connection.run("DELETE FROM meta WHERE key = ?", (key,))
        else:
            connection.run(_SET, (key, value))
    connection.run(_SET, (SEAL, meta_seal(read_meta(connection))))


def next_epoch(connection: Connection) -> None:
    """Say that rows have been purged: everything derived from this index must be made anew."""
    write_meta(connection, epoch=str(int(read_meta(connection)["epoch"]) + 1))


def tombstone(salt: str, document: str) -> str:
    """Return the salted hash by which an erased document is known."""
    return hashlib.sha256(f"{salt}\0{document}".encode()).hexdigest()


def meta_seal(facts: dict[str, str]) -> str:
    """Return the SHA-256 over all facts but the seal itself."""
    body = {key: value for key, value in facts.items() if key != SEAL}
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


EMPTY = bytes(32)
_SPACE = 1 << 256


def document_seal(row: Row, *, text: str, chunks: Iterable[Row], vectors: Iterable[bytes]) -> bytes:
    """Return the SHA-256 over everything that is kept about a document."""
    total = hashlib.sha256()
    _feed(total, row)
    _feed(total, (text,))
    for chunk in chunks:
        _feed(total, chunk)
    for vector in vectors:
        total.update(vector)
    return total.digest()


def plus(seal: bytes, *, document: int, document_seal: bytes) -> bytes:
    """Add a document's share to a generation's seal."""
    return _shifted(seal, _share(document, document_seal))


def minus(seal: bytes, *, document: int, document_seal: bytes) -> bytes:
    """Take a document's share out of a generation's seal."""
    return _shifted(seal, -_share(document, document_seal))


def mark(row: Row) -> bytes:
    """Return the SHA-256 over a generation's row (all columns but this one)."""
    total = hashlib.sha256()
    _feed(total, row)
    return total.digest()


def _share(document: int, document_seal: bytes) -> int:
    return int.from_bytes(hashlib.sha256(struct.pack("<q", document) + document_seal).digest())


def _shifted(seal: bytes, by: int) -> bytes:
    return ((int.from_bytes(seal) + by) % _SPACE).to_bytes(32)


def _feed(total: "hashlib._Hash", values: Iterable[Value]) -> None:
    for value in values:
        content = value if isinstance(value, bytes) else repr(value).encode("utf-8", "surrogatepass")
        total.update(struct.pack("<q", len(content)))
        total.update(content)
