"""B, C, H. The answer's text: groundedness, citations, and what it must and must not hold."""

import re
from collections.abc import Sequence

from app.ground import Grounding, check
from app.language.sentences import sentence_spans
from eval.outcome import Outcome
from eval.score import NOT_APPLICABLE, Score, ok

_MARKER = re.compile(r"\[(\d{1,3})\]")


def groundedness(outcome: Outcome) -> dict[str, Score]:
    """Return the share of sentences that the passages given to the answerer support, and all-or-nothing."""
    sentences = factual_sentences(outcome)
    if not sentences:
        return {"groundedness": NOT_APPLICABLE, "groundedness_strict": NOT_APPLICABLE}
    checked = [_checked(sentence, outcome) for sentence in sentences]
    supported = sum(grounding.verdict == "supported" for grounding in checked)
    return {
        "groundedness": ok(supported / len(checked)),
        "groundedness_strict": ok(supported == len(checked)),
    }


def citations(outcome: Outcome) -> dict[str, Score]:
    """Return validity, recall and precision of the markers.

    Validity: markers that resolve to a passage whose quote stands verbatim at its offsets. Recall and
    precision as in ALCE (Gao et al., 2023), with the support checker in place of its entailment model:
    sentences with a supporting citation, and citations whose own passage supports their sentence.
    """
    sentences = factual_sentences(outcome)
    if not sentences:
        return dict.fromkeys(("citation_validity", "citation_recall", "citation_precision"), NOT_APPLICABLE)
    markers = len(_MARKER.findall(outcome.answer))
    supporting = [citation for citation in outcome.citations if citation.support >= 0.5]
    claims = {citation.claim for citation in supporting}
    return {
        "citation_validity": ok(sum(outcome.verbatim) / markers) if markers else NOT_APPLICABLE,
        "citation_recall": ok(min(1.0, len(claims) / len(sentences))),
        "citation_precision": ok(len(supporting) / len(outcome.citations) if outcome.citations else 0.0),
    }


def contents(outcome: Outcome) -> dict[str, Score]:
    """Return whether the answer holds every pattern it must and none that it must not."""
    case = outcome.case
    if not case.must_include and not case.must_not_include:
        return {"must_include": NOT_APPLICABLE}
    text = _MARKER.sub("", outcome.answer)
    good = all(_found(pattern, text) for pattern in case.must_include)
    clean = not any(_found(pattern, text) for pattern in case.must_not_include)
    return {"must_include": ok(good and clean and not outcome.refused)}


def factual_sentences(outcome: Outcome) -> list[str]:
    """Return the answer's sentences without markers; none for a refusal."""
    if outcome.refused:
        return []
    spans = sentence_spans(outcome.answer)
    sentences = [_MARKER.sub("", outcome.answer[start:end]).strip() for start, end in spans]
    return [text for text in sentences if any(c.isalnum() for c in text) and not text.endswith(("?", ":"))]


def _checked(sentence: str, outcome: Outcome) -> Grounding:
    return check(sentence, outcome.passages)


def _found(pattern: str, text: str) -> bool:
    return re.search(pattern, text, re.IGNORECASE) is not None


def answers_of(outcomes: Sequence[Outcome]) -> list[str]:
    """Return the answers without markers, in order."""
    return [_MARKER.sub("", outcome.answer) for outcome in outcomes]
