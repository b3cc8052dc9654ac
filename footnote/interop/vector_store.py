"""Answers from an index that lies elsewhere: any vector store of LangChain's, which is read and never written.

Each of its documents counts as one document of ours with one passage, whose text is quoted as it is there. Meaning is
searched there, by its own embedder; the reranker and all that comes after are Footnote's.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeAlias

from langchain_core.documents import Document as TheirDocument
from langchain_core.vectorstores import VectorStore

from footnote import Footnote
from vectorstore.errors import BadInput, NotFound, Unavailable
from vectorstore.index.empty import EmptySnapshot
from vectorstore.refine import Refine
from vectorstore.store import Lag
from vectorstore.types import (
    DEFAULT_TENANT,
    NOBODY,
    Chunk,
    Document,
    DocumentId,
    Generation,
    GenerationInfo,
    Hit,
    MetadataValue,
    Scope,
    Span,
    Stage,
    Trace,
    Vector,
    Where,
    chunk_id,
    document_id,
)

if TYPE_CHECKING:
    from app.build import Parts
    from ingest.report import Report

Filter: TypeAlias = Callable[[Scope], Mapping[str, Any]]
"""Scope → what `similarity_search` of the store is given besides, in the store's own language: `{"filter": …}`."""
_CANDIDATES: Final = 50
"""Documents that one search asks for at the least: some say the same, and the reranker chooses."""
_LONGEST: Final = 300
"""Characters of a title."""


@dataclass(frozen=True, slots=True)
class Fields:
    """The keys of the metadata that say where a document comes from and who may read it."""

    source: str
    title: str
    readers: str
    everyone: str
    """What stands among the readers of what all may read."""


def from_vectorstore(
    store: VectorStore,
    *,
    readers: str = "",
    filter: Filter | None = None,  # noqa: A002 - as LangChain calls it
    everyone: str = "everyone",
    source: str = "source",
    title: str = "title",
    data_dir: str | Path | None = None,
) -> Footnote:
    """Return a Footnote that answers from a vector store of LangChain's: `search` and `ask` as always, no `ingest`.

    `readers` is the key of the metadata that lists who may read a document (groups, `user:ann`, or `everyone`), and
    `filter` makes of a scope what the store is to search with. Both are needed for any scope but the unrestricted
    one; what the store returns is looked at again, so that a filter that it passes over hides nothing less. A document without
    readers is the operator's alone. Raises BadInput where only one of both is given.
    """
    if bool(readers) != (filter is not None):
        raise BadInput(
            "Who may read is told by half.",
            "Give readers=, the key of the metadata that lists them, and filter=, which searches by it; or neither.",
        )
    return _Elsewhere(store, Fields(source, title, readers, everyone), filter, data_dir)


class _Elsewhere(Footnote):
    def __init__(
        self, store: VectorStore, fields: Fields, narrowed: Filter | None, data_dir: str | Path | None
    ) -> None:
        super().__init__(data_dir)
        self._elsewhere = store, fields, narrowed

    def ingest(self, *paths: str | Path, readers: Any = None) -> "Report":
        """Raise BadInput: documents are added where the index lies."""
        del paths, readers
        raise _read_only()

    def _build(self) -> "Parts":
        from app.build import build, open_rerank

        return build(
            self._settings,
            lambda settings, _, near: VectorStoreReader(
                *self._elsewhere,
                Refine(settings.deduplicate, settings.rerank_depth, open_rerank(settings, near)),
            ),
        )


class VectorStoreReader:
    """A vector store of LangChain's as a store of ours that has one generation and takes nothing."""

    def __init__(self, store: VectorStore, fields: Fields, narrowed: Filter | None, refine: Refine) -> None:
        self._store = store
        self._fields = fields
        self._narrowed = narrowed
        self._refine = refine

    @contextmanager
    def snapshot(self, at: Generation | None = None) -> Iterator["FoundElsewhere"]:
        """Read the store as it is now; raises NotFound for any generation but the one."""
        if at not in {None, _NOW.number}:
            raise NotFound("An index elsewhere keeps no generations.", "Ask without one.")
        yield FoundElsewhere(self._store, self._fields, self._narrowed, self._refine)

    def draft(self, *, note: str = "", wait: bool = False) -> NoReturn:
        """Raise BadInput."""
        del note, wait
        raise _read_only()

    def rollback(self, to: Generation, *, wait: bool = False) -> NoReturn:
        """Raise BadInput."""
        del to, wait
        raise _read_only()

    def cached_vectors(self, texts: Sequence[str]) -> Mapping[str, Vector]:
        """Return none: they are of another embedder."""
        del texts
        return {}

    def generations(self) -> list[GenerationInfo]:
        """Return the one."""
        return [_NOW]

    def follow(self) -> None:
        """Do nothing: each question is asked of the store as it is then."""

    def catch_up(self) -> None:
        """Do nothing, as above."""

    def lag(self) -> Lag:
        """Return that nothing here is behind."""
        return Lag()

    def close(self) -> None:
        """Do nothing: the store is the caller's."""


_NOW: Final = GenerationInfo(Generation(1), datetime(1970, 1, 1, tzinfo=UTC), 1, 1, "elsewhere")
"""How many documents there are is not known: one stands for all."""


