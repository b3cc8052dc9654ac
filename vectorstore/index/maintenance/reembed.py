"""Giving every chunk a vector of another embedder, beside those that are searched until all are there."""

from collections.abc import Callable

from vectorstore.errors import Busy
from vectorstore.index.maintenance.backup import reseal
from vectorstore.index.truth.database import Connection
from vectorstore.index.truth.records import vector_bytes
from vectorstore.index.truth.seal import next_epoch, read_meta, write_meta
from vectorstore.upkeep import Embed

_BATCH = 512
_NEXT = (
    # As a query: the columns have the types of those beside them in either engine.
    "CREATE TABLE vectors_next AS SELECT chunk, vector FROM vectors WHERE chunk < 0",
    "CREATE UNIQUE INDEX vectors_next_chunk ON vectors_next (chunk)",
)


def reembed(
    connection: Connection,
    *,
    embed: Embed,
    fingerprint: str,
    dimension: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> int:
    """Embed every kept chunk anew and switch in one commit; return how many were embedded now.

    Batches are committed as they come: after an interruption it goes on from there. The connection is a writer's.
    """
    _begin(connection, fingerprint)
    total = int(connection.rows("SELECT count(*) FROM chunks")[0][0])
    done = int(connection.rows("SELECT count(*) FROM vectors_next")[0][0])
    embedded = 0
    while True:
        while batch := _missing(connection):
            vectors = embed([text for _, text in batch])
            with connection.transaction():
                _check_ours(connection, fingerprint)
                # Of what was erased meanwhile, nothing is kept.
                there = connection.among(
                    "SELECT row FROM chunks WHERE row IN ({keys})", [row for row, _ in batch]
                )
                made = {row: vector for (row, _), vector in zip(batch, vectors, strict=True)}
                connection.run_many(
                    "INSERT INTO vectors_next (chunk, vector) VALUES (?, ?) ON CONFLICT (chunk) DO NOTHING",
                    [(row, vector_bytes(made[row])) for (row,) in there],
                )
            embedded += len(batch)
            if on_progress is not None:
                on_progress(done + embedded, total)
        if _switch(connection, fingerprint, dimension):
            return embedded


def _begin(connection: Connection, fingerprint: str) -> None:
    with connection.transaction():
        if not connection.has_table("vectors_next"):
            for statement in _NEXT:
                connection.run(statement)
        if read_meta(connection).get("next_fingerprint") != fingerprint:
            connection.run("DELETE FROM vectors_next")
            write_meta(connection, next_fingerprint=fingerprint)


def _check_ours(connection: Connection, fingerprint: str) -> None:
    """Raise Busy where another process has switched meanwhile, or has begun with another embedder."""
    if read_meta(connection).get("next_fingerprint") != fingerprint:
        raise Busy(
            "Another process gives the chunks of this index new vectors.",
            "`footnote index info` shows which embedder the index has when it is done.",
        )


def _missing(connection: Connection) -> list[tuple[int, str]]:
    rows = connection.rows(
        "SELECT c.row, c.context, c.text FROM chunks c LEFT JOIN vectors_next n ON n.chunk = c.row"
        " WHERE n.chunk IS NULL ORDER BY c.row LIMIT ?",
        (_BATCH,),
    )
    return [(row, f"{context}\n{text}" if context else text) for row, context, text in rows]


def _switch(connection: Connection, fingerprint: str, dimension: int) -> bool:
    """Put the new vectors in the place of the old; False where somebody has added chunks meanwhile."""
    with connection.transaction():
        _check_ours(connection, fingerprint)
        if _missing(connection):
            return False
        connection.run("DELETE FROM vectors")
        connection.run(
            "INSERT INTO vectors (chunk, vector) SELECT chunk, vector FROM vectors_next"
            " WHERE chunk IN (SELECT row FROM chunks)"
        )
        connection.run("DROP TABLE vectors_next")
        reseal(connection)
        write_meta(connection, fingerprint=fingerprint, dimension=str(dimension), next_fingerprint=None)
        next_epoch(connection)
        connection.derive()
    return True
