"""What runs from page to page: heads, feet and page numbers, which are said once; tables that go on."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Final, NamedTuple

from ingest.parse.pdf.page import PdfPage, Row, rows_of
from ingest.parse.pdf.table import is_figure
from ingest.parse.writer import ExtractWriter

_EDGE_ROWS: Final = 3
_MIN_PAGES: Final = 3
_MIN_SHARE: Final = 0.25
_MIN_OFFSET_SHARE: Final = 0.1
_OUTER: Final = 0.12
_APART: Final = 0.6
"""Of its size: so far a running line stands from the text, unless it stands at the very edge."""
_PAGE_WORDS: Final = frozenset({"page", "seite", "página", "p.", "s."})
_PAGE_NUMBER = re.compile(
    r"\A(?:page|seite|p\.)?\s*+(?:[-–—|]\s*+)?(?:[A-Z]-)?(?:\d{1,4}|[ivxlc]{1,7})\s*+(?:[-–—|]\s*+)?"
    r"(?:(?:of|/|von|de)\s*+\d{1,4})?\Z",
    re.I,
)
_PAGE = re.compile(r"\bpage \S++\Z")


class _Edge(NamedTuple):
    """Rows at the head or foot of a page, from the edge inwards, and the next one."""

    rows: list[Row]
    inner: Row | None


def keep_once(pages: list[PdfPage], writer: ExtractWriter) -> None:
    """Leave running heads and feet on the page where they stand first, and no page numbers; tell what is left out."""
    edges = [(page, *_edges(page)) for page in pages if page.words]
    rows = [(page, [*head.rows, *foot.rows]) for page, head, foot in edges]
    offsets = _usual_offsets(rows)
    seen = Counter(key for page, each in rows for key in {_key(row, page, offsets) for row in each})
    outer = Counter(key for page, each in rows for key in {_placed(row, page, offsets) for row in each})
    least = max(_MIN_PAGES, _MIN_SHARE * len(pages))

    def is_running(row: Row, page: PdfPage) -> bool:
        return (
            seen[_key(row, page, offsets)] >= least
            or (_is_outer(row, page) and outer[_placed(row, page, offsets)] >= 2)
            or not offsets.isdisjoint(_offsets(row, page))
            or _is_page_number(row, page, len(pages))
        )

    said: set[str] = set()
    for page, head, foot in edges:
        above, below = _apart(head, page, is_running), _apart(foot, page, is_running)
        running = {_PAGE.sub("#", _key(row, page, offsets)): row for row in (*above, *below)}
        numbers = [row for row in running.values() if _is_page_number(row, page, len(pages)) or _is_bare(row)]
        dropped = [row for key, row in running.items() if key in said or row in numbers]
        page.foot = [row for row in below[::-1] if row in running.values() and row not in dropped]
        gone = {id(run) for row in (*dropped, *page.foot) for run in row.runs}
        if len(gone) == len(page.words):  # a page is never empty
            page.foot = []
            continue
        page.words = [run for run in page.words if id(run) not in gone]
        said.update(running)
        for row in dropped:
            writer.leave_out(
                "page numbers" if row in numbers else "repeated lines", row.text, f"page {page.number}"
            )


def _apart(edge: _Edge, page: PdfPage, is_running: Callable[[Row, PdfPage], bool]) -> list[Row]:
    """Return the running ones of the rows from an edge inwards: up to the first that is none, parted from the text."""
    found = list(takewhile(lambda row: is_running(row, page) and not _is_ruled(row, page), edge.rows))
    inwards = [*edge.rows, *filter(None, [edge.inner])]
    while found and len(found) < len(inwards) and not _is_outer(found[-1], page):
        row, inner = found[-1], inwards[len(found)]
        if max(inner.top - row.bottom, row.top - inner.bottom) > _APART * row.size:
            break
        found.pop()
    return found


def _is_ruled(row: Row, page: PdfPage) -> bool:
    """Say whether cells stand between drawn lines: the header of a table, which each of its pages repeats."""
    near = 3 * row.size
    lines = [
        rule.top
        for rule in (page.rules if len(row.runs) > 1 else ())
        if rule.top == rule.bottom and rule.left < row.right and rule.right > row.left
    ]
    above = any(row.middle - near < line < row.middle for line in lines)
    return above and any(row.middle < line < row.middle + near for line in lines)


def _usual_offsets(edges: list[tuple[PdfPage, list[Row]]]) -> frozenset[int]:
    """Return by how much the numbers printed at the edges differ from the pages' own, on many pages.

    Several, since the count may start again or skip a page.
    """
    found = Counter(o for page, rows in edges for o in {o for row in rows for o in _offsets(row, page)})
    least = max(_MIN_PAGES, _MIN_OFFSET_SHARE * len(edges))
    return frozenset(offset for offset, count in found.items() if count >= least)


def _offsets(row: Row, page: PdfPage) -> set[int]:
    """Return the page offsets that a short row with a number at its end or start would mean."""
    words = row.text.split()
    ends = {words[0], words[-1]} if 0 < len(words) <= 12 else set()
    return {int(word) - page.number for word in ends if word.isdecimal() and len(word) <= 4}


def _edges(page: PdfPage) -> tuple[_Edge, _Edge]:
    """Return the outermost rows of a page, up to one that heads a table or is a row of one."""
    rows = rows_of(page.words)
    middle = (rows[0].top + rows[-1].bottom) / 2
    upper = sum(row.middle < middle for row in rows)
    head = min(_EDGE_ROWS, upper)
    head = next((at for at in range(head) if rows[at].runs[0].cells), head)
    head = next((at for at in range(head) if _heads_table(rows, at)), head)
    foot = list(
        takewhile(
            lambda row: len(row.runs) <= 3 and not row.runs[0].cells,
            rows[: upper - 1 : -1] if upper else rows[::-1],
        )
    )[:_EDGE_ROWS]
    inner = rows[-len(foot) - 1] if len(foot) < len(rows) else None
    return _Edge(rows[:head], next(iter(rows[head : head + 1]), None)), _Edge(foot, inner)


def _heads_table(rows: list[Row], at: int) -> bool:
    row, below = rows[at], rows[at + 1 : at + 3]
    if len(row.runs) < 2:
        return False
    return any(len(other.runs) >= 2 and _aligned(row, other) >= 2 for other in below)


def _aligned(one: Row, other: Row) -> int:
    return sum(
        any(abs(run.left - below.left) < 3 or abs(run.right - below.right) < 3 for below in other.runs)
        for run in one.runs
    )


def _key(row: Row, page: PdfPage, offsets: frozenset[int]) -> str:
    """Return the row's text, the page's own number left out at its ends and behind "page"; others are content."""
    printed = {str(page.number + offset) for offset in offsets} | {page.label.lower()}
    words = row.text.lower().split()
    last = len(words) - 1
    return " ".join(
        "#" if word in printed and (at in (0, last) or words[at - 1] in _PAGE_WORDS) else word
        for at, word in enumerate(words)
    )


def _placed(row: Row, page: PdfPage, offsets: frozenset[int]) -> tuple[str, int]:
    """Return the row's text without its page number, and its height: the same twice is enough at the edge."""
    return _PAGE.sub("#", _key(row, page, offsets)), round(row.top / 3)


