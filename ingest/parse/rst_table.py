"""Grid and simple tables of reStructuredText, read by docutils' own table parsers."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

_Cell: TypeAlias = tuple[int, int, int, Iterable[str]]


def read_table(lines: list[str], *, grid: bool) -> list[list[str]]:
    """Return the table's cells row by row, header first; empty when docutils cannot read it."""
    from docutils.parsers.rst.tableparser import GridTableParser, SimpleTableParser, TableMarkupError
    from docutils.statemachine import StringList

    width = max(len(line) for line in lines)
    source = StringList([line.ljust(width) if grid else line for line in lines], source="")
    parser = GridTableParser() if grid else SimpleTableParser()
    try:
        _, head, body = parser.parse(source)
    except (TableMarkupError, IndexError, ValueError, AssertionError):
        return []
    return [_row(cells) for cells in [*head, *body]]


def _row(cells: Sequence[_Cell | None]) -> list[str]:
    return [" ".join(" ".join(cell[3]).split()) if cell else "" for cell in cells]
