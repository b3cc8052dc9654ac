"""Whether a server can hold an index for this user: version, rights, tables, and how far a replica has followed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from vectorstore.index import create
from vectorstore.index.postgresql.address import Address, read_address
from vectorstore.index.postgresql.database import PostgreSQLConnection
from vectorstore.index.postgresql.search.tables import coverage, lacking
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


def examine(settings: StoreSettings, *, beside: Callable[[Address], str] | None = None) -> Examined:
    """Look at the server that the settings name, and at the projections in the data folder; raises FootnoteError.

    `beside` names a schema beside that of the index which this user must be able to make tables in too.
    """
    address = read_address(settings.store.get_secret_value())
    database = PostgreSQLTruth(address, retention_days=None)
    schemas = [address.schema, *([beside(address)] if beside else [])]
    try:
        with database.connection() as connection:
            return _server(connection, database, schemas, settings) or _index(connection, database, settings)
    finally:
        database.close()


def _name(connection: PostgreSQLConnection, database: PostgreSQLTruth) -> str:
    number = connection.raw.info.server_version
    return f"PostgreSQL {number // 10_000}.{number % 10_000} at {database.place}"


def _server(
    connection: PostgreSQLConnection,
    database: PostgreSQLTruth,
    schemas: Sequence[str],
    settings: StoreSettings,
) -> Examined | None:
    """Say why no index can be held there, or nothing."""
    says = _name(connection, database)
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
    if connection.one("SELECT current_setting('server_encoding')") != ("UTF8",):
        return Examined(
            "wrong",
            f"{says} keeps texts in another encoding than UTF8.",
            "Make a database with ENCODING 'UTF8'.",
        )
    for schema in schemas:
        if not _may_write(connection, schema):
            return Examined(
                "wrong",
                f"{says} does not let this user make tables in the schema {schema!r}.",
                "Make that schema and grant USAGE and CREATE on it, or grant CREATE on the database.",
            )
    if settings.search == "database" and (problem := lacking(connection)):
        return Examined("wrong", f"{says}: {problem.what}", problem.hint)
    return None


def _index(connection: PostgreSQLConnection, database: PostgreSQLTruth, settings: StoreSettings) -> Examined:
    says = _name(connection, database)
    if create.facts(connection) is None:
        return Examined(
            "note",
            f"{says} holds no index yet.",
            "Run `footnote ingest PATH`, or `footnote index move` to bring that of the data folder there.",
        )
    meta = read_meta(connection)
    create.check_layout(meta, place=database.place)
    if int(meta["schema"]) < create.VERSION:
        note = f"{says} has tables of an older version, which this one reads."
        return Examined("note", note, "Run `footnote index upgrade`.")
    newest = truth.head(connection).generation
    return Examined("ok", f"{says}, generation {newest}; {_reached(connection, settings)}.")


def _reached(connection: PostgreSQLConnection, settings: StoreSettings) -> str:
    if settings.search == "database":
        held = coverage(connection)
        return f"its search tables reach {held.generation if held else 0}"
    # Words are searched here wherever the vectors lie.
    manifest = read_manifest(settings.data_dir / "lexical.json")
    return f"the search index here reaches {manifest.covered.generation if manifest else 0}"


def _may_write(connection: PostgreSQLConnection, schema: str) -> bool:
    if connection.one("SELECT 1 FROM pg_namespace WHERE nspname = ?", (schema,)) is None:
        return connection.one("SELECT has_database_privilege(current_database(), 'CREATE')") == (True,)
    # Both at once: a list in one call asks for either.
    both = "SELECT has_schema_privilege(?, 'USAGE') AND has_schema_privilege(?, 'CREATE')"
    return connection.one(both, (schema, schema)) == (True,)
