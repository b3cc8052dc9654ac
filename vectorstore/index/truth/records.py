"""Rows of the truth and values of the domain, either way."""

import hashlib
import json
from collections.abc import Collection, Mapping
from datetime import datetime

import numpy as np

from vectorstore.errors import StoreDamaged
from vectorstore.index.truth.database import Row
from vectorstore.types import (
    Chunk,
    ChunkId,
    Document,
    DocumentId,
    Generation,
    GenerationInfo,
    MetadataValue,
    Span,
    Vector,
)

DOCUMENT_COLUMNS = (
    "d.id, d.uri, d.title, d.media_type, d.digest, d.modified, d.tenant, d.readers, d.pages, d.metadata"
)
CHUNK_COLUMNS = 'c.id, c.position, c.text, c.start, c."end", c.page, c.headings, c.context'
GENERATION_COLUMNS = "number, created, documents, chunks, note"


def document_row(document: Document) -> Row:
    """Return the values of DOCUMENT_COLUMNS."""
    return (
        document.id,
        document.uri,
        document.title,
        document.media_type,
        document.digest,
        document.modified.isoformat() if document.modified else None,
        document.tenant,
        readers_row(document.readers),
        _dump(document.pages),
        _dump(dict(document.metadata)),
    )


def readers_row(readers: Collection[str]) -> str:
    """Return readers as they are kept."""
    return _dump(sorted(readers))


def time_of(modified: str | None) -> datetime | None:
    """Read when a document was modified."""
    return datetime.fromisoformat(modified) if modified else None


def document_of(row: tuple) -> Document:  # type: ignore[type-arg]
    """Read the values of DOCUMENT_COLUMNS."""
    try:
        return _document_of(row)
    except (ValueError, TypeError, AttributeError) as error:
        raise StoreDamaged(
            "A document in the index cannot be read.", "Run `footnote index verify`."
        ) from error


def _document_of(row: tuple) -> Document:  # type: ignore[type-arg]
    ident, uri, title, media_type, digest, modified, tenant, readers, pages, metadata = row
    # One call for three lists: opening a large index reads every document.
    groups, starts, facts = json.loads(f"[{readers},{pages},{metadata}]")
    return Document(
        id=DocumentId(ident),
        uri=uri,
        title=title,
        media_type=media_type,
        digest=digest,
        modified=time_of(modified),
        tenant=tenant,
        readers=frozenset(groups),
        pages=tuple(starts),
        metadata=_metadata(facts),
    )


def chunk_row(chunk: Chunk) -> Row:
    """Return the values of CHUNK_COLUMNS."""
    return (
        chunk.id,
        chunk.position,
        chunk.text,
        chunk.span.start,
        chunk.span.end,
        chunk.span.page,
        _dump(chunk.headings),
        chunk.context,
    )


def chunk_of(row: tuple, document: DocumentId) -> Chunk:  # type: ignore[type-arg]
    """Read the values of CHUNK_COLUMNS."""
    ident, position, text, start, end, page, headings, context = row
    try:
        path = tuple(json.loads(headings))
    except (ValueError, TypeError) as error:
        raise StoreDamaged("A chunk in the index cannot be read.", "Run `footnote index verify`.") from error
    return Chunk(
        id=ChunkId(ident),
        document=document,
        position=position,
        text=text,
        span=Span(start, end, page),
        headings=path,
        context=context,
    )


def generation_of(row: tuple) -> GenerationInfo:  # type: ignore[type-arg]
    """Read the values of GENERATION_COLUMNS."""
    number, created, documents, chunks, note = row
    return GenerationInfo(Generation(number), datetime.fromisoformat(created), documents, chunks, note)


def vector_bytes(vector: Vector) -> bytes:
    """Return a vector as it is kept: float16, little endian."""
    return vector.astype("<f2").tobytes()


def vector_of(content: bytes) -> Vector:
    """Read a kept vector back as float32."""
    return np.frombuffer(content, dtype="<f2").astype(np.float32)


def embedded_key(text: str) -> bytes:
    """Name an embedded text, so that its vector can be found again."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _metadata(raw: dict[str, object]) -> Mapping[str, MetadataValue]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in raw.items()}  # type: ignore[misc]
