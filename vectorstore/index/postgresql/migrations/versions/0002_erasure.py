"""What erasing takes: who else holds projections, and texts that a search of the files finds.

PostgreSQL compresses long texts as it stores them; what is compressed, no search for its bytes can find.
"""

from alembic import op

revision = "0002"
down_revision = "0001"

STATEMENTS = (
    # A folder of projections on some machine, the epoch that it holds, and when it was last heard of.
    "CREATE TABLE replicas (name text PRIMARY KEY, epoch bigint NOT NULL, seen timestamptz NOT NULL)",
    "ALTER TABLE texts ALTER COLUMN text SET STORAGE EXTERNAL",
    "ALTER TABLE chunks ALTER COLUMN text SET STORAGE EXTERNAL",
    "ALTER TABLE chunks ALTER COLUMN context SET STORAGE EXTERNAL",
)


def upgrade() -> None:
    """Make them."""
    for statement in STATEMENTS:
        op.execute(statement)
