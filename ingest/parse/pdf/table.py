"""Tables on a PDF page: by the lines that are drawn, else by columns that numbers and short texts form."""

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Final, NamedTuple

from ingest.parse.pdf.lines import Vocabulary, joined_text
from ingest.parse.pdf.page import PdfPage, Row, Stroke, Word, joined_row, rows_of


class Column(NamedTuple):
    """A column of a table: from where to where, in points."""

    left: float
    right: float

    @property
    def middle(self) -> float:
        """The column's centre."""
        return (self.left + self.right) / 2


def header_cells(rows: list[Row], columns: list[Column]) -> list[str]:
    """Return one header for each column: the headings over it, from top to bottom."""
    cells = [""] * len(columns)
    for row in rows:
        if len(row.runs) == 1 and row.text.startswith("("):  # the units, of the whole table
            cells[0] = f"{cells[0]} {row.text}".strip()
            continue
        label = [run for run in row.runs if run.right <= columns[1].left and column_of(run, columns) == 0]
        values = [run for run in row.runs if run not in label]
        for run in label:
            cells[0] = f"{cells[0]} {run.text}".strip()
        for run, over in zip(values, _spans(values, columns), strict=True):
            for at in over:
                cells[at] = f"{cells[at]} {run.text}".strip()
    return cells


def column_of(run: Word, columns: list[Column]) -> int:
    """Return the column that a run stands in: the first that it overlaps, else the nearest."""
    overlaps = [min(run.right, column.right) - max(run.left, column.left) for column in columns]
    first = next((at for at, overlap in enumerate(overlaps) if overlap > 0), None)
    if first is not None:
        return first
    return max(range(len(columns)), key=lambda at: overlaps[at])


def _spans(runs: list[Word], columns: list[Column]) -> list[list[int]]:
    """Return the columns under each heading of one row."""
    count = len(columns) - 1
    if runs and count % len(runs) == 0 and count > len(runs):
        each = count // len(runs)
        groups = [list(range(1 + at * each, 1 + (at + 1) * each)) for at in range(len(runs))]
        if all(
            _is_centred(run, [columns[at] for at in group]) for run, group in zip(runs, groups, strict=True)
        ):
            return groups
    return [_overlapped(run, columns) for run in runs]


def _is_centred(run: Word, columns: list[Column]) -> bool:
    left, right = columns[0].left, columns[-1].right
    middle = (run.left + run.right) / 2
    return abs(middle - (left + right) / 2) < 0.2 * (right - left)


def _overlapped(run: Word, columns: list[Column]) -> list[int]:
    middles = [at for at, column in enumerate(columns) if run.left <= column.middle <= run.right]
    return middles or [column_of(run, columns)]


_VALUE: Final = re.compile(
    r"\A(?:[-–—(+]?\s*+(?:[$€£¥]\s*+)?\(?-?[\d.,]++\s*+(?:\)\s*+)?(?:%|x|pts?|bps|M|B|K)?\)?|[-–—]++|N/?[AM]|\*++|NM)\Z",
    re.I,
)
_YEAR: Final = re.compile(r"(?:19|20)\d\d")
_MAX_LABEL_ROWS: Final = 3
_MAX_CELL_WORDS: Final = 14
_MAX_HEADER_ROWS: Final = 6
_MAX_ABOVE: Final = 2
_LONGEST_ABOVE: Final = 60
_FIGURES: Final = 0.6
_CENTRED: Final = 0.7


class FoundTable(NamedTuple):
    """Rows `start` to `end` (exclusive) of a stretch are this table."""

    start: int
    end: int
    cells: list[list[str]]
    columns: list[Column]


def find_tables(rows: list[Row], *, width: float) -> list[FoundTable]:
    """Find the tables in a stretch of rows that have no lines drawn around them. `width` is the page's.

    The first row of `cells` is the header; it is empty where the page has none.
    """
    tables: list[FoundTable] = []
    at = 0
    joined = [joined_row(row) for row in rows]
    while at < len(rows):
        end = _table_end(joined, at, width=width)
        found = _read(joined, at, end) if end - at >= 2 else None
        if found is None:
            at += 1
        else:
            found = _with_headings_above(found, joined, floor=tables[-1].end if tables else 0)
            tables.append(found)
            at = found.end
    return tables


