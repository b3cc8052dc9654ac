"""`footnote mcp`: the MCP server over standard input and output, for Claude Desktop, Cursor and their kin."""


def mcp() -> None:
    """Offer the documents to a desktop assistant: search and fetch over standard input and output."""
    from typing import Any

    from app.build import build, build_service
    from app.keys import RIGHTS, Grant
    from app.mcp_server import mcp_server
    from app.settings import AnswerSettings, ServeSettings
    from app.wire.sources import Viewer
    from vectorstore.settings import StoreSettings
    from vectorstore.types import Scope

    serve_settings, answer_settings, store_settings = ServeSettings(), AnswerSettings(), StoreSettings()
    base = serve_settings.base_url.rstrip("/") or f"http://127.0.0.1:{serve_settings.port}"
    # Whoever can start this process can read the index: they are the operator.
    operator = Grant("local", Scope(unrestricted=True), frozenset(RIGHTS))

    def granted(_: Any) -> tuple[Grant, Viewer]:  # Any: there is no request over stdio
        return operator, Viewer(base)

    parts = build(store_settings, answer_settings)
    try:
        server = mcp_server(build_service(parts, serve_settings, answer_settings, store_settings), granted)
        server.run("stdio")
    finally:
        parts.close()
