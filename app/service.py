"""The web application: routes, limits and headers around a Service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from app.api import (
    agui,
    chat,
    completions,
    docs_page,
    documents,
    embeddings,
    errors,
    feedback,
    health,
    pages,
    responses,
    run_explained,
    search,
    ui_chat,
    uploads,
    viewer,
)
from app.api.at_once import AtOnce
from app.api.mcp_route import McpRoute
from app.middleware import Bodies, FrontDoor
from app.parts import Health, Service, ServiceSettings
from app.runs.retention import swept
from app.runs.runs import RunLimits, Runs
from app.runs.shared import SharedRuns

__all__ = ["Health", "Service", "ServiceSettings", "create_app"]

_ROUTERS = (
    chat.router,
    run_explained.router,
    completions.router,
    responses.router,
    ui_chat.router,
    agui.router,
    search.router,
    embeddings.router,
    feedback.router,
    documents.router,
    viewer.router,
    health.router,
    docs_page.router,
    pages.router,
)
_EXPOSED = ["x-request-id", "x-run-id", "retry-after", "x-vercel-ai-ui-message-stream"]


def create_app(service: Service) -> FastAPI:
    """Build the application. `app.state.runs` holds its runs."""
    settings = service.settings

    mcp = McpRoute(service) if settings.mcp else None
    runs = _runs(service)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with (
            mcp.running() if mcp else nullcontext(),
            swept(service.records, days=settings.records_days),
        ):
            await runs.open()
            try:
                yield
            finally:
                if service.pictures is not None:
                    service.pictures.close()
            await runs.drain(0)
            await runs.close()
            if service.on_close is not None:
                await service.on_close()

    application = FastAPI(
        title="Footnote",
        version=service.version,
        summary="Answers from your own documents, every sentence with its footnote.",
        lifespan=lifespan,
        # the stock pages load scripts from elsewhere
        docs_url=None,
        redoc_url=None,
    )
    application.state.service = service
    application.state.runs = runs
    application.state.at_once = AtOnce(settings.max_caller_searches)
    if mcp:
        application.router.routes.append(mcp.route)
    for router in _ROUTERS:
        application.include_router(router)
    if service.uploads is not None:
        application.include_router(uploads.router)
    errors.install(application)
    # the last added is the outermost
    application.add_middleware(
        Bodies,
        limit=settings.max_body_bytes,
        larger={"/v1/documents": settings.max_upload_bytes},
        seconds=settings.request_seconds,
    )
    if settings.cors_origins:
        application.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["authorization", "content-type", "last-event-id", "x-request-id"],
            expose_headers=_EXPOSED,
        )
    application.add_middleware(FrontDoor)
    return application


def _runs(service: Service) -> Runs:
    settings = service.settings
    limits = RunLimits(
        concurrent=settings.max_concurrent_runs,
        queued=settings.max_queued_runs,
        of_one_owner=settings.max_caller_runs,
        grace_seconds=settings.grace_seconds,
    )
    if settings.runs_url:
        return SharedRuns(service.turn, url=settings.runs_url, limits=limits, on_end=service.on_end)
    return Runs(service.turn, limits=limits, on_end=service.on_end)
