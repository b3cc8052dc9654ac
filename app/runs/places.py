"""So many at the same time, and a fair queue: who waits is taken tenant after tenant, of each owner after owner.

However many of one tenant wait, another's next one waits for one of theirs at most.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Places:
    """Places to be taken and given back, in one event loop."""

    def __init__(self, count: int) -> None:
        self._free = count
        # Both levels stand in the order in which they have their turn.
        self._waiting: dict[str, dict[str, deque[asyncio.Future[None]]]] = {}

    @asynccontextmanager
    async def place(self, tenant: str, owner: str, *, seconds: float) -> AsyncIterator[None]:
        """Wait for a place and hold it; raises TimeoutError after so many seconds of waiting."""
        async with asyncio.timeout(seconds):
            await self._take(tenant, owner)
        try:
            yield
        finally:
            self._give_back()

    async def _take(self, tenant: str, owner: str) -> None:
        if self._free:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(tenant, {}).setdefault(owner, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._leave(tenant, owner, turn)
            else:  # a place was given to somebody who was just leaving
                self._give_back()
            raise

    def _give_back(self) -> None:
        """Hand a place to whoever has the turn, or keep it free; the tenant and the owner go to the end."""
        if not self._waiting:
            self._free += 1
            return
        tenant, owners = next(iter(self._waiting.items()))
        owner, turns = next(iter(owners.items()))
        turn = turns.popleft()
        del self._waiting[tenant], owners[owner]
        if turns:
            owners[owner] = turns
        if owners:
            self._waiting[tenant] = owners
        turn.set_result(None)

    def _leave(self, tenant: str, owner: str, turn: asyncio.Future[None]) -> None:
        owners = self._waiting[tenant]
        owners[owner].remove(turn)
        if not owners[owner]:
            del owners[owner]
        if not owners:
            del self._waiting[tenant]
