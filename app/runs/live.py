"""What watching a service reads of its records: rows of figures without a word, and words only for what asks for them."""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple, TypeAlias, get_args

import numpy as np
import sqlalchemy as sql

from app.events import Outcome
from app.identity.grant import is_person
from app.runs.record_tables import explained, feedback, measures, plain, runs
from vectorstore.types import DocumentId, Vector

Ended: TypeAlias = Literal["answered", "unsure", "refused", "failed", "cancelled"]

DONE: Final = (*get_args(Outcome), "done")
"""The outcomes of a run that came to its end; records made before there were three say `done`."""
_AT_ONCE: Final = 500
"""Ids in one statement, rows in memory: every engine takes so many."""
_BEST: Final = 3
_TURNS: Final = 6
"""Earlier questions that a conversation's next one is read with."""


@dataclass(frozen=True, slots=True)
class LiveRun:
    """The figures of one question that somebody asked. Times are in milliseconds.

    `code` is a failure's. `vector`, of shape (d,), is the question as searched, by the embedder of that fingerprint;
    None where nothing was searched. `owner` and `vector` are personal data: they leave the process in no report.
    """

    run: str
    conversation: str
    owner: str
    asked: datetime
    outcome: Ended
    code: str
    variant: str
    tenant: str
    groups: tuple[str, ...]
    sentences: int
    supported: int
    first_ms: float | None
    total_ms: float
    rating: Literal["up", "down"] | None
    embedder: str
    vector: Vector | None

    @property
    def unit(self) -> str:
        """What does not depend on others: a person or visitor, or a conversation where a key has no people."""
        return self.owner if is_person(self.owner) else f"{self.owner} {self.conversation}"


@dataclass(frozen=True, slots=True)
class Words:
    """What was asked in one run, and (role, text) of the conversation before it, as far as it is kept.

    `alone` is the question as it was searched, with what earlier turns gave; `reason` is what was said with a rating.
    """

    question: str
    alone: str
    answer: str
    reason: str
    history: tuple[tuple[Literal["user", "assistant"], str], ...]


class Nearest(NamedTuple):
    """Where a passage stands."""

    document: DocumentId
    title: str
    headings: tuple[str, ...]


def live_runs(connection: sql.Connection, since: datetime, until: datetime) -> Iterator[LiveRun]:
    """Yield what was asked in [since, until), of all tenants, oldest first; runs without figures are left out."""
    columns = (*runs.c, *(each for each in measures.c if each.name != "run"), feedback.c.rating)
    query = (
        sql.select(*(each for each in columns if each.name not in {"question", "answer"}))
        .select_from(runs.join(measures).outerjoin(feedback))
        .where(runs.c.created >= since, runs.c.created < until)
        .order_by(runs.c.created, runs.c.id)
    )
    with connection.execution_options(yield_per=_AT_ONCE).execute(query) as found:
        for row in found:
            yield _live(row)


def words_of(connection: sql.Connection, wanted: Collection[str]) -> dict[str, Words]:
    """Return the words of runs by their ids; those that are gone are left out."""
    found: dict[str, Words] = {}
    for ids in _batches(sorted(wanted)):
        asked = runs.alias()
        same = (asked.c.conversation == runs.c.conversation) & (asked.c.owner == runs.c.owner)
        query = (
            sql.select(runs, feedback.c.reason, explained.c.told)
            .select_from(runs.outerjoin(feedback).outerjoin(explained))
            .where(sql.exists().where(same, asked.c.id.in_(ids)))
            .order_by(runs.c.created)
        )
        before: dict[tuple[str, str], list[tuple[Literal["user", "assistant"], str]]] = {}
        for row in connection.execute(query):
            earlier = before.setdefault((row.owner, row.conversation), [])
            if row.id in wanted:
                alone = str(plain(row.told).get("condensed") or row.question) if row.told else row.question
                found[row.id] = Words(
                    row.question, alone, row.answer, row.reason or "", tuple(earlier[-2 * _TURNS :])
                )
            if row.outcome in DONE:
                earlier += [("user", row.question), ("assistant", row.answer)]
    return found


def nearest_of(connection: sql.Connection, wanted: Collection[str]) -> dict[str, tuple[Nearest, ...]]:
    """Return where the best passages stood that were found for runs, by their ids, best first."""
    found: dict[str, tuple[Nearest, ...]] = {}
    for ids in _batches(sorted(wanted)):
        for row in connection.execute(sql.select(explained).where(explained.c.run.in_(ids))):
            best = plain(row.told).get("candidates", [])[:_BEST]
            found[row.run] = tuple(
                Nearest(DocumentId(each["document_id"]), each["title"], tuple(each["headings"]))
                for each in best
            )
    return found


def _live(row: sql.Row[Any]) -> LiveRun:  # Any: a row of several tables
    ended: dict[str, Ended] = {each: each for each in get_args(Ended)} | {"done": "answered"}
    outcome = ended.get(row.outcome, "failed")
    return LiveRun(
        run=row.id,
        conversation=row.conversation,
        owner=row.owner,
        asked=row.created if row.created.tzinfo else row.created.replace(tzinfo=UTC),
        outcome=outcome,
        code=row.outcome if outcome == "failed" else "",
        variant=row.variant,
        tenant=row.tenant,
        groups=tuple(json.loads(row.groups)),
        sentences=row.sentences,
        supported=row.supported,
        first_ms=row.first_ms,
        total_ms=row.total_ms,
        rating=row.rating,
        embedder=row.embedder,
        vector=None if row.vector is None else np.frombuffer(row.vector, "<f2").astype(np.float32),
    )


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), _AT_ONCE):
        yield ids[start : start + _AT_ONCE]
