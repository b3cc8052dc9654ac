"""What is kept of a person, for operators: `GET /v1/people?user=…` and `DELETE /v1/people?user=…`."""

import asyncio
from datetime import datetime
from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Query
from pydantic import BaseModel

from app.audit.audit import note
from app.http.access import OperatorGrant, RunsIn, ServiceIn, kept_of
from app.http.examples import problems
from app.identity.grant import name_of, person_id
from app.people.ledger import Certificate

router = APIRouter(tags=["people"])

User: TypeAlias = Annotated[
    str, Query(min_length=1, max_length=500, description="The user's name, in the tenant of the key.")
]


class Exported(BaseModel):
    """All that is kept of a person."""

    made: datetime
    held_since: datetime | None
    # Any: rows as they are kept, and explanations as `GET /v1/runs/{id}` shows them
    answers: list[dict[str, Any]]
    audit: list[dict[str, Any]]


@router.get(
    "/v1/people",
    summary="Export what is kept of a person",
    responses=problems(400, 401, 403, 404, 422, 503),
    response_model=Exported,
)
async def export(user: User, service: ServiceIn, grant: OperatorGrant) -> dict[str, object]:
    """Return questions, answers, explanations, feedback and audit entries of a person of the key's tenant."""
    people, owner = kept_of(service), person_id(grant.scope.tenant, name_of(user))
    note(about=await asyncio.to_thread(people.known_as, owner))
    return await asyncio.to_thread(people.export, owner)


@router.delete(
    "/v1/people",
    summary="Erase a person",
    responses=problems(400, 401, 403, 404, 409, 422, 503),
)
async def erase(user: User, service: ServiceIn, runs: RunsIn, grant: OperatorGrant) -> Certificate:
    """Erase all that is kept of a person of the key's tenant, and certify it; what is being written is stopped.

    503 means that something may be left: the service tries again by itself. 409: there is a legal hold.
    """
    owner = person_id(grant.scope.tenant, name_of(user))
    certificate = await kept_of(service).erase(owner, by=grant.key, runs=runs)
    note(changed={"erased": certificate.person})
    return certificate
