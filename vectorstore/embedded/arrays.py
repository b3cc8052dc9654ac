"""The arrays that search works on."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Rows: TypeAlias = npt.NDArray[np.int64]
"""Row numbers of the truth: of chunks, or of documents."""
Positions: TypeAlias = npt.NDArray[np.int64]
"""Places in the dense projection, from 0."""
Mask: TypeAlias = npt.NDArray[np.bool_]
"""Which positions are allowed."""
Half: TypeAlias = npt.NDArray[np.float16]
"""Vectors as they are kept, shape (n, d)."""
Scores: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Found:
    """Chunk rows and their scores, best first, of the same length."""

    rows: Rows
    scores: Scores


def found_nothing() -> Found:
    """Return an empty result."""
    return Found(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32))
