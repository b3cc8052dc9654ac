"""`/v1/documents`: what the caller may read, and a page that shows a place in a document."""

import time
from datetime import datetime
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import HTMLResponse

from app.api.access import DocumentsGrant, ServiceIn, grant, may_read
from app.api.examples import Responses, problems
from app.api.links import granted_by, viewer
from app.api.view_page import CONTENT_SECURITY_POLICY, render
from app.keys import Grant
from app.problems import Unprocessable
from vectorstore.errors import NotFound
from vectorstore.store import Snapshot
from vectorstore.types import Chunk, Document, DocumentId, MetadataValue, Span

router = APIRouter(tags=["documents"])
_PAGE: Responses = {200: {"content": {"text/html": {}}, "description": "The text with the place marked."}}
Id = Annotated[
    str, Path(description="The document's id.", max_length=100, examples=["doc_0123456789abcdef0123"])
]
Offset = Annotated[
    int | None, Query(ge=0, le=1_000_000_000, description="Code points from the start of the text.")
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
    after: Annotated[str | None, Query(description="List those whose uri comes after this one.")] = None,
) -> Documents:
    """List the documents that the caller may read, by uri."""
    with service.store.snapshot() as snapshot:
        listed = (d for d in snapshot.documents(scope=grant.scope) if after is None or d.uri > after)
        found = list(islice(listed, limit + 1))
    shown = [_shown(document, request, service=service, grant=grant) for document in found[:limit]]
    return Documents(documents=shown, next=shown[-1].uri if len(found) > limit else None)


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


async def _reader(document_id: Id, request: Request, service: ServiceIn) -> Grant:
    """Let in whoever has a key, or a signed link to this document."""
    if granted := granted_by(request, service, DocumentId(document_id)):
        return granted
    return await may_read(await grant(request, service))


@router.get(
    "/v1/documents/{document_id}/view",
    summary="Read a document at a place",
    responses=_PAGE | problems(401, 403, 404, 422, 503),
    response_class=HTMLResponse,
)
def view(
    document_id: Id,
    service: ServiceIn,
    grant: Annotated[Grant, Depends(_reader)],
    chunk: Annotated[str | None, Query(max_length=100, description="A chunk's id.")] = None,
    start: Offset = None,
    end: Offset = None,
) -> HTMLResponse:
    """Show the document's extracted text as a page, scrolled to a chunk or to [start, end)."""
    with service.store.snapshot() as snapshot:
        found = snapshot.document(DocumentId(document_id), scope=grant.scope)
        span = _place(snapshot, found, chunk=chunk, start=start, end=end)
        page = render(found, snapshot.text(found.id), span)
    headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY, "Cache-Control": "private, no-store"}
    return HTMLResponse(page, headers=headers)


def _place(
    snapshot: Snapshot, document: Document, *, chunk: str | None, start: int | None, end: int | None
) -> Span | None:
    if chunk is not None:
        return _chunk(snapshot, document, chunk).span
    if start is None and end is None:
        return None
    if start is None or end is None or end < start:
        raise Unprocessable("`start` and `end` must both be given, the start first.")
    return Span(start, end)


def _chunk(snapshot: Snapshot, document: Document, chunk: str) -> Chunk:
    found = next((each for each in snapshot.chunks(document.id) if each.id == chunk), None)
    if found is None:
        raise NotFound(f"The document has no chunk {chunk!r}.", "It may have been ingested again since.")
    return found


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
