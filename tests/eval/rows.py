"""Rows for tests that need scores and no system."""

from typing import Any

from eval.gate.baseline import baseline_of
from eval.gate.compare import GATED, Comparison, Tolerance, compare
from eval.metrics.row import Row
from eval.run import Evaluation, means_of

SCORERS = dict.fromkeys((*GATED, "citation_validity"), "1")
EXTRACTIVE = {"model": "extractive", "dataset": "d"}


def row(number: int, *, passes: bool = True, **changes: Any) -> Row:
    """A reviewed case whose `must_include` passes or fails."""
    value = 1.0 if passes else 0.0
    fields: dict[str, Any] = {
        "id": f"case-{number:03d}",
        "question": f"Question {number}?",
        "digest": str(number),
        "group": f"doc-{number}",
        "reviewed": True,
        "answer": "It is so. [1]",
        "scores": {"must_include": value, "groundedness": 1.0, "recall@5": "not_applicable"},
        "passed": {"must_include": value},
    }
    return Row(**fields | changes)


def evaluation(rows: list[Row], **changes: Any) -> Evaluation:
    fields: dict[str, Any] = {
        "rows": tuple(rows),
        "means": means_of(rows),
        "fingerprint": EXTRACTIVE,
        "scorers": SCORERS,
        "missing": {},
        "seconds": {},
        "noise": {},
    }
    return Evaluation(**fields | changes)


def against(
    before: list[Row],
    after: list[Row],
    *,
    model: str = "extractive",
    scorers: dict[str, str] | None = None,
    tolerance: Tolerance | None = None,
) -> Comparison:
    """Compare two lists of rows."""
    fingerprint = {"model": model, "dataset": "d"}
    return compare(
        after,
        baseline_of(before, fingerprint, SCORERS),
        fingerprint=fingerprint,
        scorers=scorers or SCORERS,
        tolerance=tolerance or Tolerance(),
    )
