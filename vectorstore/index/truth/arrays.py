"""The arrays that search works on."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Rows: TypeAlias = npt.NDArray[np.int64]
"""Row numbers of the truth: of chunks, or of documents."""
Positions: TypeAlias = npt.NDArray[np.int64]
"""Places in the dense projection, from 0."""
Half: TypeAlias = npt.NDArray[np.float16]
"""Vectors as they are kept, shape (n, d)."""
Scores: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Found:
    """Chunk rows and their scores, best first, of the same length."""

    rows: Rows
    scores: Scores


@dataclass(frozen=True, slots=True)
class Allowed:
    """Which positions a search may return: how many of how many, and a bit for each, the lowest first."""

    count: int
    total: int
    bits: npt.NDArray[np.uint8]

    @property
    def share(self) -> float:
        """The part of all positions that is allowed."""
        return self.count / self.total

    def positions(self) -> Positions:
        """Return the allowed positions, ascending."""
        places = np.flatnonzero(self.bits != 0)
        which, bit = np.nonzero(np.unpackbits(self.bits[places, np.newaxis], axis=1, bitorder="little"))
        return places[which] * 8 + bit


def allowed_of(mask: npt.NDArray[np.bool_]) -> Allowed:
    """Pack a mask: the bits of a million positions take 125 KB, so those of many callers can be kept."""
    return Allowed(int(np.count_nonzero(mask)), len(mask), np.packbits(mask, bitorder="little"))


def found_nothing() -> Found:
    """Return an empty result."""
    return Found(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32))
