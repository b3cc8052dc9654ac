"""A. Retrieval: did the passages that the turn read hold the gold quotes?

A passage is relevant when it is of the same document and holds at least 80 % of the quote's words in order
(so that re-chunking does not zero the metric). Without quotes, the document alone decides.
"""

import math
import re
from collections.abc import Sequence
from html import unescape

from app.events import Passage
from eval.cases import Evidence
from eval.metrics.outcome import NOT_APPLICABLE, Outcome, Score, ok
from vectorstore.language.words import fold

_COVERAGE = 0.8
_PIECE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|(?:(?![\u3040-\u30ff\u3400-\u9fff])[^\W_])+")
"""A run of letters and digits; a sign of a script that parts no words by spaces is one by itself."""
_TARGET = re.compile(r"\](?:\([^()\n]{0,500}(?:\([^()\n]{0,100}\)[^()\n]{0,500})?\)|\[[^\[\]\n]{0,200}\])")
"""What follows the words of a link or a picture."""
_UNSEEN = re.compile(r"</?[A-Za-z][^<>\n]{0,500}>|\[\^[^\[\]\n]{1,60}\]")
_WITHIN_WORDS = str.maketrans("", "", "*`~\\\u00ad\u200b")


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
    quote = spoken(evidence.quote)
    context = spoken(passage.context)
    return not quote or _in_order(quote, context + spoken(passage.text)) >= _COVERAGE * len(quote)


def spoken(text: str) -> list[str]:
    """Return what a person reads out, however it is written: white space, quotation marks and Markdown do not count.

    Of a link its words stay; emphasis, escapes, tags, entities, footnotes' numbers and the bars of a table go.
    """
    shown = _UNSEEN.sub(" ", _TARGET.sub("]", unescape(text)))
    return _PIECE.findall(fold(shown.translate(_WITHIN_WORDS)))


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
