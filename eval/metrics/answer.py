"""B, C, F, H. The answer's text: its support and citations, what it must and must not hold, its reference's words.

In correctness each word weighs as much as it is rare in the chunks of the index that is asked, as it stands when the run
begins; where there is no index to count in, in general English (`vectorstore/language/words.py`). On 280 judged pairs
this F1 reaches a Pearson correlation of 0.53 with human preference; humans among themselves 0.70.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from app.events import Passage
from app.language.phrases import languages, say
from app.support.claim import claim
from app.support.ground import SUPPORTED, Grounding, check, support
from eval.metrics.outcome import NOT_APPLICABLE, PLAIN, Outcome, Ruler, Score, ok
from vectorstore.language.marks import cited, unmarked
from vectorstore.language.sentences import sentence_spans
from vectorstore.language.words import stem, words


def groundedness(outcome: Outcome, ruler: Ruler = PLAIN) -> dict[str, Score]:
    """Return the share of sentences that the passages given to the answerer support, and all-or-nothing."""
    sentences = factual_sentences(outcome)
    if not sentences:
        return {"groundedness": NOT_APPLICABLE, "groundedness_strict": NOT_APPLICABLE}
    checked = [_checked(sentence, outcome, ruler) for sentence in sentences]
    supported = sum(grounding.verdict == "supported" for grounding in checked)
    return {
        "groundedness": ok(supported / len(checked)),
        "groundedness_strict": ok(supported == len(checked)),
    }


def contents(outcome: Outcome) -> dict[str, Score]:
    """Return whether the answer holds every pattern it must and none that it must not.

    Right and wrong are the answers given as sure, to questions that can be answered; with `unsure` and `over_refusal`
    they make a whole.
    """
    case = outcome.case
    if not case.must_include and not case.must_not_include:
        return dict.fromkeys(("must_include", "right", "wrong"), NOT_APPLICABLE)
    text = unmarked(outcome.answer)
    good = all(_found(pattern, text) for pattern in case.must_include)
    clean = not any(_found(pattern, text) for pattern in case.must_not_include)
    sure = outcome.outcome == "answered"
    return {
        "must_include": ok(good and clean and not outcome.refused),
        "right": ok(good and clean and sure) if case.answerable else NOT_APPLICABLE,
        "wrong": ok(sure and not (good and clean)) if case.answerable else NOT_APPLICABLE,
    }


def factual_sentences(outcome: Outcome) -> list[str]:
    """Return what the answer's sentences claim; none for a refusal."""
    return [claimed(outcome, start, end) for start, end in factual_spans(outcome)]


def factual_spans(outcome: Outcome) -> list[tuple[int, int]]:
    """Return where the sentences stand that claim something: no question, lead or note of ours."""
    if outcome.refused:
        return []
    return [
        (start, end)
        for start, end in sentence_spans(outcome.answer, quotations=True)
        if _claims(claimed(outcome, start, end))
    ]


def claimed(outcome: Outcome, start: int, end: int) -> str:
    """Return what a sentence of the answer claims, as the live turn reads it."""
    return claim(outcome.answer, start, end, outcome.passages)


def _claims(text: str) -> bool:
    if text.startswith(_notes()):
        return False
    return bool(text) and not text.endswith(("?", ":"))


@lru_cache(maxsize=1)
def _notes() -> tuple[str, ...]:
    """Return how Footnote's own notes begin, in every language: what the documents do not say, why an answer is cut."""
    return tuple(
        say(note, code).partition("{words}")[0]
        for note in ("partly", "length", "content_filter")
        for code in languages()
    )


def _checked(sentence: str, outcome: Outcome, ruler: Ruler) -> Grounding:
    return check(sentence, outcome.passages, tau=ruler.tau)


def _found(pattern: str, text: str) -> bool:
    return re.search(pattern, text, re.IGNORECASE) is not None


def answers_of(outcomes: Sequence[Outcome]) -> list[str]:
    """Return the answers without markers, in order."""
    return [unmarked(outcome.answer) for outcome in outcomes]


CITATIONS = ("citation_validity", "citation_recall", "citation_precision")
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
        return dict.fromkeys(CITATIONS, NOT_APPLICABLE)
    markers = len(cited(outcome.answer))
    supported, useful, given = 0, 0, 0
    for start, end in spans:
        passages = _cited(outcome, start, end)
        needed = _needed(claimed(outcome, start, end), passages, ruler)
        supported += needed is not None
        useful += sum(needed or ())
        given += len(passages)
    return {
        "citation_validity": ok(min(1.0, sum(outcome.verbatim) / markers)) if markers else NOT_APPLICABLE,
        "citation_recall": ok(supported / len(spans)),
        "citation_precision": ok(useful / given if given else 0.0),
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


def nuggets(outcome: Outcome, ruler: Ruler = PLAIN) -> dict[str, Score]:
    """Return the weighted recall of nuggets, and the strict recall of vital ones."""
    case = outcome.case
    if not case.nuggets or not case.answerable:
        return {"nugget_recall": NOT_APPLICABLE, "nugget_vital": NOT_APPLICABLE}
    answer = "" if outcome.refused else unmarked(outcome.answer)
    held = [support(nugget.text, answer, tau=ruler.tau) >= SUPPORTED for nugget in case.nuggets]
    weights = [1.0 if nugget.vital else 0.5 for nugget in case.nuggets]
    vital = [found for found, nugget in zip(held, case.nuggets, strict=True) if nugget.vital]
    gained = sum(weight for weight, found in zip(weights, held, strict=True) if found)
    return {
        "nugget_recall": ok(gained / sum(weights)),
        "nugget_vital": ok(sum(vital) / len(vital)) if vital else NOT_APPLICABLE,
    }


CORRECTNESS = ("answer_correctness", "answer_precision", "answer_recall")


def correctness(outcome: Outcome, ruler: Ruler = PLAIN) -> dict[str, Score]:
    """Return weighted F1, precision and recall of the words that the answer claims against the reference's.

    Not applicable without a reference and to an unanswerable question; a wrong refusal scores 0.
    """
    case = outcome.case
    expected = weighed(case.reference)
    if not expected or not case.answerable:
        return dict.fromkeys(CORRECTNESS, NOT_APPLICABLE)
    given = weighed(" ".join(factual_sentences(outcome)))
    shared = _weight(given & expected, ruler)
    precision = shared / _weight(given, ruler) if given else 0.0
    recall = shared / _weight(expected, ruler)
    f1 = 2 * precision * recall / (precision + recall) if shared else 0.0
    values = (min(1.0, value) for value in (f1, precision, recall))
    return {name: ok(value) for name, value in zip(CORRECTNESS, values, strict=True)}


def weighed(text: str) -> Counter[str]:
    """Return the stems of a text with how often each occurs."""
    return Counter(stem(word) for word in words(text))


def _weight(stems: Counter[str], ruler: Ruler) -> float:
    return math.fsum(ruler.weight(item) * count for item, count in sorted(stems.items()))
