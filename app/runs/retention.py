"""Erasing what has been kept long enough: when the service starts, and every day that it runs."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from app.runs.records import Records
from vectorstore.errors import Unavailable

_log = logging.getLogger(__name__)


@asynccontextmanager
async def swept(records: Records | None, *, days: int, every: float = 86_400.0) -> AsyncGenerator[None]:
    """Erase what is older than so many days while the block runs, every so many seconds; with 0 days, nothing."""
    if records is None or not days:
        yield
        return
    task = asyncio.create_task(_sweep(records, days, every))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _sweep(records: Records, days: int, every: float) -> None:
    while True:
        try:
            if count := await asyncio.to_thread(records.sweep, days):
                _log.info("Erased %d answers older than %d days.", count, days)
        except Unavailable as error:
            _log.warning("Answers older than %d days are not all erased yet: %s", days, error)
        await asyncio.sleep(every)
