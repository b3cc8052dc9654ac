"""What is kept of every document that stands in a generation: numbers in columns, by row."""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from vectorstore.index.catalog.circles import Circles, Numbers
from vectorstore.index.catalog.titles import Hashes, hashes_of
from vectorstore.index.truth.arrays import Rows
from vectorstore.index.truth.outline import Outline

Places = npt.NDArray[np.int32]
"""Where a document stands in the columns."""
_Column = TypeVar("_Column", bound=npt.NDArray[np.generic])


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of the same length, by ascending row."""

    rows: Rows
    circles: Numbers
    hashes: tuple[Hashes, Hashes, Hashes]
    """Those of `hashes_of`."""


@dataclass(frozen=True, slots=True)
class Change:
    """How one table became another: where each document stands now (-1: nowhere), and where new ones do."""

    moved: Places
    fresh: Places

    def carried(self, old: _Column, new: _Column) -> _Column:
        """Return a column of the table after: `old` as far as its documents still stand, `new` of the fresh ones."""
        made = np.empty(np.count_nonzero(self.moved >= 0) + len(self.fresh), old.dtype)
        made[self.moved[self.moved >= 0]] = old[self.moved >= 0]
        made[self.fresh] = new
        return made  # type: ignore[return-value]


def table_of(outlines: Iterable[Outline], circles: Circles) -> Table:
    """Make the columns of documents that come by ascending row; circles that are new get their numbers."""
    rows, numbers = array("q"), array("i")
    near, alike, named = array("q"), array("q"), array("q")
    for row, tenant, readers, title, uri in outlines:
        rows.append(row)
        numbers.append(circles.number(tenant, readers))
        first, second, third = hashes_of(title, uri)
        near.append(first)
        alike.append(second)
        named.append(third)
    hashes = tuple(np.array(each, np.int64) for each in (near, alike, named))
    return Table(np.array(rows, np.int64), np.array(numbers, np.int32), hashes)  # type: ignore[arg-type]


def changed(table: Table, *, gone: Rows, fresh: Table) -> tuple[Table, Change]:
    """Return a table without some documents and with others, and how it came about."""
    stays = np.ones(len(table.rows), bool)
    stays[np.searchsorted(table.rows, gone)] = False
    kept = table.rows[stays]
    # Both ascend: a row's place is how many of its own and of the others come before it.
    moved = np.full(len(table.rows), -1, np.int32)
    moved[stays] = np.arange(len(kept)) + np.searchsorted(fresh.rows, kept)
    places = (np.arange(len(fresh.rows)) + np.searchsorted(kept, fresh.rows)).astype(np.int32)
    change = Change(moved, places)
    hashes = tuple(map(change.carried, table.hashes, fresh.hashes))
    made = Table(
        change.carried(table.rows, fresh.rows),
        change.carried(table.circles, fresh.circles),
        hashes,  # type: ignore[arg-type]
    )
    return made, change
