"""Tokens for browsers: `POST /v1/sessions` for a logged-in user, `POST /v1/visitors` for a stranger on a page."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from app.audit.audit import note
from app.http.access import ActGrant, PageGrant, ServiceIn
from app.http.examples import problems
from app.identity.grant import name_of, person_id
from app.identity.tokens import Issued
from app.problems import Unprocessable

router = APIRouter(tags=["tokens"])
Name = Annotated[str, Field(min_length=1, max_length=200)]


class SessionBody(BaseModel):
    """For whom the token is."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"user": "ann", "groups": ["hr"], "seconds": 600}]},
    )
    user: Annotated[Name, Field(description="The user, as readers of documents name them behind `user:`.")]
    groups: Annotated[
        list[Name],
        Field(max_length=200, description="Groups of the user; each must be the key's. None: no group."),
    ] = []
    seconds: Annotated[
        int | None, Field(ge=1, description="How long it lasts; left out: as long as the service allows.")
    ] = None


class TokenShown(BaseModel):
    """A token, to be sent as `Authorization: Bearer fns_…`."""

    token: str
    expires: int = Field(description="When it ends, in seconds since 1970.")


@router.post(
    "/v1/sessions",
    summary="Get a client token for a user",
    responses=problems(400, 401, 403, 422, 503),
)
async def session(body: SessionBody, response: Response, service: ServiceIn, grant: ActGrant) -> TokenShown:
    """Give a server's key a short-lived token with which one user's browser asks questions, and does nothing else."""
    most = service.settings.identity.session_seconds
    if body.seconds is not None and body.seconds > most:
        raise Unprocessable(
            f"A client token lasts {most:,} seconds at most.",
            "Ask for less, or raise FOOTNOTE_SESSION_SECONDS.",
        )
    issued = service.identity.tokens.for_user(grant, body.user, body.groups, seconds=body.seconds or most)
    if service.audit is not None:
        user = name_of(body.user)
        person = person_id(grant.scope.tenant, user)
        note(issued_to=await asyncio.to_thread(service.audit.people.of, person, user))
    return _shown(issued, response)


@router.post(
    "/v1/visitors", summary="Get a token for a visitor of a page", responses=problems(400, 401, 403, 503)
)
async def visitor(response: Response, service: ServiceIn, grant: PageGrant) -> TokenShown:
    """Give a page's key a token for a visitor who is new: whose conversations nobody else with the key can reach."""
    days = service.settings.identity.visitor_days
    return _shown(service.identity.tokens.for_visitor(grant, days=days), response)


def _shown(issued: Issued, response: Response) -> TokenShown:
    response.headers["Cache-Control"] = "no-store"
    return TokenShown(token=issued.token, expires=issued.expires)
