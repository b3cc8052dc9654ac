"""What was asked and answered, and what people thought of it. A database of its own, never the index.

What is deleted from SQLite leaves no byte in its files. `secure_delete` alone does not do that: it overwrites the
row, but not the copies that SQLite leaves where it moved a row from one page to another. So the file is written
anew and the write-ahead log emptied. `PRAGMA user_version` counts the deletions for which that has not been done
yet; after a kill on the way, the next to open the file finishes.
"""

import json
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args

import sqlalchemy as sql
from sqlalchemy.exc import SQLAlchemyError

from app.events import Done, Event, Failed, Outcome, Started, Text
from app.question import Message, Question
from app.turn.explanation import Explanation, drawn_from, explanation
from vectorstore.errors import BadInput, NotFound, Unavailable

Rating: TypeAlias = Literal["up", "down"]

_BUSY_MILLISECONDS: Final = 5_000
_DONE: Final = (*get_args(Outcome), "done")
"""The outcomes of a run that came to its end; records made before there were three say `done`."""
_tables = sql.MetaData()
_runs = sql.Table(
    "runs",
    _tables,
    sql.Column("id", sql.String(64), primary_key=True),
    sql.Column("conversation", sql.String(128), index=True, nullable=False),
    sql.Column("owner", sql.String(64), nullable=False),
    sql.Column("created", sql.DateTime(timezone=True), nullable=False),
    sql.Column("question", sql.Text, nullable=False),
    sql.Column("answer", sql.Text, nullable=False),
    sql.Column("outcome", sql.String(32), nullable=False),
    sql.Column("refused", sql.Boolean, nullable=False),
    sql.Column("model", sql.String(200), nullable=False),
)
_BY_OWNER: Final = sql.Index("runs_by_owner", _runs.c.owner, _runs.c.created)
_feedback = sql.Table(
    "feedback",
    _tables,
    sql.Column("run", sql.String(64), sql.ForeignKey("runs.id"), primary_key=True),
    sql.Column("rating", sql.String(8), nullable=False),
    sql.Column("reason", sql.Text, nullable=False),
    sql.Column("created", sql.DateTime(timezone=True), nullable=False),
)
_explained = sql.Table(
    "explained",
    _tables,
    sql.Column("run", sql.String(64), sql.ForeignKey("runs.id"), primary_key=True),
    sql.Column("told", sql.LargeBinary, nullable=False),
)


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

    def __init__(self, url: str) -> None:
        self._engine = sql.create_engine(url, hide_parameters=True)  # errors are logged, contents never
        if self._engine.dialect.name == "sqlite":
            sql.event.listen(self._engine, "connect", _durable)
        try:
            look = sql.inspect(self._engine)
            found = set(look.get_table_names())
            is_new = not found.issuperset(_tables.tables)
            if "explanations" in found or is_new or not look.has_index("runs", str(_BY_OWNER.name)):
                with self._engine.begin() as connection:
                    if connection.dialect.name == "sqlite":  # of several that open it first, one makes it
                        connection.exec_driver_sql("BEGIN IMMEDIATE")
                    _tables.create_all(connection)
                    _BY_OWNER.create(connection, checkfirst=True)
                    _take_over(connection)
        except SQLAlchemyError as error:
            raise Unavailable(
                f"The records database ({self.place}) cannot be opened.",
                "Correct FOOTNOTE_RECORDS_URL, or start the database.",
            ) from error
        sql.event.listen(self._engine, "handle_error", _in_our_words)
        with suppress(Unavailable):  # whoever reads it just now, the next deletion or sweep finishes
            self._blank()

    def add(self, run: str, question: Question, owner: str, events: Sequence[Event]) -> None:
        """Keep one finished run, with why it answered as it did."""
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
        with self._engine.begin() as connection:
            connection.execute(_runs.insert(), row | {"question": question.text, "answer": "".join(answer)})
            told = _packed(explanation(run, question, events).model_dump(mode="json"))
            connection.execute(_explained.insert(), {"run": run, "told": told})

    def explanation(self, run: str, *, owner: str) -> Explanation:
        """Return why a finished run answered as it did; raises NotFound for one that is not this owner's."""
        query = sql.select(_explained.c.told).join(_runs).where(_runs.c.id == run, _runs.c.owner == owner)
        with self._engine.connect() as connection:
            found = connection.execute(query).first()
        if found is None:
            raise unknown_run(run)
        return _unpacked(found.told)

    def history(self, conversation: str, *, owner: str, turns: int = 6) -> tuple[Message, ...]:
        """Return the last turns of a conversation that came to their end, oldest first.

        Each answer names the documents it was drawn from: whether they may still be read is the caller's to ask.
        """
        return tuple(
            message
            for turn in self.turns(conversation, owner=owner, limit=turns, outcomes=_DONE)
            for message in (
                Message("user", turn.question),
                Message("assistant", turn.answer, drawn_from(turn.told)),
            )
        )

    def conversations(
        self, *, owner: str, limit: int, before: tuple[datetime, str] | None = None
    ) -> list[Conversation]:
        """Return an owner's conversations, the latest first; with `before`, those behind that (answered, id)."""
        conversation, latest = _runs.c.conversation, sql.func.max(_runs.c.created)
        first = _runs.alias()
        asked = (
            sql.select(first.c.question)
            .where(first.c.owner == owner, first.c.conversation == conversation)
            .order_by(first.c.created)
            .limit(1)
        )
        query = (
            sql.select(conversation, asked.scalar_subquery(), latest, sql.func.count())
            .where(_runs.c.owner == owner)
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
        ended = (_runs.c.outcome.in_(outcomes),) if outcomes else ()
        query = (
            sql.select(_runs, _explained.c.told)
            .join(_explained)
            .where(_runs.c.conversation == conversation, _runs.c.owner == owner, *ended)
            .order_by(_runs.c.created.desc())
            .limit(limit)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [
            Turn(row.id, _utc(row.created), row.question, row.answer, row.outcome, _unpacked(row.told))
            for row in reversed(rows)
        ]

    def rate(self, run: str, *, owner: str, rating: Rating, reason: str = "") -> None:
        """Keep what someone thought of an answer, over what they thought before; raises NotFound."""
        with self._engine.begin() as connection:
            known = sql.select(_runs.c.id).where(_runs.c.id == run, _runs.c.owner == owner)
            if connection.execute(known).first() is None:
                hint = "Feedback can be given once an answer is complete."
                raise NotFound(f"There is no run {run!r}.", hint)
            connection.execute(_feedback.delete().where(_feedback.c.run == run))
            said = {"run": run, "rating": rating, "reason": reason, "created": _now()}
            connection.execute(_feedback.insert(), said)

    def ratings(self) -> list[tuple[str, str, str]]:
        """Return (run, rating, reason) of all feedback, oldest first."""
        columns = (_feedback.c.run, _feedback.c.rating, _feedback.c.reason)
        query = sql.select(*columns).order_by(_feedback.c.created)
        with self._engine.connect() as connection:
            return [(row.run, row.rating, row.reason) for row in connection.execute(query)]

    def owners(self) -> set[str]:
        """Return whose runs are kept."""
        return set(self._column(sql.select(_runs.c.owner).distinct()))

    def ids(self, owner: str) -> list[str]:
        """Return the ids of an owner's runs, oldest first."""
        return self._column(sql.select(_runs.c.id).where(_runs.c.owner == owner).order_by(_runs.c.created))

    def rated(self, owner: str) -> int:
        """Return on how many of an owner's answers there is an opinion."""
        return len(self._column(sql.select(_feedback.c.run).join(_runs).where(_runs.c.owner == owner)))

    def all(self, owner: str) -> Iterator[dict[str, object]]:
        """Yield all that is kept of an owner's runs as plain JSON, oldest first."""
        told = (_explained.c.told, _feedback.c.rating, _feedback.c.reason)
        kept = _runs.outerjoin(_explained).outerjoin(_feedback)
        query = sql.select(_runs, *told).select_from(kept).where(_runs.c.owner == owner)
        with self._engine.connect() as connection:
            for row in connection.execute(query.order_by(_runs.c.created)):
                names = (column.name for column in _runs.c if column.name != "owner")
                yield {name: getattr(row, name) for name in names} | {
                    "created": _utc(row.created).isoformat(),
                    "feedback": {"rating": row.rating, "reason": row.reason} if row.rating else None,
                    "explanation": json.loads(zlib.decompress(row.told)) if row.told else None,
                }

    def forget(self, conversation: str, *, owner: str) -> int:
        """Erase a conversation with its feedback; return how many runs went.

        Raises Unavailable when the database is busy, or when something else reads the file for so long that bytes
        may be left beside it: forgetting again, of anything, finishes that.
        """
        return self._erase(_runs.c.conversation == conversation, _runs.c.owner == owner)

    def erase(self, owner: str, *, until: datetime | None = None) -> int:
        """Erase all that an owner asked, or what was asked until then; return and raise as `forget` does."""
        when = () if until is None else (_runs.c.created <= until,)
        return self._erase(_runs.c.owner == owner, *when)

    def sweep(self, days: int, *, but: Collection[str] = ()) -> int:
        """Erase what was asked more than so many days ago, but for some owners; return and raise as `forget` does."""
        return self._erase(_runs.c.created < _now() - timedelta(days=days), _runs.c.owner.not_in(but))

    def files(self) -> list[Path]:
        """Return the files that SQLite keeps them in; of another database, none."""
        name = self._engine.url.database if self._engine.dialect.name == "sqlite" else None
        return [Path(name + end) for end in ("", "-wal", "-shm", "-journal")] if name else []

    @property
    def place(self) -> str:
        """Where they are kept: the database's address, without its password."""
        return self._engine.url.render_as_string(hide_password=True)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def _column(self, query: sql.Select[str]) -> list[str]:
        with self._engine.connect() as connection:
            return list(connection.execute(query).scalars())

    def _erase(self, *which: sql.ColumnElement[bool]) -> int:
        gone = sql.select(_runs.c.id).where(*which)
        with self._engine.begin() as connection:
            for kept in (_feedback, _explained):
                connection.execute(kept.delete().where(kept.c.run.in_(gone)))
            count = connection.execute(_runs.delete().where(*which)).rowcount
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


def records_url(configured: str, data_dir: Path) -> str:
    """Return the configured URL, or that of a SQLite file under the data folder; raises BadInput."""
    if configured:
        try:
            sql.make_url(configured)
        except sql.exc.ArgumentError as error:
            raise BadInput(
                "FOOTNOTE_RECORDS_URL is no address of a database.",
                "Write it like postgresql://user:password@host/name, or leave it empty.",
            ) from error
        return configured
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = data_dir / "records.db"
    path.touch(mode=0o600)
    return f"sqlite:///{path}"


def _in_our_words(context: sql.engine.ExceptionContext) -> None:
    """Have every failure of the database raised as one of ours: SQLAlchemy's holds the statement and what it was about."""
    raise Unavailable(
        "The records cannot be read or written now.", "Try again in a moment."
    ) from context.original_exception


def _durable(connection: sql.engine.interfaces.DBAPIConnection, _: object) -> None:
    cursor = connection.cursor()
    # A run's explanation has 2 to 3 kB: of pages of the usual 4 kB, each would hold one.
    for pragma in (
        "page_size=8192",
        "journal_mode=WAL",
        "foreign_keys=ON",
        "secure_delete=ON",
        f"busy_timeout={_BUSY_MILLISECONDS}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


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


def _packed(told: object) -> bytes:
    return zlib.compress(json.dumps(told, separators=(",", ":")).encode(), 9)


def _unpacked(told: bytes) -> Explanation:
    return Explanation.model_validate(json.loads(zlib.decompress(told)))


def _take_over(connection: sql.Connection) -> None:
    """Bring what earlier versions wrote, explanations as plain JSON and quotes that nothing shows, into today's form."""
    if not sql.inspect(connection).has_table("explanations"):
        return
    earlier = sql.table("explanations", sql.column("run"), sql.column("told", sql.JSON))
    rows = connection.execute(sql.select(earlier.c.run, earlier.c.told)).all()
    if rows:
        connection.execute(_explained.insert(), [{"run": run, "told": _packed(told)} for run, told in rows])
    connection.execute(sql.text("DROP TABLE explanations"))
    connection.execute(sql.text("ALTER TABLE runs DROP COLUMN citations"))
    _to_be_blanked(connection)


def _now() -> datetime:
    return datetime.now(UTC)


def _utc(at: datetime) -> datetime:
    """SQLite keeps no zone: what it gives back is in ours."""
    return at if at.tzinfo else at.replace(tzinfo=UTC)
