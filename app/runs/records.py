"""What was asked and answered, and what people thought of it. A database of its own, never the index.

What is deleted from SQLite leaves no byte in its files. `secure_delete` alone does not do that: it overwrites the
row, but not the copies that SQLite leaves where it moved a row from one page to another. So the file is written
anew and the write-ahead log emptied. `PRAGMA user_version` counts the deletions for which that has not been done
yet; after a kill on the way, the next to open the file finishes. Of PostgreSQL the same is asked only where all of a
person is erased (`app/people`): there it holds up everybody.
"""

from collections.abc import Collection, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal, TypeAlias

import sqlalchemy as sql

from app.events import Done, Event, Failed, Started, Text
from app.question import Message, Question
from app.runs.live import DONE, LiveRun, Nearest, Words, live_runs, nearest_of, words_of
from app.runs.measured import Measured
from app.runs.record_tables import (
    explained,
    feedback,
    measures,
    opened,
    packed,
    plain,
    row_of,
    runs,
    schema_of,
    shown,
    trials,
    tried,
    unpacked,
)
from app.turn.explanation import Explanation, drawn_from, explanation
from vectorstore.errors import BadInput, NotFound, Unavailable
from vectorstore.index.postgresql.address import Address
from vectorstore.state.cell import State
from vectorstore.state.files import private, state_of
from vectorstore.types import Vector

Rating: TypeAlias = Literal["up", "down"]

_LONGEST_MODEL: Final = 200


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation as its owner's list has it: its first question, when the last was answered, how many there are."""

    id: str
    question: str
    answered: datetime
    turns: int


@dataclass(frozen=True, slots=True)
class Turn:
    """One question of a conversation with its answer, and why it is what it is; `outcome` may be a failure's code."""

    run: str
    answered: datetime
    question: str
    answer: str
    outcome: str
    told: Explanation


