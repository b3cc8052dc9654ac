"""Running heads, running feet and page numbers: what stands at the edge of page after page."""

import re
from collections import Counter
from typing import Final

from ingest.parse.pdf.page import PdfPage, Row, rows_of

_EDGE_ROWS: Final = 3
_MIN_PAGES: Final = 3
_MIN_SHARE: Final = 0.25
_MIN_OFFSET_SHARE: Final = 0.1
_OUTER: Final = 0.12
_NUMBER = re.compile(r"\b(?:\d+|[ivxlc]+)\b")
_PAGE_NUMBER = re.compile(
    r"\A(?:page|seite|p\.)?\s*+(?:[-–—|]\s*+)?(?:[A-Z]-)?(?:\d{1,4}|[ivxlc]{1,7})\s*+(?:[-–—|]\s*+)?"
    r"(?:(?:of|/|von|de)\s*+\d{1,4})?\Z",
    re.I,
)
_PAGE = re.compile(r"\bpage \S++\Z")


def remove_running(pages: list[PdfPage]) -> int:
    """Take running heads, feet and page numbers out of `pages`; return how many rows went."""
    edges = [(page, _edges(page)) for page in pages if page.words]
    offsets = _usual_offsets(edges)
    seen = Counter(key for page, rows in edges for key in {_key(row, page, offsets) for row in rows})
    outer = Counter(key for page, rows in edges for key in {_placed(row, page, offsets) for row in rows})
    least = max(_MIN_PAGES, _MIN_SHARE * len(pages))
    removed = 0
    for page, rows in edges:
        running = [
            row
            for row in rows
            if seen[_key(row, page, offsets)] >= least
            or (_is_outer(row, page) and outer[_placed(row, page, offsets)] >= 2)
            or not offsets.isdisjoint(_offsets(row, page))
            or _is_page_number(row, page, len(pages))
        ]
        gone = {id(run) for row in running for run in row.runs}
        if len(gone) < len(page.words):
            page.words = [run for run in page.words if id(run) not in gone]
            removed += len(running)
    return removed


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
    ends = {words[0], words[-1]} if len(words) <= 12 else set()
    return {int(word) - page.number for word in ends if word.isdecimal() and len(word) <= 4}


def _edges(page: PdfPage) -> list[Row]:
    """Return the outermost rows of a page, without those that head a table."""
    rows = rows_of(page.words)
    top = [row for at, row in enumerate(rows[:_EDGE_ROWS]) if not _heads_table(rows, at)]
    bottom = [row for row in rows[max(len(rows) - _EDGE_ROWS, _EDGE_ROWS) :] if len(row.runs) <= 3]
    return [*top, *bottom]


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
    """Return the row's text with the page's own number left out; other numbers are content and must repeat."""
    printed = {str(page.number + offset) for offset in offsets} | {page.label.lower()}
    return _NUMBER.sub(
        lambda match: "#" if match[0] in printed else match[0], " ".join(row.text.lower().split())
    )


def _placed(row: Row, page: PdfPage, offsets: frozenset[int]) -> tuple[str, int]:
    """Return the row's text without its page number, and its height: the same twice is enough at the edge."""
    return _PAGE.sub("#", _key(row, page, offsets)), round(row.top / 3)


def _is_outer(row: Row, page: PdfPage) -> bool:
    return row.bottom < _OUTER * page.height / 2 or row.top > (1 - _OUTER / 2) * page.height


def _is_page_number(row: Row, page: PdfPage, pages: int) -> bool:
    outer = row.bottom < _OUTER * page.height or row.top > (1 - _OUTER) * page.height
    return pages > 1 and outer and bool(_PAGE_NUMBER.fullmatch(row.text.strip()))
