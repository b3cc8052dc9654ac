"""C. Citations: do the markers resolve, do they suffice, is each of them needed?

Recall and precision as in ALCE (Gao et al., 2023), with the support checker in place of its entailment model.
"""

from collections.abc import Sequence

from app.events import Passage
from app.ground import SUPPORTED, check, support
from eval.metrics.answer import MARKER, claimed, factual_spans
from eval.outcome import Outcome
from eval.ruler import PLAIN, Ruler
from eval.score import NOT_APPLICABLE, Score, ok

NAMES = ("citation_validity", "citation_recall", "citation_precision")
_MOST = 3
"""ALCE reads the first three citations of a sentence."""


def citations(outcome: Outcome, ruler: Ruler = PLAIN) -> dict[str, Score]:
    """Return validity, recall and precision.

    Validity: markers that resolve to a passage whose quote stands verbatim at its offsets. Recall: sentences that
    their cited passages support together. Precision: citations whose sentence is supported, and that support it
    alone or without which it would not be.
    """
    spans = factual_spans(outcome)
    if not spans:
        return dict.fromkeys(NAMES, NOT_APPLICABLE)
    markers = len(MARKER.findall(outcome.answer))
    supported, useful, cited = 0, 0, 0
    for start, end in spans:
        passages = _cited(outcome, start, end)
        needed = _needed(claimed(outcome, start, end), passages, ruler)
        supported += needed is not None
        useful += sum(needed or ())
        cited += len(passages)
    return {
        "citation_validity": ok(min(1.0, sum(outcome.verbatim) / markers)) if markers else NOT_APPLICABLE,
        "citation_recall": ok(supported / len(spans)),
        "citation_precision": ok(useful / cited if cited else 0.0),
    }


def _cited(outcome: Outcome, start: int, end: int) -> list[Passage]:
    """Return the passages that a sentence cites, those by markers in it and those tied to its words."""
    known = {passage.number: passage for passage in outcome.passages}
    numbers = [found.number for found in outcome.citations if found.claim[0] < end and start < found.claim[1]]
    return [known[number] for number in dict.fromkeys(numbers) if number in known][:_MOST]


def _needed(sentence: str, passages: Sequence[Passage], ruler: Ruler) -> list[bool] | None:
    """Say of each passage whether it counts; None when they do not support the sentence together."""
    if not passages:
        return None
    alone = [check(sentence, [passage], tau=ruler.tau).support >= SUPPORTED for passage in passages]
    if any(alone):
        return alone
    if len(passages) == 1 or not _together(sentence, passages, ruler):
        return None
    return [
        not _together(sentence, [other for other in passages if other is not passage], ruler)
        for passage in passages
    ]


def _together(sentence: str, passages: Sequence[Passage], ruler: Ruler) -> bool:
    joined = "\n\n".join(passage.text for passage in passages)
    context = "\n".join(dict.fromkeys(passage.context for passage in passages if passage.context))
    return support(sentence, joined, context=context, tau=ruler.tau) >= SUPPORTED
