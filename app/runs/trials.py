"""What is read and kept of the records for comparing variants: figures alone, and never a word."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

import sqlalchemy as sql

from app.runs.measured import Measured
from app.runs.record_tables import feedback, measures, runs, trials
from app.runs.records import Records

Kind: TypeAlias = Literal["shadow", "broke"]
_CANCELLED: Final = "cancelled"
_FIGURES: Final = ("sentences", "supported", "first_ms", "total_ms", "input_tokens", "output_tokens")
_SHOWN: Final = (
    runs.c.owner, runs.c.conversation, runs.c.outcome, measures.c.variant, *(measures.c[name] for name in _FIGURES)
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer that somebody was given. `rating` is up, down or empty; times are in milliseconds.

    `broke`: its variant failed before a word, and the settings answered instead.
    """

    owner: str
    conversation: str
    variant: str
    outcome: str
    rating: str
    sentences: int
    supported: int
    first_ms: float | None
    total_ms: float
    tokens: int
    broke: bool = False


@dataclass(frozen=True, slots=True)
class Pair:
    """A shown answer and the one in the shadow. `overlap` is the share of cited documents that both cite."""

    shown: Answered
    other: Answered
    overlap: float | None


class Trials:
    """Answers by variant. Synchronous; raises Unavailable while the database is away."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def add(self, run: str, kind: Kind, figures: Measured, overlap: float | None = None) -> bool:
        """Keep the figures of an answer that nobody was shown; say whether its run is still there."""
        names = (column.name for column in trials.c)
        row = {name: getattr(figures, name) for name in names if hasattr(figures, name)}
        outcome = figures.code or figures.outcome
        with self._records.engine.begin() as connection:
            if connection.execute(sql.select(runs.c.id).where(runs.c.id == run)).first() is None:
                return False
            connection.execute(
                trials.insert(), row | {"run": run, "kind": kind, "outcome": outcome, "overlap": overlap}
            )
        return True

    def answered(self, since: datetime, variants: Sequence[str]) -> list[Answered]:
        """Return the answers since a time by these variants (empty: by the settings), oldest first; none that was stopped."""
        broke = sql.exists().where(trials.c.run == runs.c.id, trials.c.kind == "broke").label("broke")
        query = (
            sql.select(*_SHOWN, feedback.c.rating, broke)
            .select_from(runs.join(measures).outerjoin(feedback))
            .where(
                runs.c.created >= since, runs.c.outcome != _CANCELLED, measures.c.variant.in_(list(variants))
            )
            .order_by(runs.c.created)
        )
        with self._records.engine.connect() as connection:
            return [_answered(row) for row in connection.execute(query)]

    def pairs(self, since: datetime, variant: str) -> list[Pair]:
        """Return what was answered in the shadow since a time, beside what was shown."""
        names = ("variant", "outcome", "overlap", *_FIGURES)
        query = (
            sql.select(*_SHOWN, *(trials.c[name].label(f"other_{name}") for name in names))
            .select_from(runs.join(measures).join(trials, trials.c.run == runs.c.id))
            .where(runs.c.created >= since, trials.c.variant == variant, trials.c.kind == "shadow")
            .order_by(runs.c.created)
        )
        with self._records.engine.connect() as connection:
            return [
                Pair(_answered(row), _answered(row, "other_"), row.other_overlap)
                for row in connection.execute(query)
            ]


def _answered(row: Any, of: str = "") -> Answered:  # Any: a row of several tables
    held = row._mapping  # noqa: SLF001 - SQLAlchemy's documented way to a column by name
    return Answered(
        owner=held["owner"],
        conversation=held["conversation"],
        rating=held.get("rating") or "",
        **{
            name: held[of + name]
            for name in ("variant", "outcome", "sentences", "supported", "first_ms", "total_ms")
        },
        tokens=held[f"{of}input_tokens"] + held[f"{of}output_tokens"],
        broke=bool(held.get("broke")),
    )
