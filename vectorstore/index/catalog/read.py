"""Reading catalogs: the first one whole, each further one as what differs from the last."""

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from vectorstore.index.catalog.catalog import Catalog
from vectorstore.index.catalog.circles import NOBODY_S, Circles, Numbers
from vectorstore.index.catalog.documents import Documents
from vectorstore.index.catalog.fields import Fields
from vectorstore.index.catalog.table import Change, Table, changed, table_of
from vectorstore.index.catalog.titles import Hashes, Told, told_apart
from vectorstore.index.truth import outline
from vectorstore.index.truth import read as truth
from vectorstore.index.truth.arrays import Rows
from vectorstore.index.truth.database import Connection, Database
from vectorstore.index.truth.readers import rulings
from vectorstore.index.truth.records import readers_row
from vectorstore.types import Generation

KEPT_CATALOGS = 4
_RULED_AT_ONCE = 2_000
Pinned: TypeAlias = tuple[Generation, Generation]
"""The generation that is read, and the newest, whose readers rule."""


@dataclass(frozen=True, slots=True)
class _Last:
    """What was read last: the next catalog is made of it, whichever generation that is of."""

    generation: Generation
    circles: Circles
    table: Table
    today: Numbers
    told: Told


class Catalogs:
    """The catalogs of one index. Safe to use from several threads."""

    def __init__(self, database: Database) -> None:
        self._documents = Documents(database)
        self._fields = Fields(database)
        self._kept: OrderedDict[Pinned, Catalog] = OrderedDict()
        self._last: _Last | None = None
        self._lock = Lock()

    def holds(self, pinned: Pinned) -> bool:
        """Say whether a catalog is in memory."""
        return pinned in self._kept

    def of(self, pinned: Pinned) -> Catalog:
        """Return which documents stand in a generation, for the readers that rule in another."""
        known = self._kept.get(pinned)
        if known is not None:
            return known
        with self._lock:
            found = self._kept.get(pinned)
            if found is None:
                found = self._kept[pinned] = self._read(*pinned)
                while len(self._kept) > KEPT_CATALOGS:
                    self._kept.popitem(last=False)
            return found

    def _read(self, generation: Generation, newest: Generation) -> Catalog:
        # One read transaction: a purge between the questions would leave rows without documents.
        with (
            self._documents.database.connection() as connection,
            connection.transaction("DEFERRED"),
        ):
            made = self._derived(connection, generation)
            # Of a reading that breaks off nothing stays: what was read last goes with its own circles.
            circles = self._last.circles if made and self._last else Circles()
            table, change = made or (table_of(outline.outlines(connection, generation), circles), None)
            today = _today(connection, table, circles, generation, newest)
            if change is not None and self._last is not None:
                first = self._last.generation
                self._fields.carry(connection, first, generation, rows=table.rows, change=change)
        told = self._told(table, today, circles, change)
        self._last = _Last(generation, circles, table, today, told)
        return Catalog(
            generation,
            rows=table.rows,
            own=table.circles,
            today=today,
            told=told,
            circles=circles,
            documents=self._documents,
            fields=self._fields,
        )

    def _derived(self, connection: Connection, generation: Generation) -> tuple[Table, Change] | None:
        """Return the table made of the last one, or None where that is not known to be right, or pays."""
        last = self._last
        info = truth.generation(connection, generation)
        # Of a generation that is no longer kept it is not known what ended in it.
        if last is None or info is None or truth.generation(connection, last.generation) is None:
            return None
        rows = last.table.rows
        differing = outline.changed_rows(connection, last.generation, generation)
        if len(differing) > max(len(rows) // 2, 1_000) or _outgrown(last):
            return None
        stands = outline.standing(connection, differing, generation)
        apart = np.array(differing, np.int64)
        held, now = np.isin(apart, rows), np.isin(apart, list(stands))
        fresh = outline.outlines_at(connection, apart[now & ~held].tolist())
        table, change = changed(last.table, gone=apart[held & ~now], fresh=table_of(fresh, last.circles))
        return (table, change) if len(table.rows) == info.documents else None

    def _told(self, table: Table, today: Numbers, circles: Circles, change: Change | None) -> Told:
        """Say how titles are told apart: anew only of those that are nearly the same as one that has come or gone."""
        everyones = circles.everyones()
        last = self._last
        if change is None or last is None:
            return told_apart(today, everyones[today], table.hashes)
        stays = change.moved >= 0
        near = table.hashes[0]
        moved = change.moved[stays]
        regrouped = moved[today[moved] != last.today[stays]]
        touched = np.unique(
            np.concatenate([last.table.hashes[0][~stays], near[change.fresh], near[regrouped]])
        )
        told = change.carried(last.told, np.zeros(len(change.fresh), np.uint8))
        again = np.flatnonzero(_among(near, touched))
        hashes = tuple(each[again] for each in table.hashes)
        told[again] = told_apart(today[again], everyones[today[again]], hashes)  # type: ignore[arg-type]
        return told


def _outgrown(last: _Last) -> bool:
    """Say whether most circles are nobody's any more."""
    return len(last.circles) > 10_000 + 2 * int(np.count_nonzero(np.bincount(last.table.circles)))


def _today(
    connection: Connection, table: Table, circles: Circles, generation: Generation, newest: Generation
) -> Numbers:
    """Return the circles of those who may read today; nobody's where a document is gone."""
    if generation == newest:
        return table.circles
    differing = outline.changed_rows(connection, generation, newest)
    stands = outline.standing(connection, differing, newest)
    gone = np.array([row for row in differing if row not in stands], np.int64)
    gone = gone[np.isin(gone, table.rows)]
    today = table.circles.copy()
    for start in range(0, len(gone), _RULED_AT_ONCE):
        rows = gone[start : start + _RULED_AT_ONCE]
        today[np.searchsorted(table.rows, rows)] = _ruled(connection, table, circles, rows)
    return today


def _ruled(connection: Connection, table: Table, circles: Circles, rows: Rows) -> list[int]:
    found = rulings(connection, rows.tolist())
    places = np.searchsorted(table.rows, rows).tolist()
    numbers = []
    for row, place in zip(rows.tolist(), places, strict=True):
        ruling = found.get(row)
        tenant, _ = circles.of(int(table.circles[place]))
        stands = ruling is not None and ruling.stands
        numbers.append(circles.number(tenant, readers_row(ruling.readers)) if ruling and stands else NOBODY_S)
    return numbers


def _among(values: Hashes, few: Hashes) -> npt.NDArray[np.bool_]:
    """Say of each value whether it is one of a few, which ascend: numpy's own way sorts all of them."""
    if not len(few):
        return np.zeros(len(values), bool)
    places = np.minimum(np.searchsorted(few, values), len(few) - 1)
    return np.asarray(few[places] == values)