class FoundElsewhere(EmptySnapshot):
    """Searches the store, and knows of its documents only what was found: it cannot list or count them."""

    def __init__(self, store: VectorStore, fields: Fields, narrowed: Filter | None, refine: Refine) -> None:
        self._store = store
        self._fields = fields
        self._narrowed = narrowed
        self._refine = refine
        self._seen: dict[DocumentId, Hit] = {}

    @property
    def generation(self) -> Generation:
        """The one that there is."""
        return _NOW.number

    def info(self) -> GenerationInfo:
        """Return the one that there is."""
        return _NOW

    def search(
        self, text: str, vector: Vector, *, scope: Scope, where: Where = (), limit: int = 10
    ) -> list[Hit]:
        """Find the documents nearest to a text, best first."""
        return list(self.trace(text, vector, scope=scope, where=where, limit=limit, trail=False).hits)

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
        """Search there; raises BadInput for what cannot be asked of it, Unavailable when it fails."""
        del vector
        if where:
            raise BadInput("An index elsewhere is not searched with conditions.", "Ask without them.")
        if limit < 1 or scope.tenant != DEFAULT_TENANT:
            return Trace(())
        found: list[Hit] = []
        for document, passage in self._found(text, scope, max(_CANDIDATES, 2 * limit)):
            rank = len(found) + 1
            # Stores tell distances or likenesses, each in its own measure: what they agree on is the order.
            found.append(Hit(passage, document, 1 / rank, (Stage("dense", rank, 1 / rank),)))
        self._seen |= {hit.document.id: hit for hit in found}
        return self._refine(text, found, limit=limit, whole=trail)

    def around(self, chunk: Chunk, radius: int) -> list[Chunk]:
        """Return the chunk: it has no neighbours."""
        del radius
        return [chunk]

    def document(self, document: DocumentId, *, scope: Scope) -> Document:
        """Return a document that was found; raises NotFound for any other."""
        hit = self._hit(document)
        if not scope.allows(hit.document):
            raise _unknown(document)
        return hit.document

    def chunks(self, document: DocumentId) -> list[Chunk]:
        """Return the one passage of a document that was found; raises NotFound for any other."""
        return [self._hit(document).chunk]

    def text(self, document: DocumentId) -> str:
        """Return the text of a document that was found; raises NotFound for any other."""
        return self._hit(document).chunk.text

    def readable(self, documents: Collection[DocumentId], *, scope: Scope) -> bool:
        """Say whether all of these were found by this snapshot, and the caller may read them."""
        hits = [self._seen.get(each) for each in documents]
        return all(hit is not None and scope.allows(hit.document) for hit in hits)

    def _hit(self, document: DocumentId) -> Hit:
        if document not in self._seen:
            raise _unknown(document)
        return self._seen[document]

    def _found(self, text: str, scope: Scope, most: int) -> Iterator[tuple[Document, Chunk]]:
        """Yield what the store finds and the caller may read, each once, best first."""
        narrowed: Mapping[str, Any] = {}
        if not scope.unrestricted:
            if self._narrowed is None:
                raise BadInput(
                    "This index elsewhere does not say who may read what.",
                    "Give from_vectorstore readers= and filter=, or ask as the operator: Scope(unrestricted=True).",
                )
            narrowed = self._narrowed(scope)
        try:
            found = self._store.similarity_search(text, k=most, **narrowed)
        except Exception as error:
            raise Unavailable(
                f"The vector store {type(self._store).__name__} failed ({type(error).__name__}).",
                "Check it, and what filter= makes of a scope.",
            ) from error
        told: set[DocumentId] = set()
        for each in found:
            document, passage = _read(each, self._fields)
            if passage.text.strip() and document.id not in told and scope.allows(document):
                told.add(document.id)
                yield document, passage


def _read(theirs: TheirDocument, fields: Fields) -> tuple[Document, Chunk]:
    text = _sound(theirs.page_content)
    digest = hashlib.sha256(text.encode()).hexdigest()
    metadata = theirs.metadata
    uri = _line(metadata.get(fields.source)) or f"vectorstore:{_line(theirs.id) or digest[:20]}"
    title = _line(metadata.get(fields.title)) or uri.rstrip("/").rpartition("/")[2] or uri
    number = document_id(tenant=DEFAULT_TENANT, uri=uri, digest=digest)
    document = Document(
        number,
        uri,
        title[:_LONGEST],
        "text/plain",
        digest,
        readers=_readers(metadata.get(fields.readers), fields.everyone),
        metadata=dict(_values(metadata, hidden={fields.source, fields.title, fields.readers})),
    )
    name = chunk_id(document=number, position=0, text=text)
    return document, Chunk(name, number, 0, text, Span(0, len(text)), context=document.title)


def _readers(told: object, everyone: str) -> frozenset[str]:
    """Return who may read; nobody where it is not said, or not as a name or a list of names."""
    names = [told] if isinstance(told, str) else told
    if not isinstance(names, list | tuple | set | frozenset) or not names:
        return NOBODY
    if not all(isinstance(name, str) and name for name in names):
        return NOBODY
    return frozenset() if everyone in names else frozenset(names)


def _values(metadata: Mapping[Any, Any], *, hidden: Collection[str]) -> Iterator[tuple[str, MetadataValue]]:
    for name, value in metadata.items():
        if not isinstance(name, str) or name in hidden:
            continue
        if isinstance(value, str):
            yield name, _sound(value)
        elif isinstance(value, int | float | bool):
            yield name, value
        elif isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
            yield name, tuple(map(_sound, value))


def _line(value: object) -> str:
    return " ".join(_sound(value).split()) if isinstance(value, str) else ""


def _sound(text: str) -> str:
    """Put `?` for half of a UTF-16 pair, which no file and no answer can hold."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _read_only() -> BadInput:
    return BadInput("An index elsewhere is only read.", "Add documents where it lies.")


def _unknown(document: DocumentId) -> NotFound:
    return NotFound(f"There is no document {document!r} among what was found.", "Search first.")
