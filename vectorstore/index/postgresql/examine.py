"""Whether a server can hold an index for this user: version, rights, tables, and how far a replica has followed."""

from dataclasses import dataclass
from pathlib import Path

from vectorstore.index import create
from vectorstore.index.postgresql.database import PostgreSQLConnection
from vectorstore.index.postgresql.truth import PostgreSQLTruth
from vectorstore.index.projection.manifest import read_manifest
from vectorstore.index.truth import read as truth
from vectorstore.index.truth.seal import read_meta

OLDEST_SERVER = 15


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found: `wrong` and `note` are sentences, empty where there is nothing to say; `do` is what helps."""

    says: str
    wrong: str = ""
    note: str = ""
    do: str = ""


def examine(database: PostgreSQLTruth, folder: Path) -> Examined:
    """Look at the server, at the index and at the projections in a folder; raises Unavailable."""
    with database.connection() as connection:
        number = connection.raw.info.server_version
        says = f"PostgreSQL {number // 10_000}.{number % 10_000} at {database.place}"
        if number < OLDEST_SERVER * 10_000:
            wrong = f"{says} is too old: {OLDEST_SERVER} is the oldest that holds an index."
            return Examined(says, wrong, do="Upgrade the server.")
        if connection.one("SELECT pg_is_in_recovery()") == (True,):
            wrong = f"{says} is a standby: nothing can be written there."
            return Examined(
                says,
                wrong,
                do="Name all servers in FOOTNOTE_STORE, with target_session_attrs=read-write behind them.",
            )
        if not _may_write(connection, database.address.schema):
            return Examined(
                says,
                f"{says} does not let this user make tables in the schema {database.address.schema!r}.",
                do="Grant CREATE on the schema, or on the database for the first ingest to make it.",
            )
        if create.facts(connection) is None:
            return Examined(says, note=f"{says} holds no index yet.", do="Run `footnote ingest PATH`.")
        meta = read_meta(connection)
        create.check_layout(meta)
        if int(meta["schema"]) < create.VERSION:
            note = f"{says} has tables of an older version, which this one reads."
            return Examined(says, note=note, do="Run `footnote index upgrade`.")
        head = truth.head(connection)
        manifest = read_manifest(folder / "dense.json")
        reached = manifest.covered.generation if manifest else 0
        return Examined(f"{says}, generation {head.generation}; the search index here reaches {reached}")


def _may_write(connection: PostgreSQLConnection, schema: str) -> bool:
    if connection.one("SELECT 1 FROM pg_namespace WHERE nspname = ?", (schema,)) is None:
        return connection.one("SELECT has_database_privilege(current_database(), 'CREATE')") == (True,)
    # Both at once: a list in one call asks for either.
    both = "SELECT has_schema_privilege(?, 'USAGE') AND has_schema_privilege(?, 'CREATE')"
    return connection.one(both, (schema, schema)) == (True,)
