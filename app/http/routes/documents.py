"""`/v1/documents`: what the caller may read, and for who may change it what there is to know of it."""

import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from heapq import nlargest, nsmallest
from itertools import islice
from typing import Annotated, Final, Literal, TypeAlias

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field

from app.audit.audit import note
from app.http.access import DocumentsGrant, ServiceIn
from app.http.examples import problems
from app.http.links import viewer
from app.identity.grant import Grant
from ingest.extract import ACCOUNT, account_in
from ingest.report import findings_of
from ingest.sources.placed import UPLOAD
from ingest.sources.rules import SAID_BY, readers_of
from vectorstore.errors import NotAllowed
from vectorstore.store import Snapshot
from vectorstore.types import NOBODY, Condition, Document, DocumentId, MetadataValue, Named, Scope, Span

router = APIRouter(tags=["documents"])
Id = Annotated[
    str, Path(description="The document's id.", max_length=100, examples=["doc_0123456789abcdef0123"])
]
Sort: TypeAlias = Literal["uri", "-uri", "title", "-title", "date", "-date"]
_SHOWN_APART: Final = frozenset({"findings", "found_on", ACCOUNT, SAID_BY})
_LONGEST_TITLE: Final = 500


class AccountShown(BaseModel):
    """What became of the file's own text, in letters and digits."""

    characters: int = Field(description="Letters and digits in the file.")
    kept: int
    left_out: dict[str, int] = Field(description="What was left out on purpose, by what it is.")
    unexplained: int = Field(description="What is missing and nobody knows why.")
    worst: str = Field(description="Where most of it stood, where it is more than 2 %: `on page 7`.")


class ReadersShown(BaseModel):
    """Who may read a document: `names` are groups, and people as `user:ann`."""

    everyone: bool = Field(description="Whether everyone in the tenant may.")
    names: list[str] = Field(description="The caller's own of them; for an operator all.")
    others: int = Field(description="How many more there are, whose names the caller need not know.")
    said_by: Literal["operator", "document"] | None = Field(
        description="`operator` where a rule, a side-car, a flag or an upload names them, `document` where the "
        "document's own front matter does; null for everyone."
    )


class UpkeepShown(BaseModel):
    """What who keeps a document should know of it."""

    readers: ReadersShown
    findings: list[str] = Field(description="What a person should know of how it was read.")
    found_on: str | None = Field(description="When that was found.")
    account: AccountShown | None = Field(description="Null where the type of the file has none.")
    replaceable: bool = Field(description="Whether a file can be sent in its place: it was uploaded itself.")


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
    upkeep: UpkeepShown | None = Field(description="For callers with the right to write, else null.")


