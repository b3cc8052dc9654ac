"""`/v1/documents/{id}/view`: a page that shows a place in a document; and the pictures of its pages."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import HTMLResponse, Response

from app.audit.audit import note
from app.http.access import ServiceIn, grant, may_read
from app.http.examples import Responses, problems
from app.http.links import SIGNED_WITH, granted_by, pictures_of
from app.http.view_page import CONTENT_SECURITY_POLICY, Sheets, render
from app.identity.grant import Grant
from app.problems import Unprocessable
from vectorstore.errors import NotFound
from vectorstore.store import Snapshot
from vectorstore.types import Chunk, Document, DocumentId, Span

router = APIRouter(tags=["documents"])
_PAGE: Responses = {200: {"content": {"text/html": {}}, "description": "The text with the place marked."}}
_PICTURE: Responses = {200: {"content": {"image/png": {}}, "description": "The page as it looks."}}
Id = Annotated[
    str, Path(description="The document's id.", max_length=100, examples=["doc_0123456789abcdef0123"])
]
Offset = Annotated[
    int | None, Query(ge=0, le=1_000_000_000, description="Code points from the start of the text.")
]


async def _reader(document_id: Id, request: Request, service: ServiceIn) -> Grant:
    """Let in whoever has a key that reads documents, or a link signed for this very place."""
    await service.identity.look()
    asked = [(name, value) for name, value in request.query_params.multi_items() if name not in SIGNED_WITH]
    place = dict(asked) | {name: str(value) for name, value in request.path_params.items() if name == "page"}
    # what is said twice might be checked as the one and read as the other
    is_clear = len(asked) == len(dict(asked))
    if is_clear and (granted := granted_by(request, service, DocumentId(document_id), place)):
        note(grant=granted, by="link")
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
    request: Request,
    service: ServiceIn,
    grant: Annotated[Grant, Depends(_reader)],
    chunk: Annotated[str | None, Query(max_length=100, description="A chunk's id.")] = None,
    start: Offset = None,
    end: Offset = None,
) -> HTMLResponse:
    """Show the document as a page, scrolled to a chunk or to [start, end).

    A link that was signed for a key without the right to documents shows that place and a little around it. A PDF whose original is still there is shown as it looks, with the place marked; anything else, and beside
    it, as its extracted text.
    """
    with service.store.snapshot() as snapshot:
        found = snapshot.document(DocumentId(document_id), scope=grant.scope)
        span = _place(snapshot, found, chunk=chunk, start=start, end=end)
        text = snapshot.text(found.id)
    layout = service.pictures.layout(found, text, span) if service.pictures else None
    sheets = Sheets(layout, pictures_of(request, service, grant, found)) if layout else None
    page = render(found, text, span, sheets=sheets, is_whole="documents" in grant.rights)
    headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY, "Cache-Control": "private, no-store"}
    return HTMLResponse(page, headers=headers)


@router.get(
    "/v1/documents/{document_id}/pages/{page}.png",
    summary="See a page of a PDF",
    responses=_PICTURE | problems(401, 403, 404, 422, 503),
    response_class=Response,
)
def picture(
    document_id: Id,
    page: Annotated[int, Path(ge=1, le=100_000, description="The page, counted from 1.")],
    request: Request,
    service: ServiceIn,
    grant: Annotated[Grant, Depends(_reader)],
) -> Response:
    """Draw a page of a PDF. 404 where the original is not at hand any more: its text still is."""
    with service.store.snapshot() as snapshot:
        found = snapshot.document(DocumentId(document_id), scope=grant.scope)
    # A document's id changes with its content, and so its pages never do.
    tag = f'"{found.digest[:32]}-{page}"'
    headers = {
        # Asked again each time, because who may read can change; answered without drawing it again.
        "Cache-Control": "private, no-cache",
        "ETag": tag,
        "Content-Security-Policy": "default-src 'none'",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    if service.pictures is None:
        raise NotFound("This service draws no pages.", "Read the document's text instead.")
    return Response(service.pictures.png(found, page), media_type="image/png", headers=headers)


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
