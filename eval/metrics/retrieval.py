"""A. Retrieval: did the passages that the turn read hold the gold quotes?

A passage is relevant when it is of the same document and holds at least 80 % of the quote's words in order
(so that re-chunking does not zero the metric). Without quotes, the document alone decides.
"""

import math
from collections.abc import Sequence

from app.events import Passage
from eval.cases import Evidence
from eval.metrics.outcome import NOT_APPLICABLE, Outcome, Score, ok
from vectorstore.language.words import words

_COVERAGE = 0.8


def retrieval(outcome: Outcome, *, k: int) -> dict[str, Score]:
    """Return hit@k, recall@k, mrr@k, ndcg@k and the average precision over the first k of one outcome."""
    names = (f"hit@{k}", f"recall@{k}", f"mrr@{k}", f"ndcg@{k}", f"context_precision@{k}")
    gold = outcome.case.evidence
    if not gold or not outcome.case.answerable:
        return dict.fromkeys(names, NOT_APPLICABLE)
    found = [[holds(passage, evidence) for evidence in gold] for passage in outcome.passages[:k]]
    relevant = [any(row) for row in found]
    covered = sum(any(row[index] for row in found) for index in range(len(gold)))
    first = relevant.index(True) + 1 if any(relevant) else 0
    gain = sum(1 / math.log2(rank + 1) for rank, hit in enumerate(relevant, start=1) if hit)
    ideal = sum(1 / math.log2(rank + 1) for rank in range(1, min(max(sum(relevant), len(gold)), k) + 1))
    reciprocal = 1 / first if first else 0.0
    values = (bool(first), covered / len(gold), reciprocal, gain / ideal, _average_precision(relevant))
    return {name: ok(value) for name, value in zip(names, values, strict=True)}


def _average_precision(relevant: Sequence[bool]) -> float:
    """Return the mean, over the relevant ranks, of the precision up to there."""
    precisions = [sum(relevant[:rank]) / rank for rank, found in enumerate(relevant, start=1) if found]
    return sum(precisions) / len(precisions) if precisions else 0.0


def holds(passage: Passage, evidence: Evidence) -> bool:
    """Say whether the passage is where the evidence stands."""
    uri = passage.document.uri
    if uri != evidence.doc and not uri.endswith(f"/{evidence.doc}"):
        return False
    quote = words(evidence.quote)
    context = words(passage.context)
    return not quote or _in_order(quote, context + words(passage.text)) >= _COVERAGE * len(quote)


def _in_order(quote: Sequence[str], text: Sequence[str]) -> int:
    """Return the length of the longest common subsequence of words."""
    best = [0] * (len(text) + 1)
    for word in quote:
        diagonal = 0
        for index, other in enumerate(text, start=1):
            above = best[index]
            best[index] = diagonal + 1 if word == other else max(above, best[index - 1])
            diagonal = above
    return best[-1]
