"""`GET /v1/access`: who may read a document, for those who operate the service."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from app.audit.audit import note
from app.http.access import OperatorGrant, ServiceIn
from app.http.examples import problems
from app.identity.grant import sight_of
from app.identity.permission import access_to, document_at, verdict
from app.problems import Unprocessable
from vectorstore.state.open import open_state
from vectorstore.types import DocumentId, Scope

router = APIRouter(tags=["documents"])

_MOST_GROUPS = 1_000


class VerdictShown(BaseModel):
    """Whether the person that was asked about may read it, and why."""

    may_read: bool
    why: str


class AccessShown(BaseModel):
    """Who may read one document today."""

    id: str
    uri: str
    title: str
    readers: list[str] = Field(description="Groups, and users as `user:ann`; empty: everyone in the tenant.")
    said_by: list[str] = Field(description="By whose word, in sentences.")
    asked: VerdictShown | None = Field(None, description="Where a user or groups were asked about.")


# A plain function: the framework runs it in a thread, where the documents are read.
@router.get(
    "/v1/access", summary="Ask who may read a document", responses=problems(400, 401, 403, 404, 422, 503)
)
def access(
    service: ServiceIn,
    grant: OperatorGrant,
    uri: Annotated[str | None, Query(max_length=4_000, description="The document's uri.")] = None,
    id: Annotated[str | None, Query(max_length=100, description="Or its id.")] = None,  # noqa: A002 - the parameter's name
    user: Annotated[str, Query(max_length=500, description="A user to ask about.")] = "",
    group: Annotated[
        list[str] | None, Query(max_length=_MOST_GROUPS, description="Groups that they belong to; repeat it.")
    ] = None,
) -> AccessShown:
    """Say who may read a document and by whose word; with a user or groups also whether they may."""
    tenant = grant.scope.tenant
    if (uri is None) == (id is None):
        raise Unprocessable("Send either `uri` or `id`.")
    with service.store.snapshot() as snapshot:
        if uri is not None:
            document = document_at(snapshot, uri, tenant)
        else:
            document = snapshot.document(DocumentId(id or ""), scope=Scope(tenant, unrestricted=True))
    note(documents=[document.id])
    told = access_to(document, rules=service.settings.ingest.rules, place=open_state(service.settings.store))
    asked = None
    if user or group:
        found = verdict(document, sight_of(tenant, user, group or ()))
        asked = VerdictShown(may_read=found.may_read, why=found.why)
    return AccessShown(
        id=told.id,
        uri=told.uri,
        title=told.title,
        readers=list(told.readers),
        said_by=list(told.said_by),
        asked=asked,
    )
