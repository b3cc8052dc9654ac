"""The page at `/` and the files of the widget, from the static folder."""

from pathlib import Path
from typing import Final

from fastapi import APIRouter
from starlette.responses import FileResponse, Response

from app.http.access import ServiceIn
from vectorstore.errors import NotFound

router = APIRouter(include_in_schema=False)
_FILES: Final[dict[str, str]] = {
    "index.html": "text/html; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "page-documents.js": "text/javascript; charset=utf-8",
    "page-explain.js": "text/javascript; charset=utf-8",
    "page-service.js": "text/javascript; charset=utf-8",
    "page-words.js": "text/javascript; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    "widget.js": "text/javascript; charset=utf-8",
}
_SHIPPED: Final = Path(__file__).parents[2] / "widget"
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; "
    "require-trusted-types-for 'script'"
)


@router.get("/")
async def home(service: ServiceIn) -> Response:
    """Send the page that chats."""
    response = _file("index.html", service.settings.client.static_dir)
    response.headers["Content-Security-Policy"] = _POLICY
    return response


def _serve(name: str) -> None:
    """Add the route of one of the widget's files. Other sites embed it, so it may be loaded from anywhere."""

    async def static(service: ServiceIn) -> Response:
        response = _file(name, service.settings.client.static_dir)
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return response

    router.add_api_route(f"/{name}", static, methods=["GET"], name=name)


def _file(name: str, static_dir: str) -> Response:
    """Send one of the files named above, if it is there."""
    path = (Path(static_dir) if static_dir else _SHIPPED) / name
    if not path.is_file():
        raise NotFound(f"There is no page {'/' + name!r}.")
    return FileResponse(path, media_type=_FILES[name], headers={"Cache-Control": "no-cache"})


for _name in _FILES:
    _serve(_name)
