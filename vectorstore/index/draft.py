"""Writing the next generation of the truth, inside one transaction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from vectorstore.errors import BadInput
from vectorstore.index.truth import read as truth
from vectorstore.index.truth import readers, seal
from vectorstore.index.truth.database import Connection, Row
from vectorstore.index.truth.read import VISIBLE
from vectorstore.index.truth.records import chunk_row, document_row, embedded_key, vector_bytes
from vectorstore.index.truth.seal import read_meta, tombstone
from vectorstore.types import Chunk, Document, Generation, Vectors

_BATCH = 2_000
"""How many documents and chunks wait at most to be written together."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A document that is not written yet: its row, text, chunks with their keys, vectors, and seal."""

    row: Row
    text: str
    chunks: list[tuple[bytes, Row]]
    vectors: list[bytes]
    seal: bytes


class IndexDraft:
    """The generation after `base`. The caller opens and ends the transaction."""

    def __init__(self, connection: Connection, *, base: Generation, dimension: int, note: str) -> None:
        self._connection = connection
        self._dimension = dimension
        self._note = note
        self._base = base
        # Numbers are never given twice, even when compaction has dropped the newest ones.
        self._number = Generation(base + 1)
        row = connection.one("SELECT documents, chunks, seal FROM generations WHERE number = ?", (base,))
        self._documents, self._chunks, self._seal = row or (0, 0, seal.EMPTY)
        self._waiting: list[_Waiting] = []
        self._addresses: set[tuple[str, str]] = set()
        self._size = 0
        self._has_stones: bool | None = None
        self._also: list[Callable[[Connection], None]] = []

    @property
    def number(self) -> Generation:
        """The generation that this becomes."""
        return self._number

    def put(self, document: Document, *, text: str, chunks: Sequence[Chunk], vectors: Vectors) -> None:
        """Add a document, or replace the one at the same tenant and uri."""
        self._check(document, text, chunks, vectors)
        self._pardon(document)
        self.remove(tenant=document.tenant, uri=document.uri)
        row = document_row(document)
        chunk_rows = [chunk_row(chunk) for chunk in chunks]
        contents = [vector_bytes(vector) for vector in vectors]
        sealed = seal.document_seal(row, text=text, chunks=chunk_rows, vectors=contents)
        keys = [embedded_key(chunk.embedded_text) for chunk in chunks]
        self._waiting.append(_Waiting(row, text, list(zip(keys, chunk_rows, strict=True)), contents, sealed))
        self._addresses.add((document.tenant, document.uri))
        self._size += len(chunks) + 1
        if self._size >= _BATCH:
            self._write()

    def remove(self, *, tenant: str, uri: str) -> bool:
        """Remove the document at a uri; say whether there was one."""
        if (tenant, uri) in self._addresses:
            self._write()
        now = self._connection.rows(
            "SELECT d.row, d.chunks, d.seal FROM documents d JOIN lives l ON l.document = d.row"
            " WHERE d.tenant = ? AND d.uri = ? AND l.removed IS NULL",
            (tenant, uri),
        )
        for place, chunks, document_seal in now:
            self._vanish(place, chunks=chunks, document_seal=document_seal)
        return bool(now)

    def restore(self, to: Generation) -> None:
        """Make this generation show exactly the documents of an older one, to those who may read them today."""
        visible = f"SELECT l.document FROM lives l WHERE {VISIBLE}"
        then = {row[0] for row in self._connection.rows(visible, (to, to))}
        now = {row[0] for row in self._connection.rows("SELECT document FROM lives WHERE removed IS NULL")}
        rulings = readers.rulings(self._connection, sorted(then - now))
        rows = "SELECT row, chunks, seal FROM documents WHERE row IN ({keys})"
        for place, chunks, document_seal in self._connection.among(rows, sorted(now - then)):
            self._vanish(place, chunks=chunks, document_seal=document_seal)
        documents = dict(truth.documents_at(self._connection, sorted(then - now)))
        for place, chunks, document_seal in self._connection.among(rows, sorted(then - now)):
            document, ruling = documents[place], rulings[place].readers
            if ruling == document.readers:
                self._appear(place, chunks=chunks, document_seal=document_seal)
            else:
                self._put_again(place, replace(document, readers=ruling))

    def _put_again(self, place: int, document: Document) -> None:
        """Put what is in a row once more, with other readers: a row never changes."""
        chunks = truth.chunks_of(self._connection, place, document.id)
        vectors = truth.document_vectors(self._connection, place)
        self.put(
            document,
            text=truth.text_of(self._connection, place) or "",
            chunks=chunks,
            vectors=np.array(vectors, np.float32).reshape(len(chunks), self._dimension),
        )

    def also(self, statements: Callable[[Connection], None]) -> None:
        """Run statements of the caller's in the transaction that publishes; they also stand where nothing else changes."""
        self._also.append(statements)

    def accompany(self) -> bool:
        """Run what was asked for beside the documents; say whether there was anything."""
        for statements in self._also:
            statements(self._connection)
        return bool(self._also)

    def changed(self) -> bool:
        """Say whether anything differs from the base generation."""
        self._write()
        sql = "SELECT 1 FROM lives WHERE added = ? UNION ALL SELECT 1 FROM lives WHERE removed = ? LIMIT 1"
        return self._connection.one(sql, (self._number, self._number)) is not None

    def publish(self) -> None:
        """Write the generation's own row: with it, the commit makes everything visible."""
        self._write()
        row = (
            self._number,
            datetime.now(UTC).isoformat(),
            self._note,
            self._documents,
            self._chunks,
            self._connection.last_row("chunks"),
            self._seal,
        )
        self._connection.run(
            "INSERT INTO generations (number, created, note, documents, chunks, last_chunk, seal, mark)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (*row, seal.mark(row)),
        )
        self._connection.derive()
        self._connection.announce(self._number)

    def _write(self) -> None:
        """Write the documents that wait, all together: each statement is a way to the database and back."""
        waiting, self._waiting = self._waiting, []
        self._addresses.clear()
        self._size = 0
        if not waiting:
            return
        places = self._connection.reserve("documents", len(waiting))
        put = list(zip(places, waiting, strict=True))
        self._connection.add(
            "documents",
            "id, uri, title, media_type, digest, modified, tenant, readers, pages, metadata, chunks, seal, row",
            [(*each.row, len(each.chunks), each.seal, place) for place, each in put],
        )
        self._connection.add("texts", "document, text", [(place, each.text) for place, each in put])
        chunks = [(place, key, *values) for place, each in put for key, values in each.chunks]
        if chunks:
            rows = self._connection.reserve("chunks", len(chunks))
            self._connection.add(
                "chunks",
                'row, document, embedded, id, position, text, start, "end", page, headings, context',
                [(row, *values) for row, values in zip(rows, chunks, strict=True)],
            )
            vectors = (vector for each in waiting for vector in each.vectors)
            self._connection.add("vectors", "chunk, vector", list(zip(rows, vectors, strict=True)))
        self._connection.add("lives", "document, added", [(place, self._number) for place in places])
        for place, each in put:
            self._count(place, chunks=len(each.chunks), document_seal=each.seal)

    def _appear(self, place: int, *, chunks: int, document_seal: bytes) -> None:
        self._connection.run("INSERT INTO lives (document, added) VALUES (?, ?)", (place, self._number))
        self._count(place, chunks=chunks, document_seal=document_seal)

    def _count(self, place: int, *, chunks: int, document_seal: bytes) -> None:
        self._documents += 1
        self._chunks += chunks
        self._seal = seal.plus(self._seal, document=place, document_seal=document_seal)

    def _vanish(self, place: int, *, chunks: int, document_seal: bytes) -> None:
        """End a document's life; one that began in this very draft leaves no trace."""
        born_here = self._connection.run(
            "DELETE FROM lives WHERE document = ? AND added = ?", (place, self._number)
        )
        if born_here:
            self._forget_if_unborn(place)
        else:
            self._connection.run(
                "UPDATE lives SET removed = ? WHERE document = ? AND removed IS NULL", (self._number, place)
            )
        self._documents -= 1
        self._chunks -= chunks
        self._seal = seal.minus(self._seal, document=place, document_seal=document_seal)

    def _forget_if_unborn(self, place: int) -> None:
        if self._connection.one("SELECT 1 FROM lives WHERE document = ?", (place,)):
            return
        forget(self._connection, [place])

    def _pardon(self, document: Document) -> None:
        """Forget that this document was erased once: somebody wants it in again."""
        if self._has_stones is None:
            self._has_stones = self._connection.one("SELECT 1 FROM tombstones LIMIT 1") is not None
        if self._has_stones:
            stone = tombstone(read_meta(self._connection)["salt"], document.id)
            self._connection.run("DELETE FROM tombstones WHERE hash = ?", (stone,))

    def _check(self, document: Document, text: str, chunks: Sequence[Chunk], vectors: Vectors) -> None:
        if vectors.shape != (len(chunks), self._dimension):
            raise BadInput(
                f"{document.uri!r} has {len(chunks)} chunks but vectors of shape {vectors.shape};"
                f" {self._dimension} dimensions are expected."
            )
        texts = (document.uri, document.title, document.tenant, *(chunk.context for chunk in chunks))
        # One engine refuses it, and an index moves from one to the other.
        if any("\0" in each for each in (text, *texts)):
            raise BadInput(f"{document.uri!r} has the character U+0000 in it.", "Replace it before.")
        if not np.isfinite(vectors).all():
            raise BadInput(f"{document.uri!r} has a vector with values that are not numbers.")


def forget(connection: Connection, documents: Sequence[int]) -> None:
    """Delete documents with everything that belongs to them, as if they had never been."""
    chunks = "SELECT row FROM chunks WHERE document = ?"
    # Of a new embedder there are some before it is done.
    vectors = [table for table in ("vectors", "vectors_next") if connection.has_table(table)]
    for place in documents:
        for table in vectors:
            connection.run(f"DELETE FROM {table} WHERE chunk IN ({chunks})", (place,))
        connection.run("DELETE FROM chunks WHERE document = ?", (place,))
        connection.run("DELETE FROM texts WHERE document = ?", (place,))
        connection.run("DELETE FROM lives WHERE document = ?", (place,))
        connection.run("DELETE FROM documents WHERE row = ?", (place,))
