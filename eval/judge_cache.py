"""What a judge said, kept by content: the same model, prompt and text are never paid for twice."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from vectorstore.embedded.database import Database, create_file

_TABLE = (
    "CREATE TABLE IF NOT EXISTS replies "
    "(key TEXT PRIMARY KEY, label TEXT NOT NULL, read INTEGER NOT NULL, written INTEGER NOT NULL)"
)


class JudgeCache:
    """Replies in a SQLite file; any thread may use it."""

    def __init__(self, path: Path) -> None:
        """Open the file, made if it is not there."""
        create_file(path)
        self._database = Database(path)
        with self._database.connection() as connection:
            connection.run(_TABLE)

    def get(self, key: str) -> str | None:
        """Return the label that is kept, or None."""
        with self._database.connection() as connection:
            row = connection.one("SELECT label FROM replies WHERE key = ?", (key,))
        return None if row is None else str(row[0])

    def put(self, key: str, label: str, *, read: int = 0, written: int = 0) -> None:
        """Keep a label and the tokens that it took."""
        with self._database.connection() as connection:
            connection.run("INSERT OR REPLACE INTO replies VALUES (?, ?, ?, ?)", (key, label, read, written))

    def close(self) -> None:
        """Close the file."""
        self._database.close()


@contextmanager
def open_cache(path: Path) -> Iterator[JudgeCache]:
    """Open a cache for a block."""
    cache = JudgeCache(path)
    try:
        yield cache
    finally:
        cache.close()


def key_of(said: Mapping[str, str | int]) -> str:
    """Return the address of what decides a reply: model, prompt's hash, texts, number of the repeat."""
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
