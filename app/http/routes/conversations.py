"""`/v1/conversations`: what the caller asked before, and what was answered, for the caller alone."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field

from app.events import Passage
from app.http.access import ChatGrant, RunsIn, ServiceIn, kept_of
from app.http.asking import conversation_of_caller
from app.http.examples import problems
from app.http.links import viewer
from app.identity.grant import LOCAL, Grant
from app.problems import Unprocessable
from app.runs.records import Conversation, Turn
from app.turn.explanation import PassageShown, SentenceShown, drawn_from
from app.wire.sources import Link, source
from app.wire.ui import Utf16
from vectorstore.errors import NotAllowed, NotFound
from vectorstore.language.marks import cited
from vectorstore.store import Snapshot
from vectorstore.types import ChunkId, DocumentId, Scope, Span

router = APIRouter(tags=["chat"])
_TITLE: Final = 80
"""Characters of a first question that name its conversation."""


class ConversationShown(BaseModel):
    """A conversation by its first question, shortened; `answered` is when its last answer ended."""

    id: str
    title: str
    answered: datetime
    turns: int


class Conversations(BaseModel):
    """A page of the list, the latest first; `next` is the `before` of the following page."""

    conversations: list[ConversationShown]
    next: str | None = None


class TurnShown(BaseModel):
    """A question and its answer, null where documents are behind it that the caller may no longer read.

    `outcome` is answered, unsure, refused, done (of older releases), cancelled or a failure's code. Offsets count
    UTF-16 units, as those of the stream do.
    """

    run: str
    answered: datetime
    question: str
    answer: str | None = None
    outcome: str
    model: str = ""
    sources: list[dict[str, Any]] = Field(
        default=[], description="What the answer cites, as the stream of `POST /v1/chat` tells it."
    )
    sentences: list[SentenceShown] = []


class ConversationWhole(BaseModel):
    """The last turns of a conversation, oldest first."""

    id: str
    turns: list[TurnShown]


@router.get(
    "/v1/conversations", summary="List your conversations", responses=problems(401, 403, 404, 422, 503)
)
async def conversations(
    service: ServiceIn,
    runs: RunsIn,
    grant: ChatGrant,
    limit: Annotated[int, Query(ge=1, le=200)] = 30,
    before: Annotated[
        str | None, Query(max_length=200, description="List those behind this place: `next` of a page.")
    ] = None,
) -> Conversations:
    """List what the caller asked before, the latest first.

    For people, visitors and, without keys, this machine: a key that several may hold has no list.
    """
    records = kept_of(service).records
    if not grant.person and grant is not LOCAL:
        raise NotAllowed(
            "Several people may hold this key, so there is no list of its conversations.",
            "Sign in, or use a client token or a visitor token.",
        )
    await runs.recorded(owner=grant.owner)
    found = await asyncio.to_thread(
        records.conversations, owner=grant.owner, limit=limit + 1, before=_place(before)
    )
    shown = [
        ConversationShown(id=each.id, title=_title(each.question), answered=each.answered, turns=each.turns)
        for each in found[:limit]
    ]
    return Conversations(conversations=shown, next=_behind(found[limit - 1]) if len(found) > limit else None)


@router.get(
    "/v1/conversations/{conversation:path}",
    summary="Show a conversation",
    responses=problems(401, 403, 404, 422, 503),
)
async def conversation(
    conversation: Annotated[str, Path(max_length=200)],
    request: Request,
    service: ServiceIn,
    runs: RunsIn,
    grant: ChatGrant,
    limit: Annotated[int, Query(ge=1, le=200, description="Turns, counted from the last.")] = 50,
) -> ConversationWhole:
    """Show the last turns of a conversation of the caller's own, with what each answer cites."""
    records = kept_of(service).records
    name = conversation_of_caller(conversation, grant)
    await runs.recorded(owner=grant.owner)
    turns = await asyncio.to_thread(records.turns, name, owner=grant.owner, limit=limit) if name else []
    if not turns:
        raise NotFound(f"There is no conversation {conversation!r}.", "It may be another's, or be forgotten.")
    link = viewer(request, service, grant, now=time.time())
    return ConversationWhole(
        id=conversation, turns=await asyncio.to_thread(_shown, turns, service, grant, link)
    )


def _place(before: str | None) -> tuple[datetime, str] | None:
    if before is None:
        return None
    answered, _, name = before.partition("/")
    try:
        return datetime.fromisoformat(answered).replace(tzinfo=UTC), name
    except ValueError as error:
        raise Unprocessable("`before` is no place in the list.", "Send `next` of a page as it is.") from error


def _behind(last: Conversation) -> str:
    return f"{last.answered.replace(tzinfo=None).isoformat()}/{last.id}"


def _title(question: str) -> str:
    words = " ".join(question.split())
    return words if len(words) <= _TITLE else f"{words[: _TITLE - 1].rstrip()}…"


def _shown(turns: list[Turn], service: ServiceIn, grant: Grant, link: Link) -> list[TurnShown]:
    with service.store.snapshot() as snapshot:
        quoting = _Quoting(snapshot, grant.scope, link)
        return [_turn(each, quoting) for each in turns]


class _Quoting:
    """Reads of today's documents what answers cite; each document once."""

    def __init__(self, snapshot: Snapshot, scope: Scope, link: Link) -> None:
        self.snapshot = snapshot
        self.scope = scope
        self._link = link
        self._texts: dict[str, str] = {}

    def sources(self, passages: list[PassageShown]) -> Iterator[dict[str, Any]]:
        """Yield them as the stream shows them; a version that is no longer in the index has nothing to show."""
        for told in passages:
            try:
                document = self.snapshot.document(DocumentId(told.document_id), scope=self.scope)
            except NotFound:
                continue
            if document.id not in self._texts:
                self._texts[document.id] = self.snapshot.text(document.id)
            span = Span(told.start, told.end, told.page)
            yield source(
                Passage(
                    told.number,
                    document,
                    span,
                    self._texts[document.id][span.start : span.end],
                    tuple(map(ChunkId, told.chunk_ids)),
                    tuple(told.headings),
                    score=told.score,
                ),
                self._link,
            )


def _turn(turn: Turn, quoting: _Quoting) -> TurnShown:
    shown = TurnShown(
        run=turn.run,
        answered=turn.answered,
        question=turn.question,
        outcome=turn.outcome,
        model=turn.told.model,
    )
    if not quoting.snapshot.readable(drawn_from(turn.told), scope=quoting.scope):
        return shown
    numbers = set(cited(turn.answer))
    offsets = Utf16(turn.answer)
    shown.answer = turn.answer
    shown.sources = list(quoting.sources([each for each in turn.told.passages if each.number in numbers]))
    shown.sentences = [
        each.model_copy(update={"start": offsets.at(each.start), "end": offsets.at(each.end)})
        for each in turn.told.sentences
    ]
    return shown
