"""The tables as they were when revisions began; what earlier releases wrote is brought into this form."""

import json
import zlib

import sqlalchemy as sql
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables that are not there, and take over earlier ones."""
    look = sql.inspect(op.get_bind())
    found = set(look.get_table_names())
    if "runs" not in found:
        op.create_table(
            "runs",
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
    if "runs" not in found or not look.has_index("runs", "runs_by_owner"):
        op.create_index("runs_by_owner", "runs", ["owner", "created"])
    if "feedback" not in found:
        op.create_table(
            "feedback",
            sql.Column("run", sql.String(64), sql.ForeignKey("runs.id"), primary_key=True),
            sql.Column("rating", sql.String(8), nullable=False),
            sql.Column("reason", sql.Text, nullable=False),
            sql.Column("created", sql.DateTime(timezone=True), nullable=False),
        )
    if "explained" not in found:
        op.create_table(
            "explained",
            sql.Column("run", sql.String(64), sql.ForeignKey("runs.id"), primary_key=True),
            sql.Column("told", sql.LargeBinary, nullable=False),
        )
    if "explanations" in found:
        _pack()


def _pack() -> None:
    """Pack explanations that were plain JSON, and drop quotes that nothing shows."""
    connection = op.get_bind()
    earlier = sql.table("explanations", sql.column("run"), sql.column("told", sql.JSON))
    explained = sql.table("explained", sql.column("run"), sql.column("told", sql.LargeBinary))
    rows = [
        {"run": run, "told": zlib.compress(json.dumps(told, separators=(",", ":")).encode(), 9)}
        for run, told in connection.execute(sql.select(earlier.c.run, earlier.c.told))
    ]
    if rows:
        connection.execute(explained.insert(), rows)
    op.execute("DROP TABLE explanations")
    op.execute("ALTER TABLE runs DROP COLUMN citations")
    if connection.dialect.name == "sqlite":  # what was dropped leaves no byte: see records.py
        count = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        connection.exec_driver_sql(f"PRAGMA user_version = {count + 1}")
