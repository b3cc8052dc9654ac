"""How much one caller may ask at the same time, so that nobody's questions keep the others waiting."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, Request

from app.api.access import grant
from app.keys import LOCAL, Grant
from app.problems import TooMany

_WAITING = 4
"""How many times as many may wait as may run."""


class AtOnce:
    """Places for the searches of each caller: so many run, some more wait, and those beyond are refused."""

    def __init__(self, running: int) -> None:
        self._running = running
        self._places: dict[str, asyncio.Semaphore] = {}
        self._held: dict[str, int] = {}

    @asynccontextmanager
    async def place(self, caller: str) -> AsyncIterator[None]:
        """Wait for a place and hold it; raises TooMany when as many wait as may."""
        held = self._held.get(caller, 0)
        if held >= self._running * (1 + _WAITING):
            raise TooMany(
                f"You have {held:,} searches running or waiting.",
                "Send the next when some have been answered.",
            )
        self._held[caller] = held + 1
        places = self._places.setdefault(caller, asyncio.Semaphore(self._running))
        try:
            async with places:
                yield
        finally:
            self._held[caller] -= 1
            if not self._held[caller]:
                del self._held[caller], self._places[caller]


def caller_of(request: Request, granted: Grant) -> str:
    """Name who asks: the key, or without keys the address."""
    if granted is not LOCAL:
        return granted.key
    return request.client.host if request.client else ""


async def searching(request: Request, granted: Annotated[Grant, Depends(grant)]) -> AsyncIterator[None]:
    """Hold a place for a request that searches or embeds; raises TooMany."""
    at_once: AtOnce = request.app.state.at_once
    async with at_once.place(caller_of(request, granted)):
        yield
