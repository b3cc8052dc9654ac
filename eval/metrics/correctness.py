"""F. Correctness against a reference: how much of its wording the answer holds, rare words counting more.

Each word weighs as much as it is rare in the chunks of the index that is asked, as it stands when the run begins;
where there is no index to count in, in general English (`vectorstore/language/words.py`). On 280 judged pairs this F1 reaches a Pearson correlation of 0.53
with human preference; humans among themselves 0.70.
"""

import math
from collections import Counter

from app.support.ground import SUPPORTED, support
from eval.metrics.answer import MARKER
from eval.metrics.outcome import NOT_APPLICABLE, Outcome, Score, ok
from eval.metrics.ruler import PLAIN, Ruler
from vectorstore.language.words import stem, words


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


NAMES = ("answer_correctness", "answer_precision", "answer_recall")


def correctness(outcome: Outcome, ruler: Ruler = PLAIN) -> dict[str, Score]:
    """Return weighted F1, precision and recall of the answer's words against the reference's.

    Not applicable without a reference and to an unanswerable question; a wrong refusal scores 0.
    """
    case = outcome.case
    expected = weighed(case.reference)
    if not expected or not case.answerable:
        return dict.fromkeys(NAMES, NOT_APPLICABLE)
    given = Counter[str]() if outcome.refused else weighed(MARKER.sub("", outcome.answer))
    shared = _weight(given & expected, ruler)
    precision = shared / _weight(given, ruler) if given else 0.0
    recall = shared / _weight(expected, ruler)
    f1 = 2 * precision * recall / (precision + recall) if shared else 0.0
    values = (min(1.0, value) for value in (f1, precision, recall))
    return {name: ok(value) for name, value in zip(NAMES, values, strict=True)}


def weighed(text: str) -> Counter[str]:
    """Return the stems of a text with how often each occurs."""
    return Counter(stem(word) for word in words(text))


def _weight(stems: Counter[str], ruler: Ruler) -> float:
    return math.fsum(ruler.weight(item) * count for item, count in sorted(stems.items()))
