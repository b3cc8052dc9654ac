"""The whole truth from one database into another, row by row, whatever engines they are.

Rows keep their numbers and every value, so that what is sealed in one is sealed in the other.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from vectorstore.index.maintenance.erasure import CERTIFICATES
from vectorstore.index.truth.database import Connection, Row, Storage

_BATCH = 2_000


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the truth; `key` are those of its columns that number its rows, first."""

    name: str
    key: tuple[str, ...]
    values: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.key, *self.values)


_DOCUMENT = (
    "id",
    "tenant",
    "uri",
    "title",
    "media_type",
    "digest",
    "modified",
    "readers",
    "pages",
    "metadata",
)
_CHUNK = ("document", "position", "id", "text", "start", "end", "page", "headings", "context", "embedded")
_GENERATION = ("created", "note", "documents", "chunks", "last_chunk", "seal", "mark")

GROWING = (
    Table("documents", ("row",), (*_DOCUMENT, "chunks", "seal")),
    Table("texts", ("document",), ("text",)),
    Table("chunks", ("row",), _CHUNK),
    Table("vectors", ("chunk",), ("vector",)),
)
"""What nearly all of an index is: rows that come once and never change. None comes before what it belongs to."""
CHANGING = (
    Table("lives", ("document", "added"), ("removed",)),
    Table("generations", ("number",), _GENERATION),
    Table("tombstones", ("hash",), ()),
    Table("erasures", ("epoch",), ("certificate",)),
    Table("meta", ("key",), ("value",)),
)
"""What says which of those rows count. An index without `meta` is none yet."""


def batches(source: Connection, table: Table, *, after: Row | None = None) -> Iterator[list[Row]]:
    """Yield a table's rows in the order of its key, behind `after` (None: all)."""
    names = ", ".join(f'"{name}"' for name in table.columns)
    key = ", ".join(f'"{name}"' for name in table.key)
    width = len(table.key)
    marks = ", ".join("?" * width)
    while True:
        behind, values = ("", ()) if after is None else (f" WHERE ({key}) > ({marks})", after)
        sql = f"SELECT {names} FROM {table.name}{behind} ORDER BY {key} LIMIT ?"
        rows = source.rows(sql, (*values, _BATCH))
        if not rows:
            return
        yield rows
        after = tuple(rows[-1][:width])


def reached(target: Connection, table: Table) -> Row | None:
    """Return the greatest key of a table, or None where it is empty."""
    key = ", ".join(f'"{name}"' for name in table.key)
    backwards = ", ".join(f'"{name}" DESC' for name in table.key)
    return target.one(f"SELECT {key} FROM {table.name} ORDER BY {backwards} LIMIT 1")


def clear(target: Connection, storage: Storage) -> None:
    """Delete every row, what belongs to others first; the caller is in a transaction."""
    for table in (*reversed(CHANGING), *reversed(GROWING)):
        if storage.has_table(target, table.name):
            target.run(f"DELETE FROM {table.name}")


def copy_all(source: Connection, source_storage: Storage, target: Connection, storage: Storage) -> None:
    """Copy every row into empty tables; the caller has opened both transactions."""
    for table in (*GROWING, *CHANGING):
        if not source_storage.has_table(source, table.name):
            continue
        if table.name == "erasures":
            target.run(CERTIFICATES)
        for rows in batches(source, table):
            storage.load(target, table.name, table.columns, rows)
    storage.set_counters(target, source_storage.counters(source))
