"""`footnote serve`: run the service."""

import ipaddress
import logging
import socket
from threading import Thread
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from vectorstore.errors import BadInput, FootnoteError, NotAllowed

if TYPE_CHECKING:
    from app.access_settings import IdentitySettings
    from app.build import Parts
    from app.service import Service
    from app.settings import ServeSettings, Settings
    from vectorstore.settings import StoreSettings
    from vectorstore.telemetry.settings import TelemetrySettings


_log = logging.getLogger(__name__)
_BACKLOG = 2_048
"""Connections that wait to be taken up, as many as the servers allow."""


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on (FOOTNOTE_HOST).")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Port to listen on (FOOTNOTE_PORT or PORT).")
    ] = None,
    server: Annotated[
        Literal["uvicorn", "granian"] | None,
        typer.Option(help="uvicorn, or granian for many streams at once (FOOTNOTE_SERVER)."),
    ] = None,
) -> None:
    """Run the service until it is stopped."""
    from app.build import build
    from app.settings import ServeSettings, Settings
    from vectorstore.language.detect import language
    from vectorstore.telemetry.logs import set_up

    given = {
        key: value for key, value in (("host", host), ("port", port), ("server", server)) if value is not None
    }
    settings = Settings(serve=ServeSettings().model_copy(update=given))
    for url in filter(None, {settings.runs.runs_url, settings.budgets.budgets_url}):
        from app.runs.redis_format import check_board

        check_board(url)
    set_up(settings.telemetry)
    listener = listen(settings.serve, settings.store, settings.identity)
    show_metrics(settings.telemetry)
    # The first question need not wait for the detector.
    Thread(target=language, args=("Ready.",), daemon=True).start()
    run(build(settings), settings, listener)


def listen(
    settings: "ServeSettings", store_settings: "StoreSettings", people: "IdentitySettings | None" = None
) -> socket.socket:
    """Bind the address; raises NotAllowed for a public one that nobody may use, BadInput for one in use.

    Raises StoreDamaged when there were keys and they are gone, BadInput for settings of people that clash. Everything that can refuse a start is asked before the model is loaded.
    """
    from app.identity.identity import Identity
    from app.identity.keys import Keys
    from vectorstore.state.open import open_state

    identity = Identity(Keys(open_state(store_settings).cell("keys.json")), people)
    if not identity.lets_in and not is_loopback(settings.host):
        raise NotAllowed(
            f"{settings.host} can be reached from other machines, and there is no API key.",
            "Create one with `footnote keys create`, set an identity provider, or listen on 127.0.0.1.",
        )
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        # Now, not when the model is loaded: until somebody listens, others may bind the address as well.
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise BadInput(
            f"Cannot listen on {settings.host}, port {settings.port}: {error.strerror or error}.",
            "Choose another port with --port or PORT, or stop what uses it.",
        ) from error
    return listener


def show_metrics(settings: "TelemetrySettings") -> None:
    """Begin to count, and answer /metrics on a port of its own, where that is set; raises BadInput where it cannot be."""
    if settings.counts:
        from vectorstore.telemetry import metrics
        from vectorstore.telemetry.logs import tell

        registry = metrics.start()
        if settings.metrics_port is not None:
            port = registry.listen(settings.metrics_host, settings.metrics_port).port
            tell(_log, "Metrics are shown", host=settings.metrics_host, port=port)


def run(parts: "Parts", settings: "Settings", listener: socket.socket) -> None:
    """Serve on the bound socket until SIGINT, SIGTERM or SIGHUP, then drain."""
    from app.build import build_service
    from app.http.application import create_app
    from app.http.server import serve_with_granian
    from app.http.uvicorn_server import serve_with_uvicorn
    from vectorstore.telemetry.logs import tell

    service = build_service(parts, settings)
    if service.audit is not None:
        service.audit.start(service.version, settings)
    application = create_app(service)
    host, port = listener.getsockname()[:2]
    tell(
        _log,
        f"Footnote listens on http://{host}:{port} as version {service.version}",
        server=settings.serve.server,
        answers=service.written_by,
        embedder=settings.store.embedder,
        **_index(service),
    )
    serve_with = serve_with_granian if settings.serve.server == "granian" else serve_with_uvicorn
    try:
        serve_with(application, listener, settings.serve)
    finally:
        parts.close()


def _index(service: "Service") -> dict[str, int]:
    """Say what the index holds, if it can be asked."""
    try:
        health = service.health()
    except FootnoteError:
        return {}
    return {"generation": health.generation, "documents": health.documents, "chunks": health.chunks}


def is_loopback(host: str) -> bool:
    """Say whether only this machine can reach a host."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def mcp() -> None:
    """Offer the documents to a desktop assistant: search and fetch over standard input and output."""
    from typing import Any

    from app.build import build, build_service
    from app.http.mcp_server import mcp_server
    from app.identity.grant import RIGHTS, Grant
    from app.settings import Settings
    from app.wire.sources import Viewer
    from vectorstore.telemetry.logs import set_up
    from vectorstore.types import Scope

    settings = Settings()
    set_up(settings.telemetry)
    base = settings.client.base_url or f"http://127.0.0.1:{settings.serve.port}"
    # Whoever can start this process can read the index: they are the operator.
    operator = Grant("local", Scope(unrestricted=True), frozenset(RIGHTS))

    def granted(_: Any) -> tuple[Grant, Viewer]:  # Any: there is no request over stdio
        return operator, Viewer(base)

    parts = build(settings)
    try:
        server = mcp_server(build_service(parts, settings), granted)
        server.run("stdio")
    finally:
        parts.close()