class _Over(NamedTuple):
    """A heading on the page, and the columns that it stands over."""

    left: float
    right: float
    columns: list[int]


def _with_headings_above(table: FoundTable, rows: list[Row], *, floor: int) -> FoundTable:
    """Take the lines into the header that stand close above it and over its values alone, as "Three months ended" does."""
    header, columns, start = list(table.cells[0]), table.columns, table.start
    values = [cell for row in table.cells[1:] for cell in row[1:] if cell]
    if not any(header[1:]) or sum(map(is_figure, values)) < _FIGURES * len(values):
        return table
    under = [
        _Over(run.left, run.right, _overlapped(run, columns))
        for run in rows[start].runs
        if run.right > columns[1].left or column_of(run, columns)
    ]
    while (
        under
        and start > max(floor, table.start - _MAX_ABOVE)
        and _is_over(rows[start - 1], rows[start], columns)
    ):
        start -= 1
        runs = rows[start].runs
        under = [_Over(run.left, run.right, _covered(run, runs, under, columns)) for run in runs]
        for run, over in zip(runs, under, strict=True):
            for at in over.columns:
                header[at] = f"{run.text} {header[at]}".strip()
    return table._replace(start=start, cells=[header, *table.cells[1:]])


def _is_over(row: Row, below: Row, columns: list[Column]) -> bool:
    if below.top - row.bottom >= 0.9 * row.size or row.size > 1.1 * below.size:
        return False
    if len(row.text) > _LONGEST_ABOVE or row.text.rstrip().endswith((".", ":", ";")):
        return False
    return row.left >= columns[1].left - 2 * row.size and row.right <= columns[-1].right + 2 * row.size


def _covered(run: Word, runs: list[Word], under: list[_Over], columns: list[Column]) -> list[int]:
    """Return the columns of the most headings below that a run is centred over, none of its neighbours among them."""
    middle = (run.left + run.right) / 2
    others = [(other.left + other.right) / 2 for other in runs if other is not run]
    for over in under:  # a word over one heading, which it begins
        is_same = abs(middle - (over.left + over.right) / 2) < _CENTRED * run.size
        if is_same and run.right - run.left <= over.right - over.left + run.size / 2:
            return over.columns
    for count in range(len(under), 0, -1):
        for first in range(len(under) - count + 1):
            left, right = under[first].left, under[first + count - 1].right
            is_centred = abs(middle - (left + right) / 2) < _CENTRED * min(count, 3) * run.size
            if is_centred and not any(left < other < right for other in others):
                return [at for over in under[first : first + count] for at in over.columns]
    return _overlapped(run, columns)


def _table_end(rows: list[Row], start: int, *, width: float) -> int:
    """Return the end of the run of rows that may be one table: cells side by side, labels between."""
    if len(rows[start].runs) < 2 or _is_justified(rows[start]):
        return start
    end, at, labels = start + 1, start + 1, 0
    while at < len(rows):
        row, above = rows[at], rows[at - 1]
        if row.top - above.bottom > 3.5 * row.size:
            break
        if len(row.runs) >= 2:
            labels, end = 0, at + 1
        else:
            labels += 1
            if labels > _MAX_LABEL_ROWS or _is_prose(rows, at, width=width):
                break
        at += 1
    return end


def _is_justified(row: Row) -> bool:
    """Say whether the gaps of a row are those of prose set to full width."""
    lower = sum(run.text[0].islower() for run in row.runs)
    return len(row.runs) >= 5 and lower >= len(row.runs) / 2


def _is_prose(rows: list[Row], at: int, *, width: float) -> bool:
    """Say whether a row alone is too wide for a label; one that goes on in a row with values may be wide."""
    row, below = rows[at], rows[at + 1] if at + 1 < len(rows) else None
    if row.right - row.left <= 0.62 * width:
        return False
    ends = row.text.rstrip().endswith((".", ":", "!", "?"))
    return ends or below is None or len(below.runs) < 2 or below.top - row.bottom > 0.5 * row.size


