"""The whole truth from one database into another, row by row, whatever engines they are.

Rows keep their numbers and every value, so that what is sealed in one is sealed in the other.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vectorstore.index.maintenance.erasure import CERTIFICATES
from vectorstore.index.truth.database import Connection, Row

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
NUMBERED = ("documents", "chunks")
"""The tables whose rows are numbered as they come; no number is ever given twice."""


def batches(source: Connection, table: Table, *, after: Row | None = None) -> Iterator[list[Row]]:
    """Yield a table's rows in the order of its key, behind `after` (None: all)."""
    names, key = _names(table.columns), _names(table.key)
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
    backwards = ", ".join(f'"{name}" DESC' for name in table.key)
    return target.one(f"SELECT {_names(table.key)} FROM {table.name} ORDER BY {backwards} LIMIT 1")


def clear(target: Connection) -> None:
    """Delete every row, what belongs to others first; the caller is in a transaction."""
    # What `reembed` has made so far is of the chunks that go.
    for name in ("vectors_next", *(table.name for table in (*reversed(CHANGING), *reversed(GROWING)))):
        if target.has_table(name):
            target.run(f"DELETE FROM {name}")


def copy_tables(source: Connection, target: Connection, tables: Sequence[Table]) -> None:
    """Copy the rows of some tables, with the numbers that were given out so far."""
    for table in tables:
        if source.has_table(table.name):
            if table.name == "erasures":
                target.run(CERTIFICATES)
            for rows in batches(source, table):
                add(target, table, rows)
    for name in NUMBERED:
        target.set_last_row(name, source.last_row(name))


def add(target: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows under their own numbers."""
    if rows:
        target.add(table.name, _names(table.columns), rows)


def _names(columns: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)
