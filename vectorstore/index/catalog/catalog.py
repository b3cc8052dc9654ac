"""Which documents stand in a generation, and which of them a caller may see today."""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias
from weakref import WeakValueDictionary

import numpy as np
import numpy.typing as npt

from vectorstore.index.catalog.circles import NOBODY_S, Circles, Numbers
from vectorstore.index.catalog.documents import Documents
from vectorstore.index.catalog.field import Field
from vectorstore.index.catalog.fields import Fields
from vectorstore.index.catalog.titles import Told, title_as
from vectorstore.index.conditions import admits, check
from vectorstore.index.truth.arrays import Rows
from vectorstore.types import Condition, Document, DocumentId, Generation, Named, Scope, Where

_HELD = 8
"""How many selections are held on to. Others are remembered as long as somebody else uses them."""
_PAGE = 500
"""How many documents are read at once for a list."""
_NAMED = 5_000
"""How many names are read at once."""
_FEW = 5_000
"""Up to so many documents are put in order by their uris as they are read; more by the field of all."""
_READ = 300
"""Up to so many documents are read to see whether they meet the conditions."""
_Chosen: TypeAlias = tuple[str, bool, frozenset[str], str]
"""Tenant, whether unrestricted, names, conditions."""


class Catalog:
    """The documents of one generation, as the operator sees them, and as others do. Immutable but for its caches.

    `own` holds the circle of each document's readers, `today` that of the readers that rule today, the same array where
    nothing differs. Documents that share a title are shown with it as `told` says; conditions go by the title that is kept.
    """

    def __init__(
        self,
        generation: Generation,
        *,
        rows: Rows,
        own: Numbers,
        today: Numbers,
        told: Told,
        circles: Circles,
        documents: Documents,
        fields: Fields,
    ) -> None:
        self.generation = generation
        self._rows = rows
        self._own = own
        self._today = today
        self._told = told
        self._circles = circles
        self._documents = documents
        self._fields = fields
        self._selections: WeakValueDictionary[_Chosen, Rows] = WeakValueDictionary()
        self._held: deque[Rows] = deque(maxlen=_HELD)

    @property
    def count(self) -> int:
        """How many documents there are, of all tenants."""
        return len(self._rows)

    def select(self, scope: Scope, where: Where) -> Rows:
        """Return the rows of the documents that the scope allows and the conditions admit, ascending.

        The same array for all callers that the documents do not tell apart, as long as it is remembered.
        """
        # By repr: 1, 1.0 and True are equal as keys, but not as conditions.
        key = (scope.tenant, scope.unrestricted, self._circles.known(scope), repr(where))
        found = self._selections.get(key)
        if found is None:
            allowed = self._circles.allowed(scope)[self._ruling(scope)]
            check(where)
            found = self._admitted(allowed, scope, where) if where else self._rows[allowed]
            self._selections[key] = found
            self._held.append(found)
        return found

    def documents(self, scope: Scope, where: Where, *, after: str = "") -> Iterator[Document]:
        """Yield what `select` selects, by uri, from behind `after` on; read in pages, as they are asked for."""
        return self._listed(self.select(scope, where), scope, after)

    def names(self, scope: Scope) -> Iterator[Named]:
        """Yield what the documents that the scope allows are called, in no order."""
        chosen = self.select(scope, ())
        for start in range(0, len(chosen), _NAMED):
            rows = chosen[start : start + _NAMED]
            told = dict(
                zip(rows.tolist(), self._told[np.searchsorted(self._rows, rows)].tolist(), strict=True)
            )
            for row, each in self._documents.names_of(rows.tolist()):
                title = title_as(told[row], each.title, each.uri)
                yield each if title == each.title else replace(each, title=title)

    def readers(self, scope: Scope) -> frozenset[str]:
        """Return the names of all readers of the documents that the scope allows."""
        ruling = self._ruling(scope)
        numbers = np.unique(ruling[self._circles.allowed(scope)[ruling]]).tolist()
        return frozenset[str]().union(*(self._circles.of(number)[1] for number in numbers))

    def row_of(self, document: DocumentId) -> int | None:
        """Return a document's row, or None when it does not stand in this generation."""
        return next((row for row in self._documents.rows_of(document) if self._place(row) is not None), None)

    def seen(self, rows: Sequence[int], scope: Scope) -> dict[int, Document]:
        """Return the documents in these rows as a caller sees them, without those that they may not read."""
        places = {row: place for row in rows if (place := self._place(row)) is not None}
        ruling = self._ruling(scope)
        # Before anything is read: how long that takes would tell of what is hidden.
        allowed = {row: place for row, place in places.items() if self._allows(scope, int(ruling[place]))}
        found = self._documents.at(list(allowed))
        return {row: each for row in found if (each := self._as_seen(found[row], allowed[row], scope))}

    def _listed(self, chosen: Rows, scope: Scope, after: str) -> Iterator[Document]:
        for rows in self._in_order(chosen, after):
            found = self._documents.passing(rows)
            places = np.searchsorted(self._rows, rows).tolist()
            for row, place in zip(rows, places, strict=True):
                seen = self._as_seen(found[row], place, scope) if row in found else None
                if seen is not None:
                    yield seen

    def _in_order(self, rows: Rows, after: str) -> Iterator[list[int]]:
        """Yield rows by their documents' uris, in pages."""
        if len(rows) <= _FEW:
            known = self._documents.uris_of(rows.tolist())
            ordered = sorted((uri, row) for row, uri in known.items() if uri > after)
            chosen = np.array([row for _, row in ordered], np.int64)
        else:
            ranks, uris = self._field("uri").ranks(self.count)
            ranks = ranks[np.searchsorted(self._rows, rows)]
            behind = ranks >= (bisect_right(uris, after) if after else 0)
            chosen = rows[behind][np.argsort(ranks[behind])]
        for start in range(0, len(chosen), _PAGE):
            yield chosen[start : start + _PAGE].tolist()

    def _admitted(self, allowed: npt.NDArray[np.bool_], scope: Scope, where: Where) -> Rows:
        """Return the rows that are allowed and that the conditions admit. A few documents are read; of more, fields."""
        rest: list[Condition] = []
        mask = allowed
        for condition in where:
            uris = _addresses(condition)
            if uris is None:
                rest.append(condition)
            else:
                mask = mask & np.isin(self._rows, self._documents.rows_at(scope.tenant, uris))
        if np.count_nonzero(mask) <= _READ:
            found = self._documents.at(self._rows[mask].tolist())
            return np.array([row for row in sorted(found) if admits(tuple(rest), found[row])], np.int64)
        for condition in rest:
            mask = mask & self._field(condition.field).meeting(condition, self.count)
        return self._rows[mask]

    def _field(self, name: str) -> Field:
        return self._fields.of(self.generation, self._rows, name)

    def _place(self, row: int) -> int | None:
        place = int(np.searchsorted(self._rows, row))
        return place if place < len(self._rows) and self._rows[place] == row else None

    def _ruling(self, scope: Scope) -> Numbers:
        return self._own if scope.unrestricted else self._today

    def _allows(self, scope: Scope, circle: int) -> bool:
        return circle != NOBODY_S and scope.covers(*self._circles.of(circle))

    def _as_seen(self, document: Document, place: int, scope: Scope) -> Document | None:
        if not scope.unrestricted and self._today[place] != self._own[place]:
            document = replace(document, readers=self._circles.of(int(self._today[place]))[1])
        # Once more: a backup that is restored meanwhile may have another document in the row.
        if not scope.allows(document):
            return None
        told = title_as(int(self._told[place]), document.title, document.uri)
        return document if told == document.title else replace(document, title=told)


def _addresses(condition: Condition) -> list[str] | None:
    """Return which addresses a condition is about, where the index of addresses tells; not every text can stand in it."""
    if condition.field != "uri" or condition.op not in {"eq", "in"}:
        return None
    uris = [each for each in condition.values if isinstance(each, str)]
    return uris if all(map(_plain, uris)) else None


def _plain(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)
