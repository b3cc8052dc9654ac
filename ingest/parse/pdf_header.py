"""The header of a table on a PDF page: which columns each heading stands over."""

from typing import NamedTuple

from ingest.parse.pdf_page import Row, Word


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
