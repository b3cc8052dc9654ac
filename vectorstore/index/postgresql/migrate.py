"""Bringing the tables of an index to what this version makes, while others use them.

A change comes in three releases. One expands: it adds what it needs (a column that may be empty, a table), and says
that older versions may go on (`SERVES` in `create.py` stays). One migrates what was written before. One contracts: it
drops what nobody reads any more, and raises `SERVES`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from vectorstore.errors import BadInput
from vectorstore.index import create
from vectorstore.models.embed import Space

if TYPE_CHECKING:
    from vectorstore.index.postgresql.database import PostgreSQLConnection

REVISIONS = Path(__file__).parent / "migrations"


def make_or_upgrade(connection: "PostgreSQLConnection", space: Space | None) -> None:
    """Apply the revisions that are missing, and write the facts of a new index; all or nothing.

    Waits for whoever writes or upgrades just now; raises Busy when readers leave no gap for a change of their tables.
    """
    # A fifth of a second to import, and rarely needed.
    import sqlalchemy as sql
    from alembic import command
    from alembic.config import Config

    engine = sql.create_engine(
        "postgresql+psycopg://", creator=lambda: connection.raw, poolclass=sql.StaticPool
    ).execution_options(isolation_level="AUTOCOMMIT")
    # What SQLAlchemy asks when it connects, and what it takes back when it is done, lies outside our transaction; for
    # alembic there is one already, and so it begins and ends none.
    with _in_our_words(connection), engine.connect() as bound, connection.transaction():
        bound.begin()
        # A change of a table waits for its readers, and all later readers for it.
        connection.run("SET LOCAL lock_timeout = '10s'")
        connection.make_schema()
        config = Config()
        config.set_main_option("script_location", str(REVISIONS))
        config.attributes["connection"] = bound
        command.upgrade(config, "head")
        if space is not None and not connection.rows("SELECT 1 FROM meta LIMIT 1"):
            create.fill(connection, space)
        else:
            create.mark_layout(connection)


@contextmanager
def _in_our_words(connection: "PostgreSQLConnection") -> Iterator[None]:
    import sqlalchemy as sql
    from alembic.util import CommandError

    try:
        yield
    except sql.exc.DBAPIError as error:
        raise connection.in_our_words(error.orig or error) from error
    except CommandError as error:
        # A revision that is none of ours: a later release's.
        raise BadInput(
            "The tables were made by a newer version of Footnote than this one.",
            "Run `footnote index upgrade` of that version; until then nothing has to be done.",
        ) from error
