"""Erasing documents from every generation, and showing that nothing of them is left.

The rows go in one transaction that also notes an erasure under way; then the projections are made anew, the
write-ahead log is emptied and every file is searched for the erased bytes. The note stays until all of that
is done: after a kill on the way, the next writer finishes the work. What is erased stays erased when an older
backup is restored: salted hashes of the erased documents' ids are kept for that, and nothing else.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from vectorstore.errors import NotFound
from vectorstore.index.draft import IndexDraft, forget
from vectorstore.index.projection import projections
from vectorstore.index.projection.projections import Kind
from vectorstore.index.truth import seal
from vectorstore.index.truth.database import Connection, Database
from vectorstore.index.truth.read import head
from vectorstore.index.truth.seal import next_epoch, read_meta, tombstone, write_meta
from vectorstore.types import Generation
from vectorstore.upkeep import Certificate

UNDER_WAY = "erasing"
_SNIPPET = 24


@dataclass(frozen=True, slots=True)
class Erased:
    """What the transaction took away: ids (salted), counts, byte patterns to search for; and what it has made."""

    hashes: tuple[str, ...]
    documents: int
    chunks: int
    needles: tuple[bytes, ...]
    generation: Generation
    epoch: int


def erase(connection: Connection, *, tenant: str, uris: Sequence[str], dimension: int) -> Erased:
    """Delete all versions of documents from all generations; raises NotFound for a uri that never was.

    The caller holds the writer lock and is in a transaction.
    """
    rows = []
    for uri in uris:
        versions = connection.rows(
            "SELECT row, id, chunks, seal FROM documents WHERE tenant = ? AND uri = ?", (tenant, uri)
        )
        if not versions:
            raise NotFound(
                f"There is no document at {uri!r}, in any kept generation.", "`footnote docs ls` lists them."
            )
        rows += versions
    return erase_rows(connection, rows, dimension=dimension)


def erase_rows(connection: Connection, rows: Sequence[tuple], *, dimension: int) -> Erased:  # type: ignore[type-arg]
    """Delete documents given as (row, id, chunks, seal) from all generations."""
    places = [row[0] for row in rows]
    needles = _needles(connection, places)
    _take_out_of_generations(connection, rows)
    salt = read_meta(connection)["salt"]
    hashes = tuple(tombstone(salt, row[1]) for row in rows)
    connection.run_many(
        "INSERT INTO tombstones (hash) VALUES (?) ON CONFLICT (hash) DO NOTHING", [(each,) for each in hashes]
    )
    forget(connection, places)
    draft = IndexDraft(
        connection,
        base=head(connection).generation,
        dimension=dimension,
        note=f"erasure of {len(places)} document{'' if len(places) == 1 else 's'}",
    )
    draft.publish()
    write_meta(connection, **{UNDER_WAY: "1"})
    next_epoch(connection)
    chunks, epoch = sum(row[2] for row in rows), head(connection).epoch
    return Erased(hashes, len(places), chunks, needles, draft.number, epoch)


def replay(connection: Connection, *, dimension: int, stones: Mapping[str, set[str]]) -> list[str]:
    """Erase again what an older copy of the index has brought back; return the uris of those documents.

    `stones` are hashes of erased documents' ids by the salt that they were made with.
    """
    rows = connection.rows("SELECT row, id, chunks, seal, uri FROM documents")
    back = [row for row in rows if is_erased(row[1], stones)]
    if back:
        erase_rows(connection, [row[:4] for row in back], dimension=dimension)
    return [row[4] for row in back]


def is_erased(document: str, stones: Mapping[str, set[str]]) -> bool:
    """Say whether a document is among those that were erased."""
    return any(tombstone(salt, document) in hashes for salt, hashes in stones.items())


def unexplained(connection: Connection, found: Iterable[bytes]) -> list[bytes]:
    """Leave out those patterns that also belong to documents which are still there."""
    return [needle for needle in found if not _still_there(connection, needle)]


def _take_out_of_generations(connection: Connection, rows: Sequence[tuple]) -> None:  # type: ignore[type-arg]
    erased = {place: (count, document_seal) for place, _, count, document_seal in rows}
    lives = connection.among(
        "SELECT document, added, coalesce(removed, 9223372036854775807) FROM lives WHERE document IN ({keys})",
        list(erased),
    )
    columns = "number, created, note, documents, chunks, last_chunk, seal"
    for number, created, note, documents, chunks, last_chunk, total in connection.rows(
        f"SELECT {columns} FROM generations"
    ):
        for place in (place for place, added, removed in lives if added <= number < removed):
            count, document_seal = erased[place]
            documents, chunks = documents - 1, chunks - count  # noqa: PLW2901
            total = seal.minus(total, document=place, document_seal=document_seal)  # noqa: PLW2901
        row = (number, created, note, documents, chunks, last_chunk, total)
        connection.run(
            "UPDATE generations SET documents = ?, chunks = ?, seal = ?, mark = ? WHERE number = ?",
            (documents, chunks, total, seal.mark(row), number),
        )


def _needles(connection: Connection, places: Sequence[int]) -> tuple[bytes, ...]:
    """Cut patterns from everything kept about documents: text as UTF-8 and UTF-16, vectors as float16 and 32."""
    needles: set[bytes] = set()
    for place in places:
        texts = [connection.rows("SELECT text FROM texts WHERE document = ?", (place,))[0][0]]
        texts += connection.rows("SELECT title, uri FROM documents WHERE row = ?", (place,))[0]
        texts += [row[0] for row in connection.rows("SELECT text FROM chunks WHERE document = ?", (place,))]
        for text in texts:
            needles.update(_snippets(text))
        sql = "SELECT v.vector FROM vectors v JOIN chunks c ON c.row = v.chunk WHERE c.document = ?"
        for (content,) in connection.rows(sql, (place,)):
            half = np.frombuffer(content, dtype="<f2")
            needles.update((content[:48], half.astype("<f4").tobytes()[:48]))
    return tuple(sorted(needle for needle in needles if len(needle) >= 8))


def _snippets(text: str) -> list[bytes]:
    found = []
    for start in {0, max(0, len(text) // 2), max(0, len(text) - _SNIPPET)}:
        piece = text[start : start + _SNIPPET]
        for form in (piece, piece.lower()):
            found += [form.encode("utf-8", "replace"), form.encode("utf-16-le", "replace")]
    return found


def _still_there(connection: Connection, needle: bytes) -> bool:
    if connection.one("SELECT 1 FROM vectors WHERE substr(vector, 1, 48) = ? LIMIT 1", (needle,)):
        return True
    for encoding in ("utf-8", "utf-16-le"):
        try:
            form = needle.decode(encoding)
        except UnicodeDecodeError:
            continue
        # No text holds one, and PostgreSQL takes none.
        if "\0" not in form and any(
            connection.one(sql, (_pattern(form), _pattern(form.lower()))) for sql in _TEXTS
        ):
            return True
    return False


_TEXTS = tuple(
    f"SELECT 1 FROM {table} WHERE {column} LIKE ? ESCAPE '!' OR lower({column}) LIKE ? ESCAPE '!' LIMIT 1"
    for table, column in (
        ("texts", "text"),
        ("chunks", "text"),
        ("documents", "title"),
        ("documents", "uri"),
    )
)


def _pattern(form: str) -> str:
    """Return a pattern for texts that hold this."""
    for special in "!%_":
        form = form.replace(special, f"!{special}")
    return f"%{form}%"


def finish_erasure(folder: Path, database: Database, connection: Connection, kind: Kind) -> None:
    """Make the projections anew and clear files and logs; raises Busy when a reader keeps a log from emptying.

    The connection is a writer's. Until this has run to its end, the index says that an erasure is under
    way, and the next writer runs it again.
    """
    epoch = head(connection).epoch
    if database.searched:
        with connection.transaction():
            connection.derive()
        projections.discard_where_none_belongs(folder)
    else:
        with projections.folder_lock(folder, follows=database.follows):
            projections.make_anew(folder, connection, kind)
    database.storage.acknowledge(folder)
    database.storage.expunge()
    with connection.transaction():
        # What somebody has purged meanwhile may lie in files that were cleared before.
        if head(connection).epoch == epoch:
            write_meta(connection, **{UNDER_WAY: None})


def is_under_way(connection: Connection) -> bool:
    """Say whether an erasure has been committed and not finished."""
    return UNDER_WAY in read_meta(connection)


_CERTIFICATES = "erasures"
CERTIFICATES = (
    f"CREATE TABLE IF NOT EXISTS {_CERTIFICATES} (epoch BIGINT PRIMARY KEY, certificate TEXT NOT NULL)"
)


def keep_certificate(connection: Connection, certificate: Certificate) -> None:
    """Write a certificate down, so that it can be shown again when the last replica has answered."""
    with connection.transaction():
        connection.run(CERTIFICATES)
        content = json.dumps(asdict(certificate), default=str)
        connection.run(
            "INSERT INTO erasures (epoch, certificate) VALUES (?, ?) ON CONFLICT (epoch) DO NOTHING",
            (certificate.epoch, content),
        )


def kept_certificates(connection: Connection) -> list[Certificate]:
    """Return the certificates so far, oldest first."""
    if not connection.has_table(_CERTIFICATES):
        return []
    rows = connection.rows("SELECT certificate FROM erasures ORDER BY epoch")
    return [_certificate(json.loads(row[0])) for row in rows]


def _certificate(raw: dict[str, Any]) -> Certificate:
    when = datetime.fromisoformat(raw.pop("when"))
    lists = {name: tuple(value) for name, value in raw.items() if isinstance(value, list)}
    return Certificate(**{**raw, **lists}, when=when)
