"""`POST /v1/search`: the chunks found for a question, without an answer."""

import time
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from app.api.access import SearchGrant, ServiceIn
from app.api.asking import Knobs, question_of
from app.api.examples import problems
from app.api.links import viewer
from app.question import Message
from app.wire.sources import Viewer
from vectorstore.types import Hit

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


class StageShown(BaseModel):
    """How one stage of the search ranked the hit."""

    name: str
    rank: int
    score: float


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


class Hits(BaseModel):
    """The chunks found, best first."""

    results: list[HitShown]


@router.post(
    "/v1/search", summary="Search the documents", responses=problems(400, 401, 403, 404, 413, 422, 503)
)
async def search(body: SearchBody, request: Request, service: ServiceIn, grant: SearchGrant) -> Hits:
    """Find the chunks nearest to a question, by meaning and by words."""
    question = question_of([Message("user", body.query)], grant=grant, settings=service.settings, knobs=body)
    link = viewer(request, service, grant, now=time.time())
    return Hits(results=[_shown(hit, link) for hit in await service.search(question)])


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
        stages=[StageShown(name=stage.name, rank=stage.rank, score=stage.score) for stage in hit.stages],
    )
