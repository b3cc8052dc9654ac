"""The figures of a run, for tests of variants and for watching what people ask."""

import sqlalchemy as sql
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table where it is not there. Its rows go with their run, also where an earlier release deletes it."""
    if sql.inspect(op.get_bind()).has_table("measures"):
        return
    op.create_table(
        "measures",
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
