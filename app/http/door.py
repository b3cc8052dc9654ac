"""What every request passes before a route: a host that is one, a body in time and of a size, a toll, and the audit log."""

import asyncio
import ipaddress
import re
import secrets
import time
from collections.abc import Mapping
from typing import Final

from fastapi.routing import APIRoute
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access_settings import networks
from app.audit.audit import Audit, noting
from app.http.access import METRICS, address_of
from app.http.budgets import Budgets
from app.http.errors import MCP, response_to
from app.problems import Problem, TooMany, problem_of
from app.runs.run import report
from app.telemetry.requests import request_ended
from vectorstore.errors import FootnoteError
from vectorstore.telemetry.logs import saying

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
_MADE_UP = re.compile(r"(?:req_)?[0-9A-Fa-f-]{16,64}\Z")
_HOST = re.compile(rb"(?:[A-Za-z0-9._-]{1,255}|\[(?P<six>[0-9A-Fa-f:.]{2,45})\])(?::(?P<port>[0-9]{0,5}))?")
_SECURITY: Final[tuple[tuple[str, str], ...]] = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
)
_FREE: Final = frozenset({"/healthz", "/readyz", "/version"})
"""What is asked on behalf of nobody, however often."""
_NO_HOST: Final = Problem(400, "bad_host", "The Host header names no host. Send one, as `name:port`.")
_ONLY_TLS: Final = "max-age=31536000"
_BYTES_PER_SECOND: Final = 500
"""A body that comes more slowly than this on the whole is held back on purpose."""
_UNTOLD: Final = frozenset(
    {
        "/healthz", "/readyz", "/version", "/v1/models", "/v1/models/{model}", "/v1/sign-in",
        "/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp",
    }
)  # fmt: skip
"""Paths whose answers are the same whoever asks, whatever documents there are."""
_LEFT: Final = 499
"""What stands for the status where the client left before there was one, as with nginx."""
_ID: Final = re.compile(r"(?:doc|run|resp)_[0-9A-Za-z]{1,64}")


class FrontDoor:
    """Gives every request an id (the caller's own where it is sane) and every response the security headers.

    A `Host` that names no host is refused before anything reads it. What breaks inside ends here as a 500.
    """

    def __init__(self, app: ASGIApp, *, behind_tls: bool = False, lines: bool = True) -> None:
        """`behind_tls` says that browsers come by https, whatever the last proxy speaks with us; `lines` has each logged."""
        self._app = app
        self._behind_tls = behind_tls
        self._lines = lines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"").decode(
            "latin-1"
        )
        identity = given if _REQUEST_ID.match(given) else f"req_{secrets.token_hex(12)}"
        # What a caller calls it is in the log only where a machine made it up: nobody's name, and no secret.
        logged = identity if _MADE_UP.match(identity) else f"req_{secrets.token_hex(12)}"
        scope.setdefault("state", {})["request_id"] = identity
        has_begun, began, status, first, run = False, time.perf_counter(), _LEFT, None, ""

        async def with_headers(message: Message) -> None:
            nonlocal has_begun, status, first, run
            if message["type"] == "http.response.start":
                has_begun, status, first = True, message["status"], time.perf_counter() - began
                headers = MutableHeaders(scope=message)
                run = headers.get("x-run-id", "")
                headers["X-Request-Id"] = identity
                for name, value in _SECURITY:
                    headers.setdefault(name, value)
                if self._behind_tls or scope.get("scheme") == "https":
                    headers.setdefault("Strict-Transport-Security", _ONLY_TLS)
            await send(message)

        with saying(request_id=logged):
            try:
                if _names_a_host(scope):
                    await self._app(scope, receive, with_headers)
                else:
                    await response_to(_NO_HOST, scope["path"])(scope, receive, with_headers)
            except Exception as error:  # noqa: BLE001 - the request's edge; a server would log the error's words
                report(f"Request {logged} broke", error)
                if not has_begun:
                    sentence = f"Something went wrong on our side (request {logged})."
                    problem = Problem(500, "internal", sentence)
                    await response_to(problem, scope["path"])(scope, receive, with_headers)
            finally:
                seconds = time.perf_counter() - began
                request_ended(
                    route_of(scope),
                    status,
                    first=seconds if first is None else first,
                    seconds=seconds,
                    key=scope["state"].get("key", ""),
                    run=run,
                    lines=self._lines,
                )


