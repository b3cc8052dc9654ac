"""G. Nuggets: the facts that a good answer holds, and which of them this one does.

The AutoNuggetizer's formulas (Pradeep et al., 2024), with the support checker for its language model: a nugget is
held when the answer supports it. Every vital nugget counts 1, every other 0.5.
"""

from app.ground import SUPPORTED, support
from eval.metrics.answer import MARKER
from eval.outcome import Outcome
from eval.ruler import PLAIN, Ruler
from eval.score import NOT_APPLICABLE, Score, ok


def nuggets(outcome: Outcome, ruler: Ruler = PLAIN) -> dict[str, Score]:
    """Return the weighted recall of nuggets, and the strict recall of vital ones."""
    case = outcome.case
    if not case.nuggets or not case.answerable:
        return {"nugget_recall": NOT_APPLICABLE, "nugget_vital": NOT_APPLICABLE}
    answer = "" if outcome.refused else MARKER.sub("", outcome.answer)
    held = [support(nugget.text, answer, tau=ruler.tau) >= SUPPORTED for nugget in case.nuggets]
    weights = [1.0 if nugget.vital else 0.5 for nugget in case.nuggets]
    vital = [found for found, nugget in zip(held, case.nuggets, strict=True) if nugget.vital]
    gained = sum(weight for weight, found in zip(weights, held, strict=True) if found)
    return {
        "nugget_recall": ok(gained / sum(weights)),
        "nugget_vital": ok(sum(vital) / len(vital)) if vital else NOT_APPLICABLE,
    }