def _is_outer(row: Row, page: PdfPage) -> bool:
    return row.bottom < _OUTER * page.height / 2 or row.top > (1 - _OUTER / 2) * page.height


def _is_page_number(row: Row, page: PdfPage, pages: int) -> bool:
    outer = row.bottom < _OUTER * page.height or row.top > (1 - _OUTER) * page.height
    return pages > 1 and outer and bool(_PAGE_NUMBER.fullmatch(row.text.strip()))


def _is_bare(row: Row) -> bool:
    return row.text.strip().isdecimal()


_CONTINUED = re.compile(r"\bcont(?:inued|'?d)?\b|\bfortsetzung\b|\bsuite\b|\bcontinuación\b", re.I)


class PageTable(NamedTuple):
    """A table as it stands on a page: its header row may be empty, `columns` are their edges in points.

    `is_headed` says that the page sets its first row apart.
    """

    cells: list[list[str]]
    columns: Sequence[tuple[float, float]]
    is_drawn: bool
    is_headed: bool


def is_between(text: str) -> bool:
    """Say whether a line between the halves of a table only says that it goes on."""
    return len(text) < 100 and bool(_CONTINUED.search(text))


def gone_on(above: PageTable, table: PageTable) -> PageTable:
    """Return a table that stands first on its page under the header of the page before, if it goes on from there."""
    header, first = above.cells[0], table.cells[0]
    if len(above.columns) != len(table.columns) or len(table.cells) < 2 or not any(header):
        return table
    if table.is_drawn != above.is_drawn or not all(map(_same_column, above.columns, table.columns)):
        return table
    if not table.is_drawn:
        return table if any(first) else table._replace(cells=[header, *table.cells[1:]])
    if table.is_headed or first == header or not (above.is_headed or _is_like(first, table.cells[1:])):
        return table
    return table._replace(cells=[header, *table.cells], is_headed=above.is_headed)


def _same_column(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _is_like(first: list[str], rest: list[list[str]]) -> bool:
    """Say whether a row holds figures where the rows below do."""
    columns = [at for at in range(len(first)) if 2 * sum(is_figure(row[at]) for row in rest) > len(rest)]
    return all(is_figure(first[at]) for at in columns)
