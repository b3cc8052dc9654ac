"""Rows of cells, as every kind of spreadsheet has them: tables told apart, each with its title, header and notes."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise
from typing import Final, NamedTuple

from ingest.extract import Unparsable
from ingest.parse.writer import ExtractWriter

_NUMBER = re.compile(r"\W{0,3}\d[\d\s.,:/'%()+-]*+(?:E[+-]?\d++)?+[^\W\d]{0,4}\W{0,3}|TRUE|FALSE")
_BARE = re.compile(r"\W{0,3}\d[\d\s.,:/'%()+-]*+\W{0,3}")
_YEAR = re.compile(r"(?:19|20)\d\d\b")
_NOTE = re.compile(r"\A(?:[*†‡(]|\d{1,2}\)|[^\W\d_]++:\s)")
_GIVEN_NAME = re.compile(
    r"(?!(?:Table|Tabelle|Tableau|Tabla|Tabella|Tabel|Tabela|__Anonymous)_?\w{0,40}\Z)\w"
)
_MIN_NOTE: Final = 40
_MAX_HEADER: Final = 4
_MAX_CUTS: Final = 8
_LOOKED_AT: Final = 20
"""Rows that tell what stands in a column."""
_MAX_FILLED: Final = 2_000_000
_MAX_NAMED: Final = 1_000


MAX_ROWS: Final = 200_000
MAX_COLUMNS: Final = 16_384
MAX_CELLS: Final = 8_000_000
"""How much of a sheet is read."""
_REFERENCE = re.compile(r"\$?([A-Z]{1,3})\$?(\d{1,7})(?::\$?([A-Z]{1,3})\$?(\d{1,7}))?+")


class Area(NamedTuple):
    """A rectangle of cells, counted from 0, both ends in it."""

    top: int
    left: int
    bottom: int
    right: int


class Named(NamedTuple):
    """A rectangle that the file itself calls a table."""

    area: Area
    name: str
    header_rows: int


@dataclass(slots=True)
class Grid:
    """A sheet: its rows, each as long as it has cells, and what the file says of how they are meant."""

    rows: list[list[str]]
    merged: list[Area] = field(default_factory=list)
    bold: set[int] = field(default_factory=set)
    """Rows of which every cell is bold."""
    frozen: int = 0
    """Rows that stay in view."""
    filtered: int = -1
    """The row with the filter's buttons."""
    named: list[Named] = field(default_factory=list)


def write_grid(grid: Grid, writer: ExtractWriter) -> None:
    """Write all that a sheet holds: titles and notes as paragraphs, each table with its header."""
    if not _fill(grid, writer):
        writer.finding("Cells are merged over too much of a sheet; not all of them were repeated.")
    _Tables(grid, writer).write()


def _fill(grid: Grid, writer: ExtractWriter) -> bool:
    """Repeat a merged cell in every cell it covers, as far as the sheet is used; False where that is too much."""
    last = max((len(row) for row in grid.rows), default=0) - 1
    left = _MAX_FILLED
    kept = []
    for top, first, bottom, right in grid.merged:
        area = Area(top, first, min(bottom, len(grid.rows) - 1), min(right, last))
        if area.bottom < top or area.right < first or first >= len(grid.rows[top]):
            continue
        text = grid.rows[top][first]
        left -= (area.bottom - top + 1) * (area.right - first + 1)
        if left < 0:
            return False
        if text:
            kept.append(area)
            for number in range(top, area.bottom + 1):
                row = grid.rows[number]
                row += [""] * (area.right + 1 - len(row))
                for at in range(first, area.right + 1):
                    if row[at] and row[at] != text:
                        writer.leave_out("covered by a merged cell", row[at])
                row[first : area.right + 1] = [text] * (area.right + 1 - first)
    grid.merged = kept
    return True


