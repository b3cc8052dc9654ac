"""B, H. The answer's text: groundedness, and what it must and must not hold."""

import re
from collections.abc import Sequence
from functools import lru_cache

from app.events import Passage
from app.language.phrases import languages, say
from app.support.claim import claim
from app.support.ground import SUPPORTED, Grounding, check, support
from eval.metrics.outcome import NOT_APPLICABLE, Outcome, Score, ok
from eval.metrics.ruler import PLAIN, Ruler
from vectorstore.language.sentences import sentence_spans

MARKER = re.compile(r"\[(\d{1,3})\]")
"""A citation in an answer, in Footnote's own form: the number of its passage."""


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
    """Return whether the answer holds every pattern it must and none that it must not."""
    case = outcome.case
    if not case.must_include and not case.must_not_include:
        return {"must_include": NOT_APPLICABLE}
    text = MARKER.sub("", outcome.answer)
    good = all(_found(pattern, text) for pattern in case.must_include)
    clean = not any(_found(pattern, text) for pattern in case.must_not_include)
    return {"must_include": ok(good and clean and not outcome.refused)}


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
    return [MARKER.sub("", outcome.answer) for outcome in outcomes]


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
