"""B, H. The answer's text: groundedness, and what it must and must not hold."""

import re
from collections.abc import Sequence
from functools import lru_cache

from app.claim import claim
from app.ground import Grounding, check
from app.language.phrases import languages, say
from app.language.sentences import sentence_spans
from eval.outcome import Outcome
from eval.ruler import PLAIN, Ruler
from eval.score import NOT_APPLICABLE, Score, ok

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
