"""Dense search: candidates from the codes, their order from the vectors themselves."""

from typing import Protocol

import numpy as np

from vectorstore.index.projection.codes import CODED_FROM, RERANKED_BESIDE_OTHERS, Codes
from vectorstore.index.projection.faiss_codes import nearest
from vectorstore.index.truth.arrays import Allowed, Found, Half, Positions, Rows, allowed_of
from vectorstore.types import Vector

EXACT_BELOW = 1_000
"""With fewer allowed chunks than this, scoring them all costs less than a scan of the codes."""
_KEPT = 64
"""How many selections of documents are remembered."""


class Nearest(Protocol):
    """Search by meaning, wherever the vectors lie."""

    def nearest(self, vector: Vector, limit: int, documents: Rows, *, alone: bool) -> Found:
        """Return the `limit` nearest chunks of these documents, fewer only where there are no more, with their cosine.

        `alone` says that there is nothing which the caller may not read. Where there is, neither how much nor what it
        is decides which way the search takes, or how deep it looks.
        """


class Dense:
    """The vectors of all chunks in the index, by position; `rows` and `owners` name chunk and document."""

    def __init__(self, *, rows: Rows, owners: Rows, vectors: Half, codes: Codes) -> None:
        self.rows = rows
        self.owners = owners
        self._vectors = vectors
        self._codes = codes
        # Gathering the owners of a million chunks is faster by a small dense number than by row.
        self._documents, index = np.unique(owners, return_inverse=True)
        self._owner_index = index.astype(np.int32)
        self._kept: dict[int, tuple[Rows, Allowed | None]] = {}

    @property
    def codes(self) -> Codes:
        """How the vectors are coded."""
        return self._codes

    def allowed(self, documents: Rows) -> Allowed | None:
        """Return which chunks belong to these documents; None when all do.

        The catalog hands out the same array for the same question, so what was made of it is kept.
        """
        known = self._kept.get(id(documents))
        if known is not None:
            return known[1]
        mask = np.isin(self._documents, documents, assume_unique=True)
        allowed = None if mask.all() else allowed_of(mask[self._owner_index])
        if len(self._kept) >= _KEPT:
            self._kept.clear()
        # With the array itself: as long as it is held, nothing else can have its id.
        self._kept[id(documents)] = documents, allowed
        return allowed

    def held(self, allowed: Allowed | None) -> int:
        """Return how many chunks are allowed."""
        return len(self.rows) if allowed is None else allowed.count

    def nearest(self, vector: Vector, limit: int, documents: Rows, *, alone: bool) -> Found:
        """Return the `limit` nearest chunks of these documents with their cosine."""
        return self.search(vector, limit, self.allowed(documents), alone=alone)

    def search(self, vector: Vector, limit: int, allowed: Allowed | None, *, alone: bool = True) -> Found:
        """Return the `limit` nearest allowed chunks with their cosine; `alone` as in `Nearest`."""
        if self.held(allowed) <= max(EXACT_BELOW if alone else CODED_FROM, limit):
            positions = np.arange(len(self.rows)) if allowed is None else allowed.positions()
            return self._ranked(positions, vector, limit)
        wanted = max(limit, self._codes.reranked if alone else RERANKED_BESIDE_OTHERS)
        candidates = self._codes.candidates(vector, wanted, allowed, probing=alone)
        return self._ranked(candidates, vector, limit)

    def holds(self, row: int, content: bytes) -> bool:
        """Say whether a chunk's vector is, byte for byte, this one."""
        place = int(np.searchsorted(self.rows, row))
        return (
            place < len(self.rows) and self.rows[place] == row and self._vectors[place].tobytes() == content
        )

    def _ranked(self, positions: Positions, vector: Vector, limit: int) -> Found:
        # Ascending, as the vectors stand in their file.
        positions = np.sort(positions)
        places, cosines = nearest(self._vectors[positions], vector, limit)
        rows = self.rows[positions[places]]
        # By row where scores are equal, so that the order is the same on every run.
        order = np.lexsort((rows, -cosines))
        return Found(rows[order], cosines[order])
