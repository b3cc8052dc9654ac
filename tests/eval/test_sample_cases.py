"""The sample questions: each quote stands in its document, each pattern fits its reference, all kinds are there."""

import csv
import email
import email.policy
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from eval.cases import Case, load_cases
from eval.commands.run import SAMPLE
from eval.gate.thresholds import load_thresholds
from ingest.sample.make import HANDBOOK, plain_text, sources
from vectorstore.language.sentences import sentence_spans

CASES = load_cases(Path(__file__).parents[2] / "eval/sample/cases.jsonl")
ANSWERABLE = [case for case in CASES if case.answerable]
SOURCES = {source.output: source for source in sources()}


@cache
def document_text(doc: str) -> str:
    """The words of a document: the source's for a made one, without markup for the others."""
    if doc in SOURCES:
        return _spaced(plain_text(SOURCES[doc]))
    path = HANDBOOK / doc
    text = path.read_text(encoding="utf-8")
    match path.suffix:
        case ".html":
            soup = pytest.importorskip("bs4").BeautifulSoup(text, "html.parser")
            return _spaced(soup.main.get_text(" "))
        case ".csv":
            return _spaced("\n".join(" ".join(row) for row in csv.reader(text.splitlines())))
        case ".eml":
            message = email.message_from_string(text, policy=email.policy.default)
            return _spaced(str(message.get_content()))
        case ".md":
            return _spaced(re.sub(r"[*`|]|(?<!\w)_|_(?!\w)", " ", text))
        case _:
            return _spaced(text)


def _spaced(text: str) -> str:
    return re.sub(r"\s+(?=[.,;:)])|(?<=\()\s+", "", " ".join(text.split()))


@pytest.mark.parametrize("case", ANSWERABLE, ids=lambda case: case.id)
def test_every_quote_stands_in_its_document(case: Case) -> None:
    assert case.evidence
    for evidence in case.evidence:
        assert _spaced(evidence.quote) in document_text(evidence.doc)


@pytest.mark.parametrize("case", ANSWERABLE, ids=lambda case: case.id)
def test_every_pattern_fits_the_reference(case: Case) -> None:
    assert case.reference
    assert case.must_include
    for pattern in case.must_include:
        assert re.search(pattern, case.reference, re.IGNORECASE), pattern
    for pattern in case.must_not_include:
        assert not re.search(pattern, case.reference, re.IGNORECASE), pattern


def test_all_kinds_of_question_are_there() -> None:
    count = Counter(tag for case in CASES for tag in case.tags)
    least = {
        "single": 30, "several": 12, "table": 10, "number-date": 10, "follow-up": 10, "contradiction": 5,
        "yes-no": 5, "identifier": 5, "unanswerable": 22,
    }  # fmt: skip
    assert {kind: count[kind] for kind in least if count[kind] < least[kind]} == {}
    assert 90 <= len(CASES) <= 150


def test_what_the_handbook_does_not_answer_is_marked_so() -> None:
    for case in CASES:
        assert case.answerable == ("unanswerable" not in case.tags), case.id
        if not case.answerable:
            assert not case.evidence
            assert not case.must_include


def test_follow_ups_bring_their_conversation() -> None:
    for case in CASES:
        roles = [turn.role for turn in case.history]
        assert roles == ["user", "assistant"] * (len(roles) // 2)
        assert bool(roles) or "follow-up" not in case.tags


def test_all_are_reviewed_and_a_dozen_are_critical() -> None:
    assert all(case.reviewed for case in CASES)
    assert 10 <= sum(case.critical for case in CASES) <= 18


def test_questions_are_not_copied_from_their_evidence() -> None:
    copied = [
        case.id
        for case in ANSWERABLE
        if not case.history
        for quote in case.evidence
        if _overlap(case.question, quote.quote) > 0.8
    ]
    assert copied == []


def _overlap(question: str, quote: str) -> float:
    """The share of the question's longer words that the quote holds."""
    words = {word for word in re.findall(r"\w+", question.lower()) if len(word) > 3}
    return len(words & set(re.findall(r"\w+", quote.lower()))) / max(len(words), 1)


def test_the_sample_gates_false_answers_wrong_refusals_and_precision_as_well_as_what_is_right() -> None:
    gates = {gate.metric: gate for gate in load_thresholds(SAMPLE / "thresholds.toml")}
    assert gates.keys() >= {"must_include", "false_answer_rate", "over_refusal", "answer_precision"}
    assert not gates["false_answer_rate"].at_least
    assert not gates["over_refusal"].at_least
    answered = [case for case in CASES if case.answerable and case.reference]
    one = [case for case in answered if len(sentence_spans(case.reference)) == 1]
    assert len(one) > 0.9 * len(answered), "precision is gated where references are one sentence"
