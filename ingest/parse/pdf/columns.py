"""The reading order of a page: columns of prose one after the other, everything else from top to bottom."""

from collections.abc import Sequence
from itertools import pairwise
from math import ceil
from statistics import median
from typing import Final, NamedTuple

from ingest.parse.pdf.page import Row, Word, rows_of

_STEPS: Final = 60
_MIN_ROWS: Final = 5
_MAX_COLUMNS_DEEP: Final = 3


class _Band(NamedTuple):
    rows: list[Row]
    is_split: bool


def reading_order(runs: Sequence[Word], *, depth: int = 0) -> list[list[Row]]:
    """Return stretches of rows in the order in which they are read; a column is a stretch of its own."""
    rows = rows_of(runs)
    if depth >= _MAX_COLUMNS_DEEP or len(rows) < _MIN_ROWS:
        return [rows] if rows else []
    gutter = _best_gutter(rows)
    if gutter is None:
        return [rows]
    stretches: list[list[Row]] = []
    for band in _bands(rows, gutter):
        sides = _sides(band.rows, gutter) if band.is_split else None
        if sides is None:
            _extend(stretches, band.rows)
        else:
            for side in sides:
                stretches += reading_order(side, depth=depth + 1)
            stretches.append([])
    return [stretch for stretch in stretches if stretch]


def _extend(stretches: list[list[Row]], rows: list[Row]) -> None:
    if stretches and stretches[-1]:
        stretches[-1].extend(rows)
    else:
        stretches.append(list(rows))


def _best_gutter(rows: list[Row]) -> float | None:
    """Return where the fewest rows are crossed, among places that have text on both sides."""
    left, right = min(row.left for row in rows), max(row.right for row in rows)
    step = max((right - left) / _STEPS, 0.01)
    crossed, parted = [0] * (_STEPS + 1), [0] * (_STEPS + 1)
    for row in rows:
        for run in row.runs:
            for at in range(int((run.left - left) / step) + 1, min(ceil((run.right - left) / step), _STEPS)):
                crossed[at] += 1
        for before, after in pairwise(row.runs):
            for at in range(ceil((before.right - left) / step), int((after.left - left) / step) + 1):
                parted[min(at, _STEPS)] += 1
    inner = range(_STEPS // 5, _STEPS - _STEPS // 5 + 1)
    best = max(inner, key=lambda at: parted[at] - crossed[at] / 2 - abs(at - _STEPS / 2) / _STEPS)
    return left + best * step if parted[best] >= _MIN_ROWS - 1 else None


def _crosses(row: Row, at: float) -> bool:
    return any(run.left < at < run.right for run in row.runs)


def _bands(rows: list[Row], gutter: float) -> list[_Band]:
    """Part the rows into bands that the gutter runs through and bands that cross it."""
    bands: list[_Band] = []
    for row in rows:
        is_split = not _crosses(row, gutter)
        if bands and bands[-1].is_split == is_split:
            bands[-1].rows.append(row)
        else:
            bands.append(_Band([row], is_split))
    return bands


def _sides(rows: list[Row], gutter: float) -> tuple[list[Word], list[Word]] | None:
    """Return the runs left and right of the gutter if both sides are prose; None for tables and the like."""
    left = [run for row in rows for run in row.runs if run.right <= gutter]
    right = [run for row in rows for run in row.runs if run.left >= gutter]
    if not _is_prose(left) or not _is_prose(right):
        return None
    return left, right


def _is_prose(runs: list[Word]) -> bool:
    rows = rows_of(runs)
    if len(rows) < _MIN_ROWS:
        return False
    column = max(row.right for row in rows) - min(row.left for row in rows)
    widths = [row.right - row.left for row in rows]
    words = [len(row.text.split()) for row in rows]
    text = "".join(run.text for run in runs)
    letters = sum(character.isalpha() for character in text)
    return median(widths) > 0.6 * column and median(words) >= 3 and letters > 0.7 * len(text.replace(" ", ""))
