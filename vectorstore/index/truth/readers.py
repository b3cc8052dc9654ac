"""Who may read a document now, whatever its readers were in the generation that is looked at.

The version that stands at an address, or stood there last, says who may read what stood there before. Text that
was kept from more people when it last stood stays kept from them: a shortened version for everyone does not open
the whole one of last year.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from vectorstore.errors import StoreDamaged
from vectorstore.index.truth import read as truth
from vectorstore.index.truth.database import Connection
from vectorstore.types import DocumentId, Scope, both

Address: TypeAlias = tuple[str, str]
"""Tenant and uri."""
Readers: TypeAlias = frozenset[str]

_STANDS = 1 << 62


@dataclass(frozen=True, slots=True)
class Version:
    """One document row at an address; `stands` says whether it is in the newest generation."""

    row: int
    readers: Readers
    stands: bool
    text: Callable[[], str | None]
    """Read when it is wanted: only where the readers of two versions differ."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """Who may read a version now, and whether anything is at its address today: if not, only the operator."""

    readers: Readers
    stands: bool


def histories(connection: Connection, rows: Sequence[int] | None = None) -> dict[Address, list[Version]]:
    """Return all kept versions at the addresses of some documents (None: of all), as they last stood.

    Raises StoreDamaged where a list of readers cannot be read.
    """
    columns = f"o.row, o.tenant, o.uri, o.readers, max(coalesce(l.removed, {_STANDS}))"
    lives = "JOIN lives l ON l.document = o.row"
    if rows is None:
        found = connection.rows(f"SELECT {columns} FROM documents o {lives} GROUP BY o.row")
    else:
        found = connection.among(
            f"SELECT {columns} FROM documents d JOIN documents o ON o.tenant = d.tenant AND o.uri = d.uri {lives}"
            " WHERE d.row IN ({keys}) GROUP BY o.row",
            rows,
        )
    versions: dict[Address, list[Version]] = {}
    for row, tenant, uri, readers, ended in sorted(set(found), key=lambda each: each[4]):
        text = partial(truth.text_of, connection, row)
        version = Version(row, _readers(readers), ended == _STANDS, text)
        versions.setdefault((tenant, uri), []).append(version)
    return versions


def ruling(version: Version, history: Sequence[Version]) -> Readers:
    """Return the readers that count for a version now; `history` holds it, the newest last."""
    newest = history[-1].readers
    if all(each.readers == newest for each in history):
        return newest
    text = version.text()
    same = next(each for each in reversed(history) if each is version or each.text() == text)
    return both(newest, same.readers)


def rulings(connection: Connection, rows: Sequence[int]) -> dict[int, Ruling]:
    """Return who may read the documents in some rows now; a row that is gone meanwhile is left out."""
    wanted = set(rows)
    return {
        each.row: Ruling(ruling(each, history), stands=history[-1].stands)
        for history in histories(connection, rows).values()
        for each in history
        if each.row in wanted
    }


def may_read(connection: Connection, documents: Collection[DocumentId], scope: Scope) -> bool:
    """Say whether a caller may read all of these versions now; one that is kept nowhere any more nobody may."""
    known = connection.among(
        "SELECT max(row), id, tenant FROM documents WHERE id IN ({keys}) GROUP BY id, tenant", list(documents)
    )
    if len(known) < len(set(documents)) or any(tenant != scope.tenant for _, _, tenant in known):
        return False
    if scope.unrestricted:
        return True
    found = rulings(connection, [row for row, _, _ in known])
    return len(found) == len(known) and all(
        each.stands and scope.admits(each.readers) for each in found.values()
    )


def changed_by(
    later: Mapping[Address, Sequence[Version]], earlier: Mapping[Address, Sequence[Version]]
) -> dict[int, Readers]:
    """Return the readers of those rows of an earlier index that a later one has other readers for."""
    changed: dict[int, Readers] = {}
    for address, versions in earlier.items():
        history = [*versions, *later.get(address, ())]
        for each in versions if address in later else ():
            readers = ruling(each, history)
            if readers != each.readers:
                changed[each.row] = readers
    return changed


def _readers(content: str) -> Readers:
    try:
        return frozenset(json.loads(content))
    except (ValueError, TypeError) as error:
        raise StoreDamaged(
            "The readers of a document in the index cannot be read.", "Run `footnote index verify`."
        ) from error
