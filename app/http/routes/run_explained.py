"""`GET /v1/runs/{id}`: why an answer is what it is."""

import asyncio
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict

from app.http.access import ChatGrant, RunsIn, ServiceIn
from app.http.examples import problems
from app.http.replays import may_see
from app.runs.records import unknown_run
from app.service import Service
from app.turn.explanation import Json, drawn_from, explanation
from vectorstore.errors import NotFound

router = APIRouter(tags=["chat"])

EXAMPLE: Final[dict[str, Any]] = {
    "run": "run_3f9a",
    "conversation": "conv_1",
    "model": "extractive",
    "prompt_hash": "",
    "generation": 41,
    "status": "done",
    "error": None,
    "refused": False,
    "question": "And interns?",
    "condensed": "And interns? (annual leave days)",
    "parts": [],
    "answerability": {"probability": 0.91, "threshold": 0.38, "missing": [], "reasons": []},
    "timings": [{"stage": "retrieving", "ms": 12.4}],
    "candidates": [
        {
            "rank": 1,
            "chunk_id": "chk_1",
            "document_id": "doc_1",
            "title": "Annual leave policy",
            "uri": "policies/leave.md",
            "headings": ["Entitlement"],
            "page": None,
            "score": 0.83,
            "stages": [{"name": "dense", "rank": 2, "score": 0.61}],
            "passage": 1,
            "dropped": None,
        }
    ],
    "passages": [
        {
            "number": 1,
            "document_id": "doc_1",
            "title": "Annual leave policy",
            "uri": "policies/leave.md",
            "headings": ["Entitlement"],
            "page": None,
            "start": 120,
            "end": 480,
            "score": 0.83,
            "chunk_ids": ["chk_1"],
        }
    ],
    "sentences": [{"start": 0, "end": 24, "verdict": "supported", "support": 1.0}],
    "usage": {"input_tokens": 512, "output_tokens": 9},
}


class AnswerabilityShown(BaseModel):
    """How likely the passages hold an answer. Below `threshold` the question is refused."""

    probability: float
    threshold: float
    missing: list[str]
    reasons: list[str]


class TimingShown(BaseModel):
    """How long a stage took; `first_text` counts from the start."""

    stage: str
    ms: float


class StageRank(BaseModel):
    """How one stage of the search ranked a chunk."""

    name: str
    rank: int
    score: float


class CandidateShown(BaseModel):
    """A chunk that was found. `passage` is the one it went into; otherwise `dropped` says why not."""

    rank: int
    chunk_id: str
    document_id: str
    title: str
    uri: str
    headings: list[str]
    page: int | None
    score: float
    stages: list[StageRank]
    passage: int | None
    dropped: str | None


class PassageShown(BaseModel):
    """A passage that the answer was written from; offsets in the document's text."""

    number: int
    document_id: str
    title: str
    uri: str
    headings: list[str]
    page: int | None
    start: int
    end: int
    score: float
    chunk_ids: list[str]


class SentenceShown(BaseModel):
    """A sentence of the answer, held against its sources; offsets in the answer."""

    start: int
    end: int
    verdict: Literal["supported", "partly", "unsupported"]
    support: float


class UsageShown(BaseModel):
    """Tokens read and written."""

    input_tokens: int
    output_tokens: int


class RunExplained(BaseModel):
    """Everything that led to an answer. Lists are empty where the turn did not come so far."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})
    run: str
    conversation: str
    model: str
    prompt_hash: str
    generation: int | None
    status: Literal["running", "done", "failed", "cancelled"]
    error: str | None
    refused: bool
    question: str
    condensed: str
    parts: list[str]
    answerability: AnswerabilityShown | None
    timings: list[TimingShown]
    candidates: list[CandidateShown]
    passages: list[PassageShown]
    sentences: list[SentenceShown]
    usage: UsageShown | None


@router.get(
    "/v1/runs/{run_id}",
    summary="Explain an answer",
    responses=problems(401, 403, 404, 422),
    response_model=RunExplained,
)
async def run_explained(
    run_id: Annotated[str, Path(description="The run's id, from the X-Run-Id header.", max_length=100)],
    service: ServiceIn,
    runs: RunsIn,
    grant: ChatGrant,
) -> Json:
    """Say what was searched, found, packed and left out, and how sure the answer is. For who asked only."""
    try:
        run = await runs.find(run_id, owner=grant.key)
    except NotFound:
        told = await _recorded(run_id, service, owner=grant.key)
    else:
        told = explanation(run.id, run.question, run.recorded)
    if not await may_see(drawn_from(told), service=service, grant=grant):
        raise unknown_run(run_id)
    return told


async def _recorded(run_id: str, service: Service, *, owner: str) -> Json:
    """Look it up where finished runs are kept."""
    if service.records is None:
        raise unknown_run(run_id)
    return await asyncio.to_thread(service.records.explanation, run_id, owner=owner)
