"""Bringing the tables that search inside PostgreSQL reads up to the newest commit, within that commit's own transaction."""

from vectorstore.index.postgresql.search.segments import add_words, prune
from vectorstore.index.postgresql.search.tables import Coverage, cover, coverage, make, require_extension
from vectorstore.index.postgresql.search.vectors import add_vectors
from vectorstore.index.projection.projections import batches_of
from vectorstore.index.truth import read as truth
from vectorstore.index.truth.database import Connection
from vectorstore.index.truth.seal import read_meta


def catch_up(connection: Connection, *, anew: bool = False) -> None:
    """Make the tables hold the newest commit and nothing that is gone; made anew where they are of another truth.

    The caller holds the writer lock and is in the transaction of the commit, after its generation was written.
    """
    held = None if anew else coverage(connection)
    dimension = int(read_meta(connection)["dimension"])
    if held is None:
        make(connection, dimension)
        held = Coverage(0, 0)
    else:
        prune(connection)
    head = truth.head(connection)
    if held == Coverage(head.generation, head.last_chunk):
        return
    rows = truth.chunk_rows(connection, after=held.last_chunk, until=head.last_chunk)
    if rows:
        require_extension(connection)
        batches = batches_of(connection, held.last_chunk, head.last_chunk, dimension)
        add_vectors(connection, batches)
        for tenant, own in rows.items():
            add_words(connection, tenant, truth.indexed_chunks(connection, own))
    cover(connection, Coverage(head.generation, head.last_chunk))
