"""Tables whose cells are drawn: level and upright lines that cross."""

from collections.abc import Iterable
from typing import Final

from ingest.parse.pdf.page import PdfPage, Stroke, Word, rows_of

_NEAR: Final = 2.5
_MIN_FITTING: Final = 0.85
_MIN_FILLED: Final = 0.4
_MAX_LINES: Final = 800


def with_grids(page: PdfPage) -> list[Word]:
    """Return the page's runs, those inside a drawn table replaced by one run that holds its cells."""
    runs = page.words
    upright = sum(rule.left == rule.right for rule in page.rules)
    if upright < 3 or len(page.rules) - upright < 3 or len(page.rules) > _MAX_LINES:
        return runs
    for group in _connected([rule for rule in page.rules if _length(rule) > 4]):
        runs = _with_grid(group, runs)
    return runs


def _with_grid(group: list[Stroke], runs: list[Word]) -> list[Word]:
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
        [_text(cells.get((row, column), [])) for column in range(len(sides) - 1)]
        for row in range(len(heights) - 1)
    ]
    table = Word("", sides[0], sides[-1], heights[0], heights[-1], cells=grid)
    taken = {id(run) for run in inside}
    return [*(run for run in runs if id(run) not in taken), table]


def _text(runs: list[Word]) -> str:
    return " ".join(row.text for row in rows_of(runs))


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
