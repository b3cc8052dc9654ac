"""D. Refusal: saying "not in the documents" when, and only when, it is not."""

from eval.outcome import Outcome
from eval.score import NOT_APPLICABLE, Score, ok


def refusal(outcome: Outcome) -> dict[str, Score]:
    """Return whether the decision was right, whether an unanswerable was refused, whether an answerable was."""
    answerable = outcome.case.answerable
    return {
        "abstention_accuracy": ok(outcome.refused != answerable),
        "refusal_of_unanswerable": NOT_APPLICABLE if answerable else ok(outcome.refused),
        "over_refusal": ok(outcome.refused) if answerable else NOT_APPLICABLE,
    }
