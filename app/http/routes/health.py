"""Whether the service lives, whether it can answer, and which version it is."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from app.http.access import MetricsGrant, RunsIn, ServiceIn, grant
from vectorstore.errors import NotAllowed, Unavailable
from vectorstore.telemetry import metrics

router = APIRouter(tags=["health"])
metrics_router = APIRouter()
"""Included where FOOTNOTE_METRICS says so."""


class Alive(BaseModel):
    """The process answers."""

    status: str = "ok"


class Ready(BaseModel):
    """Whether questions can be answered, and for callers with a key why not.

    Counts are of all tenants' documents: they are told only where there are no keys, to this machine.
    """

    ready: bool
    detail: str | None = None
    generation: int | None = None
    documents: int | None = None
    chunks: int | None = None
    active_runs: int | None = None


class Version(BaseModel):
    """What is running."""

    name: str = "footnote"
    version: str
    model: str


@router.get("/healthz", summary="Is the process alive?")
async def healthz() -> Alive:
    """Answer as long as the process does. Touches neither index nor model."""
    return Alive()


async def _is_known(request: Request, service: ServiceIn) -> bool:
    try:
        return not (await grant(request, service)).cites_only
    except (NotAllowed, Unavailable):
        return False


@router.get(
    "/readyz",
    summary="Can it answer?",
    responses={503: {"model": Ready, "description": "Not now."}},
    response_model_exclude_none=True,
)
def readyz(
    response: Response, service: ServiceIn, runs: RunsIn, is_known: Annotated[bool, Depends(_is_known)]
) -> Ready:
    """Say whether an index is loaded and the service is not shutting down. Never calls the language model."""
    health = service.health()
    unwritten = service.audit.trouble if service.audit else ""
    ready = health.ready and not runs.draining and not unwritten
    response.status_code = 200 if ready else 503
    if not is_known:
        return Ready(ready=ready)
    detail = unwritten or runs.board.trouble or health.detail
    if runs.draining:
        detail = "The service is shutting down."
    if service.identity.is_closed:
        return Ready(ready=ready, detail=detail)
    return Ready(
        ready=ready,
        detail=detail,
        generation=health.generation,
        documents=health.documents,
        chunks=health.chunks,
        active_runs=runs.active,
    )


@router.get("/version", summary="Which version is it?")
async def version(service: ServiceIn) -> Version:
    """Name the version and the model."""
    return Version(version=service.version, model=service.written_by)


@metrics_router.get("/metrics", include_in_schema=False)
async def measured(request: Request, _: MetricsGrant) -> Response:
    """Tell Prometheus what is counted, in its text format."""
    text, media_type = await run_in_threadpool(metrics.start().page, request.headers.get("accept", ""))
    return Response(text, media_type=media_type, headers={"Cache-Control": "no-store"})