class Documents(BaseModel):
    """A page of the list; `next` is the `after` of the following page."""

    documents: list[DocumentShown]
    next: str | None = None
    total: int = Field(
        description="How many documents there are in all that the caller may read and asked for."
    )
    writable: bool = Field(description="Whether this caller may add and remove documents here.")
    choices: list[str] | None = Field(
        description="The readers that this caller may choose among for what it adds; null where it may not."
    )
    any_reader: bool = Field(description="Whether it may name any other reader too.")


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
        str | None,
        Query(max_length=8_000, description="The `next` of the page before, asked with the same `sort`."),
    ] = None,
    q: Annotated[
        str, Query(max_length=500, description="Only those with all of these words in title or uri.")
    ] = "",
    sort: Annotated[
        Sort, Query(description="The order; with - in front from the last to the first.")
    ] = "uri",
    findings: Annotated[
        bool,
        Query(description="Only those of which a person should know something; needs the right to write."),
    ] = False,
) -> Documents:
    """List the documents that the caller may read."""
    writes = "write" in grant.rights
    if findings and not writes:
        raise NotAllowed("Findings are shown to who may add documents.", "Use a key with the right to write.")
    words = q.casefold().split()
    with service.store.snapshot() as snapshot:
        if sort == "uri" and not words and not findings:
            total = snapshot.count(scope=grant.scope)
            found = list(islice(snapshot.documents(scope=grant.scope, after=after or ""), limit + 1))
            keyed = [(each.uri, each) for each in found]
        else:
            wanted = _Wanted(snapshot, grant.scope, words, findings=findings)
            keyed = _sorted(snapshot, wanted, grant.scope, sort=sort, after=after, limit=limit + 1)
            total = wanted.count
        choices = _choices(snapshot, grant) if writes else None
    page = keyed[:limit]
    note(listed=len(page))
    return Documents(
        documents=[_shown(each, request, service=service, grant=grant) for _, each in page],
        next=page[-1][0] if len(keyed) > limit else None,
        total=total,
        writable=writes and service.uploads is not None,
        choices=choices,
        any_reader=writes and grant.scope.unrestricted,
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


def account_shown(document: Document) -> AccountShown | None:
    """Return what became of the text of a document's file, None where that is not known."""
    account = account_in(document.metadata)
    return AccountShown(**asdict(account)) if account else None


class _Wanted:
    """Goes through the documents that are asked for, and counts them."""

    def __init__(self, snapshot: Snapshot, scope: Scope, words: list[str], *, findings: bool) -> None:
        self.count = 0
        self._words = words
        self._all: Iterator[Named | Document] = (
            (each for each in snapshot.documents(scope=scope) if findings_of(each))
            if findings
            else snapshot.names(scope=scope)
        )

    def __iter__(self) -> Iterator[Named | Document]:
        for each in self._all:
            if all(word in f"{each.title}\n{each.uri}".casefold() for word in self._words):
                self.count += 1
                yield each


def _sorted(
    snapshot: Snapshot, wanted: _Wanted, scope: Scope, *, sort: Sort, after: str | None, limit: int
) -> list[tuple[str, Document]]:
    """Return the first documents behind one, with what they are sorted by; of the others nothing is kept."""
    by, is_down = sort.removeprefix("-"), sort.startswith("-")
    keyed = ((_key(each, by), each.uri) for each in wanted)
    rest = ((key, uri) for key, uri in keyed if after is None or (key < after if is_down else key > after))
    first = (nlargest if is_down else nsmallest)(limit, rest)
    where = (Condition("uri", "in", tuple(uri for _, uri in first)),)
    found = {each.uri: each for each in snapshot.documents(scope=scope, where=where)} if first else {}
    return [(key, found[uri]) for key, uri in first if uri in found]


def _key(document: Named | Document, by: str) -> str:
    """Return what a document is sorted by, unlike any other's: the list goes on behind it."""
    if by == "uri":
        return document.uri
    if by == "title":
        return f"{document.title[:_LONGEST_TITLE].casefold()}\n{document.uri}"
    return f"{document.modified.astimezone(UTC).isoformat() if document.modified else ''}\n{document.uri}"


def _choices(snapshot: Snapshot, grant: Grant) -> list[str]:
    names = grant.scope.names
    if grant.scope.unrestricted:
        names = (names | snapshot.readers(scope=grant.scope)) - NOBODY
    return sorted(names)


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
        metadata={name: value for name, value in document.metadata.items() if name not in _SHOWN_APART},
        url=link(document, Span(0, 0), None),
        upkeep=_upkeep(document, grant) if "write" in grant.rights else None,
    )


def _upkeep(document: Document, grant: Grant) -> UpkeepShown:
    knows_all = grant.scope.unrestricted or "operate" in grant.rights
    named = document.readers if knows_all else document.readers & grant.scope.names
    by_operator = readers_of(document).by_operator
    return UpkeepShown(
        readers=ReadersShown(
            everyone=not document.readers,
            names=sorted(named),
            others=len(document.readers) - len(named),
            said_by=None if not document.readers else "operator" if by_operator else "document",
        ),
        findings=list(findings_of(document)),
        found_on=str(document.metadata["found_on"]) if "found_on" in document.metadata else None,
        account=account_shown(document),
        replaceable=document.uri.startswith(f"{UPLOAD}/"),
    )
