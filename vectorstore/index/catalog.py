"""Which documents stand in a generation, and which of them a caller may see today."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from threading import Lock
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from vectorstore.index.conditions import admits, check
from vectorstore.index.truth import read as truth
from vectorstore.index.truth.arrays import Rows
from vectorstore.index.truth.database import Connection
from vectorstore.index.truth.readers import rulings
from vectorstore.language.words import name_words, with_name
from vectorstore.types import Document, DocumentId, Generation, Scope, Where

_KEPT_SELECTIONS = 64
_Chosen: TypeAlias = tuple[str, bool, frozenset[str], str]
"""Tenant, whether unrestricted, names, conditions."""


class Documents:
    """Documents by row, read once: a row never changes. Shared by all generations."""

    def __init__(self) -> None:
        self._by_row: dict[int, Document] = {}
        self._lock = Lock()

    def of(self, rows: list[int], connection: Connection) -> list[Document]:
        """Return the documents of some rows, in that order."""
        with self._lock:
            missing = [row for row in rows if row not in self._by_row]
            self._by_row.update(truth.documents_at(connection, missing))
            return [self._by_row[row] for row in rows]

    def clear(self) -> None:
        """Forget all of them, as after a purge."""
        with self._lock:
            self._by_row.clear()


class Catalog:
    """The documents of one generation, as the operator sees them, and as others do. Immutable but for its cache.

    `others` holds what differs: documents with the readers that rule today, None for one that is gone today. Documents
    that share a title are shown with `titles_apart`; conditions go by the title that is kept.
    """

    def __init__(
        self,
        generation: Generation,
        rows: list[int],
        documents: list[Document],
        others: Mapping[int, Document | None],
    ) -> None:
        self.generation = generation
        self._others = others
        self._rows = np.asarray(rows, dtype=np.int64)
        self._row_by_id = {document.id: row for document, row in zip(documents, rows, strict=True)}
        self._by_row = dict(zip(rows, documents, strict=True))
        today = (others.get(row, document) for row, document in self._by_row.items())
        self._titles = titles_apart(list(filter(None, today)))
        self._whole = _Circles(self._by_row.values())
        self._today = (
            _Circles(others.get(row, document) for row, document in self._by_row.items())
            if others
            else self._whole
        )
        self._selections: dict[_Chosen, Rows] = {}

    @property
    def count(self) -> int:
        """How many documents there are, of all tenants."""
        return len(self._rows)

    def select(self, scope: Scope, where: Where) -> Rows:
        """Return the rows of the documents that the scope allows and the conditions admit, ascending.

        The same array for all callers that the documents do not tell apart, as long as it is remembered.
        """
        circles = self._whole if scope.unrestricted else self._today
        # By repr: 1, 1.0 and True are equal as keys, but not as conditions.
        key = (scope.tenant, scope.unrestricted, circles.known(scope), repr(where))
        found = self._selections.get(key)
        if found is None:
            found = self._rows[circles.allowed(scope)]
            if where:
                check(where)
                seen = (self._kept(row, scope) for row in found.tolist())
                found = found[[each is not None and admits(where, each) for each in seen]]
            if len(self._selections) >= _KEPT_SELECTIONS:
                self._selections.clear()
            self._selections[key] = found
        return found

    def documents(self, scope: Scope, where: Where) -> Iterator[Document]:
        """Yield what `select` selects, by uri."""
        chosen = (self.seen(row, scope) for row in self.select(scope, where).tolist())
        return iter(sorted(filter(None, chosen), key=lambda document: document.uri))

    def row_of(self, document: DocumentId) -> int | None:
        """Return a document's row, or None when it does not stand in this generation."""
        return self._row_by_id.get(document)

    def seen(self, row: int, scope: Scope) -> Document | None:
        """Return the document in a row as a caller sees it, or None when they may not read it."""
        document = self._kept(row, scope)
        title = self._titles.get(document.id) if document is not None else None
        return replace(document, title=title) if document is not None and title is not None else document

    def _kept(self, row: int, scope: Scope) -> Document | None:
        document: Document | None = self._by_row[row]
        if self._others and not scope.unrestricted:
            document = self._others.get(row, document)
        return document if document is not None and scope.allows(document) else None


