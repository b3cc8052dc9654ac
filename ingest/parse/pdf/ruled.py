"""Tables with a line below their header, and others at most above and below; words that their cells break."""

import re
from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from math import inf
from statistics import median
from typing import Final, NamedTuple, TypeAlias

from ingest.parse.pdf.lines import Vocabulary, fills_cell, joined_text
from ingest.parse.pdf.page import CUT, PdfPage, Row, Word, rows_of

_NEAR: Final = 2.5
_ROW_GAP: Final = 0.14
"""Of the size: by so much more than two lines of a cell, two rows of a table stand apart."""
_LEAST_WIDTH: Final = 0.15
_MOST_BESIDE: Final = 0.05
_LONGEST_HEADING: Final = 90
_MOST_SUMS: Final = 0.02
_MONEY: Final = ("$", "€", "£", "¥")
_LARGER: Final = 1.1
_FRESH: Final = 0.75
_AFTER: Final = 0.38
_SHORT: Final = 4
_HYPHENS: Final = ("-", CUT)
_STOPS: Final = ".,;:)"
_NAME = re.compile(r"[A-Z]{3,}")
_PROSE: Final = 0.4
_USUAL_LINE_GAP: Final = 0.3
_MAX_LEVEL: Final = 1_000


_Span: TypeAlias = tuple[float, float]


class _Line(NamedTuple):
    """A level line over a page, and the edges of the pieces that it is drawn in: one for each cell, in browsers."""

    top: float
    edges: tuple[float, ...]

    @property
    def left(self) -> float:
        return self.edges[0]

    @property
    def right(self) -> float:
        return self.edges[-1]

    def is_over(self, other: "_Line") -> bool:
        return abs(self.left - other.left) < _NEAR and abs(self.right - other.right) < _NEAR


class _Slot(NamedTuple):
    """What stands between two lines."""

    top: float
    bottom: float
    runs: list[Word]


@dataclass(slots=True)
class _Found:
    """A table, the runs that are its cells, and how far below its header the first row stands."""

    word: Word
    runs: list[Word]
    distance: float
    bottom: float | None


