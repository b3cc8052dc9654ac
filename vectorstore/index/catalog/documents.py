"""Documents by row, read when they are wanted."""

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

from vectorstore.index.truth import outline
from vectorstore.index.truth import read as truth
from vectorstore.index.truth.database import Database
from vectorstore.index.truth.records import time_of
from vectorstore.types import Document, DocumentId, Named

_KEPT = 1_000
"""How many documents are remembered: those of the last questions' hits."""


class Documents:
    """The documents of all generations: a row never changes. The last that were asked for are kept."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._by_row: OrderedDict[int, Document] = OrderedDict()
        self._lock = Lock()

    def at(self, rows: Sequence[int]) -> dict[int, Document]:
        """Return the documents in these rows; one that has been purged meanwhile is left out."""
        with self._lock:
            found = {row: self._by_row[row] for row in rows if row in self._by_row}
        missing = [row for row in dict.fromkeys(rows) if row not in found]
        if missing:
            with self.database.connection() as connection:
                found.update(truth.documents_at(connection, missing))
        with self._lock:
            for row in rows[-_KEPT:]:
                if row in found:
                    self._by_row[row] = found[row]
                    self._by_row.move_to_end(row)
            while len(self._by_row) > _KEPT:
                self._by_row.popitem(last=False)
        return found

    def passing(self, rows: Sequence[int]) -> dict[int, Document]:
        """Return the documents in these rows without remembering them: for what goes through all."""
        with self.database.connection() as connection:
            return dict(truth.documents_at(connection, rows))

    def rows_of(self, document: DocumentId) -> list[int]:
        """Return the rows of all kept versions with this id.

        Never from memory: how long that takes would tell of a document that others have just read.
        """
        with self.database.connection() as connection:
            return outline.rows_of(connection, document)

    def names_of(self, rows: Sequence[int]) -> list[tuple[int, Named]]:
        """Return what the documents in these rows are called, by row."""
        with self.database.connection() as connection:
            found = outline.names_of(connection, rows)
        return [(row, Named(uri, title, time_of(modified))) for row, uri, title, modified in found]

    def uris_of(self, rows: Sequence[int]) -> dict[int, str]:
        """Return the uris of the documents in these rows."""
        with self.database.connection() as connection:
            return outline.uris_of(connection, rows)

    def rows_at(self, tenant: str, uris: Sequence[str]) -> list[int]:
        """Return the rows of all kept versions at some addresses of a tenant."""
        with self.database.connection() as connection:
            return outline.rows_at(connection, tenant, uris)
