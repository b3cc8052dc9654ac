"""`/v1/documents`: what the caller may read."""

import time
from datetime import datetime
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field

from app.audit.audit import note
from app.http.access import DocumentsGrant, ServiceIn
from app.http.examples import problems
from app.http.links import viewer
from app.identity.grant import Grant
from vectorstore.types import Document, DocumentId, MetadataValue, Span

router = APIRouter(tags=["documents"])
Id = Annotated[
    str, Path(description="The document's id.", max_length=100, examples=["doc_0123456789abcdef0123"])
]


class DocumentShown(BaseModel):
    """One document."""

    id: str
    uri: str
    title: str
    media_type: str
    digest: str
    modified: datetime | None
    pages: int
    metadata: dict[str, MetadataValue]
    url: str


class Documents(BaseModel):
    """A page of the list; `next` is the `after` of the following page."""

    documents: list[DocumentShown]
    next: str | None = None
    writable: bool = Field(description="Whether this caller may add and remove documents here.")


class DocumentWhole(DocumentShown):
    """One document with its size."""

    chunks: int = Field(description="How many chunks it was cut into.")
    characters: int = Field(description="Length of its extracted text in code points.")


# Plain functions: the framework runs them in threads, because the store is synchronous.


@router.get("/v1/documents", summary="List the documents", responses=problems(401, 403, 422, 503))
def documents(
    request: Request,
    service: ServiceIn,
    grant: DocumentsGrant,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    after: Annotated[
        str | None, Query(max_length=4_000, description="List those whose uri comes after this one.")
    ] = None,
) -> Documents:
    """List the documents that the caller may read, by uri."""
    with service.store.snapshot() as snapshot:
        listed = (d for d in snapshot.documents(scope=grant.scope) if after is None or d.uri > after)
        found = list(islice(listed, limit + 1))
    shown = [_shown(document, request, service=service, grant=grant) for document in found[:limit]]
    note(listed=len(shown))
    return Documents(
        documents=shown,
        next=shown[-1].uri if len(found) > limit else None,
        writable=service.uploads is not None and "write" in grant.rights,
    )


@router.get(
    "/v1/documents/{document_id}", summary="Show a document", responses=problems(401, 403, 404, 422, 503)
)
def document(document_id: Id, request: Request, service: ServiceIn, grant: DocumentsGrant) -> DocumentWhole:
    """Describe one document. One that the caller may not read is not there."""
    with service.store.snapshot() as snapshot:
        found = snapshot.document(DocumentId(document_id), scope=grant.scope)
        shown = _shown(found, request, service=service, grant=grant)
        return DocumentWhole(
            **shown.model_dump(),
            chunks=len(snapshot.chunks(found.id)),
            characters=len(snapshot.text(found.id)),
        )


def _shown(document: Document, request: Request, *, service: ServiceIn, grant: Grant) -> DocumentShown:
    link = viewer(request, service, grant, now=time.time())
    return DocumentShown(
        id=document.id,
        uri=document.uri,
        title=document.title,
        media_type=document.media_type,
        digest=document.digest,
        modified=document.modified,
        pages=len(document.pages),
        metadata=dict(document.metadata),
        url=link(document, Span(0, 0), None),
    )