class _Tables:
    """Parts one sheet into tables, and writes them in the order in which they stand."""

    def __init__(self, grid: Grid, writer: ExtractWriter) -> None:
        self._grid = grid
        self._writer = writer
        self._rows = grid.rows
        self._spans: dict[int, list[tuple[int, int]]] = {}
        self._merged: dict[int, list[Area]] = {}
        for area in grid.merged:
            self._merged.setdefault(area.top, []).append(area)
            if area.right > area.left:
                for number in range(area.top, area.bottom + 1):
                    self._spans.setdefault(number, []).append((area.left, area.right))
        self._waiting: list[list[str]] = []
        self._header_rows = 0
        self._place = Area(0, 0, 0, 0)

    def write(self) -> None:
        last = max((len(row) for row in self._rows), default=0) - 1
        told = self._grid.named[:_MAX_NAMED]
        named = [(table.area._replace(right=min(table.area.right, last)), table) for table in told]
        cut_out: dict[Area, list[list[str]]] = {}
        for area, _ in named:
            cut_out[area] = self._cells(area)
            for row in self._rows[area.top : area.bottom + 1]:
                row[area.left : area.right + 1] = [""] * len(row[area.left : area.right + 1])
        whole = Area(0, 0, len(self._rows) - 1, last)
        blocks: list[tuple[Area, Named | None]] = [(area, None) for area in self._cut(whole)]
        for area, table in sorted([*blocks, *named], key=lambda found: found[0][:2]):
            if table is None:
                self._write_block(area)
            else:
                self._flush()
                if _GIVEN_NAME.match(table.name):
                    self._writer.paragraph(table.name)
                self._begin(cut_out[area], area, header_rows=table.header_rows)
        self._flush()

    # where one table ends

    def _cut(self, area: Area, depth: int = 0) -> Iterator[Area]:
        """Part an area at empty rows, then at empty columns, and again."""
        bands = list(self._bands(area))
        for band in bands:
            sides = self._sides(band) if depth < _MAX_CUTS else [band]
            if len(sides) == 1:
                yield sides[0]
            else:
                for side in sides:
                    yield from self._cut(side, depth + 1)

    def _bands(self, area: Area) -> Iterator[Area]:
        start = -1
        for number in range(area.top, area.bottom + 1):
            if any(self._rows[number][area.left : area.right + 1]):
                start = number if start < 0 else start
            elif start >= 0:
                yield Area(start, area.left, number - 1, area.right)
                start = -1
        if start >= 0:
            yield Area(start, area.left, area.bottom, area.right)

    def _sides(self, area: Area) -> list[Area]:
        """Part a band at empty columns where each side is a table of its own; a gap inside a table stays."""
        used: set[int] = set()
        width = area.right - area.left + 1
        for row in self._rows[area.top : area.bottom + 1]:
            used.update(at for at, cell in enumerate(row[area.left : area.right + 1], area.left) if cell)
            if len(used) == width:
                break
        columns = sorted(used)
        sides = [Area(area.top, columns[0], area.bottom, columns[0])]
        for before, column in pairwise(columns):
            if column > before + 1:
                sides.append(Area(area.top, column, area.bottom, column))
            else:
                sides[-1] = sides[-1]._replace(right=column)
        joined = sides[:1]
        for side in sides[1:]:
            if self._apart(joined[-1], side):
                joined.append(side)
            else:
                joined[-1] = joined[-1]._replace(right=side.right)
        return joined

    def _apart(self, left: Area, right: Area) -> bool:
        """Say whether two areas beside each other are two tables: each has a whole header over more than numbers."""
        one, other = self._top_rows(left), self._top_rows(right)
        if min(left.right - left.left, right.right - right.left) < 1 or min(len(one), len(other)) < 2:
            return False
        if not all(map(_is_label, (*one[0], *other[0]))):
            return False
        if one[0][0] == other[0][0]:
            return True
        return all(_has_words(rows[1:]) for rows in (one, other))

    def _top_rows(self, area: Area) -> list[list[str]]:
        """Return an area's first rows, without titles above them."""
        rows = (self._cells(area._replace(top=at, bottom=at))[0] for at in range(area.top, area.bottom + 1))
        found = [row for row in islice(rows, _LOOKED_AT) if any(row)]
        while found and sum(map(bool, found[0])) == 1:
            del found[0]
        return found

    # what the rows of one table are

    def _write_block(self, area: Area) -> None:
        top, bottom = area.top, area.bottom
        listed = area.left == area.right and area.top in (self._grid.filtered, self._grid.frozen - 1)
        while top <= bottom and self._distinct(top, area) == 1 and not listed:
            top += 1
        self._write_lines(range(area.top, top), area)
        while bottom - top > 1 and self._distinct(bottom, area) == 1 and _is_note(self._first(bottom, area)):
            bottom -= 1
        if top <= bottom:
            self._write_rows(area._replace(top=top, bottom=bottom))
        self._write_lines(range(bottom + 1, area.bottom + 1), area)

    def _write_lines(self, numbers: range, area: Area) -> None:
        """Write rows that hold one text each."""
        for number in numbers:
            self._flush()
            self._writer.paragraph(self._first(number, area))

    def _write_rows(self, area: Area) -> None:
        rows = self._cells(area)
        for row, number in zip(rows, range(area.top, area.bottom + 1), strict=True):
            if number in self._spans and self._distinct(number, area) == 1:  # one label over the whole row
                row[1:] = [""] * (len(row) - 1)
        header_rows = self._told(area) or self._found_header(area, rows)
        if (header_rows and len(rows) > 1) or not self._continue(rows, area):
            self._begin(rows, area, header_rows=header_rows)

    def _told(self, area: Area) -> int:
        """Return how many rows the file itself marks as the header: frozen, filtered or bold."""
        if area.bottom == area.top:
            return 0
        tops = range(area.top, area.top + _MAX_HEADER + 1)
        bold = next((top for top in tops if top not in self._grid.bold), tops.stop)
        for end in (self._grid.filtered + 1, self._grid.frozen, bold):
            if area.top < end <= min(area.bottom, area.top + _MAX_HEADER):
                return max(end - area.top, self._merged_header(area))
        return 0

    def _merged_header(self, area: Area) -> int:
        """Return how deep a header is by its merged cells: a label over several columns has theirs below it."""
        depth = 1
        tops = range(area.top, area.top + _MAX_HEADER)
        for merged in (each for top in tops for each in self._merged.get(top, ())):
            if merged.top >= area.top + depth or not area.left <= merged.left <= area.right:
                continue
            below = self._cells(Area(merged.top + 1, merged.left, merged.top + 1, merged.right))
            if merged.right > merged.left and below and all(map(_is_label, filter(None, below[0]))):
                depth = max(depth, merged.top - area.top + 2)
            if merged.bottom > merged.top:
                depth = max(depth, merged.bottom - area.top + 1)
        return depth if depth <= min(_MAX_HEADER, area.bottom - area.top) else 1

    def _found_header(self, area: Area, rows: list[list[str]]) -> int:
        if len(rows) == 1:
            return 1
        if all(len(row) == 2 and row[0].rstrip().endswith(":") for row in rows):
            return 0  # fields of a form
        columns = _numeric(rows[1:])
        first = [rows[0][at] for at in columns]
        years = all(_YEAR.match(cell) for cell in first) or _counts(first)
        if columns and all(_BARE.fullmatch(cell) for cell in first) and not years:
            return 0
        depth = self._merged_header(area)
        if depth == 1 and len(rows) > 2 and not rows[1][0] and rows[0][0]:
            # a row without a label of its own, over numbers: units, or what is below a group
            columns = _numeric(rows[2:])
            below = [rows[1][at] for at in columns if rows[1][at]]
            if below and all(map(_is_label, below)):
                return 2
        return depth

    def _distinct(self, number: int, area: Area) -> int:
        """Count a row's cells that hold something, a merged one once."""
        count = sum(map(bool, self._rows[number][area.left : area.right + 1]))
        for left, right in self._spans.get(number, ()):
            if area.left <= left <= area.right:
                count -= min(right, area.right) - left
        return count

    def _first(self, number: int, area: Area) -> str:
        return next((cell for cell in self._rows[number][area.left : area.right + 1] if cell), "")

    def _cells(self, area: Area) -> list[list[str]]:
        width = area.right - area.left + 1
        if width * (area.bottom - area.top + 1) > MAX_CELLS:
            raise Unparsable("too_large", f"A sheet spreads over more than {MAX_CELLS:,} cells; split it.")
        rows = (row[area.left : area.right + 1] for row in self._rows[area.top : area.bottom + 1])
        return [row + [""] * (width - len(row)) for row in rows]

    # what is written

    def _begin(self, rows: list[list[str]], area: Area, *, header_rows: int) -> None:
        self._flush()
        self._waiting, self._header_rows, self._place = rows, header_rows, area

    def _continue(self, rows: list[list[str]], area: Area) -> bool:
        """Take rows behind an empty one into the table above, where they have no header and fit under its own."""
        if not self._waiting or area.left != self._place.left or area.right > self._place.right:
            return False
        if len(rows) > 1 and area.right < self._place.right:
            return False
        narrow = area.right < self._place.right
        body = self._waiting[self._header_rows : self._header_rows + _LOOKED_AT]
        columns = _numeric(body)
        numbers = [at for at, cell in enumerate(rows[0]) if _NUMBER.fullmatch(cell)]
        foreign = bool(set(numbers) - set(columns)) or (not numbers and (bool(columns) or narrow))
        if narrow if not body else foreign:
            return False
        self._waiting += rows
        return True

    def _flush(self) -> None:
        rows, self._waiting = self._waiting, []
        if rows and self._header_rows:
            self._writer.table(rows, header_rows=self._header_rows)
        elif rows:
            self._writer.table([[""] * len(rows[0]), *rows])


