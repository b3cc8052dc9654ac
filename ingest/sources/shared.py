"""What sticks to addresses: flags and failures, and their rows in the database of the index, which all machines share."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from vectorstore.index.postgresql.database import PostgreSQLConnection


@dataclass(frozen=True, slots=True)
class Flags:
    """Flags given for a folder or file once; they hold for later runs until given anew.

    Otherwise a nightly `footnote ingest docs` would open what `--acl hr` had closed.
    """

    readers: frozenset[str] | None = None
    collection: str = ""


@dataclass(frozen=True, slots=True)
class PastFailure:
    """A file at one digest that could not be read: not tried again until it changes.

    The digest is empty where trying again may help all the same; `when` it failed first is a moment in UTC.
    """

    digest: str
    reason: str
    message: str
    when: str = ""


def flags_in(connection: PostgreSQLConnection) -> dict[str, Flags]:
    """Return the flags by the address of a folder or file."""
    found = connection.rows("SELECT prefix, readers, collection FROM flags ORDER BY prefix")
    return {
        prefix: Flags(None if readers is None else frozenset(json.loads(readers)), collection)
        for prefix, readers, collection in found
    }


def failures_in(connection: PostgreSQLConnection, formats: str) -> dict[str, PastFailure]:
    """Return the failures noted by a release and plug-ins that read the same formats, by the file's address."""
    found = connection.rows(
        "SELECT uri, digest, reason, message, noted FROM failures WHERE formats = ? ORDER BY uri", [formats]
    )
    return {uri: PastFailure(*noted) for uri, *noted in found}


def write_flags(
    connection: PostgreSQLConnection, before: Mapping[str, Flags], after: Mapping[str, Flags]
) -> None:
    """Write what is other than before."""
    gone = [(prefix,) for prefix in before if prefix not in after]
    changed = [(prefix, flags) for prefix, flags in after.items() if before.get(prefix) != flags]
    connection.run_many("DELETE FROM flags WHERE prefix = ?", gone)
    connection.run_many(
        "INSERT INTO flags (prefix, readers, collection) VALUES (?, ?, ?) ON CONFLICT (prefix)"
        " DO UPDATE SET readers = excluded.readers, collection = excluded.collection",
        [
            (
                prefix,
                None if flags.readers is None else json.dumps(sorted(flags.readers)),
                flags.collection,
            )
            for prefix, flags in changed
        ],
    )


def write_failures(
    connection: PostgreSQLConnection,
    before: Mapping[str, PastFailure],
    after: Mapping[str, PastFailure],
    formats: str,
) -> None:
    """Write what is other than before."""
    gone = [(uri,) for uri in before if uri not in after]
    changed = [(uri, each) for uri, each in after.items() if before.get(uri) != each]
    connection.run_many("DELETE FROM failures WHERE uri = ?", gone)
    connection.run_many(
        "INSERT INTO failures (uri, digest, reason, message, noted, formats) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (uri) DO UPDATE SET digest = excluded.digest, reason = excluded.reason,"
        " message = excluded.message, noted = excluded.noted, formats = excluded.formats",
        [(uri, each.digest, each.reason, each.message, each.when, formats) for uri, each in changed],
    )
