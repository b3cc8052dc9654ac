"""What a search in the database reads: nothing on disk, and in memory three numbers and lengths of each chunk."""

from collections import OrderedDict
from collections.abc import Iterator
from threading import Lock
from typing import Final

from vectorstore.errors import Unavailable
from vectorstore.index.postgresql.search.catch_up import catch_up
from vectorstore.index.postgresql.search.check import problems
from vectorstore.index.postgresql.search.tables import coverage, require_extension
from vectorstore.index.postgresql.search.vectors import StoredVectors
from vectorstore.index.postgresql.search.words import StoredWords
from vectorstore.index.projection.projections import Indexes
from vectorstore.index.projection.word_index import WordSearch
from vectorstore.index.truth import read as truth
from vectorstore.index.truth.database import Connection, Database
from vectorstore.types import Generation

_OPEN: Final = 128
"""Of how many tenants the chunks are held in memory."""


class DatabaseIndexes:
    """The tenants' chunks as far as they have been read. Safe to use from several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._covered = -1
        self._path = ""
        self._tenants: OrderedDict[str, tuple[int, StoredWords, Indexes]] = OrderedDict()
        self._lock = Lock()

    def indexes(self, generation: Generation, tenant: str) -> Indexes:
        """Return what a tenant's search at a generation reads; the tables are made now if there are none."""
        with self._lock:
            known = self._tenants.get(tenant)
        with self._database.connection() as connection:
            needed = truth.last_chunk(connection, generation) or 0
            if known is not None and known[0] >= needed:
                return known[2]
            covered = self._reach(connection, needed)
            words = known[1] if known is not None else StoredWords.none(self._database, tenant)
            words = words.extended(connection)
        indexes: Indexes
        if known is not None and words is known[1]:
            indexes = known[2]
        else:
            indexes = StoredVectors(self._database, words.documents, path=self._path), WordSearch(words)
        with self._lock:
            self._tenants[tenant] = covered, words, indexes
            self._tenants.move_to_end(tenant)
            while len(self._tenants) > _OPEN:
                self._tenants.popitem(last=False)
        return indexes

    def reached(self, connection: Connection) -> int:
        """Return the newest generation that can be searched, 0 for none."""
        held = coverage(connection)
        return held.generation if held else 0

    def problems(self, connection: Connection) -> Iterator[str]:
        """Yield what the tables hold otherwise than the truth, one sentence each."""
        return problems(connection)

    def _reach(self, connection: Connection, needed: int) -> int:
        """Return up to which chunk the tables hold the truth, made or caught up now if that is not far enough."""
        if self._covered < needed or not self._path:
            held = coverage(connection)
            if held is None or held.last_chunk < needed:
                self._catch_up()
                held = coverage(connection)
            if held is None:
                raise Unavailable(
                    "The search tables were made and are gone again.", "Run `footnote index rebuild`."
                )
            with connection.transaction("DEFERRED"):
                self._path = require_extension(connection)
            self._covered = held.last_chunk
        return self._covered

    def _catch_up(self) -> None:
        with self._database.writer(wait=True) as connection, connection.transaction():
            catch_up(connection)
