"""Documents made up for tests, and vectors that are near when texts share words."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from vectorstore.store import Draft, Snapshot
from vectorstore.types import (
    Chunk,
    Document,
    Hit,
    MetadataValue,
    Scope,
    Span,
    Vector,
    Vectors,
    Where,
    chunk_id,
    document_id,
)

DIMENSION = 32
FINGERPRINT = "hashed-words-1"


@dataclass(frozen=True)
class Space:
    """What an index need know of an embedder."""

    fingerprint: str = FINGERPRINT
    dimension: int = DIMENSION


SPACE = Space()
OPERATOR = Scope(unrestricted=True)


def embed(text: str) -> Vector:
    """Add one random direction per word."""
    total = np.zeros(DIMENSION, dtype=np.float32)
    for word in re.findall(r"\w+", text.lower()):
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4])
        total += np.random.default_rng(seed).normal(size=DIMENSION).astype(np.float32)
    norm = float(np.linalg.norm(total))
    return total / norm if norm else np.eye(1, DIMENSION, dtype=np.float32)[0]


@dataclass(frozen=True)
class Sample:
    """All that a draft's `put` wants. Every sentence is a chunk."""

    document: Document
    text: str
    chunks: Sequence[Chunk]
    vectors: Vectors


def sample(
    uri: str,
    text: str,
    *,
    tenant: str = "default",
    readers: frozenset[str] = frozenset(),
    metadata: dict[str, MetadataValue] | None = None,
    modified: datetime | None = None,
    title: str = "",
) -> Sample:
    digest = hashlib.sha256(text.encode()).hexdigest()
    ident = document_id(tenant=tenant, uri=uri, digest=digest)
    document = Document(
        id=ident,
        uri=uri,
        title=title or uri,
        media_type="text/plain",
        digest=digest,
        modified=modified,
        tenant=tenant,
        readers=readers,
        pages=(0,),
        metadata=metadata or {},
    )
    chunks = [
        Chunk(
            id=chunk_id(document=ident, position=position, text=match.group()),
            document=ident,
            position=position,
            text=match.group(),
            span=Span(match.start(), match.end(), page=1),
            headings=("Top",),
        )
        for position, match in enumerate(re.finditer(r"[^.]+\.", text))
    ]
    vectors = np.array([embed(chunk.embedded_text) for chunk in chunks], dtype=np.float32)
    return Sample(document, text, chunks, vectors.reshape(len(chunks), DIMENSION))


def one_chunk(uri: str, text: str) -> Sample:
    """Make a document that is a single chunk, whatever stands in it."""
    made = sample(uri, text)
    ident = made.document.id
    chunk = Chunk(chunk_id(document=ident, position=0, text=text), ident, 0, text, Span(0, len(text)))
    return replace(made, chunks=[chunk], vectors=embed(text).reshape(1, -1))


def put(draft: Draft, made: Sample) -> None:
    draft.put(made.document, text=made.text, chunks=made.chunks, vectors=made.vectors)


def find(
    snapshot: Snapshot, text: str, *, scope: Scope = OPERATOR, where: Where = (), limit: int = 10
) -> list[Hit]:
    return snapshot.search(text, embed(text), scope=scope, where=where, limit=limit)


def uris(hits: Sequence[Hit]) -> list[str]:
    return [hit.document.uri for hit in hits]
