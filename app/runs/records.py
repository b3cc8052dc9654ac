"""What was asked and answered, and what people thought of it. A database of its own, never the index."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias

import sqlalchemy as sql
from sqlalchemy.exc import SQLAlchemyError

from app.events import Citations, Done, Event, Failed, Started, Text
from app.explanation import Json, drawn_from, explanation
from app.question import Message, Question
from vectorstore.errors import NotFound, Unavailable

Rating: TypeAlias = Literal["up", "down"]

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
    sql.Column("citations", sql.JSON, nullable=False),
)
_feedback = sql.Table(
    "feedback",
    _tables,
    sql.Column("run", sql.String(64), sql.ForeignKey("runs.id"), primary_key=True),
    sql.Column("rating", sql.String(8), nullable=False),
    sql.Column("reason", sql.Text, nullable=False),
    sql.Column("created", sql.DateTime(timezone=True), nullable=False),
)
_explanations = sql.Table(
    "explanations",
    _tables,
    sql.Column("run", sql.String(64), sql.ForeignKey("runs.id"), primary_key=True),
    sql.Column("told", sql.JSON, nullable=False),
)


class Records:
    """Conversations and feedback, in SQLite by default or any database that SQLAlchemy reaches by URL.

    Synchronous: call it from a thread. `owner` is the key that asked; a conversation is its owner's alone.
    """

    def __init__(self, url: str) -> None:
        self._engine = sql.create_engine(url)
        if self._engine.dialect.name == "sqlite":
            sql.event.listen(self._engine, "connect", _durable)
        try:
            _tables.create_all(self._engine)
        except SQLAlchemyError as error:
            raise Unavailable(
                f"The records database ({self._engine.url.render_as_string(hide_password=True)}) cannot be opened.",
                "Correct FOOTNOTE_RECORDS_URL, or start the database.",
            ) from error

    def add(self, run: str, question: Question, owner: str, events: Sequence[Event]) -> None:
        """Keep one finished run, with why it answered as it did."""
        row: dict[str, object] = {"outcome": "cancelled", "refused": False, "model": "", "citations": []}
        answer: list[str] = []
        for event in events:
            match event:
                case Started(model=model):
                    row["model"] = model
                case Text(delta):
                    answer.append(delta)
                case Citations(citations):
                    row["citations"] = [[c.number, c.document.uri, c.quote] for c in citations]
                case Done(refused=refused):
                    row["outcome"], row["refused"] = "done", refused
                case Failed(code=code):
                    row["outcome"] = code
        row |= {"id": run, "conversation": question.conversation, "owner": owner, "created": _now()}
        with self._engine.begin() as connection:
            connection.execute(_runs.insert(), row | {"question": question.text, "answer": "".join(answer)})
            connection.execute(
                _explanations.insert(), {"run": run, "told": explanation(run, question, events)}
            )

    def explanation(self, run: str, *, owner: str) -> Json:
        """Return why a finished run answered as it did; raises NotFound for one that is not this owner's."""
        query = sql.select(_explanations.c.told).join(_runs).where(_runs.c.id == run, _runs.c.owner == owner)
        with self._engine.connect() as connection:
            found = connection.execute(query).first()
        if found is None:
            raise unknown_run(run)
        told: Json = found.told
        return told

    def history(self, conversation: str, *, owner: str, turns: int = 6) -> tuple[Message, ...]:
        """Return the last turns of a conversation, oldest first; empty for one that is unknown.

        Each answer names the documents it was drawn from: whether they may still be read is the caller's to ask.
        """
        query = (
            sql.select(_runs.c.question, _runs.c.answer, _explanations.c.told)
            .join(_explanations)
            .where(_runs.c.conversation == conversation, _runs.c.owner == owner, _runs.c.outcome == "done")
            .order_by(_runs.c.created.desc())
            .limit(turns)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return tuple(
            message
            for asked, answered, told in reversed(rows)
            for message in (Message("user", asked), Message("assistant", answered, drawn_from(told)))
        )

    def rate(self, run: str, *, owner: str, rating: Rating, reason: str = "") -> None:
        """Keep what someone thought of an answer, over what they thought before; raises NotFound."""
        with self._engine.begin() as connection:
            known = sql.select(_runs.c.id).where(_runs.c.id == run, _runs.c.owner == owner)
            if connection.execute(known).first() is None:
                raise NotFound(
                    f"There is no run {run!r}.", "Feedback can be given once an answer is complete."
                )
            connection.execute(_feedback.delete().where(_feedback.c.run == run))
            connection.execute(
                _feedback.insert(), {"run": run, "rating": rating, "reason": reason, "created": _now()}
            )

    def ratings(self) -> list[tuple[str, str, str]]:
        """Return (run, rating, reason) of all feedback, oldest first."""
        query = sql.select(_feedback.c.run, _feedback.c.rating, _feedback.c.reason).order_by(
            _feedback.c.created
        )
        with self._engine.connect() as connection:
            return [(row.run, row.rating, row.reason) for row in connection.execute(query)]

    def forget(self, conversation: str, *, owner: str) -> int:
        """Delete a conversation with its feedback; return how many runs went."""
        mine = sql.select(_runs.c.id).where(_runs.c.conversation == conversation, _runs.c.owner == owner)
        with self._engine.begin() as connection:
            for kept in (_feedback, _explanations):
                connection.execute(kept.delete().where(kept.c.run.in_(mine)))
            gone = connection.execute(
                _runs.delete().where(_runs.c.conversation == conversation, _runs.c.owner == owner)
            )
        return gone.rowcount

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()


def unknown_run(run: str) -> NotFound:
    """Return the error for a run that is not there for this caller, whatever the reason."""
    return NotFound(f"There is no run {run!r}.", "It may have been another key's, or be forgotten.")


def records_url(configured: str, data_dir: Path) -> str:
    """Return the configured URL, or that of a SQLite file under the data folder."""
    if configured:
        return configured
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = data_dir / "records.db"
    path.touch(mode=0o600)
    return f"sqlite:///{path}"


def _durable(connection: sql.engine.interfaces.DBAPIConnection, _: object) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "foreign_keys=ON", "secure_delete=ON", "busy_timeout=5000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _now() -> datetime:
    return datetime.now(UTC)