class RuledTables:
    """Finds the tables of a document that have a line below their header, page by page."""

    def __init__(self, pages: Sequence[PdfPage], words: Vocabulary) -> None:
        self._pages = pages
        self._words = copy(words)
        gaps = sorted(
            gap / below.size
            for page in pages
            for above, below in pairwise(page.words)
            if above.right - above.left > _PROSE * page.width
            and abs(above.size - below.size) < 0.05 * below.size
            and abs(above.left - below.left) < 2
            and 0 <= (gap := below.top - above.bottom) < below.size
        )
        self._gap = gaps[len(gaps) // 2] if len(gaps) > 4 else _USUAL_LINE_GAP
        """Between two lines of text, of its size."""
        self._open: _Found | None = None

    def take(self, page: PdfPage) -> None:
        """Replace the runs of such tables by one run each, which holds the cells."""
        lines = _lines(page)
        above = -1.0
        tables: list[_Found] = []
        for line in lines:
            if line.top <= above or line.right - line.left < _LEAST_WIDTH * page.width:
                continue
            if found := self._table(line, lines, page, floor=above):
                tables.append(found)
                above = max(found.word.bottom, found.bottom or 0.0)
        if not tables:
            self._open = None
            return
        page.lent = " ".join(run.text for found in tables for run in found.runs)
        taken = {id(run) for found in tables for run in found.runs}
        rest = [run for run in page.words if id(run) not in taken]
        top = min((run.top for run in rest), default=page.height)
        if self._open and tables[0].word.top < top:
            self._go_on(tables[0], self._open)
        shown = [found for found in tables if len(found.word.cells or ()) > 1]
        page.words = [*rest, *(found.word for found in shown)]
        if shown:
            self._open = shown[-1]
        if tables[-1].bottom is not None:
            self._open = None

    def _go_on(self, table: _Found, above: _Found) -> None:
        """Give the rest of a row that a page's end cut to the table before, whose header is repeated."""
        cells, before = table.word.cells, above.word.cells
        if not cells or not before or cells[0] != before[0]:
            return
        if cells[1][0] and table.distance > _FRESH * above.distance:
            return
        rest = cells.pop(1)
        before[-1] = [f"{one} {other}".strip() for one, other in zip(before[-1], rest, strict=True)]
        table.distance = above.distance

    def _table(self, rule: _Line, lines: list[_Line], page: PdfPage, *, floor: float) -> _Found | None:
        """Read the table whose header a line stands below: between others as wide, or else as far as it reaches."""
        near = [run for run in page.words if run.right > rule.left and run.left < rule.right]
        heading = [run for run in near if floor <= run.middle < rule.top and run.cells is None]
        below = [run for run in near if run.middle > rule.top]
        heights = [line.top for line in lines if line.is_over(rule)]
        over = max((top for top in heights if floor <= top < rule.top), default=None)
        header = [run for run in heading if over is not None and run.middle > over]
        columns = _columns(rule, header)
        under = [top for top in heights if top >= rule.top]
        slots = self._slots(under, below, columns) if columns else []
        is_cut = len(rule.edges) > 2 and columns is not None
        if columns is None:
            header = self._close_above(heading, rule)
            columns = _columns(rule, header)
        if columns is None:
            return self._headless(rule, under, below)
        if not slots:
            body, columns = self._body(rule, below, columns, to_end=is_cut)
            slots = [_Slot(rule.top, max((run.bottom for run in body), default=rule.top), body)]
        last = slots[-1].bottom
        sides = (line for line in page.rules if line.left == line.right)
        if not slots[0].runs or any(
            line.top < rule.top + _NEAR < line.bottom and rule.left + _NEAR < line.left < rule.right - _NEAR
            for line in sides
        ):
            return None  # a grid
        rows: list[list[Word]] = []
        for slot in slots:
            parted = [slot.runs] if len(slots) > 2 else self._rows(slot.runs, columns)
            if parted is None:
                return None
            rows += parted
        return self._found(rule, header, rows, columns, last if last in heights else None)

    def _headless(self, rule: _Line, heights: list[float], below: list[Word]) -> _Found | None:
        """Read a table below a line drawn in pieces, one for each column, that has none below its first row."""
        columns = list(pairwise(rule.edges))
        slots = self._slots(heights, below, columns)
        if len(columns) < 2 or len(slots) != 1:
            return None
        rows = self._rows(slots[0].runs, columns) or []
        if len(rows) < 3 or len({_place(run, columns) for run in rows[0]}) < len(columns):
            return None
        return self._found(rule, rows[0], rows[1:], columns, slots[0].bottom)

    def _slots(self, heights: list[float], runs: list[Word], columns: list[_Span]) -> list[_Slot]:
        """Return what stands between lines below the header, as long as it keeps to the columns and close to the lines."""
        slots: list[_Slot] = []
        for upper, lower in pairwise(heights):
            inside = [run for run in runs if upper < run.middle < lower]
            if not inside or not _fit(inside, columns):
                break
            top, bottom = min(run.top for run in inside), max(run.bottom for run in inside)
            if slots and max(top - upper, lower - bottom) > inside[0].size:
                break
            slots.append(_Slot(upper, lower, inside))
        return slots

    def _close_above(self, runs: list[Word], rule: _Line) -> list[Word]:
        """Return the lines that stand close over a line, without a gap wider than in a text."""
        header: list[Word] = []
        for row in reversed(rows_of(runs)):
            if not header:
                is_far = rule.top - row.bottom > 0.8 * row.size
            else:
                first = header[0]
                above = min(run.top for run in header)
                is_far = above - row.bottom > (self._gap + _ROW_GAP) * first.size
                is_far |= row.size > _LARGER * first.size or (row.bold and not first.bold)
            if is_far:
                break
            header += row.runs
        return header

    def _body(
        self, rule: _Line, runs: list[Word], columns: list[_Span], *, to_end: bool
    ) -> tuple[list[Word], list[_Span]]:
        """Return the runs below the header that keep to its columns, up to a wider gap or to the page's end."""
        body: list[Word] = []
        last, limit = rule.top, inf
        for row in rows_of(runs):
            gap = row.top - last
            if not to_end and gap > (limit if body else row.size):
                break
            if not body:
                limit = (self._gap + _AFTER) * row.size + gap
            spans = columns
            if len(rule.edges) == 2:
                spans = _merged([*columns, *((run.left, run.right) for run in row.runs)])
            is_within = row.left > rule.left - _NEAR and row.right < rule.right + _NEAR
            if not is_within or len(spans) < len(columns) or not _fit(row.runs, spans):
                break
            columns = spans
            body += row.runs
            last = max(last, row.bottom)
        return body, columns

    def _found(
        self,
        rule: _Line,
        header: list[Word],
        rows: list[list[Word]],
        columns: list[_Span],
        bottom: float | None,
    ) -> _Found | None:
        whole = [run for row in (header, *rows) for run in row]
        if len({_place(run, columns) for run in header}) < 2 or not _fit(whole, columns):
            return None
        limits = _limits(rule, whole, columns)
        cells = [self._cells(row, columns, limits) for row in (header, *rows)]
        if _is_reckoned(cells) or _beside(whole, columns) > _MOST_BESIDE * len(whole):
            return None
        top, below = min(run.top for run in whole), max(run.bottom for run in whole)
        word = Word("", columns[0][0], columns[-1][1], top, below, True, cells, tuple(columns))
        return _Found(word, whole, min(run.top for run in rows[0]) - rule.top, bottom)

    def _rows(self, runs: list[Word], columns: list[_Span]) -> list[list[Word]] | None:
        """Part the body where nothing stands in any column, further than two lines of a cell are apart."""
        size = median(run.size for run in runs)
        spans = sorted(
            (
                (run.middle - max(run.size, size) / 2, run.middle + max(run.size, size) / 2, at)
                for at, run in enumerate(runs)
            )
        )
        gaps: list[float] = []
        lower = spans[0][1]
        for top, under, _ in spans[1:]:
            gaps.append(top - lower)
            lower = max(lower, under)
        real = [gap for gap in gaps if gap > 0]
        line = min(self._gap * size, min(real, default=0.0))
        limit = line + _ROW_GAP * size
        rows = [[runs[spans[0][2]]]]
        for gap, (_, _, at) in zip(gaps, spans[1:], strict=True):
            if gap > limit:
                rows.append([])
            rows[-1].append(runs[at])
        if len(rows) == 1 and sum(_place(run, columns) == 0 for run in runs) > 1 and len(rows_of(runs)) > 2:
            return None
        return rows

    def _cells(self, runs: list[Word], columns: list[_Span], limits: list[_Span]) -> list[str]:
        cells: list[list[Word]] = [[] for _ in columns]
        for run in runs:
            cells[_place(run, columns)].append(run)
        return [
            joined_text(self._whole(rows_of(cell), limit), self._words)
            for cell, limit in zip(cells, limits, strict=True)
        ]

    def _whole(self, lines: list[Row], limit: _Span) -> list[Row]:
        """Join the lines of a cell where a word longer than the cell is broken; who breaks so sets no hyphens."""
        whole = lines[:1]
        for above, line in pairwise(lines):
            so_far = whole[-1].text
            word = so_far.rpartition(" ")[2]
            # figures below one another are several, but for the rest of "CVE-"
            is_figure = not any(map(str.isalpha, word))
            is_figure &= not any(row.text[-1] in _HYPHENS for row in whole[:-1])
            if not is_figure and fills_cell(above, line, limit) and self._goes_on(word, line.text):
                self._words.hyphenates = False
                whole[-1] = Row([replace(whole[-1].runs[0], text=so_far + line.text)])
            else:
                whole.append(line)
        return whole

    def _goes_on(self, word: str, line: str) -> bool:
        """Say whether a line goes on with a word, as far as the document's words tell."""
        rest = line.partition(" ")[0]
        start, end = word.lower(), rest.lower().rstrip(_STOPS)
        if start + end in self._words.known or (start[-1].isdigit() and end[:1].isdigit()):
            return True
        is_other = rest[0].isupper() and (word[-1].islower() or rest[1:2].islower() or _NAME.fullmatch(word))
        is_word = 1 < len(end) <= _SHORT < len(start) and end in self._said
        return not (is_other or is_word or start in self._said)

    @cached_property
    def _said(self) -> frozenset[str]:
        """The words that stand behind others on a line, which are not broken."""
        return frozenset(
            word.rstrip(_STOPS)
            for page in self._pages
            for run in page.words
            for word in run.text.lower().split()[1:]
        )


def _limits(rule: _Line, runs: list[Word], columns: list[_Span]) -> list[_Span]:
    """Return from where to where the text of each column may reach."""
    if len(rule.edges) == 2:
        margin = columns[0][0] - rule.left
        ends = [*(after[0] - 2 * margin for after in columns[1:]), rule.right - margin]
        return [(left, right) for (left, _), right in zip(columns, ends, strict=True)]
    margin = min(run.left - columns[_place(run, columns)][0] for run in runs)
    return [(left + margin, right - margin) for left, right in columns]


def _lines(page: PdfPage) -> list[_Line]:
    """Return the level lines from top to bottom; pieces that touch are one."""
    level = sorted(
        (rule for rule in page.rules if rule.top == rule.bottom and rule.right - rule.left > 4),
        key=lambda rule: (round(rule.top), rule.left),
    )
    lines: list[_Line] = []
    for rule in level if len(level) <= _MAX_LEVEL else ():
        last = lines[-1] if lines else None
        if last and abs(last.top - rule.top) < 1 and abs(rule.left - last.right) < _NEAR:
            lines[-1] = _Line(last.top, (*last.edges, rule.right))
        elif not last or not (abs(last.top - rule.top) < _NEAR and last.right >= rule.right):
            lines.append(_Line(rule.top, (rule.left, rule.right)))
    return sorted(lines)


def _columns(rule: _Line, header: list[Word]) -> list[_Span] | None:
    """Return the columns that a header stands over; none for what is no header."""
    if len(header) < 2:
        return None
    if len(rule.edges) > 2:
        columns = list(pairwise(rule.edges))
    else:
        columns = _merged((run.left, run.right) for run in header)
    return columns if len(columns) > 1 and _fit(header, columns) else None


def _fit(runs: Iterable[Word], columns: list[_Span]) -> bool:
    return all(run.right < columns[_place(run, columns)][1] + _NEAR for run in runs)


def _is_reckoned(cells: list[list[str]]) -> bool:
    """Say whether a table is one of sums: there lines stand above totals, and headings over several columns."""
    header, *body = cells
    unnamed = sum(not cell for cell in header[1:])
    values = [cell for row in body for cell in row if cell]
    sums = sum(cell.startswith(_MONEY) for cell in values)
    return (
        3 * unnamed >= len(header)
        or sums > _MOST_SUMS * len(values)
        or any(cell.startswith(_MONEY) or len(cell) > _LONGEST_HEADING for cell in header)
        or not any(map(str.isalpha, "".join(header[1:])))
    )


def _beside(runs: list[Word], columns: list[_Span]) -> int:
    """Count the runs that share a line of a cell with another, as they do where a column is two."""
    return sum(
        before.bottom - after.top > 0.5 * after.size and _place(before, columns) == _place(after, columns)
        for row in rows_of(runs)
        for before, after in pairwise(row.runs)
    )


def _merged(spans: Iterable[tuple[float, float]]) -> list[_Span]:
    merged: list[_Span] = []
    for left, right in sorted(spans):
        if merged and left < merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], right))
        else:
            merged.append((left, right))
    return merged


def _place(run: Word, columns: Sequence[tuple[float, float]]) -> int:
    return next((at for at in range(len(columns) - 1, 0, -1) if run.left >= columns[at][0] - _NEAR), 0)
