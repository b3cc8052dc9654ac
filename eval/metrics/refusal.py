"""D. Refusal: saying "not in the documents" when, and only when, it is not."""

import re
from functools import lru_cache

from app.language.phrases import languages, say
from eval.metrics.outcome import NOT_APPLICABLE, Outcome, Score, ok
from vectorstore.language.marks import MARKER
from vectorstore.language.sentences import sentence_spans
from vectorstore.language.words import NEGATIONS

_APOSTROPHES = str.maketrans({"\u2019": "'", "\u2018": "'"})
_SOURCES = (
    r"(?:documents?|passages?|contexts?|sources?|texts?|excerpts?|information|materials?|articles?|content|handbook|"
    r"knowledge base|data|files?|polic(?:y|ies)|guidelines?|manuals?|pages?|records?|search results?|"
    r"documentations?|reports?|guides?|filings?)"
)
_NOT = r"(?:do(?:es)? not|did not|don't|doesn't|didn't|cannot|can't|could not|couldn't|(?:am|was|were|are) (?:not able|unable) to|wasn't able to|unable to)"
_NEGATION = rf"(?:{'|'.join(sorted(NEGATIONS))}|\w+n't|unable)"
_TELLING = (
    r"(?:contain|mention|includ|specif|stat|provid|say|answer|address|cover|discuss|giv|hold|indicat|describ|explain|offer|"
    r"talk|speak|touch|reveal|disclos|confirm|den(?:y|ies)|list|nam(?:e|ing)|tell|refer|defin|elaborat|detail|clarif|show|identif|"
    r"go into|go beyond|allow|section|reference|entry|information|insight|detail|evidence|relevant|sufficient|related)\w*"
)
"""What sources do with an answer: a negation before it, and a source in the same sentence, make a refusal."""
_REFUSALS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b(?:i|we)(?:'m| am| was| were|'re| are)? ?{_NOT} (?:\w+ ){{0,2}}(?:find|locate|answer|determine|see|have|know|provide|tell|say)\b(?! out)",
        r"\b(?:i|we)(?:'m| am|'re| are) (?:not sure|sorry|afraid|unable)\b",
        rf"\b{_SOURCES}(?: \w+){{0,5}} (?:{_NOT}) (?:\w+ ){{0,2}}(?:contain|mention|include|specify|state|provide|say|answer|address|cover|discuss|give|hold|have|indicate|describe|explain|offer)",
        r"\bno (?:\w+ ){0,3}(?:information|mention|answer|details?|data|references?|evidence) (?:\w+ ){0,4}(?:in|within|from|is|was|about|on|regarding|available|found|given|provided)\b",
        r"\b(?:there is|there's|there was) (?:no|not enough|insufficient) (?:\w+ ){0,2}(?:information|mention|answer|details?|data|context|evidence)\b",
        rf"\b(?:is|are|was|were) (?:not|n't|nowhere) (?:\w+ ){{0,2}}(?:mentioned|stated|specified|provided|given|found|covered|answered|included|described|addressed|available|discussed|contained|present)\b (?:\w+ ){{0,4}}{_SOURCES}",
        rf"\b(?:isn't|aren't|wasn't) (?:\w+ ){{0,2}}(?:mentioned|stated|specified|provided|given|found|covered|answered|included|described|addressed|available|discussed|contained|present)\b (?:\w+ ){{0,4}}{_SOURCES}",
        r"\b(?:cannot|can't|could not|couldn't|can not) be (?:answered|determined|found|inferred)\b",
        r"\b(?:insufficient|not enough) (?:information|context|evidence|data)\b",
        r"\b(?:unanswerable|NOT_IN_DOCUMENTS|out(?:side)? (?:of )?(?:the )?scope)\b",
        r"\b(?:i|we) (?:have|found|see) (?:no|nothing)\b",
        rf"\bnothing (?:\w+ ){{0,4}}{_SOURCES} (?:\w+ ){{0,2}}(?:says?|mentions?|answers?|covers?|addresses)\b",
        rf"\b{_SOURCES}\b[^.!?]{{0,260}}\b{_NEGATION} (?:(?!on|the)\w+ ){{0,2}}{_TELLING}\b",
        r"\b(?:i|we) (?:could |can )?(?:find|found|see|saw|have) (?:no|nothing)\b",
        r"\b(?:this|that|it) (?:is not|isn't) (?:covered|mentioned|addressed|discussed|answered|stated) here\b",
        rf"\b{_NEGATION} (?:\w+ ){{0,5}}{_SOURCES}\b (?:\w+ ){{0,3}}{_TELLING}\b",
        rf"\b{_NEGATION} (?:\w+ ){{0,1}}(?:in|from|with|within) (?:\w+ ){{0,2}}{_SOURCES}\b",
        rf"\b{_SOURCES} leaves? (?:it |this |that )?open\b",
        rf"\b{_SOURCES}\b[^.!?]{{0,260}}\b(?:are|is) (?:unrelated|irrelevant|unknown|unclear|insufficient)\b",
        rf"\b{_SOURCES}\b[^.!?]{{0,260}}\b(?:say|says|hold|holds|contain|contains) nothing\b",
        r"\b(?:there (?:is|are) (?:not|no)|there (?:isn't|aren't)) (?:any )?(?:\w+ ){0,2}(?:information|details?|mention|data|evidence)\b",
        r"\b(?:i|we) (?:would )?need more (?:\w+ )?(?:documents?|information|context|details)\b",
        r"\bc[ao]me up empty\b",
        rf"\b{_SOURCES}(?: \w+){{0,5}} (?:make|makes|contain|contains|give|gives|provide|provides|offer|offers|hold|holds) no \w+",
        rf"\b(?:there is|there's|there was) nothing (?:\w+ ){{0,3}}{_SOURCES}",
        rf"\b{_SOURCES}(?: \w+){{0,3}} (?:is|are) silent\b",
        rf"\b{_SOURCES}(?: \w+){{0,5}} lacks? \w+",
        rf"\bneither of the (?:\w+ ){{0,3}}{_SOURCES}\b",
        r"\bit(?: is not| isn't|'s not) (?:possible to (?:say|tell|answer|determine|know)|(?:stated|specified|mentioned|said))\b",
        rf"\bunclear from (?:\w+ ){{0,3}}{_SOURCES}",
        rf"\b{_NOT} appear (?:\w+ ){{0,3}}{_SOURCES}",
        r"\b(?:i|we) lack (?:\w+ ){0,2}(?:information|details?|data|context)",
        r"\bnothing (?:was|could be) found\b",
        rf"\b(?:question|topic|this|that) (?:\w+ )?(?:goes beyond|falls outside|is beyond|lies outside) (?:\w+ ){{0,3}}{_SOURCES}",
        rf"\bhave not been given (?:\w+ ){{0,3}}{_SOURCES}",
        rf"\bnone of the (?:\w+ ){{0,3}}{_SOURCES}\b",
    )
)
_OPENING = 260
"""A refusal says so at its start; what comes after may quote anything."""


