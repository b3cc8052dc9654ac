"""The seam between engines: what any store of documents, chunks and vectors must do.

A store is a sequence of generations. A `Draft` writes the next one in one transaction; a `Snapshot` reads
one, unmoved by later commits. Every engine passes the suite in `tests/contract/`.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from vectorstore.refine import Tuning
from vectorstore.types import (
    Chunk,
    Document,
    DocumentId,
    Generation,
    GenerationInfo,
    Hit,
    Named,
    Scope,
    Trace,
    Vector,
    Vectors,
    Where,
)


class Snapshot(Protocol):
    """The index pinned at one generation.

    Whichever generation it is, a document's readers of the newest one decide who sees it, and what is gone from
    the newest one nobody sees but an unrestricted scope.
    """

    @property
    def generation(self) -> Generation:
        """The generation this reads."""

    def tuned(self, tuning: Tuning) -> "Snapshot":
        """Return the same index, searched in another way; one that has but one way returns itself."""

    def search(
        self, text: str, vector: Vector, *, scope: Scope, where: Where = (), limit: int = 10
    ) -> list[Hit]:
        """Find the chunks nearest to a question by meaning and by words, fused, best first.

        Only documents that the scope allows and the conditions admit are searched, so the list is full
        whenever that many such chunks exist. Of passages that say the same, the best stands for all.
        """

    def trace(
        self,
        text: str,
        vector: Vector,
        *,
        scope: Scope,
        where: Where = (),
        limit: int = 10,
        trail: bool = True,
    ) -> Trace:
        """Search, and with `trail` keep every candidate that was left out, with the reason."""

    def around(self, chunk: Chunk, radius: int) -> list[Chunk]:
        """Return the chunk with up to `radius` neighbours on either side, in document order."""

    def document(self, document: DocumentId, *, scope: Scope) -> Document:
        """Return one document; raises NotFound when it is absent or out of scope (the two look alike)."""

    def documents(self, *, scope: Scope, where: Where = (), after: str = "") -> Iterator[Document]:
        """Yield the documents in scope, by uri, from behind `after` on; read in pages, as they are asked for."""

    def names(self, *, scope: Scope) -> Iterator[Named]:
        """Yield what the documents in scope are called, in no order: a tenth of the work of reading them."""

    def count(self, *, scope: Scope, where: Where = ()) -> int:
        """Return how many documents there are in scope."""

    def readers(self, *, scope: Scope) -> frozenset[str]:
        """Return the names of all readers of the documents in scope."""

    def chunks(self, document: DocumentId) -> list[Chunk]:
        """Return a document's chunks in order. The caller has checked the scope by `document`."""

    def text(self, document: DocumentId) -> str:
        """Return a document's extracted text. The caller has checked the scope by `document`."""

    def readable(self, documents: Collection[DocumentId], *, scope: Scope) -> bool:
        """Say whether the caller may read all of these versions today, whichever generations they stood in.

        For what was read earlier and is to be shown again. A version that is kept nowhere any more is not readable.
        """

    def digests(self, *, tenant: str) -> Mapping[str, str]:
        """Return uri → digest of every document of a tenant: what an ingest compares against."""

    def info(self) -> GenerationInfo:
        """Return this generation's number, date and counts."""


class Transaction(Protocol):
    """What a draft is written in: other tables of the same database can change with it."""

    def rows(self, sql: str, values: Sequence[str | int | float | bytes | None] = ()) -> list[tuple]:  # type: ignore[type-arg]
        """Run a statement with `?` for each bound value and return its rows."""


class Draft(Protocol):
    """The next generation being written. Nothing is visible until the `with` block ends cleanly."""

    def put(self, document: Document, *, text: str, chunks: Sequence[Chunk], vectors: Vectors) -> None:
        """Add a document, or replace the one at the same tenant and uri.

        `vectors` has one row per chunk; `text` is the extracted text that every span points into.
        """

    def remove(self, *, tenant: str, uri: str) -> bool:
        """Remove the document at a uri; say whether there was one."""

    def also(self, statements: Callable[[Transaction], None]) -> None:
        """Run statements of the caller's in the transaction that publishes; they also stand where nothing else changes.

        What they raise discards the draft.
        """


@dataclass(frozen=True, slots=True)
class Lag:
    """How many generations a replica is behind (None: it has read none yet), and how long the database has been away."""

    behind: int | None = 0
    away_seconds: float = 0.0


class Store(Protocol):
    """Documents, chunks and vectors over time."""

    def snapshot(self, at: Generation | None = None) -> AbstractContextManager[Snapshot]:
        """Pin a generation (the newest when None); raises NotFound for one that is not kept."""

    def draft(self, *, note: str = "", wait: bool = False) -> AbstractContextManager[Draft]:
        """Open the next generation for writing.

        A clean exit publishes it, an exception discards it, an empty draft publishes nothing. One writer at a
        time, across processes: raises Busy when another holds the index, unless `wait`.
        """

    def cached_vectors(self, texts: Sequence[str]) -> Mapping[str, Vector]:
        """Return the vectors of those embedded texts that the index already holds, by text."""

    def generations(self) -> list[GenerationInfo]:
        """Return the kept generations, oldest first."""

    def rollback(self, to: Generation, *, wait: bool = False) -> Generation:
        """Publish a new generation equal to `to` but for who may read, and return its number; raises NotFound, Busy.

        Every document has the readers that count for it now (when it is gone: those it had last).
        """

    def follow(self) -> None:
        """Keep up with what others commit, from now until `close`; returns at once."""

    def catch_up(self) -> None:
        """Read what others have committed by now, so that the next snapshot shows it; at best, and without an error."""

    def lag(self) -> Lag:
        """Return how far this replica is behind; of a store that nobody else commits to, that it is not."""

    def close(self) -> None:
        """Release files and memory."""
