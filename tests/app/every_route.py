"""The application's table of routes, also of those that are mounted or left out of the API's description."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import httpx
from starlette.routing import Mount, Route

from app.http.application import create_app
from app.settings import Settings
from tests.app.edge import Served, service
from vectorstore.telemetry.settings import TelemetrySettings

PUBLIC: Final = {
    "/", "/index.html", "/documents", "/documents.css", "/documents.html", "/documents.js", "/documents-send.js", "/page.js", "/page-documents.js", "/page-explain.js", "/page-service.js", "/page-sign-in.js", "/page-words.js", "/page.css", "/widget.js", "/docs", "/openapi.json", "/healthz", "/readyz", "/version",
    "/v1/sign-in", "/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp",
}  # fmt: skip
BODIES: Final[Mapping[str, Any]] = {
    "/v1/chat": {"message": "q"},
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "q"}]},
    "/v1/responses": {"input": "q"},
    "/api/chat": {"messages": [{"role": "user", "content": "q"}]},
    "/agui": {"messages": [{"role": "user", "content": "q"}]},
    "/v1/search": {"query": "q"},
    "/v1/embeddings": {"input": "q"},
    "/v1/sessions": {"user": "ann"},
    "/mcp": {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}},
}


_CLIENT: Final = httpx.Client(timeout=30, trust_env=False)
"""One for all calls: each of its own would read the certificates of the system anew."""


ALL_ON: Final = Settings(telemetry=TelemetrySettings(metrics=True))
"""With every route that a setting adds."""


class Uploading:
    """Stands for what takes documents in, so that its routes are there."""


def table() -> list[tuple[str, str]]:
    """Return every method and path that the application answers, with all that may be switched on."""
    application = create_app(replace(service(settings=ALL_ON), uploads=Uploading()))  # type: ignore[arg-type]  # only its routes
    found = {(method, path) for path, methods in _walk(application.routes, "") for method in methods}
    return sorted((method, path) for method, path in found if method != "HEAD")


def _walk(routes: Any, prefix: str) -> Iterator[tuple[str, set[str]]]:
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from _walk(inner.routes, prefix)
        elif isinstance(route, Mount):
            assert route.routes, f"{route.path}: who may call what is mounted cannot be seen from here"
            yield from _walk(route.routes, prefix + route.path)
        else:
            assert isinstance(route, Route), route
            yield prefix + getattr(route, "path_format", route.path), set(route.methods or ())


PROTECTED: Final = [(method, path) for method, path in table() if path not in PUBLIC]


def call(
    served: Served,
    method: str,
    path: str,
    *,
    secret: str | None = None,
    names: Mapping[str, str] = {},
    **headers: str,
) -> httpx.Response:
    """Call a route with an ordinary body; `names` stand in its path, else those of nothing that there is."""
    body = BODIES.get(path)
    known = {"document_id": "doc_handbook", "page": "1"} | names
    path = re.sub(r"{(\w+)(?::path)?}", lambda found: known.get(found[1], "none"), path)
    given = {} if secret is None else {"Authorization": f"Bearer {secret}".strip()}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    if path == "/mcp":
        given["Accept"] = "application/json, text/event-stream"
    return _CLIENT.request(method, served.url + path, json=body, headers=given)
