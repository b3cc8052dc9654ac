"""Dropping generations past the retention, with the documents that no kept generation shows."""

from dataclasses import dataclass

from vectorstore.embedded.database import Connection
from vectorstore.embedded.draft import forget
from vectorstore.embedded.meta import next_epoch

_DEAD_SHARE = 0.2
"""Above this share of purged chunks in the projections, making them anew pays."""


@dataclass(frozen=True, slots=True)
class Compaction:
    """What a compaction dropped. `rebuilt` says whether the search index had to be made anew."""

    generations: int
    documents: int
    chunks: int
    rebuilt: bool


def compact(connection: Connection, *, keep: int, indexed: int) -> Compaction:
    """Keep the newest `keep` generations; `indexed` is how many chunks the projections hold.

    The caller holds the writer lock and is in a transaction.
    """
    newest = connection.rows("SELECT number FROM generations ORDER BY number DESC LIMIT ?", (max(keep, 1),))
    oldest = newest[-1][0]
    dropped = connection.run("DELETE FROM generations WHERE number < ?", (oldest,))
    connection.run("DELETE FROM lives WHERE removed <= ?", (oldest,))
    gone = connection.rows("SELECT row, chunks FROM documents WHERE row NOT IN (SELECT document FROM lives)")
    forget(connection, [row[0] for row in gone])
    left = connection.rows("SELECT count(*) FROM chunks")[0][0]
    rebuilt = indexed - left > _DEAD_SHARE * indexed
    if rebuilt:
        next_epoch(connection)
    return Compaction(dropped, len(gone), sum(row[1] for row in gone), rebuilt)
