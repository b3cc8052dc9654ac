"""What is read where no index exists yet: generation 0, with nothing in it."""

from collections.abc import Collection, Iterator, Mapping

from vectorstore.errors import NotFound
from vectorstore.index.truth.read import EMPTY_GENERATION
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
    Where,
)


class EmptySnapshot:
    """Reads nothing, without making a file."""

    @property
    def generation(self) -> Generation:
        """Zero."""
        return EMPTY_GENERATION.number

    def tuned(self, tuning: Tuning) -> "EmptySnapshot":
        """Return itself."""
        del tuning
        return self

    def search(
        self, text: str, vector: Vector, *, scope: Scope, where: Where = (), limit: int = 10
    ) -> list[Hit]:
        """Find nothing."""
        del text, vector, scope, where, limit
        return []

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
        """Find nothing, and leave nothing out."""
        del text, vector, scope, where, limit, trail
        return Trace(())

    def around(self, chunk: Chunk, radius: int) -> list[Chunk]:
        """Raise NotFound."""
        del radius
        raise _nothing(chunk.document)

    def document(self, document: DocumentId, *, scope: Scope) -> Document:
        """Raise NotFound."""
        del scope
        raise _nothing(document)

    def documents(self, *, scope: Scope, where: Where = (), after: str = "") -> Iterator[Document]:
        """Yield nothing."""
        del scope, where, after
        return iter(())

    def names(self, *, scope: Scope) -> Iterator[Named]:
        """Yield nothing."""
        del scope
        return iter(())

    def count(self, *, scope: Scope, where: Where = ()) -> int:
        """Return 0."""
        del scope, where
        return 0

    def readers(self, *, scope: Scope) -> frozenset[str]:
        """Return none."""
        del scope
        return frozenset()

    def chunks(self, document: DocumentId) -> list[Chunk]:
        """Raise NotFound."""
        raise _nothing(document)

    def text(self, document: DocumentId) -> str:
        """Raise NotFound."""
        raise _nothing(document)

    def digests(self, *, tenant: str) -> Mapping[str, str]:
        """Return nothing."""
        del tenant
        return {}

    def readable(self, documents: Collection[DocumentId], *, scope: Scope) -> bool:
        """Say whether nothing was asked for."""
        del scope
        return not documents

    def info(self) -> GenerationInfo:
        """Return generation 0."""
        return EMPTY_GENERATION


def _nothing(document: DocumentId) -> NotFound:
    return NotFound(
        f"There is no document {document!r}: the index is empty.", "Run `footnote ingest PATH` first."
    )
