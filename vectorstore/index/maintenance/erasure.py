"""Erasing documents from every generation, and showing that nothing of them is left.

The rows go in one transaction that also notes an erasure under way; then the projections are made anew, the
write-ahead log is emptied and every file is searched for the erased bytes. The note stays until all of that
is done: after a kill on the way, the next writer finishes the work. What is erased stays erased when an older
backup is restored: salted hashes of the erased documents' ids are kept for that, and nothing else.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from vectorstore.errors import Busy, NotFound
from vectorstore.index.draft import IndexDraft, forget
from vectorstore.index.projection import projections
from vectorstore.index.projection.projections import Kind
from vectorstore.index.sqlite.database import SQLiteConnection
from vectorstore.index.truth import seal
from vectorstore.index.truth.database import Connection
from vectorstore.index.truth.read import head
from vectorstore.index.truth.seal import next_epoch, read_meta, tombstone, write_meta

_WINDOW = 8
_PIECE = 8 << 20


def files_holding(files: Iterable[Path], needles: Sequence[bytes]) -> dict[Path, set[bytes]]:
    """Return which files hold which needles (each of 8 bytes or more) anywhere in them."""
    heads: dict[int, list[bytes]] = {}
    for needle in needles:
        heads.setdefault(int.from_bytes(needle[:_WINDOW], "little"), []).append(needle)
    wanted = np.array(sorted(heads), dtype=np.uint64)
    found = {path: _in_file(path, heads, wanted) for path in files}
    return {path: which for path, which in found.items() if which}


def _in_file(
    path: Path, heads: dict[int, list[bytes]], wanted: "np.ndarray[tuple[int], np.dtype[np.uint64]]"
) -> set[bytes]:
    longest = max((len(needle) for each in heads.values() for needle in each), default=0)
    found: set[bytes] = set()
    try:
        with path.open("rb") as file:
            content = file.read(_PIECE)
            while len(content) >= _WINDOW:
                found |= _in_piece(content, heads, wanted)
                more = file.read(_PIECE)
                if not more:
                    break
                # The end of one piece goes before the next, so that nothing hides on the border.
                content = content[-longest:] + more
    except FileNotFoundError:
        return set()
    return found


def _in_piece(
    content: bytes, heads: dict[int, list[bytes]], wanted: "np.ndarray[tuple[int], np.dtype[np.uint64]]"
) -> set[bytes]:
    found = set()
    for shift in range(_WINDOW):
        count = (len(content) - shift) // _WINDOW
        words = np.frombuffer(content, dtype="<u8", count=count, offset=shift)
        for place in np.flatnonzero(np.isin(words, wanted)).tolist():
            start = shift + place * _WINDOW
            for needle in heads[int(words[place])]:
                if content.startswith(needle, start):
                    found.add(needle)
    return found


UNDER_WAY = "erasing"
_SNIPPET = 24


@dataclass(frozen=True, slots=True)
class Certificate:
    """What was erased, and what a search of every file under the data folder found.

    `left` names files that still hold erased bytes: empty when the erasure is complete. Blocks that the file
    system or the drive has freed but not overwritten, and copies elsewhere, are out of reach.
    """

    erased: tuple[str, ...]
    documents: int
    chunks: int
    generation: int
    when: datetime
    searched_files: int
    searched_patterns: int
    left: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Erased:
    """What the transaction took away: ids (salted), counts, and byte patterns to search for."""

    hashes: tuple[str, ...]
    documents: int
    chunks: int
    needles: tuple[bytes, ...]


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
        "INSERT INTO tombstones (hash) VALUES (?) ON CONFLICT DO NOTHING", [(each,) for each in hashes]
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
    return Erased(hashes, len(places), sum(row[2] for row in rows), needles)


def replay(connection: Connection, *, dimension: int) -> int:
    """Erase again what an older copy of the index has brought back; return how many documents that were."""
    salt = read_meta(connection)["salt"]
    stones = {row[0] for row in connection.rows("SELECT hash FROM tombstones")}
    rows = connection.rows("SELECT row, id, chunks, seal FROM documents")
    back = [row for row in rows if tombstone(salt, row[1]) in stones]
    if back:
        erase_rows(connection, back, dimension=dimension)
    return len(back)


def unexplained(connection: Connection, found: Iterable[bytes]) -> list[bytes]:
    """Leave out those patterns that also belong to documents which are still there."""
    return [needle for needle in found if not _still_there(connection, needle)]


def now() -> datetime:
    """Return the time to write on a certificate."""
    return datetime.now(UTC)


def _take_out_of_generations(connection: Connection, rows: Sequence[tuple]) -> None:  # type: ignore[type-arg]
    columns = "number, created, note, documents, chunks, last_chunk, seal"
    for number, created, note, documents, chunks, last_chunk, total in connection.rows(
        f"SELECT {columns} FROM generations"
    ):
        for place, _, count, document_seal in rows:
            visible = connection.one(
                "SELECT 1 FROM lives l WHERE l.document = ? AND l.added <= ? AND (l.removed IS NULL OR l.removed > ?)",
                (place, number, number),
            )
            if visible:
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
    forms = []
    for encoding in ("utf-8", "utf-16-le"):
        try:
            forms.append(needle.decode(encoding))
        except UnicodeDecodeError:
            continue
    sql = (
        "SELECT 1 FROM texts WHERE instr(lower(text), ?1) UNION ALL SELECT 1 FROM chunks WHERE instr(lower(text), ?1)"
        " UNION ALL SELECT 1 FROM documents WHERE instr(lower(title), ?1) OR instr(lower(uri), ?1) LIMIT 1"
    )
    return any(connection.one(sql, (form.lower(),)) for form in forms)


def finish_erasure(folder: Path, connection: Connection, kind: Kind) -> None:
    """Make the projections anew and empty the log; raises Busy when a reader keeps the log from emptying.

    The caller holds the writer lock. Until this has run to its end, the index says that an erasure is under
    way, and the next writer runs it again.
    """
    projections.discard(folder)
    projections.catch_up(folder, connection, kind)
    shrink(connection)
    with connection.transaction():
        write_meta(connection, **{UNDER_WAY: None})
    if isinstance(connection, SQLiteConnection):
        _empty_log(connection)


def is_under_way(connection: Connection) -> bool:
    """Say whether an erasure has been committed and not finished."""
    return UNDER_WAY in read_meta(connection)


def shrink(connection: Connection) -> None:
    """Give free pages back to the file system and empty the write-ahead log."""
    if not isinstance(connection, SQLiteConnection):
        return
    # As a script: run as a query, Python stops after the first page.
    connection.script("PRAGMA incremental_vacuum")
    _empty_log(connection)


def _empty_log(connection: SQLiteConnection) -> None:
    row = connection.one("PRAGMA wal_checkpoint(TRUNCATE)")
    if row is not None and row[0]:
        raise Busy("A reader holds an old state of the index open.", "Run the command again in a moment.")
