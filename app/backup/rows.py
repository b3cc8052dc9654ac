"""Rows as bytes, the same bytes for the same rows, so that what has not changed is not kept twice.

A row is a JSON list on a line of its own; bytes and moments in it are objects with one member. A blob ends where the
number of its rows passes a border, or with 4 MB: a row that comes or goes changes the blob that it is in and no other.
"""

import base64
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from app.backup.repository import PIECE, Blob, Repository
from vectorstore.errors import StoreDamaged

SPAN: Final = 512
"""Rows between two borders, where rows are numbered."""


def packed(row: Sequence[Any]) -> bytes:  # Any: values of columns
    """Return a row as a line."""
    return json.dumps(row, separators=(",", ":"), default=_told).encode() + b"\n"


def unpacked(content: bytes) -> list[list[Any]]:
    """Return the rows of a blob."""
    return [json.loads(line, object_hook=_meant) for line in content.splitlines()]


def keep_rows(
    repository: Repository, rows: Iterable[tuple[object, Sequence[Any]]]
) -> list[Blob]:  # Any: values of columns
    """Keep rows, each given with what its border goes by: a blob holds rows of which that is the same."""
    return [repository.put(content, rows=count) for content, count in _pieces(rows)]


def rows_in(
    repository: Repository, blobs: Sequence[Blob]
) -> Iterator[list[list[Any]]]:  # Any: values of columns
    """Yield the rows of a table, those of a blob at a time; raises StoreDamaged."""
    for blob in blobs:
        rows = unpacked(repository.get(blob))
        if len(rows) != blob.rows:
            raise StoreDamaged(
                f"The piece {blob.digest[:16]}… has other rows than its manifest says.", "Use another backup."
            )
        yield rows


def _pieces(rows: Iterable[tuple[object, Sequence[Any]]]) -> Iterator[tuple[bytes, int]]:
    gathered, size, of = list[bytes](), 0, object()
    for border, row in rows:
        if gathered and (border != of or size >= PIECE):
            yield b"".join(gathered), len(gathered)
            gathered, size = [], 0
        of = border
        gathered.append(packed(row))
        size += len(gathered[-1])
    if gathered:
        yield b"".join(gathered), len(gathered)


def _told(value: object) -> dict[str, str]:
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return {"at": aware.astimezone(UTC).isoformat()}
    return {"b": base64.b64encode(bytes(value)).decode()}  # type: ignore[call-overload]


def _meant(told: dict[str, str]) -> object:
    return datetime.fromisoformat(told["at"]) if "at" in told else base64.b64decode(told["b"])
