"""What follows an answer: why it is what it is, what someone thought of it, and forgetting its conversation."""

import asyncio
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from app.audit.audit import note
from app.events import Considered, Done, Explained, Passage, SentenceChecked, Sources, Started, Timing, Usage
from app.http.access import ChatGrant, ExplainGrant, RunsIn, ServiceIn, kept_of, may_see
from app.http.asking import conversation_of_caller
from app.http.examples import problems
from app.question import Question
from app.runs.records import Rating, unknown_run
from app.service import Service
from app.telemetry.answers import count_rating
from app.turn.explanation import Explanation, RunExplained, drawn_from, explanation
from vectorstore.errors import NotFound
from vectorstore.types import ChunkId, Document, DocumentId, Generation, Scope, Span, Stage

router = APIRouter(tags=["chat"])

_LEAVE: Final = Document(DocumentId("doc_1"), "policies/leave.md", "Annual leave policy", "text/markdown", "")
_CHUNK: Final = ChunkId("chk_1")
_FOUND: Final = Considered(
    1,
    _CHUNK,
    _LEAVE.id,
    _LEAVE.title,
    _LEAVE.uri,
    ("Entitlement",),
    None,
    0.83,
    (Stage("dense", 2, 0.61),),
    1,
)
_EXAMPLE: Final = explanation(
    "run_3f9a",
    Question("And interns?", Scope(), conversation="conv_1", top_k=20),
    (
        Started("run_3f9a", "conv_1", "extractive", 0.0, ""),
        Explained(
            "And interns? (annual leave days)",
            Generation(41),
            0.91,
            0.38,
            0.19,
            (_FOUND,),
            timings=(Timing("retrieving", 12.4),),
        ),
        Sources((Passage(1, _LEAVE, Span(120, 480), "", (_CHUNK,), ("Entitlement",), score=0.83),)),
        SentenceChecked(0, 24, "supported", 1.0),
        Usage(512, 9),
        Done(),
    ),
)
_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "content": {"application/json": {"example": _EXAMPLE.model_dump(mode="json", exclude={"drawn_from"})}}
    }
}


@router.get(
    "/v1/runs/{run_id}",
    summary="Explain an answer",
    responses=_RESPONSES | problems(401, 403, 404, 422),
    response_model=RunExplained,
)
async def run_explained(
    run_id: Annotated[str, Path(description="The run's id, from the X-Run-Id header.", max_length=100)],
    service: ServiceIn,
    runs: RunsIn,
    grant: ExplainGrant,
) -> Explanation:
    """Say what was searched, found, packed and left out, and how sure the answer is. For who asked only."""
    try:
        run = await runs.find(run_id, owner=grant.owner)
    except NotFound:
        told = await _recorded(run_id, service, owner=grant.owner)
    else:
        told = explanation(run.id, run.question, run.recorded)
    if not await may_see(drawn_from(told), service=service, grant=grant):
        raise unknown_run(run_id)
    return told


async def _recorded(run_id: str, service: Service, *, owner: str) -> Explanation:
    """Look it up where finished runs are kept."""
    if service.records is None:
        raise unknown_run(run_id)
    return await asyncio.to_thread(service.records.explanation, run_id, owner=owner)


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
async def feedback(body: FeedbackBody, service: ServiceIn, runs: RunsIn, grant: ChatGrant) -> None:
    """Keep a thumb up or down, with a reason."""
    records = kept_of(service).records
    note(run=body.run)
    await runs.recorded(owner=grant.owner)
    variant = await asyncio.to_thread(
        records.rate, body.run, owner=grant.owner, rating=body.rating, reason=body.reason
    )
    count_rating(body.rating, variant)


@router.delete(
    "/v1/conversations/{conversation:path}",
    summary="Forget a conversation",
    responses=problems(401, 403, 404, 409, 422, 503),
)
async def forget(
    conversation: Annotated[str, Path(max_length=200)], service: ServiceIn, runs: RunsIn, grant: ChatGrant
) -> Forgotten:
    """Erase what was asked and answered in a conversation, and the feedback on it; what is being written is stopped.

    With a key, only under a name that nobody else could guess: others may hold the same key. 503 means that
    something may be left: delete again. 409: it is under a legal hold, and goes when that ends.
    """
    people = kept_of(service)
    if conversation_of_caller(conversation, grant) is None:
        return Forgotten(runs=0)
    count = await people.forget(conversation, owner=grant.owner, by=grant.key, runs=runs)
    return Forgotten(runs=count)
