"""Which documents stand in a generation, and which of them a caller may see today."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias
from weakref import WeakValueDictionary

import numpy as np

from vectorstore.index.catalog.circles import NOBODY_S, Circles, Numbers
from vectorstore.index.catalog.documents import Documents
from vectorstore.index.catalog.titles import Told, title_as
from vectorstore.index.conditions import admits, check
from vectorstore.index.truth.arrays import Rows
from vectorstore.types import Document, DocumentId, Generation, Scope, Where

_HELD = 8
"""How many selections are held on to. Others are remembered as long as somebody else uses them."""
_PAGE = 500
"""How many documents are read at once for a list."""
_FEW = 1_000
_SPARSE = 20
"""So many documents, or one of so many, are put in order after they are chosen; more are chosen in the index's order."""
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
    ) -> None:
        self.generation = generation
        self._rows = rows
        self._own = own
        self._today = today
        self._told = told
        self._circles = circles
        self._documents = documents
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
            found = self._rows[allowed]
            if where:
                check(where)
                found = self._admitted(found, where)
            self._selections[key] = found
            self._held.append(found)
        return found

    def documents(self, scope: Scope, where: Where, *, after: str = "") -> Iterator[Document]:
        """Yield what `select` selects, by uri, from behind `after` on; read in pages, as they are asked for."""
        for rows in self._in_order(scope.tenant, self.select(scope, where), after):
            found = self._documents.passing(rows)
            places = np.searchsorted(self._rows, rows).tolist()
            for row, place in zip(rows, places, strict=True):
                seen = self._as_seen(found[row], place, scope) if row in found else None
                if seen is not None:
                    yield seen

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

    def _in_order(self, tenant: str, rows: Rows, after: str) -> Iterator[list[int]]:
        """Yield rows by their documents' uris, a page at a time, the first ones short."""
        if len(rows) <= max(_FEW, self.count // _SPARSE):
            known = self._documents.uris_of(rows.tolist())
            ordered = sorted((uri, row) for row, uri in known.items() if uri > after)
            pages: Iterable[Sequence[tuple[str, int]]] = [ordered]
        else:
            pages = self._documents.by_uri(tenant, after=after)
        for page in pages:
            chosen = np.array([row for _, row in page], np.int64)
            chosen = chosen[np.isin(chosen, rows)]
            for start in range(0, len(chosen), _PAGE):
                yield chosen[start : start + _PAGE].tolist()

    def _admitted(self, rows: Rows, where: Where) -> Rows:
        admitted: list[int] = []
        for start in range(0, len(rows), _PAGE):
            found = self._documents.passing(rows[start : start + _PAGE].tolist())
            admitted += (row for row in sorted(found) if admits(where, found[row]))
        return np.array(admitted, np.int64)

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
