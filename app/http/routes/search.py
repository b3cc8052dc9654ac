"""`POST /v1/search`: the chunks found for a question, without an answer."""

import time
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from app.audit.audit import note
from app.http.access import SearchGrant, ServiceIn, searching
from app.http.asking import Knobs, question_of
from app.http.examples import problems
from app.http.links import viewer
from app.question import Message
from app.turn.explanation import StageShown
from app.turn.retrieve import Found
from app.wire.sources import Viewer
from vectorstore.expect import LostAt, Whereabouts
from vectorstore.types import Dropped, Hit

router = APIRouter(tags=["search"])


class SearchBody(Knobs):
    """What to search for."""

    model_config = ConfigDict(
        extra="ignore",
        strict=True,
        json_schema_extra={
            "examples": [{"query": "parental leave", "top_k": 5, "where": {"media_type": "text/html"}}]
        },
    )
    query: Annotated[str, Field(description="Words or a question.")]
    explain: Annotated[bool, Field(description="Tell what was left out, and why.")] = False
    expect: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=500,
            description="A document that should be found (uri, file name or title): tells which stage lost it.",
            examples=["handbook.pdf"],
        ),
    ] = None


class HitShown(BaseModel):
    """One chunk, as found."""

    chunk_id: str
    document_id: str
    title: str
    uri: str
    url: str
    text: str
    start: int
    end: int
    page: int | None
    headings: list[str]
    score: float
    stages: list[StageShown]


class DroppedShown(BaseModel):
    """A chunk that was found and left out."""

    chunk_id: str
    title: str
    uri: str
    reason: Literal["duplicate", "limit"]
    same_as: Annotated[str | None, Field(description="The chunk in the results that says the same.")]
    stages: list[StageShown]


class ExpectedShown(BaseModel):
    """What became of the expected document. `lost_at` is `nowhere` when it was found."""

    name: str
    lost_at: LostAt
    sentence: str
    uri: str | None


class ExplanationShown(BaseModel):
    """What the search passed over."""

    generation: int
    left_out: list[DroppedShown]
    expected: ExpectedShown | None


class Hits(BaseModel):
    """The chunks found, best first; `explanation` when it was asked for."""

    results: list[HitShown]
    explanation: ExplanationShown | None = None


@router.post(
    "/v1/search",
    summary="Search the documents",
    responses=problems(400, 401, 403, 404, 413, 422, 429, 503),
    dependencies=[Depends(searching)],
)
async def search(body: SearchBody, request: Request, service: ServiceIn, grant: SearchGrant) -> Hits:
    """Find the chunks nearest to a question, by meaning and by words."""
    question = question_of(
        [Message("user", body.query)], grant=grant, settings=service.settings.answer, knobs=body
    )
    link = viewer(request, service, grant, now=time.time())
    found = await service.search(question, trail=body.explain, expect=body.expect or "")
    note(
        generation=found.generation,
        documents=sorted({hit.document.id for hit in found.hits}),
        contents={"question": body.query},
    )
    told = body.explain or body.expect
    return Hits(
        results=[_shown(hit, link) for hit in found.hits], explanation=_explanation(found) if told else None
    )


def _explanation(found: Found) -> ExplanationShown:
    return ExplanationShown(
        generation=found.generation,
        left_out=[_dropped(each) for each in found.dropped],
        expected=_expected(found.expected) if found.expected else None,
    )


def _expected(found: Whereabouts) -> ExpectedShown:
    return ExpectedShown(name=found.expected, lost_at=found.lost_at, sentence=found.sentence, uri=found.uri)


def _dropped(dropped: Dropped) -> DroppedShown:
    chunk, document = dropped.hit.chunk, dropped.hit.document
    return DroppedShown(
        chunk_id=chunk.id,
        title=document.title,
        uri=document.uri,
        reason=dropped.reason,
        same_as=dropped.same_as,
        stages=[StageShown.model_validate(stage) for stage in dropped.hit.stages],
    )


def _shown(hit: Hit, link: Viewer) -> HitShown:
    chunk, document = hit.chunk, hit.document
    return HitShown(
        chunk_id=chunk.id,
        document_id=document.id,
        title=document.title,
        uri=document.uri,
        url=link(document, chunk.span, chunk.id),
        text=chunk.text,
        start=chunk.span.start,
        end=chunk.span.end,
        page=chunk.span.page,
        headings=list(chunk.headings),
        score=hit.score,
        stages=[StageShown.model_validate(stage) for stage in hit.stages],
    )
