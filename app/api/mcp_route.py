"""`/mcp`: the MCP server over streamable HTTP, behind the same door as the other routes."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from app.api.access import grant, may_search
from app.api.at_once import AtOnce, caller_of
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
        # There are no sessions to listen to or to end.
        self.route = Route(PATH, endpoint=self, methods=["POST"])

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
            # Read here: the vendor answers a body that is too large, too slow or cut off with a 500, and logs it.
            body = await request.body()
            scope.setdefault("state", {})["grant"] = granted
            unread: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

            async def again() -> Message:
                return unread.pop() if unread else await receive()

            at_once: AtOnce = request.app.state.at_once
            async with at_once.place(caller_of(request, granted)):
                await self._inner(scope, again, send)
        except FootnoteError as error:
            await response_to(problem_of(error), PATH)(scope, receive, send)
        except ClientDisconnect:
            return

    def _granted(self, request: Any) -> tuple[Grant, Viewer]:  # Any: the vendor hands its request on untyped
        granted: Grant = request.state.grant
        return granted, viewer(request, self._service, granted, now=time.time())