class Bodies:
    """Refuses bodies over a size, by their declared length or by the bytes that really come, and those that stall."""

    def __init__(
        self, app: ASGIApp, *, limit: int, larger: Mapping[str, int] | None = None, seconds: float
    ) -> None:
        """`larger` is the size for single paths; `seconds` the longest silence in the midst of a body."""
        self._app = app
        self._limit = limit
        self._larger = larger or {}
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._larger.get(scope["path"], self._limit)
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        # 18 digits are more than any limit, and what has more need not be read as a number
        if declared.isdigit() and (len(declared) > 18 or int(declared) > limit):
            problem = Problem(413, "too_large", _sentence(limit))
            await response_to(problem, scope["path"])(scope, receive, send)
            return
        taken, is_whole, has_begun, waited = 0, False, False, 0.0

        async def bounded() -> Message:
            nonlocal taken, is_whole, waited
            if is_whole:
                return await receive()
            began = asyncio.get_running_loop().time()
            patience = min(self._seconds, self._seconds + taken / _BYTES_PER_SECOND - waited)
            try:
                async with asyncio.timeout(max(0.0, patience)):
                    message = await receive()
            except TimeoutError:
                if has_begun:
                    return {"type": "http.disconnect"}
                raise HTTPException(
                    408, "The body did not come in time. Send it again.", {"Connection": "close"}
                ) from None
            waited += asyncio.get_running_loop().time() - began
            taken += len(message.get("body", b""))
            is_whole = not message.get("more_body", False)
            if taken > limit:
                # FastAPI turns any other exception from here into a 400.
                raise HTTPException(413, _sentence(limit))
            return message

        async def watched(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        await self._app(scope, bounded, watched)


class WrittenDown:
    """Has every request that a route answers written down before the answer's first byte, and only then sends it.

    A new route is among them by itself; pages and files, which the API's description leaves out, show nobody's
    documents, nor do the paths in `_UNTOLD`. Whose answer cannot be written down is told so instead.
    """

    def __init__(self, app: ASGIApp, *, audit: Audit) -> None:
        self._app = app
        self._audit = audit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_begun = is_withheld = False

        async def told(message: Message) -> None:
            nonlocal has_begun, is_withheld
            if message["type"] == "http.response.start":
                has_begun = True
                try:
                    await self._write(scope, message["status"], dict(message.get("headers", ())), noted)
                except FootnoteError as error:
                    is_withheld = True
                    await response_to(problem_of(error), scope["path"])(scope, receive, send)
            if not is_withheld:
                await send(message)

        with noting() as noted:
            try:
                await self._app(scope, receive, told)
            except Exception:
                if not has_begun:
                    await self._write(scope, 500, {}, noted)
                raise

    async def _write(
        self, scope: Scope, status: int, headers: Mapping[bytes, bytes], noted: Mapping[str, object]
    ) -> None:
        route = template(scope)
        if route is None or (scope["path"] == MCP and status < 400 and "tool" not in noted):
            return
        facts = {name: value for name, value in scope["path_params"].items() if _ID.fullmatch(str(value))}
        if run := headers.get(b"x-run-id"):
            facts["run"] = run.decode()
        has_changed = "changed" in noted or scope["method"] == "DELETE"
        if has_changed or self._audit.waits:
            await asyncio.to_thread(self._audit.request, route, status, {**facts, **noted}, sync=has_changed)
        else:
            self._audit.request(route, status, {**facts, **noted})


def template(scope: Scope) -> str | None:
    """Name the route that answers a request, as `GET /v1/documents/{document_id}`; None for one that tells nothing."""
    route = scope.get("route")
    if not isinstance(route, APIRoute):
        return f"{scope['method']} {MCP}" if "endpoint" in scope and scope["path"] == MCP else None
    if not route.include_in_schema or route.path in _UNTOLD:
        return None
    return f"{scope['method']} {route.path_format}"


def route_of(scope: Scope) -> str:
    """Name the route that answers a request, of those that there are; `pages` are all files and pages."""
    route = scope.get("route")
    if not isinstance(route, APIRoute):
        is_mcp = "endpoint" in scope and scope["path"] == MCP
        return f"POST {MCP}" if is_mcp else "pages" if "endpoint" in scope else "unknown"
    if not route.include_in_schema and route.path != METRICS:
        return "pages"
    return f"{scope['method']} {route.path_format}" if scope["method"] in (route.methods or ()) else "unknown"


class Toll:
    """Counts requests by address, and refuses who was just refused, before anything of a request is read."""

    def __init__(self, app: ASGIApp, *, budgets: Budgets, proxies: str) -> None:
        """`proxies` are the addresses and networks whose word about a caller's address is taken, with commas between."""
        self._app = app
        self._budgets = budgets
        self._proxies = networks(proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http" or scope["path"] in _FREE:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        address = address_of(scope["client"][0] if scope.get("client") else "", headers, self._proxies)
        scope.setdefault("state", {})["address"] = address
        refused = self._budgets.just_refused(address, headers)
        if refused is None:
            try:
                await self._budgets.admit_address(address)
            except TooMany as error:
                refused = error
        if refused is None:
            await self._app(scope, receive, send)
        else:
            await response_to(problem_of(refused), scope["path"])(scope, receive, send)


def _names_a_host(scope: Scope) -> bool:
    """Say whether the request names one host as the standard has it; an old client may name none."""
    given = [value for name, value in scope["headers"] if name == b"host"]
    found = _HOST.fullmatch(given[0]) if given else None
    if found is None:
        return not given or given == [b""]
    try:
        ipaddress.IPv6Address((found["six"] or b"::").decode())
    except ValueError:
        return False
    return len(given) == 1 and int(found["port"] or 0) <= 65_535


def _sentence(limit: int) -> str:
    return f"The body is larger than {limit:,} bytes. Send less at once."
