"""What the search benchmark asks of an engine. Needs numpy and nothing of ours: the peers' Python imports it too."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

Ids = list[int]


def batches(count: int, size: int) -> Iterator[slice]:
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


class Engine:
    """What the benchmark asks of an engine. `share` is a number per row, to filter by `share < below`."""

    name = ""
    knobs: ClassVar[Sequence[int]] = (0,)
    filters = True

    def __init__(self, folder: Path, dimension: int) -> None:
        self.folder = folder
        self.dimension = dimension

    def build(self, ids: np.ndarray, vectors: np.ndarray, shares: np.ndarray, texts: list[str]) -> None:
        """Make the index from nothing and leave it on disk."""

    def open(self) -> None:
        """Make ready to search."""

    def set(self, knob: int) -> None:
        """Choose how thorough the next searches are."""

    def search(self, vector: np.ndarray, k: int, *, below: int | None = None) -> Ids:
        """Return the ids of the k nearest."""
        raise NotImplementedError

    def add(self, ids: np.ndarray, vectors: np.ndarray, shares: np.ndarray, texts: list[str]) -> None:
        """Add rows so that they can be found, durably where the engine can."""
        raise NotImplementedError

    def remove(self, ids: np.ndarray) -> None:
        """Remove rows so that they cannot be found."""
        raise NotImplementedError

    def processes(self) -> list[int]:
        """Return the ids of further processes that work for this engine."""
        return []

    def close(self) -> None:
        """Release everything."""
