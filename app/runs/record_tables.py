"""The tables of the records, and bringing a database to them: a file, the database of the index, or any other.

Revisions only add (a column that may be empty, a table, an index), so that two releases may use one database while
one replaces the other. What an added table holds of a run goes with it (ON DELETE CASCADE): a release that does not
know the table deletes runs too. A database at a revision that this release does not know is a newer one's, and served.
"""

import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import sqlalchemy as sql

from app.runs.measured import Measured
from app.turn.explanation import Explanation
from vectorstore.errors import BadInput, Unavailable
from vectorstore.index.postgresql.address import Address
from vectorstore.index.postgresql.database import PostgreSQL
from vectorstore.types import Vector

NEWEST: Final = "0003"
"""The newest revision in `revisions/`."""
_BUSY_MILLISECONDS: Final = 5_000
_VERSION: Final = "alembic_version"
_ALONE: Final = sql.text("SELECT pg_advisory_xact_lock(hashtextextended('footnote records', 0))")
"""Of several that come at once, one makes the tables."""
_TABLES: Final = sql.MetaData()
runs: Final = sql.Table(
    "runs",
    _TABLES,
    sql.Column("id", sql.String(64), primary_key=True),
    sql.Column("conversation", sql.String(128), nullable=False),
    sql.Column("owner", sql.String(64), nullable=False),
    sql.Column("created", sql.DateTime(timezone=True), nullable=False),
    sql.Column("question", sql.Text, nullable=False),
    sql.Column("answer", sql.Text, nullable=False),
    sql.Column("outcome", sql.String(32), nullable=False),
    sql.Column("refused", sql.Boolean, nullable=False),
    sql.Column("model", sql.String(200), nullable=False),
)
feedback: Final = sql.Table(
    "feedback",
    _TABLES,
    sql.Column("run", sql.String(64), sql.ForeignKey("runs.id"), primary_key=True),
    sql.Column("rating", sql.String(8), nullable=False),
    sql.Column("reason", sql.Text, nullable=False),
    sql.Column("created", sql.DateTime(timezone=True), nullable=False),
)
explained: Final = sql.Table(
    "explained",
    _TABLES,
    sql.Column("run", sql.String(64), sql.ForeignKey("runs.id"), primary_key=True),
    sql.Column("told", sql.LargeBinary, nullable=False),
)
measures: Final = sql.Table(
    "measures",
    _TABLES,
    sql.Column("run", sql.String(64), sql.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    sql.Column("variant", sql.String(64), nullable=False),
    sql.Column("prompt", sql.String(64), nullable=False),
    sql.Column("generation", sql.BigInteger, nullable=False),
    sql.Column("probability", sql.Float),
    sql.Column("sentences", sql.Integer, nullable=False),
    sql.Column("supported", sql.Integer, nullable=False),
    sql.Column("first_ms", sql.Float),
    sql.Column("total_ms", sql.Float, nullable=False),
    sql.Column("input_tokens", sql.Integer, nullable=False),
    sql.Column("output_tokens", sql.Integer, nullable=False),
    sql.Column("tenant", sql.Text, nullable=False),
    sql.Column("groups", sql.Text, nullable=False),
    sql.Column("embedder", sql.String(200), nullable=False),
    sql.Column("vector", sql.LargeBinary),
)
"""The figures of a run. `vector` is its question as searched, in half precision, by the embedder of that fingerprint;
it counts as personal data, as the rest does, and goes with the run. `groups` is a JSON list."""
trials: Final = sql.Table(
    "trials",
    _TABLES,
    sql.Column("run", sql.String(64), sql.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    sql.Column("variant", sql.String(64), primary_key=True),
    sql.Column("kind", sql.String(16), nullable=False),
    sql.Column("outcome", sql.String(32), nullable=False),
    sql.Column("prompt", sql.String(64), nullable=False),
    sql.Column("overlap", sql.Float),
    sql.Column("sentences", sql.Integer, nullable=False),
    sql.Column("supported", sql.Integer, nullable=False),
    sql.Column("first_ms", sql.Float),
    sql.Column("total_ms", sql.Float, nullable=False),
    sql.Column("input_tokens", sql.Integer, nullable=False),
    sql.Column("output_tokens", sql.Integer, nullable=False),
)
"""Figures of a run's other answers, which nobody was shown: `kind` is shadow, or broke where a variant wrote nothing and
the settings answered instead. They go with the run."""
KEPT: Final = (runs, explained, feedback, measures, trials)
"""All of them, none before what it belongs to."""


def opened(place: str | Address) -> tuple[sql.Engine, str]:
    """Open the records at the URL of a database, or in that of the index, with their tables made.

    Returns an engine whose errors are ours, and its place without a password. Raises Unavailable.
    """
    shown = "their database"
    try:
        if isinstance(place, str):
            engine = sql.create_engine(place, hide_parameters=True)  # errors are logged, contents never
            shown = engine.url.render_as_string(hide_password=True)
        else:
            engine, shown = _engine_within(place)
        if engine.dialect.name == "sqlite":
            sql.event.listen(engine, "connect", _durable)
        bring_up_to_date(engine)
    except sql.exc.SQLAlchemyError as error:
        raise Unavailable(
            f"The records database ({shown}) cannot be opened.",
            "Correct FOOTNOTE_RECORDS_URL, or start the database.",
        ) from error
    sql.event.listen(engine, "handle_error", _in_our_words)
    return engine, shown


def _in_our_words(context: sql.engine.ExceptionContext) -> None:
    """Have every failure of the database raised as one of ours: SQLAlchemy's holds the statement and what it was about."""
    raise Unavailable(
        "The records cannot be read or written now.", "Try again in a moment."
    ) from context.original_exception


def _engine_within(address: Address) -> tuple[sql.Engine, str]:
    """Return an engine for a schema of the records' own, beside that of the index in the same database, and its place.

    Raises Unavailable.
    """
    schema = schema_of(address)
    place = address.place.replace(f"schema={address.schema}", f"schema={schema}")
    server = PostgreSQL(replace(address, schema=schema, place=place))

    def connect() -> object:
        raw = server.connect()
        raw.autocommit = False
        return raw

    engine = sql.create_engine(
        "postgresql+psycopg://", creator=connect, hide_parameters=True, pool_pre_ping=True
    )
    with engine.begin() as connection:
        named = sql.text("SELECT 1 FROM pg_namespace WHERE nspname = :name")
        if not connection.scalar(named, {"name": schema}):
            connection.execute(_ALONE)
            connection.execute(sql.schema.CreateSchema(schema, if_not_exists=True))
    return engine, place


def schema_of(address: Address) -> str:
    """Return the schema of the records beside that of an index."""
    return f"{address.schema}_records"


def _durable(connection: sql.engine.interfaces.DBAPIConnection, _: object) -> None:
    """Have SQLite keep what was written through a crash, and wait for other processes."""
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


def bring_up_to_date(engine: sql.Engine) -> None:
    """Apply the revisions that the database does not have yet; of several that come at once, one does."""
    with engine.connect() as connection:
        if (_revision(connection) or "") >= NEWEST:
            return
    with engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        elif connection.dialect.name == "postgresql":
            connection.execute(_ALONE)
        if (_revision(connection) or "") < NEWEST:
            _apply(connection)


def _revision(connection: sql.Connection) -> str | None:
    if not sql.inspect(connection).has_table(_VERSION):
        return None
    return connection.execute(sql.text(f"SELECT version_num FROM {_VERSION}")).scalar()  # noqa: S608 - our own name


def _apply(connection: sql.Connection) -> None:
    # a fifth of a second, and rarely needed
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    folder = str(Path(__file__).parent / "revisions")
    script = ScriptDirectory(folder, version_locations=[folder])

    def upgrade(revision: Any, context: object) -> Any:  # Any: alembic's own, unnamed in its types
        del context
        return script._upgrade_revs("head", revision)  # noqa: SLF001 - as alembic's own command does it

    with EnvironmentContext(Config(), script, fn=upgrade) as environment:
        environment.configure(connection=connection)
        with environment.begin_transaction():
            environment.run_migrations()


def every_row(engine: sql.Engine) -> Iterator[tuple[str, datetime, Sequence[Any]]]:  # Any: values of columns
    """Yield all rows as they are at one moment: table, when its run was made, values; runs before what belongs to them.

    Raises BadInput where a newer release has added what this one does not know.
    """
    postgresql = engine.dialect.name == "postgresql"
    options = {"isolation_level": "REPEATABLE READ"} if postgresql else {}
    with engine.connect().execution_options(**options, stream_results=True, yield_per=500) as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN")
        if (_revision(connection) or "") != NEWEST:
            raise BadInput(
                "The conversations were written by a newer version of Footnote.",
                "Back them up with that version.",
            )
        for table in KEPT:
            source = table if table is runs else table.join(runs)
            ordered = (
                sql.select(runs.c.created, table).select_from(source).order_by(runs.c.created, runs.c.id)
            )
            for made, *values in connection.execute(ordered):
                yield table.name, made, values


@contextmanager
def replacing(
    engine: sql.Engine,
) -> Iterator[Callable[[str, Sequence[Mapping[str, Any]]], None]]:  # Any: a column's
    """Give what adds rows, by column, to a table in the place of all that is there, in one transaction."""
    with engine.begin() as connection:
        for table in reversed(KEPT):
            connection.execute(table.delete())
        yield partial(_add_rows, connection)


def holds_any(engine: sql.Engine) -> bool:
    """Say whether there is any run."""
    with engine.connect() as connection:
        return connection.execute(sql.select(runs.c.id).limit(1)).first() is not None


def _add_rows(
    connection: sql.Connection, name: str, rows: Sequence[Mapping[str, Any]]
) -> None:  # Any: a column's
    if rows:
        table = next(each for each in KEPT if each.name == name)
        connection.execute(table.insert(), list(rows))


def row_of(run: str, figures: Measured, vector: Vector | None, embedder: str) -> dict[str, object]:
    """Return the row of `measures` for a run."""
    names = (column.name for column in measures.c)
    return {name: getattr(figures, name) for name in names if hasattr(figures, name)} | {
        "run": run,
        "groups": json.dumps(figures.groups),
        "embedder": embedder,
        "vector": None if vector is None else vector.astype("<f2").tobytes(),
    }


def shown(row: sql.Row[Any]) -> dict[str, object] | None:  # Any: a row of several tables
    """Return a run's figures from such a row as plain JSON, None where there are none."""
    if row.total_ms is None:
        return None
    shown = {name: getattr(row, name) for name in measures.c.keys() if name != "run"}  # noqa: SIM118 - of columns, not names
    vector = [] if row.vector is None else np.frombuffer(row.vector, "<f2").astype(float).round(4).tolist()
    return shown | {"groups": json.loads(row.groups), "vector": vector}


def packed(told: Explanation) -> bytes:
    """Return an explanation as `explained` keeps it."""
    return zlib.compress(json.dumps(told.model_dump(mode="json"), separators=(",", ":")).encode(), 9)


def plain(told: bytes) -> dict[str, Any]:  # Any: JSON
    """Return a kept explanation as JSON."""
    found: dict[str, Any] = json.loads(zlib.decompress(told))
    return found


def unpacked(told: bytes) -> Explanation:
    """Return a kept explanation."""
    return Explanation.model_validate(plain(told))


def tried(connection: sql.Connection, owner: str) -> dict[str, list[dict[str, object]]]:
    """Return the figures of an owner's other answers by run."""
    query = sql.select(trials).join(runs).where(runs.c.owner == owner)
    found: dict[str, list[dict[str, object]]] = {}
    for row in connection.execute(query).mappings():
        found.setdefault(row["run"], []).append({name: value for name, value in row.items() if name != "run"})
    return found
