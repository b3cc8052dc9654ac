"""The address of a PostgreSQL database and of the schema in it that holds an index."""

import re
from dataclasses import dataclass, field

from vectorstore.errors import BadInput

DEFAULT_SCHEMA = "footnote"
_SCHEMES = ("postgresql://", "postgres://")
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,54}")
"""A database takes 63 characters, and the records' schema has eight more than that of the index."""
_SHAPE = "Write it like postgresql://user:password@host:5432/database?schema=footnote."


@dataclass(frozen=True, slots=True)
class Address:
    """Where an index lies. `url` holds a password and is never shown; `place` is for people."""

    url: str = field(repr=False)
    schema: str
    place: str


def read_address(url: str) -> Address:
    """Split off `schema=NAME`, which names the index, from what the database's own client reads; raises BadInput."""
    if not url.startswith(_SCHEMES):
        raise BadInput("FOOTNOTE_STORE is not the address of a PostgreSQL database.", _SHAPE)
    front, _, query = url.partition("?")
    parts = [part for part in query.split("&") if part]
    named = [part.partition("=")[2] for part in parts if part.startswith("schema=")]
    schema = named[-1] if named else DEFAULT_SCHEMA
    if not _NAME.fullmatch(schema) or schema.startswith(("pg_", "information_schema")):
        raise BadInput(
            f"The schema of an index cannot be called {schema!r}.",
            "Use at most 55 lower case letters, digits and underscores, a letter first.",
        )
    rest = "&".join(part for part in parts if not part.startswith("schema="))
    return Address(f"{front}?{rest}" if rest else front, schema, _place(front, schema))


def _place(front: str, schema: str) -> str:
    # What stands before the last @ may be a password.
    where = front.partition("://")[2].rpartition("@")[2]
    return f"postgresql://{where}?schema={schema}"
