"""Checksums over the truth, so that a flipped bit in a value is noticed (SQLite itself has none).

A document's seal covers its row, text, chunks and vectors. A generation's seal is the sum of its visible
documents' shares, so that a commit updates it at the cost of the change; its mark covers its own row.
"""

import hashlib
import struct
from collections.abc import Iterable

from vectorstore.embedded.database import Row, Value

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
