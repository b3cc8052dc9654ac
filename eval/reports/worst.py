"""Which cases to look at first."""

from collections.abc import Sequence

from eval.compare import Comparison
from eval.row import CHECKS, Row

_LOST = (*CHECKS, "hit@5", "groundedness", "citation_recall")


def lost(row: Row) -> float:
    """Return how much a case lacks of being perfect; a broken turn lacks everything."""
    if row.error:
        return float(len(_LOST))
    return sum(1 - value for name in _LOST if (value := row.value(name)) is not None)


def ordered(rows: Sequence[Row], comparison: Comparison | None) -> list[Row]:
    """Return the rows, the worst first: what newly fails, then critical cases, then the most lost."""
    flipped = {flip.id for flip in comparison.flips} if comparison else set()
    return sorted(
        rows, key=lambda row: (row.id not in flipped, not (row.critical and lost(row)), -lost(row), row.id)
    )


def shortcomings(row: Row) -> dict[str, float]:
    """Return the scores that keep a case from being perfect, the checks first."""
    found = {name: row.value(name) for name in _LOST}
    return {name: value for name, value in found.items() if value is not None and value < 1}