def refusal(outcome: Outcome) -> dict[str, Score]:
    """Return whether the decision was right, and which wrong one was made.

    An unsure answer, which says so and shows the closest passage, is no refusal of what can be answered and no false
    answer to what cannot.
    """
    answerable, sure = outcome.case.answerable, outcome.outcome == "answered"
    return {
        "abstention_accuracy": ok(not outcome.refused if answerable else not sure),
        "refusal_of_unanswerable": NOT_APPLICABLE if answerable else ok(outcome.refused),
        "false_answer_rate": NOT_APPLICABLE if answerable else ok(sure),
        "over_refusal": ok(outcome.refused) if answerable else NOT_APPLICABLE,
        "unsure": ok(outcome.unsure) if answerable else NOT_APPLICABLE,
    }


def sounds_refused(answer: str) -> bool:
    """Say whether an answer reads like a refusal: for systems that set no flag.

    Footnote's own phrases in all its languages, and in English the turns of phrase that models use. Only the
    opening counts, and a refusal cites nothing.
    """
    text = " ".join(answer.translate(_APOSTROPHES).split())
    if not text:
        return True
    if any(text.startswith(opening) for opening in _own()):
        return True
    return any(pattern.search(_first(text)) for pattern in _REFUSALS)


def _first(text: str) -> str:
    """Return the opening up to its first marker's sentence: a cited statement is an answer."""
    opening = text[:_OPENING]
    sentences = [opening[start:end] for start, end in sentence_spans(opening, quotations=True)[:2]]
    return " ".join(sentence for sentence in sentences if not MARKER.search(sentence))


@lru_cache(maxsize=1)
def _own() -> tuple[str, ...]:
    said = (say(phrase, language) for language in languages() for phrase in ("refused", "nothing"))
    return tuple(text.split("{")[0].split(".")[0].strip() for text in said)