def _is_label(cell: str) -> bool:
    return bool(cell) and (not _NUMBER.fullmatch(cell) or bool(_YEAR.match(cell)))


def _is_note(text: str) -> bool:
    return len(text) > _MIN_NOTE or bool(_NOTE.match(text))


def _has_words(rows: Sequence[Sequence[str]]) -> bool:
    """Say whether one of the columns holds words."""
    return any(
        any(column) and all(map(_is_label, filter(None, column))) for column in zip(*rows, strict=False)
    )


def _numeric(rows: Sequence[Sequence[str]]) -> list[int]:
    """Return the columns that hold numbers, dates or truth values alone, by the first rows."""
    columns = zip(*rows[:_LOOKED_AT], strict=False)
    return [
        at
        for at, column in enumerate(columns)
        if any(column) and all(_NUMBER.fullmatch(cell) for cell in column if cell)
    ]


def _counts(cells: Sequence[str]) -> bool:
    """Say whether numbers count up one by one, as the months and weeks of a header do."""
    found = [int(cell) for cell in cells if cell.isdecimal() and len(cell) < 5]
    return 2 < len(cells) == len(found) and found == list(range(found[0], found[0] + len(found)))


def area_of(reference: str) -> Area | None:
    """Return the rectangle that `B2:C4` names."""
    found = _REFERENCE.fullmatch(reference)
    if not found:
        return None
    top, left = int(found[2]) - 1, column_of(found[1])
    bottom, right = (int(found[4]) - 1, column_of(found[3])) if found[3] else (top, left)
    return Area(min(top, bottom), min(left, right), max(top, bottom), max(left, right))


