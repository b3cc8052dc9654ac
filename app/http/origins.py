"""Which pages a browser lets call the service: those that the settings list, and those that have a key of their own."""

from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from vectorstore.errors import StoreDamaged, Unavailable


class Origins(CORSMiddleware):
    """CORS that follows the keys: a page's key opens its origins as soon as it is made, and until it is closed."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        listed: Collection[str],
        of_pages: Callable[[], Collection[str]],
        look: Callable[[], Awaitable[None]],
        exposed: Collection[str],
    ) -> None:
        """`of_pages` is asked at every request of another origin; `look` has it know what is so now."""
        super().__init__(
            app,
            allow_origins=listed,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["authorization", "content-type", "last-event-id", "x-request-id"],
            expose_headers=exposed,
        )
        self._of_pages = of_pages
        self._look = look

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Look at the keys before a page is let through."""
        if scope["type"] == "http" and any(name == b"origin" for name, _ in scope["headers"]):
            with suppress(StoreDamaged, Unavailable):  # the page hears so from the request itself
                await self._look()
        await super().__call__(scope, receive, send)

    def is_allowed_origin(self, origin: str) -> bool:
        """Say whether pages of this origin may call; without readable keys, only those that are listed."""
        if super().is_allowed_origin(origin):
            return True
        try:
            return origin in self._of_pages()
        except (StoreDamaged, Unavailable):
            return False
