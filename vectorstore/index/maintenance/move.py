"""Moving an index from one database into another, whatever engines they are: into PostgreSQL, and back into a folder.

Everything comes over as it is, generations, readers, tombstones and what is known of the index, so that it is the same
index there. Batches are committed as they come. Until the last one the target says that something is being moved there
and is no index yet, so that a move that was interrupted is begun again where it stopped, and nobody reads half of it.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from vectorstore.errors import BadInput, Busy, NotFound, StoreDamaged
from vectorstore.index import create
from vectorstore.index.maintenance import transfer
from vectorstore.index.maintenance.transfer import GROWING
from vectorstore.index.maintenance.verify import damage_of
from vectorstore.index.truth import read as truth
from vectorstore.index.truth.database import Connection, Database
from vectorstore.index.truth.seal import SEAL, read_meta, write_meta
from vectorstore.types import Generation


@dataclass(frozen=True, slots=True)
class Move:
    """What stands in the target now. `copied` counts rows that came over this time: none where all stood there."""

    place: str
    generation: Generation
    generations: int
    documents: int
    chunks: int
    copied: int


@dataclass(frozen=True, slots=True)
class _Space:
    fingerprint: str
    dimension: int


def move(
    source: Database,
    target: Database,
    *,
    wait: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> Move:
    """Copy an index; the source is not changed, and nobody writes to it meanwhile.

    Raises NotFound (no index to move), BadInput (the target holds another index, or cannot keep a text), Busy,
    StoreDamaged (a value does not match its seal: the target is no index then).
    """
    if source.identity() is None:
        raise NotFound(
            f"There is no index in {source.place!r} to move.",
            "Correct FOOTNOTE_DATA_DIR, or FOOTNOTE_STORE where --to is a folder.",
        )
    with source.writer(wait=wait) as rows, rows.transaction():
        facts = read_meta(rows)
        if facts.get("schema") == create.MOVING:
            raise create.half_moved(source.place)
        space = _Space(facts["fingerprint"], int(facts["dimension"]))
        with target.writer(wait=wait, space=space) as into:
            whole = _state(rows)
            if _state(into) == whole:
                return _moved(into, 0, target.place)
            _begin(into, whole, place=target.place)
            copied = _copy(rows, into, whole, on_progress)
            _finish(rows, into, whole, place=target.place)
            return _moved(into, copied, target.place)


def _state(connection: Connection) -> str:
    """Return a digest that changes with whatever changes an index."""
    marks = connection.rows("SELECT number, mark FROM generations ORDER BY number")
    facts = read_meta(connection)
    content = [
        facts.get("index", ""),
        facts.get(SEAL, ""),
        *(f"{number}:{mark.hex()}" for number, mark in marks),
    ]
    return hashlib.sha256("\n".join(content).encode()).hexdigest()


def _begin(into: Connection, whole: str, *, place: str) -> None:
    """Take an empty target, or one where this very move was begun; what another one left there is cleared."""
    with into.transaction():
        facts = read_meta(into)
        if facts.get("moving") == whole:
            return
        if facts.get("schema") != create.MOVING and (truth.head(into).generation or _holds_any(into)):
            raise BadInput(
                f"{place!r} holds another index already.",
                "Name an empty database, another `schema=` in its address, or another folder.",
            )
        for table in reversed((*GROWING, *transfer.CHANGING)):
            if table.name != "meta" and into.has_table(table.name):
                into.run(f"DELETE FROM {table.name}")
        write_meta(into, schema=create.MOVING, moving=whole)


def _holds_any(into: Connection) -> bool:
    return into.one("SELECT 1 FROM documents LIMIT 1") is not None


def _copy(
    rows: Connection, into: Connection, whole: str, on_progress: Callable[[int, int], None] | None
) -> int:
    total = sum(rows.rows(f"SELECT count(*) FROM {table.name}")[0][0] for table in GROWING)
    done = sum(into.rows(f"SELECT count(*) FROM {table.name}")[0][0] for table in GROWING)
    copied = 0
    for table in GROWING:
        while True:
            with into.transaction():
                _check_ours(into, whole)
                batch = next(transfer.batches(rows, table, after=transfer.reached(into, table)), [])
                transfer.add(into, table, batch)
            if not batch:
                break
            copied += len(batch)
            if on_progress is not None:
                on_progress(done + copied, total)
    return copied


def _check_ours(into: Connection, whole: str) -> None:
    """Raise Busy where another index has begun to move here meanwhile: rows of both would lie side by side."""
    if read_meta(into).get("moving") != whole:
        raise Busy("Another index is being moved to the same place.", "Move one of them to another place.")


def _finish(rows: Connection, into: Connection, whole: str, *, place: str) -> None:
    """Bring over what makes it an index, and check every value against its seal before that counts."""
    with into.transaction():
        _check_ours(into, whole)
        for table in transfer.CHANGING:
            if into.has_table(table.name):
                into.run(f"DELETE FROM {table.name}")
        transfer.copy_tables(rows, into, transfer.CHANGING)
        problems = damage_of(into)
        if problems or _state(into) != _state(rows):
            why = problems[0] if problems else "its generations are not those of the source."
            raise StoreDamaged(
                f"What was moved to {place!r} does not match its seals: {why}",
                "Check the source with `footnote index verify`.",
            )
        into.derive(anew=True)
        into.announce(truth.head(into).generation)


def _moved(into: Connection, copied: int, place: str) -> Move:
    kept = truth.generations(into)
    newest = kept[-1] if kept else truth.EMPTY_GENERATION
    return Move(place, newest.number, len(kept), newest.documents, newest.chunks, copied)