def _read(rows: list[Row], start: int, end: int) -> FoundTable | None:
    chosen = rows[start:end]
    columns = _columns(chosen)
    if len(columns) < 2:
        return None
    grid = [_cells(row, columns) for row in chosen]
    # lines above that only fill the first column stand over the table, not in it; units are part of it
    above = next((at for at, row in enumerate(grid) if any(row[1:])), 0)
    above -= above > 0 and grid[above - 1][0].startswith("(") and not _is_body(grid[above])
    if not _is_table(grid[above:], chosen[above:]):
        return None
    body = next((at for at in range(above, len(grid)) if _is_body(grid[at])), above)
    if body - above > _MAX_HEADER_ROWS:
        body = above + 1
    while body > above and not any(grid[body - 1][1:]) and grid[body][0][:1].islower():
        body -= 1  # the first line of a long label
    header = header_cells(chosen[above:body], columns)
    return FoundTable(start + above, end, [header, *_merged(grid[body:])], columns)


def _columns(rows: list[Row]) -> list[Column]:
    """Return the columns that the fullest rows form: where their runs overlap, the same column."""
    most = max(len(row.runs) for row in rows)
    model = [row for row in rows if len(row.runs) >= max(2, 0.7 * most)]
    # long headings may bridge two columns; figures don't
    figures = [row for row in model if sum(is_figure(run.text) for run in row.runs) >= 2]
    model = figures if len(figures) >= 2 else model
    spans = sorted((run.left, run.right) for row in model for run in row.runs)
    columns: list[Column] = []
    for left, right in spans:
        if columns and left < columns[-1].right:
            columns[-1] = Column(columns[-1].left, max(columns[-1].right, right))
        else:
            columns.append(Column(left, right))
    return columns


def _cells(row: Row, columns: list[Column]) -> list[str]:
    cells = [""] * len(columns)
    if len(row.runs) == 1 and not _VALUE.fullmatch(row.text):
        # alone between the columns it is a label for the rows below, wherever it is set
        starts = any(abs(row.left - column.left) < 4 for column in columns)
        cells[column_of(row.runs[0], columns) if starts else 0] = row.text
        return cells
    for run in row.runs:
        at = column_of(run, columns)
        cells[at] = f"{cells[at]} {run.text}".strip()
    return cells


def _is_table(grid: list[list[str]], rows: list[Row]) -> bool:
    filled = [sum(bool(cell) for cell in row) for row in grid]
    beside = sum(count >= 2 for count in filled)
    cells = [cell for row in grid for cell in row if cell]
    values = sum(bool(_VALUE.fullmatch(cell)) for cell in cells)
    long = sum(len(cell.split()) > _MAX_CELL_WORDS for row in grid for cell in row[1:])
    if beside < 2 or beside < 0.4 * len(grid):
        return False
    if values >= 0.25 * len(cells):
        return True
    # without numbers the columns must be clear: enough rows, and not the gaps of justified prose
    return beside >= 3 and long <= 0.2 * len(grid) and _is_aligned(rows)


def _is_aligned(rows: list[Row]) -> bool:
    starts: dict[int, int] = {}
    parted = [row for row in rows if len(row.runs) >= 2]
    for row in parted:
        for run in row.runs[1:]:
            starts[round(run.left / 4)] = starts.get(round(run.left / 4), 0) + 1
    return max(starts.values(), default=0) >= 0.6 * len(parted)


def _merged(grid: list[list[str]]) -> list[list[str]]:
    """Join the lines of a cell that was broken: a row without values that goes on in lower case."""
    merged: list[list[str]] = []
    for row in grid:
        if merged and _goes_on(merged[-1], row):
            merged[-1] = [f"{above} {cell}".strip() for above, cell in zip(merged[-1], row, strict=True)]
        else:
            merged.append(list(row))
    return merged


def _goes_on(above: list[str], row: list[str]) -> bool:
    above_values = [cell for cell in above[1:] if cell]
    values = [cell for cell in row[1:] if cell]
    if row[0] and row[0][0].islower() and (not values or not above_values):
        return not above[0].endswith(":") or not above_values
    text_only = values and not any(_VALUE.fullmatch(cell) for cell in values)
    return bool(not row[0] and above[0] and text_only and any(cell[0].islower() for cell in values))


def _is_body(row: list[str]) -> bool:
    values = [cell for cell in row[1:] if cell]
    return bool(row[0]) and (any(map(is_figure, values)) or row[0].endswith(":"))


def is_figure(text: str) -> bool:
    """Say whether a cell holds a value, not a year as headings do."""
    return bool(_VALUE.fullmatch(text)) and not _YEAR.fullmatch(text)


_NEAR: Final = 2.5
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
