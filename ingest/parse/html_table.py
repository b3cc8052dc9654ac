"""HTML tables as rows of cells, spans filled in so that every row can be read alone."""

from collections.abc import Callable

from ingest.parse.markup import Element

_MAX_SPAN = 50


def is_layout(table: Element) -> bool:
    """Say whether the table only arranges a page: it holds other tables, headings, no rows or a single cell."""
    if (table.get("role") or "").lower() in ("presentation", "none"):
        return True
    if any(True for _ in table.iterdescendants("table", "h1", "h2", "h3")):
        return True
    cells = list(table.iter("td", "th"))
    return len(cells) <= 1 or next(table.iter("tr"), None) is None


def table_rows(table: Element, text_of: Callable[[Element], str]) -> list[list[str]]:
    """Return the cells row by row. A cell over several rows is repeated in each, one over columns stands once."""
    rows: list[list[str]] = []
    held: dict[int, tuple[int, str]] = {}
    for row in table.iter("tr"):
        cells: list[str] = []
        for cell in row:
            if cell.tag not in ("td", "th"):
                continue
            _fill(cells, held)
            text = text_of(cell)
            for column in range(_span(cell, "colspan")):
                if (down := _span(cell, "rowspan")) > 1:
                    held[len(cells)] = (down, text if column == 0 else "")
                cells.append(text if column == 0 else "")
        _fill(cells, held)
        held = {column: (left - 1, text) for column, (left, text) in held.items() if left > 1}
        rows.append(cells)
    return rows


def _fill(cells: list[str], held: dict[int, tuple[int, str]]) -> None:
    while len(cells) in held and held[len(cells)][0] >= 1:
        cells.append(held[len(cells)][1])


def _span(cell: Element, name: str) -> int:
    value = (cell.get(name) or "1").strip()
    return min(max(int(value), 1), _MAX_SPAN) if value.isdecimal() and len(value) < 6 else 1
