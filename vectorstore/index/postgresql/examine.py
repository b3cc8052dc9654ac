"""Whether a server can hold an index for this user: version, rights, tables, and how far a replica has followed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vectorstore.index import create
from vectorstore.index.postgresql.address import read_address
from vectorstore.index.postgresql.database import PostgreSQLConnection
from vectorstore.index.postgresql.truth import PostgreSQLTruth
from vectorstore.index.projection.manifest import read_manifest
from vectorstore.index.truth import read as truth
from vectorstore.index.truth.seal import read_meta
from vectorstore.settings import StoreSettings

OLDEST_SERVER = 15


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found, in a sentence, and what helps."""

    state: Literal["ok", "note", "wrong"]
    says: str
    do: str = ""


def examine(settings: StoreSettings) -> Examined:
    """Look at the server that the settings name, and at the projections in the data folder; raises FootnoteError."""
    database = PostgreSQLTruth(read_address(settings.store.get_secret_value()), retention_days=None)
    try:
        with database.connection() as connection:
            return _server(connection, database) or _index(connection, database, settings.data_dir)
    finally:
        database.close()


def _name(connection: PostgreSQLConnection, database: PostgreSQLTruth) -> str:
    number = connection.raw.info.server_version
    return f"PostgreSQL {number // 10_000}.{number % 10_000} at {database.place}"


def _server(connection: PostgreSQLConnection, database: PostgreSQLTruth) -> Examined | None:
    """Say why no index can be held there, or nothing."""
    says, schema = _name(connection, database), database.address.schema
    if connection.raw.info.server_version < OLDEST_SERVER * 10_000:
        return Examined(
            "wrong",
            f"{says} is too old: {OLDEST_SERVER} is the oldest that holds an index.",
            "Upgrade the server.",
        )
    if connection.one("SELECT pg_is_in_recovery()") == (True,):
        return Examined(
            "wrong",
            f"{says} is a standby: nothing can be written there.",
            "Name all servers in FOOTNOTE_STORE, and target_session_attrs=read-write behind them.",
        )
    if not _may_write(connection, schema):
        return Examined(
            "wrong",
            f"{says} does not let this user make tables in the schema {schema!r}.",
            "Grant CREATE on the schema, or on the database for the first ingest to make it.",
        )
    return None


def _index(connection: PostgreSQLConnection, database: PostgreSQLTruth, folder: Path) -> Examined:
    says = _name(connection, database)
    if create.facts(connection) is None:
        return Examined("note", f"{says} holds no index yet.", "Run `footnote ingest PATH`.")
    meta = read_meta(connection)
    create.check_layout(meta)
    if int(meta["schema"]) < create.VERSION:
        note = f"{says} has tables of an older version, which this one reads."
        return Examined("note", note, "Run `footnote index upgrade`.")
    manifest = read_manifest(folder / "dense.json")
    reached = manifest.covered.generation if manifest else 0
    newest = truth.head(connection).generation
    return Examined("ok", f"{says}, generation {newest}; the search index here reaches {reached}.")


def _may_write(connection: PostgreSQLConnection, schema: str) -> bool:
    if connection.one("SELECT 1 FROM pg_namespace WHERE nspname = ?", (schema,)) is None:
        return connection.one("SELECT has_database_privilege(current_database(), 'CREATE')") == (True,)
    # Both at once: a list in one call asks for either.
    both = "SELECT has_schema_privilege(?, 'USAGE') AND has_schema_privilege(?, 'CREATE')"
    return connection.one(both, (schema, schema)) == (True,)
