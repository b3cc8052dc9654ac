"""New seals over a truth whose rows were changed on purpose: other vectors, or other readers."""

from vectorstore.embedded import seal, truth
from vectorstore.embedded.database import Connection
from vectorstore.embedded.records import CHUNK_COLUMNS, DOCUMENT_COLUMNS


def reseal(connection: Connection) -> None:
    """Seal every document and generation anew; the caller is in a transaction."""
    seals = {}
    for place, *document in connection.rows(f"SELECT d.row, {DOCUMENT_COLUMNS} FROM documents d"):
        chunks = f"SELECT {CHUNK_COLUMNS} FROM chunks c WHERE c.document = ? ORDER BY c.position"
        vectors = "SELECT v.vector FROM vectors v JOIN chunks c ON c.row = v.chunk WHERE c.document = ? ORDER BY c.position"
        seals[place] = seal.document_seal(
            tuple(document),
            text=truth.text_of(connection, place) or "",
            chunks=connection.each(chunks, (place,)),
            vectors=(row[0] for row in connection.each(vectors, (place,))),
        )
    connection.run_many(
        "UPDATE documents SET seal = ? WHERE row = ?", [(value, row) for row, value in seals.items()]
    )
    columns = "number, created, note, documents, chunks, last_chunk"
    for row in connection.rows(f"SELECT {columns} FROM generations"):
        total = seal.EMPTY
        for place in truth.visible_rows(connection, row[0]):
            total = seal.plus(total, document=place, document_seal=seals[place])
        connection.run(
            "UPDATE generations SET seal = ?, mark = ? WHERE number = ?",
            (total, seal.mark((*row, total)), row[0]),
        )
