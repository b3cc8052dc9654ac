"""The words of the domain: frozen values that every room above speaks in."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, NewType, TypeAlias

import numpy as np
import numpy.typing as npt

DocumentId = NewType("DocumentId", str)
ChunkId = NewType("ChunkId", str)
Generation = NewType("Generation", int)

Vector: TypeAlias = npt.NDArray[np.float32]
"""Shape (d,), L2-normalised."""
Vectors: TypeAlias = npt.NDArray[np.float32]
"""Shape (n, d), each row L2-normalised."""

MetadataValue: TypeAlias = str | int | float | bool | tuple[str, ...]


DEFAULT_TENANT = "default"


@dataclass(frozen=True, slots=True)
class Span:
    """Where something stands in a document's extracted text: code points [start, end), and the page."""

    start: int
    end: int
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """One file at one content hash.

    `uri` is the stable address (a path relative to what was ingested, or a URL), `digest` what decides
    whether it has changed. `readers` is the access list, of groups and of users (`user:ann`): empty means everyone in the tenant.
    `pages` holds the offset in the extracted text at which each page starts (empty: the format has none).
    """

    id: DocumentId
    uri: str
    title: str
    media_type: str
    digest: str
    modified: datetime | None = None
    tenant: str = DEFAULT_TENANT
    readers: frozenset[str] = frozenset()
    pages: tuple[int, ...] = ()
    metadata: Mapping[str, MetadataValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Named:
    """What a list of documents is searched and sorted by."""

    uri: str
    title: str
    modified: datetime | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """What is embedded and found. `text` is exactly the document's extracted text at `span`.

    `context` stands before the text when it is embedded, searched or shown to a model (title, heading path,
    a cut table's header row); it is never part of a quote.
    """

    id: ChunkId
    document: DocumentId
    position: int
    text: str
    span: Span
    headings: tuple[str, ...] = ()
    context: str = ""

    @property
    def embedded_text(self) -> str:
        """What the embedder reads."""
        return f"{self.context}\n{self.text}" if self.context else self.text


StageName: TypeAlias = Literal["dense", "lexical", "fused", "reranked"]


@dataclass(frozen=True, slots=True)
class Stage:
    """How one stage of the search ranked a hit: rank from 1, and that stage's own score."""

    name: StageName
    rank: int
    score: float


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk as found for a question. `score` is the last stage's, higher is better."""

    chunk: Chunk
    document: Document
    score: float
    stages: tuple[Stage, ...] = ()

    def stage(self, name: StageName) -> Stage | None:
        """Return how the named stage ranked this hit, or None if that stage did not find it."""
        return next((stage for stage in self.stages if stage.name == name), None)


@dataclass(frozen=True, slots=True)
class Dropped:
    """A hit that a search found and left out: it says what `same_as` says, or the list was full."""

    hit: Hit
    reason: Literal["duplicate", "limit"]
    same_as: ChunkId | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """A search with what it passed over, both best first."""

    hits: tuple[Hit, ...]
    dropped: tuple[Dropped, ...] = ()


NOBODY: Final = frozenset({"(nobody)"})
"""The readers where two lists that must both hold have none in common: an empty list would mean everyone."""


def both(first: frozenset[str], second: frozenset[str]) -> frozenset[str]:
    """Return the readers whom two lists admit; empty means everyone, in and out."""
    if not first or not second:
        return first or second
    return first & second or NOBODY


USER: Final = "user:"
"""What a reader's name begins with that is a person and no group."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Who asks. Sees the tenant's documents without readers, and those whose readers name them or a group of theirs.

    `user` is a person's name as documents write it behind `user:`; a group whose name begins so counts as none.
    `unrestricted` is the operator at the machine itself: every document of the tenant.
    """

    tenant: str = DEFAULT_TENANT
    groups: frozenset[str] = frozenset()
    unrestricted: bool = False
    user: str = ""

    @property
    def names(self) -> frozenset[str]:
        """The names by which readers of a document may mean this caller."""
        groups = frozenset(group for group in self.groups if not group.startswith(USER)) - NOBODY
        return groups | {USER + self.user} if self.user else groups

    def allows(self, document: Document) -> bool:
        """Say whether this caller may read the document."""
        return self.covers(document.tenant, document.readers)

    def covers(self, tenant: str, readers: frozenset[str]) -> bool:
        """Say whether this caller may read what is a tenant's, and for these readers."""
        return tenant == self.tenant and self.admits(readers)

    def admits(self, readers: frozenset[str]) -> bool:
        """Say whether these readers of a document of the tenant include this caller."""
        return self.unrestricted or not readers or not readers.isdisjoint(self.names)


@dataclass(frozen=True, slots=True)
class Condition:
    """One test on a document: `field` is `uri`, `title`, `media_type`, `modified` or a metadata key.

    `eq` takes one value, `in` several (any of), `prefix` one string, `range` two bounds of which either may
    be None (inclusive). A metadata value that is a tuple matches when any of its items does.
    """

    field: str
    op: Literal["eq", "in", "prefix", "range"]
    values: tuple[str | int | float | bool | None, ...]


Where: TypeAlias = tuple[Condition, ...]
"""All conditions must hold; empty means no filter."""


@dataclass(frozen=True, slots=True)
class GenerationInfo:
    """One committed state of the index."""

    number: Generation
    created: datetime
    documents: int
    chunks: int
    note: str = ""


def document_id(*, tenant: str, uri: str, digest: str) -> DocumentId:
    """Name a document by its place and content, so that ingesting twice gives the same id."""
    return DocumentId("doc_" + _hash(tenant, uri, digest))


def chunk_id(*, document: DocumentId, position: int, text: str) -> ChunkId:
    """Name a chunk by its document, place and text."""
    return ChunkId("chk_" + _hash(document, str(position), text))


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]
