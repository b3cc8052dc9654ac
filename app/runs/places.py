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

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(len(turns) for owners in self._waiting.values() for turns in owners.values())

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
            if not turn.cancelled():  # a place was given to somebody who was just leaving
                self._give_back()
            raise

    def _give_back(self) -> None:
        """Hand a place to whoever has the turn, or keep it free; the tenant and the owner go to the end."""
        while self._waiting:
            tenant, owners = next(iter(self._waiting.items()))
            owner, turns = next(iter(owners.items()))
            turn = turns.popleft()
            has_left = turn.cancelled()
            if not (has_left and turns):  # behind one who has left, the next of the same owner has the turn
                del owners[owner]
                if turns:
                    owners[owner] = turns
            if not (has_left and owners):
                del self._waiting[tenant]
                if owners:
                    self._waiting[tenant] = owners
            if not has_left:
                turn.set_result(None)
                return
        self._free += 1
