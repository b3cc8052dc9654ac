"""Send every error in the shape that the clients of its path read.

Native routes answer RFC 9457 problem details, the OpenAI routes OpenAI's error object, `/api/chat` a short
`{"error": {"message"}}` that a chat window can show.
"""

import errno
from dataclasses import replace
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from app.http.access import own_address
from app.problems import JsonObject, Problem, openai_error, problem_details, problem_of, validation_sentence
from app.runs.run import report
from app.service import Service
from vectorstore.errors import FootnoteError

_STATUS_CODES: Final[dict[int, str]] = {
    404: "not_found",
    405: "method_not_allowed",
    408: "too_slow",
    413: "too_large",
}
MCP: Final = "/mcp"
_RPC_SERVER_ERROR: Final = -32_000
OPENAI_ROUTES: Final = ("/v1/chat/completions", "/v1/embeddings", "/v1/models", "/v1/responses")


METADATA: Final = "/.well-known/oauth-protected-resource"
"""Before the path of the resource that is meant."""


def response_to(problem: Problem, path: str, *, challenge: str = "Bearer") -> Response:
    """Answer with a problem in the shape that the clients of this path read; `challenge` goes with a 401."""
    # what a client wrote may stand in it, half characters too
    problem = replace(problem, sentence=problem.sentence.encode("utf-8", "replace").decode())
    headers = {"Cache-Control": "no-store"}
    if problem.retry_after is not None:
        headers["Retry-After"] = str(problem.retry_after)
    if problem.status == 401:
        headers["WWW-Authenticate"] = challenge
    if path.startswith(OPENAI_ROUTES):
        return JSONResponse(openai_error(problem), problem.status, headers)
    if path == MCP and problem.status == 429:
        return JSONResponse(_rpc_error(problem), problem.status, headers)
    if path.startswith("/api/"):
        body = {"error": {"message": problem.sentence, "code": problem.code}}
        return JSONResponse(body, problem.status, headers)
    return JSONResponse(
        problem_details(problem), problem.status, headers, media_type="application/problem+json"
    )


def challenge(request: Request) -> str:
    """Say how to come in: with a provider also where clients of OAuth read of it (RFC 6750, RFC 9728)."""
    service: Service = request.app.state.service
    if service.identity.provider is None:
        return "Bearer"
    resource = MCP if request.url.path == MCP else ""
    where = f'Bearer resource_metadata="{own_address(request, service)}{METADATA}{resource}"'
    return f'{where}, error="invalid_token"' if "authorization" in request.headers else where


def _rpc_error(problem: Problem) -> JsonObject:
    """Shape a problem as JSON-RPC's error object; the request was not read, so that its id is not known."""
    data = {"code": problem.code, "status": problem.status, "retryAfter": problem.retry_after}
    return {
        "jsonrpc": "2.0",
        "id": None,
        "error": {"code": _RPC_SERVER_ERROR, "message": problem.sentence, "data": data},
    }


def install(application: FastAPI) -> None:
    """Let every error of the application leave in its path's shape."""

    async def known(request: Request, error: Exception) -> Response:
        assert isinstance(error, FootnoteError)  # noqa: S101 - registered for this class only
        return response_to(problem_of(error), request.url.path, challenge=challenge(request))

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        return response_to(validation_sentence(error.errors()), request.url.path)

    async def raised(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101
        code = _STATUS_CODES.get(error.status_code, "error")
        problem = Problem(error.status_code, code, f"{error.detail.rstrip('.')}.")
        response = response_to(problem, request.url.path)
        response.headers.update(error.headers or {})
        return response

    async def full(request: Request, error: Exception) -> Response:
        if not isinstance(error, OSError) or error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise error
        report("The disk is full", error)
        problem = Problem(507, "disk_full", "There is no room left to store this. Nothing was changed.")
        return response_to(problem, request.url.path)

    application.add_exception_handler(FootnoteError, known)
    application.add_exception_handler(RequestValidationError, invalid)
    application.add_exception_handler(HTTPException, raised)
    application.add_exception_handler(OSError, full)
