"""The pages at `/` and `/documents` and the widget, from the static folder; `/docs`, the API on one page without a script."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from app.http.access import ServiceIn
from app.service import Service
from vectorstore.errors import NotFound, Unavailable

router = APIRouter(include_in_schema=False)
_FILES: Final[dict[str, str]] = {
    "documents.css": "text/css; charset=utf-8",
    "documents.html": "text/html; charset=utf-8",
    "documents.js": "text/javascript; charset=utf-8",
    "documents-send.js": "text/javascript; charset=utf-8",
    "index.html": "text/html; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "page-documents.js": "text/javascript; charset=utf-8",
    "page-explain.js": "text/javascript; charset=utf-8",
    "page-service.js": "text/javascript; charset=utf-8",
    "page-sign-in.js": "text/javascript; charset=utf-8",
    "page-words.js": "text/javascript; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    "widget.js": "text/javascript; charset=utf-8",
}
_AN_HOUR: Final = "public, max-age=3600, stale-while-revalidate=86400"
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_NETLOC: Final = re.compile(r"[A-Za-z0-9.-]+(?::[0-9]{1,5})?")
_SHIPPED: Final = Path(__file__).parents[2] / "widget"
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'{provider}; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; "
    "require-trusted-types-for 'script'"
)


@router.get("/")
async def home(request: Request, service: ServiceIn) -> Response:
    """Send the page that chats."""
    return _file("index.html", request, service, provider=await _signing_in(service))


@router.get("/documents")
async def keeping(request: Request, service: ServiceIn) -> Response:
    """Send the page of who keeps the documents. It shows nothing without a key that may see it."""
    return _file("documents.html", request, service, provider=await _signing_in(service))


async def _signing_in(service: Service) -> str:
    """Return the origin from which the page fetches tokens; empty where people do not sign in, or cannot now."""
    provider = service.identity.provider
    if provider is None or not service.settings.identity.oidc_client_id:
        return ""
    try:
        address = urlsplit((await provider.endpoints()).token)
    except Unavailable:
        return ""
    # anything else would be read as more of the policy
    return f"{address.scheme}://{address.netloc}" if _NETLOC.fullmatch(address.netloc) else ""


def _serve(name: str) -> None:
    """Add the route of one of the widget's files. Other sites embed it, so it may be loaded from anywhere."""

    async def static(request: Request, service: ServiceIn) -> Response:
        response = _file(name, request, service)
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return response

    router.add_api_route(f"/{name}", static, methods=["GET"], name=name)


def _file(name: str, request: Request, service: Service, *, provider: str = "") -> Response:
    """Send one of the files named above, if it is there and other than the browser has it; a page may fetch from the `provider` too.

    The widget is one file, which many pages of others load: it is good for an hour, and for ever under its own hash
    (`?v=`). The files of our own pages go together, so a browser asks each time whether they are as they were.
    """
    path = (
        Path(service.settings.client.static_dir) if service.settings.client.static_dir else _SHIPPED
    ) / name
    try:
        seen = path.stat()
        content, tag = _read(path, seen.st_mtime_ns, seen.st_size)
    except OSError as error:
        raise NotFound(f"There is no page {'/' + name!r}.") from error
    headers = {"ETag": f'"{tag}"', "Cache-Control": "no-cache"}
    if name.endswith(".html"):
        headers["Content-Security-Policy"] = _POLICY.format(provider=provider and f" {provider}")
    if name == "widget.js":
        headers["Cache-Control"] = _FOR_EVER if request.query_params.get("v") == tag else _AN_HOUR
    asked = {each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")}
    if headers["ETag"] in asked or "*" in asked:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=_FILES[name], headers=headers)


@lru_cache(maxsize=2 * len(_FILES))
def _read(path: Path, changed: int, size: int) -> tuple[bytes, str]:
    """Return a file as it was at that change, with its hash."""
    del changed, size
    content = path.read_bytes()
    return content, hashlib.sha256(content).hexdigest()[:16]


for _name in _FILES:
    _serve(_name)


Node: TypeAlias = Mapping[str, Any]  # Any: parsed JSON

_STYLE: Final = """\
:root{color-scheme:light dark;font:16px/1.55 system-ui,sans-serif}
body{max-width:56rem;margin:0 auto;padding:1.5rem}
details{border-top:1px solid;padding:.6rem 0}summary{cursor:pointer}
code,pre{font:13px/1.5 ui-monospace,monospace}pre{overflow:auto;padding:.8rem;border:1px solid;border-radius:6px}
b{display:inline-block;min-width:4.5rem}dt{font-weight:600}dd{margin:0 0 .3rem 1rem}
"""
_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_DOCS_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; frame-ancestors 'self'"
)


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    """Show every route with an example."""
    page = render(request.app.openapi(), str(request.base_url).rstrip("/"))
    return HTMLResponse(page, headers={"Content-Security-Policy": _DOCS_POLICY})


def render(document: Node, base_url: str) -> str:
    """Return the page as HTML."""
    info = document["info"]
    routes = "".join(
        _documented(method, path, operation=operation, document=document, base_url=base_url)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(info["title"])} API</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{_STYLE}</style></head><body>'
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1><p>{escape(info.get('summary', ''))}</p>"
        '<p>For machines: <a href="/openapi.json">openapi.json</a></p>'
        f"{routes}</body></html>"
    )


def _documented(method: str, path: str, *, operation: Node, document: Node, base_url: str) -> str:
    answers = "".join(
        f"<dt>{escape(status)}</dt><dd>{escape(answer.get('description', ''))}{_sample(answer)}</dd>"
        for status, answer in operation["responses"].items()
    )
    return (
        f"<details><summary><b>{method.upper()}</b> <code>{escape(path)}</code> {escape(operation['summary'])}"
        f"</summary><p>{escape(operation.get('description', ''))}</p>"
        f"<pre>{escape(_call(method, base_url + path, operation=operation, document=document))}</pre>"
        f"<dl>{answers}</dl></details>"
    )


def _sample(answer: Node) -> str:
    examples = answer.get("content", {}).get("text/event-stream", {}).get("examples", {})
    return "".join(f"<pre>{escape(example['value'])}</pre>" for example in examples.values())


def _call(method: str, url: str, *, operation: Node, document: Node) -> str:
    form = operation.get("requestBody", {}).get("content", {}).get("multipart/form-data")
    if form is None:
        return _curl(method, url, body=_body(operation, document))
    fields = ((name, each) for name, value in form["example"].items() for each in _list(value))
    return " ".join(["curl", url, *(f"-F {name}={value}" for name, value in fields)])


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _curl(method: str, url: str, *, body: object) -> str:
    words = ["curl -N" if body is not None else "curl", url]
    if method == "delete" or (method == "post" and body is None):
        words.insert(1, f"-X {method.upper()}")
    if body is not None:
        words += ["-H 'content-type: application/json'", f"-d '{json.dumps(body, ensure_ascii=False)}'"]
    return " ".join(words)


def _body(operation: Node, document: Node) -> object:
    content = operation.get("requestBody", {}).get("content", {})
    return next(
        (example for media in content.values() for example in _examples(media["schema"], document)), None
    )


def _examples(schema: Node, document: Node) -> Iterator[object]:
    name = schema.get("$ref", "").rpartition("/")[2]
    if name:
        yield from document["components"]["schemas"][name].get("examples", [])
