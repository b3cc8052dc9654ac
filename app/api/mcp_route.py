"""`/mcp`: the MCP server over streamable HTTP, behind the same door as the other routes."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Request
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from app.api.access import grant, may_search
from app.api.errors import response_to
from app.api.links import viewer
from app.keys import Grant
from app.mcp_server import http_application, mcp_server
from app.parts import Service
from app.problems import problem_of
from app.wire.sources import Viewer
from vectorstore.errors import FootnoteError

PATH = "/mcp"


class McpRoute:
    """The route, and the lifetime that its sessions need."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._server = mcp_server(service, self._granted)
        self._inner = http_application(self._server, PATH)
        self.route = Route(PATH, endpoint=self, methods=["GET", "POST", "DELETE"])

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep the sessions' tasks for as long as the application lives."""
        async with self._server.session_manager.run():
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let in who may search, and refuse everybody else."""
        request = Request(scope, receive)
        try:
            granted = await may_search(await grant(request, self._service))
        except FootnoteError as error:
            await response_to(problem_of(error), PATH)(scope, receive, send)
            return
        scope.setdefault("state", {})["grant"] = granted
        await self._inner(scope, receive, send)

    def _granted(self, request: Any) -> tuple[Grant, Viewer]:  # Any: the vendor hands its request on untyped
        granted: Grant = request.state.grant
        return granted, viewer(request, self._service, granted, now=time.time())
