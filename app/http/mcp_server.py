"""The documents as an MCP server: `search` and `fetch`, the two tools that ChatGPT's connectors and others expect.

Read-only, under the same scope as every other route. The vendor is imported here and nowhere else.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from starlette.types import ASGIApp

from app.audit.audit import note
from app.identity.grant import Grant
from app.question import Question
from app.service import Service
from app.wire.sources import Viewer, label
from vectorstore.errors import BadInput, FootnoteError, NotAllowed, NotFound, Unavailable, pip_install
from vectorstore.types import Document, DocumentId, Hit, Span

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from app.http.access import AtOnce, caller_of, grant, may_search
from app.http.errors import MCP, challenge, response_to
from app.http.links import viewer
from app.problems import problem_of

GrantOf: TypeAlias = Callable[[Any], tuple[Grant, Viewer]]
"""Says from the vendor's request object (None over stdio; hence Any) who asks, and how to link for them."""

_AROUND: Final = 2
"""Neighbouring chunks on either side that a fetched passage comes with."""
_MOST: Final = 100_000
"""Code points of a whole document that one `fetch` returns."""
_INSTRUCTIONS: Final = (
    "Search the documents, then fetch what you want to quote. Cite the url of each passage."
)


def mcp_server(service: Service, grant_of: GrantOf) -> "MCPServer[Any]":
    """Build the server; raises Unavailable when the extra is not installed."""
    try:
        from mcp.server.mcpserver import Context, MCPServer
        from mcp.server.mcpserver.exceptions import ToolError
        from mcp.types import ToolAnnotations
    except ImportError as error:
        raise Unavailable("The MCP server needs an extra package.", pip_install("mcp")) from error

    server: MCPServer[Any] = MCPServer(
        "footnote", instructions=_INSTRUCTIONS, version=service.version, log_level="WARNING"
    )
    reading = ToolAnnotations(read_only_hint=True, open_world_hint=False)

    @contextmanager
    def in_words() -> Iterator[None]:
        """Let a client read what went wrong: the vendor hides the words of any other exception."""
        try:
            yield
        except FootnoteError as error:
            raise ToolError(str(error)) from error

    def tell(tool: str, request: Any, grant: Grant, documents: list[str]) -> None:
        """Have it written down: over HTTP with the request, else here."""
        note(tool=tool, documents=documents)
        if request is None and service.audit is not None:
            service.audit.request("mcp", 200, {"grant": grant, "tool": tool, "documents": documents})

    @server.tool(annotations=reading, structured_output=False)
    async def search(query: str, context: Context[Any]) -> str:
        """Find passages in the organisation's documents. Returns ids, titles and links, not their text."""
        grant, link = grant_of(_request(context))
        with in_words():
            _check(query, service.settings.answer.max_question_chars)
            found = await service.search(Question(query, grant.scope, top_k=service.settings.answer.top_k))
        tell("search", _request(context), grant, sorted({hit.document.id for hit in found.hits}))
        return json.dumps({"results": [_result(hit, link) for hit in found.hits]}, ensure_ascii=False)

    @server.tool(annotations=reading, structured_output=False)
    async def fetch(id: str, context: Context[Any]) -> str:  # noqa: A002 - the argument's name is the protocol's
        """Return the text behind an id from `search`: a passage with what stands around it, or a document."""
        grant, link = grant_of(_request(context))
        with in_words():
            text = await asyncio.to_thread(_fetch, service, id, grant, link)
        tell("fetch", _request(context), grant, [id.partition("/")[0]])
        return text

    return server


def http_application(server: "MCPServer[Any]", path: str) -> ASGIApp:
    """Return the server as an ASGI application that answers at `path`, without sessions to keep."""
    from mcp.server.transport_security import TransportSecuritySettings

    # Our own door refuses foreign names and origins, and lets public ones in where there are keys.
    unguarded = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    return server.streamable_http_app(
        streamable_http_path=path, stateless_http=True, json_response=True, transport_security=unguarded
    )


def _request(context: Any) -> Any:  # Any: the vendor's context and request
    return context.request_context.request


def _check(query: str, most: int) -> None:
    if not query.strip():
        raise BadInput("The query is empty.", "Send some words.")
    if len(query) > most:
        raise BadInput(f"The query has {len(query):,} characters.", f"The most is {most:,}.")


def _result(hit: Hit, link: Viewer) -> dict[str, str]:
    return {
        "id": f"{hit.document.id}/{hit.chunk.id}",
        "title": label(hit.document, hit.chunk.span),
        "url": link(hit.document, hit.chunk.span, hit.chunk.id),
    }


def _fetch(service: Service, identity: str, grant: Grant, link: Viewer) -> str:
    wanted, _, chunk = identity.partition("/")
    with service.store.snapshot() as snapshot:
        document = snapshot.document(DocumentId(wanted), scope=grant.scope)
        if not chunk and "documents" not in grant.rights:
            raise NotAllowed(
                "This key has no right to documents.", "Fetch the id of a passage, as `search` gives it."
            )
        whole = snapshot.text(document.id)
        if not chunk:
            return _shown(identity, document, whole[:_MOST], span=Span(0, min(len(whole), _MOST)), link=link)
        found = next((each for each in snapshot.chunks(document.id) if each.id == chunk), None)
        if found is None:
            raise NotFound(f"There is nothing under {identity!r}.", "Search again: it may have changed.")
        near = snapshot.around(found, _AROUND)
    start, end = min(each.span.start for each in near), max(each.span.end for each in near)
    return _shown(identity, document, whole[start:end], span=found.span, link=link)


def _shown(identity: str, document: Document, text: str, *, span: Span, link: Viewer) -> str:
    metadata: dict[str, object] = {"uri": document.uri, "media_type": document.media_type}
    if span.page is not None:
        metadata["page"] = span.page
    shown = {
        "id": identity,
        "title": label(document, span),
        "text": text,
        "url": link(document, span, None),
        "metadata": metadata,
    }
    return json.dumps(shown, ensure_ascii=False)


class McpRoute:
    """The route, and the lifetime that its sessions need."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._server = mcp_server(service, self._granted)
        self._inner = http_application(self._server, MCP)
        # There are no sessions to listen to or to end.
        self.route = Route(MCP, endpoint=self, methods=["POST"])

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
            await response_to(problem_of(error), MCP, challenge=challenge(request))(scope, receive, send)
        except ClientDisconnect:
            return

    def _granted(self, request: Any) -> tuple[Grant, Viewer]:  # Any: the vendor hands its request on untyped
        granted: Grant = request.state.grant
        return granted, viewer(request, self._service, granted, now=time.time())