class _Circles:
    """Documents by who may read them: what a caller sees is told circle by circle, of which there are few."""

    def __init__(self, documents: Iterable[Document | None]) -> None:
        numbers: dict[tuple[str, frozenset[str]], int] = {}
        nobody = -1
        self._of = np.fromiter(
            (
                nobody if each is None else numbers.setdefault((each.tenant, each.readers), len(numbers))
                for each in documents
            ),
            np.int64,
        )
        self._count = len(numbers)
        self._of_tenant: dict[str, list[int]] = {}
        self._open: dict[str, list[int]] = {}
        self._by_name: dict[str, dict[str, list[int]]] = {}
        for (tenant, readers), number in numbers.items():
            self._of_tenant.setdefault(tenant, []).append(number)
            if not readers:
                self._open.setdefault(tenant, []).append(number)
            for name in readers:
                self._by_name.setdefault(tenant, {}).setdefault(name, []).append(number)

    def known(self, scope: Scope) -> frozenset[str]:
        """Return by which of a caller's names there are documents in the tenant: users are many, these few."""
        return scope.names.intersection(self._by_name.get(scope.tenant, ()))

    def allowed(self, scope: Scope) -> npt.NDArray[np.bool_]:
        """Say of each document whether the scope allows it."""
        # One more, and always False: of documents that are nobody's.
        flags = np.zeros(self._count + 1, bool)
        if scope.unrestricted:
            flags[self._of_tenant.get(scope.tenant, [])] = True
        else:
            flags[self._open.get(scope.tenant, [])] = True
            for name in self.known(scope):
                flags[self._by_name[scope.tenant][name]] = True
        return np.asarray(flags[self._of])


def read_catalog(
    connection: Connection, generation: Generation, known: Documents, *, newest: Generation
) -> Catalog:
    """Read the catalog of a generation, for callers of today: `newest` is the generation that rules who reads."""
    # One read transaction: a purge between the questions would leave rows without documents.
    with connection.transaction("DEFERRED"):
        rows = truth.visible_rows(connection, generation)
        documents = known.of(rows, connection)
        others: dict[int, Document | None] = {}
        if generation != newest:
            now = set(truth.visible_rows(connection, newest))
            old = {row: each for row, each in zip(rows, documents, strict=True) if row not in now}
            ruling = rulings(connection, list(old))
            for row, document in old.items():
                found = ruling.get(row)
                others[row] = replace(document, readers=found.readers) if found and found.stands else None
        return Catalog(generation, rows, documents, others)


_NUMBER = re.compile(r"\d++")


def titles_apart(documents: Sequence[Document]) -> dict[DocumentId, str]:
    """Return other titles for those that share one: with the file's name behind it, or its uri where that is shared too.

    Of titles that are the same but for their numbers (`Form 7 filed on 2024-05-01`) those get it whose file's name says
    something else. Only documents count that every reader of the one may read as well: no title tells of what is hidden.
    """
    sharing: dict[tuple[str, str], list[Document]] = {}
    for each in documents:
        sharing.setdefault((each.tenant, _NUMBER.sub("0", each.title.casefold())), []).append(each)
    groups = (group for group in sharing.values() if len(group) > 1)
    return {each.id: title for group in groups for each, title in _joined(group)}


def _joined(group: Sequence[Document]) -> Iterator[tuple[Document, str]]:
    """Yield those of a group with nearly the same title that get another, with it."""
    near: Counter[frozenset[str]] = Counter(each.readers for each in group)
    alike: Counter[tuple[frozenset[str], str]] = Counter(
        (each.readers, each.title.casefold()) for each in group
    )
    names: Counter[tuple[frozenset[str], str, str]] = Counter()
    for each in group:
        names[each.readers, each.title.casefold(), name_words(each.uri).casefold()] += 1
    for each in group:
        title, named = each.title.casefold(), name_words(each.uri)
        circles = {each.readers, frozenset[str]()}
        if sum(alike[readers, title] for readers in circles) > 1:
            shared = sum(names[readers, title, named.casefold()] for readers in circles) > 1
            yield each, f"{each.title} ({each.uri if shared or not named else named})"
        elif sum(near[readers] for readers in circles) > 1:
            yield each, with_name(each.title, each.uri, numbers=False)