_COLUMNS: dict[str, int] = {}


def column_of(reference: str) -> int:
    """Return the column that `B` or `B2` stands in, from 0."""
    letters = reference.rstrip("0123456789")
    if letters not in _COLUMNS:
        number = 0
        for letter in letters:
            number = number * 26 + "ABCDEFGHIJKLMNOPQRSTUVWXYZ".index(letter) + 1
        if not 0 < number <= MAX_COLUMNS:
            raise ValueError
        _COLUMNS[letters] = number - 1
    return _COLUMNS[letters]


def tell_hidden(sheet: str, grid: Grid, rows: int, columns: set[int], writer: ExtractWriter) -> None:
    """Note how many hidden rows, and which of the hidden columns, hold something."""
    held = (
        {at for row in grid.rows for at, cell in enumerate(row) if cell and at in columns} if columns else ()
    )
    for count, what in ((rows, "row"), (len(held), "column")):
        if count:
            hidden = f"{count} hidden {what}{'s' if count > 1 else ''} with content"
            writer.finding(
                f"The sheet {sheet!r} has {hidden}; {'they were' if count > 1 else 'it was'} read."
            )


def tell_uncalculated(count: int, writer: ExtractWriter) -> None:
    """Note formulas without a result; they are shown as they are written."""
    if count:
        formulas = "cells hold formulas that were" if count > 1 else "cell holds a formula that was"
        writer.finding(f"{count} {formulas} never calculated; open the file and save it.")
