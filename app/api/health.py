"""Whether the service lives, whether it can answer, and which version it is."""

from fastapi import APIRouter, Response
from pydantic import BaseModel

from app.api.access import RunsIn, ServiceIn

router = APIRouter(tags=["health"])


class Alive(BaseModel):
    """The process answers."""

    status: str = "ok"


class Ready(BaseModel):
    """Whether questions can be answered, and from what."""

    ready: bool
    generation: int
    documents: int
    chunks: int
    active_runs: int
    detail: str


class Version(BaseModel):
    """What is running."""

    name: str = "footnote"
    version: str
    model: str


@router.get("/healthz", summary="Is the process alive?")
async def healthz() -> Alive:
    """Answer as long as the process does. Touches neither index nor model."""
    return Alive()


@router.get("/readyz", summary="Can it answer?", responses={503: {"model": Ready, "description": "Not now."}})
def readyz(response: Response, service: ServiceIn, runs: RunsIn) -> Ready:
    """Say whether an index is loaded and the service is not shutting down. Never calls the language model."""
    health = service.health()
    ready = health.ready and not runs.draining
    response.status_code = 200 if ready else 503
    return Ready(
        ready=ready,
        generation=health.generation,
        documents=health.documents,
        chunks=health.chunks,
        active_runs=runs.active,
        detail="The service is shutting down." if runs.draining else runs.trouble or health.detail,
    )


@router.get("/version", summary="Which version is it?")
async def version(service: ServiceIn) -> Version:
    """Name the version and the model."""
    return Version(version=service.version, model=service.written_by or service.model_name)