class Records:
    """Conversations and feedback, in SQLite by default or any database that SQLAlchemy reaches by URL.

    Synchronous: call it from a thread. `owner` is the person or key that asked; a conversation is its owner's alone.
    What must be kept although its owner or its age would have it erased is `app/people`'s to know.
    """

    def __init__(self, place: str | Address) -> None:
        """Open them at the URL of a database, or in that of the index; raises Unavailable."""
        self._engine, self.place = opened(place)
        self._schema = "" if isinstance(place, str) else schema_of(place)
        with suppress(Unavailable):  # whoever reads it just now, the next deletion or sweep finishes
            self._blank()

    def add(
        self,
        run: str,
        question: Question,
        owner: str,
        events: Sequence[Event],
        *,
        figures: Measured | None = None,
        vector: Vector | None = None,
        embedder: str = "",
    ) -> None:
        """Keep one finished run, with why it answered as it did, and its figures.

        `vector` is its question as the embedder of that fingerprint has it, of shape (d,).
        """
        row: dict[str, object] = {"outcome": "cancelled", "refused": False, "model": ""}
        answer: list[str] = []
        for event in events:
            match event:
                case Started(model=model):
                    row["model"] = model
                case Text(delta):
                    answer.append(delta)
                case Done(outcome=outcome):
                    row["outcome"], row["refused"] = outcome, event.refused
                case Failed(code=code):
                    row["outcome"] = code
        row |= {"id": run, "conversation": question.conversation, "owner": owner, "created": _now()}
        row["model"] = str(row["model"])[:_LONGEST_MODEL]
        with self._engine.begin() as connection:
            connection.execute(
                runs.insert(), row | {"question": _kept(question.text), "answer": _kept("".join(answer))}
            )
            told = packed(explanation(run, question, events))
            connection.execute(explained.insert(), {"run": run, "told": told})
            if figures is not None:
                connection.execute(measures.insert(), row_of(run, figures, vector, embedder))

    def explanation(self, run: str, *, owner: str) -> Explanation:
        """Return why a finished run answered as it did; raises NotFound for one that is not this owner's."""
        query = sql.select(explained.c.told).join(runs).where(runs.c.id == run, runs.c.owner == owner)
        with self._engine.connect() as connection:
            found = connection.execute(query).first()
        if found is None:
            raise unknown_run(run)
        return unpacked(found.told)

    def history(self, conversation: str, *, owner: str, turns: int = 6) -> tuple[Message, ...]:
        """Return the last turns of a conversation that came to their end, oldest first.

        Each answer names the documents it was drawn from: whether they may still be read is the caller's to ask.
        """
        return tuple(
            message
            for turn in self.turns(conversation, owner=owner, limit=turns, outcomes=DONE)
            for message in (
                Message("user", turn.question),
                Message("assistant", turn.answer, drawn_from(turn.told)),
            )
        )

    def conversations(
        self, *, owner: str, limit: int, before: tuple[datetime, str] | None = None
    ) -> list[Conversation]:
        """Return an owner's conversations, the latest first; with `before`, those behind that (answered, id)."""
        conversation, latest = runs.c.conversation, sql.func.max(runs.c.created)
        first = runs.alias()
        asked = (
            sql.select(first.c.question)
            .where(first.c.owner == owner, first.c.conversation == conversation)
            .order_by(first.c.created)
            .limit(1)
        )
        query = (
            sql.select(conversation, asked.scalar_subquery(), latest, sql.func.count())
            .where(runs.c.owner == owner)
            .group_by(conversation)
            .order_by(latest.desc(), conversation.desc())
            .limit(limit)
        )
        if before is not None:
            answered, name = before
            query = query.having((latest < answered) | ((latest == answered) & (conversation < name)))
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [Conversation(name, asked, _utc(answered), turns) for name, asked, answered, turns in rows]

    def turns(self, conversation: str, *, owner: str, limit: int, outcomes: Sequence[str] = ()) -> list[Turn]:
        """Return the last turns of a conversation, oldest first, those with any of these outcomes (none: all)."""
        ended = (runs.c.outcome.in_(outcomes),) if outcomes else ()
        query = (
            sql.select(runs, explained.c.told)
            .join(explained)
            .where(runs.c.conversation == conversation, runs.c.owner == owner, *ended)
            .order_by(runs.c.created.desc())
            .limit(limit)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [
            Turn(row.id, _utc(row.created), row.question, row.answer, row.outcome, unpacked(row.told))
            for row in reversed(rows)
        ]

    def rate(self, run: str, *, owner: str, rating: Rating, reason: str = "") -> str:
        """Keep what someone thought of an answer, over what they thought before; return its variant; raises NotFound."""
        with self._engine.begin() as connection:
            known = sql.select(runs.c.id).where(runs.c.id == run, runs.c.owner == owner)
            if connection.execute(known).first() is None:
                hint = "Feedback can be given once an answer is complete."
                raise NotFound(f"There is no run {run!r}.", hint)
            connection.execute(feedback.delete().where(feedback.c.run == run))
            said = {"run": run, "rating": rating, "reason": _kept(reason), "created": _now()}
            connection.execute(feedback.insert(), said)
            return str(connection.scalar(sql.select(measures.c.variant).where(measures.c.run == run)) or "")

    def ratings(self) -> list[tuple[str, str, str]]:
        """Return (run, rating, reason) of all feedback, oldest first."""
        columns = (feedback.c.run, feedback.c.rating, feedback.c.reason)
        query = sql.select(*columns).order_by(feedback.c.created)
        with self._engine.connect() as connection:
            return [(row.run, row.rating, row.reason) for row in connection.execute(query)]

    def live(self, since: datetime, until: datetime) -> Generator[LiveRun]:
        """Yield the figures of what anybody of any tenant asked in [since, until), without a word, oldest first."""
        with self._engine.connect() as connection:
            yield from live_runs(connection, since, until)

    def words(self, wanted: Collection[str]) -> dict[str, Words]:
        """Return the words of runs by their ids: for an operator who has said that texts may be read."""
        with self._engine.connect() as connection:
            return words_of(connection, wanted)

    def nearest(self, wanted: Collection[str]) -> dict[str, tuple[Nearest, ...]]:
        """Return where the best passages stood that the search gave for runs, by their ids."""
        with self._engine.connect() as connection:
            return nearest_of(connection, wanted)

    def owners(self) -> set[str]:
        """Return whose runs are kept."""
        return set(self._column(sql.select(runs.c.owner).distinct()))

    def ids(self, owner: str) -> list[str]:
        """Return the ids of an owner's runs, oldest first."""
        return self._column(sql.select(runs.c.id).where(runs.c.owner == owner).order_by(runs.c.created))

    def rated(self, owner: str) -> int:
        """Return on how many of an owner's answers there is an opinion."""
        return len(self._column(sql.select(feedback.c.run).join(runs).where(runs.c.owner == owner)))

    def all(self, owner: str) -> Iterator[dict[str, object]]:
        """Yield all that is kept of an owner's runs as plain JSON, oldest first."""
        told = (explained.c.told, feedback.c.rating, feedback.c.reason)
        kept = runs.outerjoin(explained).outerjoin(feedback).outerjoin(measures)
        query = sql.select(runs, measures, *told).select_from(kept).where(runs.c.owner == owner)
        with self._engine.connect() as connection:
            others = tried(connection, owner)
            for row in connection.execute(query.order_by(runs.c.created)):
                names = (column.name for column in runs.c if column.name != "owner")
                yield {name: getattr(row, name) for name in names} | {
                    "created": _utc(row.created).isoformat(),
                    "feedback": {"rating": row.rating, "reason": row.reason} if row.rating else None,
                    "figures": shown(row),
                    "tried": others.get(row.id, []),
                    "explanation": plain(row.told) if row.told else None,
                }

    def forget(self, conversation: str, *, owner: str) -> int:
        """Erase a conversation with its feedback; return how many runs went.

        Raises Unavailable when the database is busy, or when something else reads the file for so long that bytes
        may be left beside it: forgetting again, of anything, finishes that.
        """
        return self._erase(runs.c.conversation == conversation, runs.c.owner == owner)

    def erase(self, owner: str, *, until: datetime | None = None) -> int:
        """Erase all that an owner asked, or what was asked until then; return and raise as `forget` does."""
        when = () if until is None else (runs.c.created <= until,)
        return self._erase(runs.c.owner == owner, *when)

    def sweep(self, days: int, *, but: Collection[str] = ()) -> int:
        """Erase what was asked more than so many days ago, but for some owners; return and raise as `forget` does."""
        return self._erase(runs.c.created < _now() - timedelta(days=days), runs.c.owner.not_in(but))

    def tables(self) -> list[str]:
        """Return the tables in the database of the index, each with its schema; of a database of their own, none."""
        names = (feedback, explained, measures, trials, runs) if self._schema else ()
        return [f"{self._schema}.{each.name}" for each in names]

    def files(self) -> list[Path]:
        """Return the files that SQLite keeps them in; of another database, none."""
        name = self._engine.url.database if self._engine.dialect.name == "sqlite" else None
        return [Path(name + end) for end in ("", "-wal", "-shm", "-journal")] if name else []

    @property
    def engine(self) -> sql.Engine:
        """The database, for what is counted over the runs of all (`trials.py`)."""
        return self._engine

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def _column(self, query: sql.Select[str]) -> list[str]:
        with self._engine.connect() as connection:
            return list(connection.execute(query).scalars())

    def _erase(self, *which: sql.ColumnElement[bool]) -> int:
        gone = sql.select(runs.c.id).where(*which)
        with self._engine.begin() as connection:
            for kept in (feedback, explained, measures, trials):
                connection.execute(kept.delete().where(kept.c.run.in_(gone)))
            count = connection.execute(runs.delete().where(*which)).rowcount
            if count:
                _to_be_blanked(connection)
        self._blank()
        return count

    def _blank(self) -> None:
        """Write SQLite's file anew without what was deleted, and empty its log; raises Unavailable."""
        if self._engine.dialect.name != "sqlite":
            return
        try:
            with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                count = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
                if not count:
                    return
                connection.exec_driver_sql("VACUUM")
                busy, *_ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
                if not busy:
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                    if connection.exec_driver_sql("PRAGMA user_version").scalar_one() == count:
                        connection.exec_driver_sql("PRAGMA user_version = 0")
                    connection.exec_driver_sql("COMMIT")
                    return
        except Unavailable as error:
            raise _left() from error
        raise _left()


def unknown_run(run: str) -> NotFound:
    """Return the error for a run that is not there for this caller, whatever the reason."""
    return NotFound(f"There is no run {run!r}.", "It may have been another key's, or be forgotten.")


def records_url(configured: str, place: State | Path) -> str | Address:
    """Return the configured URL, else the database of the index, else that of a SQLite file under the data folder.

    Raises BadInput.
    """
    if configured:
        try:
            sql.make_url(configured)
        except sql.exc.ArgumentError as error:
            raise BadInput(
                "FOOTNOTE_RECORDS_URL is no address of a database.",
                "Write it like postgresql://user:password@host/name, or leave it empty.",
            ) from error
        return configured
    state = state_of(place)
    if state.database is not None:
        return state.database.address
    private(state.folder)
    path = state.folder / "records.db"
    path.touch(mode=0o600)
    return f"sqlite:///{path}"


def _to_be_blanked(connection: sql.Connection) -> None:
    if connection.dialect.name == "sqlite":
        count = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        connection.exec_driver_sql(f"PRAGMA user_version = {count + 1}")


def _left() -> Unavailable:
    return Unavailable(
        "It is deleted, but words of it may stay in records.db or beside it, because another program uses the file "
        "or the disk is full.",
        "Delete it again in a moment.",
    )


def _kept(text: str) -> str:
    """PostgreSQL keeps no text with U+0000."""
    return text.replace("\0", "\ufffd")


def _now() -> datetime:
    return datetime.now(UTC)


def _utc(at: datetime) -> datetime:
    """SQLite keeps no zone: what it gives back is in ours."""
    return at if at.tzinfo else at.replace(tzinfo=UTC)
