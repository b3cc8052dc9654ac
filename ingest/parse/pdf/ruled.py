"""Tables that drawn lines show: a grid of them, or one line below the header with others at most above and below."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from math import inf
from statistics import median
from typing import Final, NamedTuple, TypeAlias

from ingest.parse.pdf.lines import Vocabulary, joined_text
from ingest.parse.pdf.page import PdfPage, Row, Stroke, Word, rows_of
from ingest.parse.pdf.table import is_figure

_NEAR: Final = 2.5
_ROW_GAP: Final = 0.14
"""Of the size: by so much more than two lines of a cell, two rows of a table stand apart."""
_LEAST_WIDTH: Final = 0.15
_MOST_BESIDE: Final = 0.05
_MOST_SUMS: Final = 0.02
_MONEY: Final = ("$", "€", "£", "¥")
_LARGER: Final = 1.1
_FRESH: Final = 0.75
_AFTER: Final = 0.25
_SHORT: Final = 4
_SLIM: Final = "fijlrtI"
_NARROW: Final = 0.6
_WIDE: Final = 1.3
_TOLERANCE: Final = 1.0
_STOPS: Final = ".,;:)"
_IN_WORD = re.compile(r"\w")
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
        self._words = words
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
        slots = self._slots([top for top in heights if top >= rule.top], below, columns) if columns else []
        if not slots:
            if columns is None:
                header = self._close_above(heading, rule)
                columns = _columns(rule, header)
            if columns is None:
                return self._headless(rule, [top for top in heights if top >= rule.top], below)
            is_cut = len(rule.edges) > 2 and bool(header) and over is not None and header[0].middle > over
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
        """Join the lines of a cell where a word longer than the cell is broken."""
        whole = lines[:1]
        for above, line in pairwise(lines):
            if self._is_broken(above, line, limit):
                first = whole[-1].runs[0]
                whole[-1] = Row([replace(first, text=first.text + line.text)])
            else:
                whole.append(line)
        return whole

    def _is_broken(self, above: Row, line: Row, limit: _Span) -> bool:
        """Say whether a line is but one word, which fills the cell and goes on in the next line."""
        word, rest = above.text, line.text.partition(" ")[0]
        if " " in word or not (_IN_WORD.match(word[-1]) and _IN_WORD.match(rest[0])):
            return False
        width = above.right - above.left
        letter = (width + line.right - line.left) / (len(word) + len(line.text))
        next_ = letter * (_NARROW if rest[0] in _SLIM else _WIDE if rest[0].isupper() else 1)
        if max(above.right - limit[1], width - (limit[1] - limit[0])) < -next_ - _TOLERANCE:
            return False
        if f"{word}{rest}".lower().rstrip(_STOPS) in self._words.known:
            return True
        is_other = rest[0].isupper() and (word[-1].islower() or rest[1:2].islower())
        is_word = len(rest) <= _SHORT and rest.lower().rstrip(_STOPS) in self._said
        return not (is_other or is_word or word.lower() in self._said)

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
        or any(cell.startswith(_MONEY) for cell in header)
        or all(is_figure(cell) or all(map(is_figure, cell.split())) for cell in header[1:])
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


_MIN_FITTING: Final = 0.85
_MIN_FILLED: Final = 0.4
_MAX_LINES: Final = 800


def with_grids(page: PdfPage, words: Vocabulary) -> list[Word]:
    """Return the page's runs, those inside a drawn table replaced by one run that holds its cells."""
    runs = page.words
    upright = sum(rule.left == rule.right for rule in page.rules)
    if upright < 3 or len(page.rules) - upright < 3 or len(page.rules) > _MAX_LINES:
        return runs
    for group in _connected([rule for rule in page.rules if _length(rule) > 4]):
        runs = _with_grid(group, runs, words)
    return runs


def _with_grid(group: list[Stroke], runs: list[Word], words: Vocabulary) -> list[Word]:
    heights = _positions(rule.top for rule in group if rule.top == rule.bottom)
    sides = _positions(rule.left for rule in group if rule.left == rule.right)
    if len(heights) < 3 or len(sides) < 3:
        return runs
    inside = [run for run in runs if _is_between(run, heights, sides)]
    cells: dict[tuple[int, int], list[Word]] = {}
    fitting = 0
    for run in inside:
        row = _slot(run.middle, heights)
        column = _slot(run.left + _NEAR, sides)
        fitting += run.right <= sides[column + 1] + _NEAR
        cells.setdefault((row, column), []).append(run)
    filled = len(cells)
    slots = (len(heights) - 1) * (len(sides) - 1)
    if not inside or fitting < _MIN_FITTING * len(inside) or filled < max(_MIN_FILLED * slots, 3):
        return runs
    grid = [
        [joined_text(rows_of(cells.get((row, column), [])), words) for column in range(len(sides) - 1)]
        for row in range(len(heights) - 1)
    ]
    bold = [
        all(run.bold for run in cells.get((row, at), ())) for row in (0, 1) for at in range(len(sides) - 1)
    ]
    is_headed = all(bold[: len(sides) - 1]) and not all(bold[len(sides) - 1 :])
    table = Word("", sides[0], sides[-1], heights[0], heights[-1], is_headed, grid, tuple(pairwise(sides)))
    taken = {id(run) for run in inside}
    return [*(run for run in runs if id(run) not in taken), table]


def _length(rule: Stroke) -> float:
    return rule.right - rule.left + rule.bottom - rule.top


def _connected(rules: list[Stroke]) -> list[list[Stroke]]:
    """Group the lines that touch one another, directly or through others."""
    groups: list[list[Stroke]] = []
    for rule in rules:
        touching = [group for group in groups if any(_touch(rule, other) for other in group)]
        merged = [rule, *(other for group in touching for other in group)]
        groups = [group for group in groups if not any(group is each for each in touching)]
        groups.append(merged)
    return groups


def _touch(one: Stroke, other: Stroke) -> bool:
    return (
        one.left <= other.right + _NEAR
        and other.left <= one.right + _NEAR
        and one.top <= other.bottom + _NEAR
        and other.top <= one.bottom + _NEAR
    )


def _positions(values: Iterable[float]) -> list[float]:
    kept: list[float] = []
    for value in sorted(values):
        if not kept or value - kept[-1] > _NEAR:
            kept.append(value)
    return kept


def _is_between(run: Word, heights: list[float], sides: list[float]) -> bool:
    return heights[0] <= run.middle <= heights[-1] and sides[0] - _NEAR <= run.left < sides[-1]


def _slot(value: float, edges: list[float]) -> int:
    return next((at for at in range(len(edges) - 2, -1, -1) if value >= edges[at]), 0)
