"""The index's own facts (`meta`): what it is, not what is in it."""

import hashlib
import json

from vectorstore.embedded.database import Connection

SEAL = "seal"


def read_meta(connection: Connection) -> dict[str, str]:
    """Return all facts by name."""
    return dict(connection.rows("SELECT key, value FROM meta"))


def write_meta(connection: Connection, **facts: str | None) -> None:
    """Set facts (None deletes one) and seal them all anew; the caller is in a transaction."""
    for key, value in facts.items():
        if value is None:
            connection.run("DELETE FROM meta WHERE key = ?", (key,))
        else:
            connection.run("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value))
    seal = meta_seal(read_meta(connection))
    connection.run("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (SEAL, seal))


def next_epoch(connection: Connection) -> None:
    """Say that rows have been purged: everything derived from this index must be made anew."""
    write_meta(connection, epoch=str(int(read_meta(connection)["epoch"]) + 1))


def tombstone(salt: str, document: str) -> str:
    """Return the salted hash by which an erased document is known."""
    return hashlib.sha256(f"{salt}\0{document}".encode()).hexdigest()


def meta_seal(facts: dict[str, str]) -> str:
    """Return the SHA-256 over all facts but the seal itself."""
    body = {key: value for key, value in facts.items() if key != SEAL}
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
