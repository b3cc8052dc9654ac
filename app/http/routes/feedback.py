"""`POST /v1/feedback`: what someone thought of an answer; and forgetting a conversation."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from app.http.access import ChatGrant, RunsIn, ServiceIn
from app.http.asking import conversation_of_caller
from app.http.examples import problems
from app.runs.records import Rating, Records
from vectorstore.errors import NotFound

router = APIRouter(tags=["chat"])


class FeedbackBody(BaseModel):
    """One opinion; a later one on the same run replaces it."""

    model_config = ConfigDict(
        extra="ignore",
        strict=True,
        json_schema_extra={"examples": [{"run": "run_…", "rating": "down", "reason": "out of date"}]},
    )
    run: Annotated[str, Field(max_length=100, description="The run's id, from the X-Run-Id header.")]
    rating: Rating
    reason: Annotated[str, Field(max_length=2_000)] = ""


class Forgotten(BaseModel):
    """How many answers were deleted."""

    runs: int


@router.post(
    "/v1/feedback", summary="Rate an answer", status_code=204, responses=problems(400, 401, 403, 404, 422)
)
async def feedback(body: FeedbackBody, service: ServiceIn, grant: ChatGrant) -> None:
    """Keep a thumb up or down, with a reason."""
    records = _records(service.records)
    await asyncio.to_thread(records.rate, body.run, owner=grant.key, rating=body.rating, reason=body.reason)


@router.delete(
    "/v1/conversations/{conversation}",
    summary="Forget a conversation",
    responses=problems(401, 403, 404, 422, 503),
)
async def forget(
    conversation: Annotated[str, Path(max_length=200)], service: ServiceIn, runs: RunsIn, grant: ChatGrant
) -> Forgotten:
    """Erase what was asked and answered in a conversation, and the feedback on it; what is being written is stopped.

    With a key, only under a name that nobody else could guess: others may hold the same key. 503 means that
    something may be left: delete again.
    """
    records = _records(service.records)
    if conversation_of_caller(conversation, grant) is None:
        return Forgotten(runs=0)

    async def recorded() -> int:
        return await asyncio.to_thread(records.forget, conversation, owner=grant.key)

    return Forgotten(runs=await runs.erase(conversation, owner=grant.key, recorded=recorded))


def _records(found: Records | None) -> Records:
    if found is None:
        raise NotFound("This service keeps no records.", "Set FOOTNOTE_RECORDS_URL.")
    return found
