"""A schema that is built beside the one in use, and takes its place in one transaction."""

import hashlib
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from vectorstore.errors import Busy
from vectorstore.index.postgresql.address import Address, read_address
from vectorstore.index.postgresql.database import PostgreSQL, PostgreSQLConnection, lock_key

_RECORDS = "_records"
"""What the name of the schema beside it ends in."""
_NOTHING = frozenset(
    {"meta", "generations", "alembic_version", "services", "replicas", "audit_end", "job_tenants"}
)
"""Tables that have rows where nothing was ever kept."""


def url_of(address: Address, schema: str) -> str:
    """Return the address of another schema of a database, with its password."""
    return f"{address.url}{'&' if '?' in address.url else '?'}schema={schema}"


def content_of(database: PostgreSQL) -> list[str]:
    """Return the tables that hold anything, of an index and of what lies beside it."""
    schema = database.address.schema
    with database.connection() as connection:
        tables = connection.rows(
            "SELECT schemaname, tablename FROM pg_catalog.pg_tables WHERE schemaname = ? OR schemaname = ? ORDER BY 1, 2",
            (schema, schema + _RECORDS),
        )
        return [
            f"{place}.{name}"
            for place, name in tables
            if name not in _NOTHING
            and connection.one(f'SELECT 1 FROM "{place}"."{name}" LIMIT 1') is not None
        ]


@contextmanager
def building(database: PostgreSQL) -> Iterator[Address]:
    """Yield the address of a schema to build in, gone at the end unless it was put in place; raises Busy.

    Nobody writes to the index meanwhile. What a process that was killed has left there goes too.
    """
    address = database.address
    begins = f"restoring_{hashlib.sha256(address.schema.encode()).hexdigest()[:8]}_"
    key = lock_key(address)
    with database.connection() as connection:
        if connection.rows("SELECT pg_try_advisory_lock(?)", (key,)) != [(True,)]:
            raise Busy("Another process is writing to the index.", "Try again when it is done.")
        try:
            _drop(connection, begins)
            yield read_address(url_of(address, begins + secrets.token_hex(3)))
        finally:
            _drop(connection, begins)
            connection.rows("SELECT pg_advisory_unlock(?)", (key,))


def put_in_place(database: PostgreSQL, built: Address, *, aside: str) -> Sequence[str]:
    """Have the schema that was built take the name of the one in use; return what that is called now, if it is kept.

    Without `aside` it holds nothing, and is dropped. Conversations go with the index where they were built beside it.
    """
    schema = database.address.schema
    kept = []
    with database.connection() as connection, connection.transaction("UNLOCKED"):
        for end in ("", _RECORDS):
            if _is_there(connection, built.schema + end):
                if _is_there(connection, schema + end):
                    if aside:
                        kept.append(f"{schema[:20]}{end}_{aside}")
                        connection.run(f'ALTER SCHEMA "{schema + end}" RENAME TO "{kept[-1]}"')
                    else:
                        connection.run(f'DROP SCHEMA "{schema + end}" CASCADE')
                connection.run(f'ALTER SCHEMA "{built.schema + end}" RENAME TO "{schema + end}"')
    return kept


def _is_there(connection: PostgreSQLConnection, schema: str) -> bool:
    return connection.one("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = ?", (schema,)) is not None


def _drop(connection: PostgreSQLConnection, begins: str) -> None:
    found = connection.rows(
        "SELECT nspname FROM pg_catalog.pg_namespace WHERE starts_with(nspname, ?)", (begins,)
    )
    for (name,) in found:
        connection.run(f'DROP SCHEMA "{name}" CASCADE')
