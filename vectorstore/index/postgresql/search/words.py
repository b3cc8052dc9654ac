"""Reading which chunks hold a word: the same sums as over local files, on postings that are asked for by question.

A replica holds three numbers and lengths of each chunk in memory, and no word of any. What it reads of a question's words
is gone when the question is answered.
"""

from collections.abc import Sequence
from itertools import starmap
from typing import Final

import numpy as np
import numpy.typing as npt

from vectorstore.index.postgresql.search.segments import arrays_of
from vectorstore.index.postgresql.search.tables import listed
from vectorstore.index.projection.entry import FIELDS
from vectorstore.index.projection.postings import Held, Lengths
from vectorstore.index.truth.arrays import Rows
from vectorstore.index.truth.database import Connection, Database

_SPARSE: Final = 4
"""From how many times as many rows as chunks on a table of places would be mostly empty."""
_NOTHING: Final = Held()
_NOWHERE: Final = np.uint32(2**32 - 1)


class StoredWords:
    """The words of a tenant's chunks up to one of them. Immutable, and safe to read from several threads."""

    def __init__(
        self, database: Database, tenant: str, rows: Rows, documents: Rows, lengths: Lengths
    ) -> None:
        self._database = database
        self._tenant = tenant
        self.rows = rows
        self.documents = documents
        self.lengths = lengths
        self._places = _table_of(rows)

    @classmethod
    def none(cls, database: Database, tenant: str) -> "StoredWords":
        """Return what there is before the first chunk."""
        nothing = np.empty(0, np.int64)
        return cls(database, tenant, nothing, nothing, np.empty((len(FIELDS), 0), np.uint32))

    def extended(self, connection: Connection) -> "StoredWords":
        """Return these with the chunks that have come since; the very same when none have."""
        last = int(self.rows[-1]) if len(self.rows) else 0
        found = connection.rows(
            "SELECT rows, documents, lengths FROM search_segments WHERE tenant = ? AND last > ? ORDER BY first",
            (self._tenant, last),
        )
        if not found:
            return self
        rows, documents, lengths = (
            np.concatenate(each) for each in zip(*starmap(arrays_of, found), strict=True)
        )
        new = int(np.searchsorted(rows, last, side="right"))
        return StoredWords(
            self._database,
            self._tenant,
            np.concatenate([self.rows, rows[new:]]),
            np.concatenate([self.documents, documents[new:]]),
            # A field's lengths side by side, as they are read.
            np.ascontiguousarray(np.concatenate([self.lengths, lengths[new:].T], axis=1)),
        )

    def find(self, keys: Sequence[int]) -> list[Held]:
        """Return for each key the chunks that hold it."""
        signed = np.array(keys, np.uint64).view(np.int64).tolist()
        with self._database.connection() as connection:
            # In one statement: a writer may be merging segments, and every state of them says the same.
            found = connection.rows(
                "SELECT key, chunks, counts FROM search_postings WHERE segment = ANY (ARRAY("
                "SELECT segment FROM search_segments WHERE tenant = ?)) AND key = ANY (?::bigint[]) ORDER BY segment",
                (self._tenant, listed(signed)),
            )
        held: dict[int, Held] = {}
        for key, chunks, counts in found:
            self._append(held.setdefault(key, Held()), chunks, counts)
        return [each if (each := held.get(key)) is not None and len(each) else _NOTHING for key in signed]

    def _append(self, held: Held, chunks: bytes, counts: bytes) -> None:
        places = self._places_of(np.frombuffer(chunks, "<u4"))
        known = places != _NOWHERE
        often = np.frombuffer(counts, np.uint8)
        if not known.all():
            places, often = places[known], often[known]
        if len(places):
            held.append(0, places, often)

    def _places_of(self, rows: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
        """Return where chunks stand; `_NOWHERE` for those that came later or are gone."""
        if not len(self.rows):
            return np.full(len(rows), _NOWHERE)
        if self._places is not None:
            first = int(self.rows[0])
            within = (rows >= first) & (rows <= int(self.rows[-1]))
            return np.where(within, self._places[np.where(within, rows - np.uint32(first), 0)], _NOWHERE)
        at = np.minimum(np.searchsorted(self.rows, rows), len(self.rows) - 1).astype(np.uint32)
        return np.where(self.rows[at] == rows, at, _NOWHERE)


def _table_of(rows: Rows) -> npt.NDArray[np.uint32] | None:
    """Return the place of each row from the first to the last; None where few of those are the tenant's."""
    if not len(rows) or (span := int(rows[-1] - rows[0]) + 1) > _SPARSE * len(rows):
        return None
    table = np.full(span, _NOWHERE)
    table[rows - rows[0]] = np.arange(len(rows), dtype=np.uint32)
    return table
