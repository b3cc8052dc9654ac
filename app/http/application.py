"""The web application: a Service behind its routes and its door."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from importlib.util import find_spec

from fastapi import FastAPI

from app.audit.audit import kept
from app.events import Terminal
from app.http import errors
from app.http.access import AtOnce
from app.http.budgets import Budgets
from app.http.door import Bodies, FrontDoor, Toll, WrittenDown
from app.http.mcp_server import McpRoute
from app.http.origins import Origins
from app.http.routes import (
    access,
    afterwards,
    agui,
    chat,
    completions,
    conversations,
    documents,
    embeddings,
    health,
    pages,
    people,
    responses,
    search,
    sessions,
    sign_in,
    ui_chat,
    uploads,
    viewer,
)
from app.runs.redis_board import RedisBoard
from app.runs.run import Run
from app.runs.runs import MemoryBoard, Runs
from app.service import Health, Service
from app.telemetry.answers import counting
from app.telemetry.gauges import Gauges
from vectorstore.telemetry.logs import flush, tell

__all__ = ["Health", "Service", "create_app"]

_ROUTERS = (
    chat.router,
    afterwards.router,
    conversations.router,
    completions.router,
    responses.router,
    ui_chat.router,
    agui.router,
    search.router,
    embeddings.router,
    documents.router,
    access.router,
    viewer.router,
    sign_in.router,
    sessions.router,
    people.router,
    health.router,
    pages.router,
)
_log = logging.getLogger(__name__)
_EXPOSED = ["x-request-id", "x-run-id", "retry-after", "x-vercel-ai-ui-message-stream"]


def create_app(service: Service) -> FastAPI:
    """Build the application. `app.state.runs` holds its runs."""
    settings = service.settings

    mcp = McpRoute(service) if settings.client.mcp and find_spec("mcp") else None
    runs = _runs(service)
    runs.observe = counting(settings.telemetry)
    budgets = Budgets(settings)
    gauges = Gauges(service, runs) if settings.telemetry.counts else None

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        people = service.people
        async with (
            mcp.running() if mcp else nullcontext(),
            gauges.kept() if gauges else nullcontext(),
            kept(service.audit, held=people.holds_anybody if people else lambda: False),
        ):
            await runs.board.open()
            days = settings.records.records_days
            try:
                async with people.kept(runs, days=days) if people else nullcontext():
                    yield
            finally:
                if service.pictures is not None:
                    service.pictures.close()
            await runs.drain(0)
            await runs.board.close()
            await budgets.close()
            if service.on_close is not None:
                await service.on_close()
            flush()
            tell(_log, "Footnote has stopped")

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
    application.state.budgets = budgets
    application.state.at_once = AtOnce(settings.serve.max_caller_searches)
    if mcp:
        application.router.routes.append(mcp.route)
    for router in _ROUTERS:
        application.include_router(router)
    if service.uploads is not None:
        application.include_router(uploads.router)
    if settings.telemetry.metrics:
        application.include_router(health.metrics_router)
    errors.install(application)
    _guard(application, service)
    return application


def _guard(application: FastAPI, service: Service) -> None:
    """Put before the routes what every request passes."""
    settings = service.settings
    # the last added is the outermost
    if service.audit is not None:
        application.add_middleware(WrittenDown, audit=service.audit)
    application.add_middleware(
        Bodies,
        limit=settings.serve.max_body_bytes,
        larger={"/v1/documents": settings.serve.max_upload_bytes},
        seconds=settings.serve.request_seconds,
    )
    application.add_middleware(
        Toll, budgets=application.state.budgets, proxies=settings.identity.proxy_addresses
    )
    application.add_middleware(
        Origins,
        listed=settings.client.origins(),
        of_pages=service.identity.keys.page_origins,
        look=service.identity.look,
        exposed=_EXPOSED,
    )
    application.add_middleware(
        FrontDoor,
        behind_tls=settings.client.base_url.startswith("https://"),
        lines=settings.telemetry.log_requests,
    )


def _runs(service: Service) -> Runs:
    settings = service.settings.runs
    board = RedisBoard(settings) if settings.runs_url else MemoryBoard(settings)
    if (audit := service.audit) is None:
        return Runs(
            service.turn,
            board,
            settings,
            on_end=service.on_end,
            on_erasure=service.forget_answers,
        )

    def before_end(run: Run, ending: Terminal) -> Terminal:
        return audit.answer(run.id, run.question, run.owner, run.recorded, ending)

    return Runs(
        service.turn,
        board,
        settings,
        on_end=service.on_end,
        before_end=before_end,
        in_thread=audit.waits,
        on_erasure=service.forget_answers,
    )
