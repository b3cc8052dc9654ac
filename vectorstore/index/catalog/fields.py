"""Fields of documents, read when a condition first asks for one, and kept within bounds."""

import json
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from datetime import datetime
from threading import RLock

import numpy as np

from vectorstore.errors import StoreDamaged
from vectorstore.index.catalog.field import Field, Pair, field_of
from vectorstore.index.catalog.table import Change
from vectorstore.index.conditions import moment_of
from vectorstore.index.truth import outline
from vectorstore.index.truth.arrays import Rows
from vectorstore.index.truth.database import Connection, Database
from vectorstore.types import Generation

_AT_ONCE = 5_000
_KEPT_BYTES = 32 << 20
_KEPT_BYTES_EACH = 100
"""How much memory fields may take: so much, or so much for each document where that is more."""
_COLUMNS = frozenset({"uri", "title", "media_type", "modified"})


class Fields:
    """The fields of all catalogs of one index. Safe to use from several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: OrderedDict[tuple[Generation, str], Field] = OrderedDict()
        self._lock = RLock()

    def of(self, generation: Generation, rows: Rows, name: str) -> Field:
        """Return a field of the documents in these rows, which are those of the generation."""
        with self._lock:
            found = self._kept.get((generation, name))
            if found is None:
                with self._database.connection() as connection:
                    found = field_of(_pairs(connection, rows, rows, name), timed=name == "modified")
            self._keep(generation, name, found, count=len(rows))
            return found

    def carry(
        self, connection: Connection, first: Generation, second: Generation, *, rows: Rows, change: Change
    ) -> None:
        """Make the fields of a generation those of another, whose documents these rows are now."""
        fresh = rows[change.fresh]
        with self._lock:
            for generation, name in list(self._kept):
                if generation != first or first == second:
                    continue
                held = self._kept.pop((first, name))
                made = (
                    held.after(change, _pairs(connection, rows, fresh, name))
                    if len(fresh) <= _AT_ONCE
                    else None
                )
                if made is not None and (second, name) not in self._kept:
                    self._keep(second, name, made, count=len(rows))

    def _keep(self, generation: Generation, name: str, field: Field, *, count: int) -> None:
        self._kept[generation, name] = field
        self._kept.move_to_end((generation, name))
        most = max(_KEPT_BYTES, _KEPT_BYTES_EACH * count)
        while len(self._kept) > 1 and sum(each.size for each in self._kept.values()) > most:
            self._kept.popitem(last=False)


def _pairs(connection: Connection, rows: Rows, wanted: Rows, name: str) -> Iterator[Pair]:
    """Yield the values of a field in some of the rows, by their place among all."""
    column = name if name in _COLUMNS else "metadata"
    key = json.dumps(name, ensure_ascii=False)
    for start in range(0, len(wanted), _AT_ONCE):
        batch = wanted[start : start + _AT_ONCE]
        places = dict(zip(batch.tolist(), np.searchsorted(rows, batch).tolist(), strict=True))
        for row, content in outline.column_at(connection, column, batch.tolist()):
            try:
                for value in _values(name, content, key):
                    yield places[row], value
            except (ValueError, TypeError, AttributeError) as error:
                raise StoreDamaged(
                    "A document in the index cannot be read.", "Run `footnote index verify`."
                ) from error


def _values(name: str, content: str | None, key: str) -> Sequence[object]:
    if content is None:
        return ()
    if name == "modified":
        return (moment_of(datetime.fromisoformat(content)),)
    if name in _COLUMNS:
        return (content,)
    # Most documents have not the field: looking for its name is far cheaper than reading all.
    value = json.loads(content).get(name) if key in content else None
    if value is None:
        return ()
    return value if isinstance(value, list) else (value,)
