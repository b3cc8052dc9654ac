"""The figures of answers that nobody was shown: of variants in the shadow, and of those that broke before they wrote."""

import sqlalchemy as sql
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table where it is not there. Its rows go with their run, also where an earlier release deletes it."""
    if sql.inspect(op.get_bind()).has_table("trials"):
        return
    op.create_table(
        "trials",
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
