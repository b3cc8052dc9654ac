"""Documents by row, read when they are wanted."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from threading import Lock

from vectorstore.index.truth import outline
from vectorstore.index.truth import read as truth
from vectorstore.index.truth.database import Database
from vectorstore.types import Document, DocumentId

_KEPT = 1_000
"""How many documents are remembered: those of the last questions' hits."""

_FIRST_PAGE, _LAST_PAGE = 200, 5_000
_BEYOND = 1 << 62
"""A row greater than any: what stands behind it has another uri."""


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

    def uris_of(self, rows: Sequence[int]) -> dict[int, str]:
        """Return the uris of the documents in these rows."""
        with self.database.connection() as connection:
            return outline.uris_of(connection, rows)

    def by_uri(self, tenant: str, *, after: str) -> Iterator[list[tuple[str, int]]]:
        """Yield uri and row of all kept versions of a tenant behind a uri, by uri and row: short pages, then long ones."""
        last, size = (after, _BEYOND), _FIRST_PAGE
        while True:
            with self.database.connection() as connection:
                page = outline.by_uri(connection, tenant, after=last, limit=size)
            yield page
            if len(page) < size:
                return
            last, size = page[-1], min(2 * size, _LAST_PAGE)
