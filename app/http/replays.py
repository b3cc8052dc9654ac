"""What was read earlier and is shown again: only while its reader may still read all documents behind it."""

import asyncio
from collections.abc import Collection, Sequence

from app.keys import Grant
from app.question import Message
from app.runs.run import Run
from app.runs.runs import Runs
from app.service import Service
from app.turn.explanation import drawn_from, explanation
from vectorstore.errors import NotFound
from vectorstore.types import DocumentId


async def find_run(run_id: str, *, runs: Runs, service: Service, grant: Grant) -> Run:
    """Return a caller's run; raises NotFound, also where it holds what the caller may no longer read."""
    run = await runs.find(run_id, owner=grant.key)
    if not await may_see(documents_of(run), service=service, grant=grant) or run.erased:
        raise NotFound(f"There is no run {run_id!r}.", "Runs are kept for ten minutes.")
    return run


def documents_of(run: Run) -> frozenset[DocumentId]:
    """Return the documents behind a run so far, and behind the conversation before it."""
    return drawn_from(explanation(run.id, run.question, run.recorded))


async def may_see(documents: Collection[DocumentId], *, service: Service, grant: Grant) -> bool:
    """Say whether the caller may read all of these documents today."""
    return not documents or await asyncio.to_thread(_readable, documents, service, grant)


async def still_readable(history: Sequence[Message], *, service: Service, grant: Grant) -> list[Message]:
    """Leave out the turns (question, answer) whose answer was drawn from what the caller may no longer read."""
    kept: list[Message] = []
    for asked, answered in zip(history[::2], history[1::2], strict=True):
        if await may_see(answered.drawn_from, service=service, grant=grant):
            kept += (asked, answered)
    return kept


def _readable(documents: Collection[DocumentId], service: Service, grant: Grant) -> bool:
    with service.store.snapshot() as snapshot:
        return snapshot.readable(documents, scope=grant.scope)
