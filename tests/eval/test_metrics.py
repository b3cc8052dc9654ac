"""Metrics: what each says of plain examples, and what holds for any answer whatever."""

import math
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.language.phrases import languages, say
from app.support.claim import lead
from eval.metrics.answer import citations, correctness, factual_sentences, nuggets
from eval.metrics.outcome import Outcome
from eval.metrics.refusal import refusal, sounds_refused
from eval.metrics.retrieval import retrieval
from eval.metrics.scorers import scores_of
from eval.metrics.summary import summarise
from eval.run import relevance, system
from tests.eval.outcomes import LEAVE, TRAVEL, answered
from tests.fakes.word_embedder import WordEmbedder

REFUSALS = (
    "I could not find the answer in the documents I can search. The nearest are: Leave.",
    "The provided context does not contain information about parking permits.",
    "I don't know based on the given passages.",
    "Unfortunately, the documents do not mention a dress code.",
    "There is no information in the handbook about pets.",
    "I\u2019m sorry, but I cannot find any details on that.",
    "The passages don't specify who approves this.",
    "This question cannot be answered from the provided documents.",
    "It is not mentioned in the context.",
    "Insufficient information to answer.",
    "NOT_IN_DOCUMENTS",
    "I'm unable to find that in the sources.",
    "None of the provided documents address this topic.",
    "In den Dokumenten, die ich durchsuchen kann, habe ich die Antwort nicht gefunden.",
    "",
)
ANSWERS = (
    "Staff get 25 days of leave [1].",
    "No. Interns may not carry days over [2].",
    "You cannot take more than three days in September.",
    "The policy does not apply to contractors [1].",
    "Receipts are not required below EUR 10.",
    "Sick days are not deducted from annual leave.",
    "If you cannot find your badge, call security.",
    "The laptop must not leave the building; nobody provides a second one.",
    "There is no limit on meals for visitors.",
)


@pytest.mark.parametrize("answer", REFUSALS)
def test_a_refusal_is_known_by_its_words(answer: str) -> None:
    assert sounds_refused(answer)


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_with_a_no_in_it_is_no_refusal(answer: str) -> None:
    assert not sounds_refused(answer)


def test_a_citation_counts_when_its_passage_holds_the_sentence() -> None:
    good = citations(answered("Full-time staff get 25 days of annual leave. [1]", LEAVE, TRAVEL))
    wrong = citations(answered("Full-time staff get 25 days of annual leave. [2]", LEAVE, TRAVEL))
    spare = citations(answered("Full-time staff get 25 days of annual leave. [1][2]", LEAVE, TRAVEL))
    absent = citations(answered("Full-time staff get 25 days of annual leave. [7]", LEAVE, TRAVEL))
    assert [good[name].value for name in ("citation_validity", "citation_recall", "citation_precision")] == [
        1,
        1,
        1,
    ]
    assert (wrong["citation_recall"].value, wrong["citation_precision"].value) == (0, 0)
    assert (spare["citation_recall"].value, spare["citation_precision"].value) == (1, 0.5)
    assert (absent["citation_validity"].value, absent["citation_recall"].value) == (0, 0)


def test_one_cited_sentence_does_not_make_up_for_another_without() -> None:
    found = citations(
        answered("Full-time staff get 25 days of annual leave. [1] Unused days expire on 31 March.", LEAVE)
    )
    assert found["citation_recall"].value == 0.5
    assert found["citation_precision"].value == 1


@pytest.mark.parametrize("language", languages())
def test_a_note_of_what_is_missing_is_no_claim(language: str) -> None:
    note = say("partly", language, words="zebra parking")
    outcome = answered(f"{note} Nothing else is known. {note}")
    assert [text for text in factual_sentences(outcome) if "zebra" in text] == []
    assert len(factual_sentences(answered("The zebra parking is free."))) == 1


@pytest.mark.parametrize("language", languages())
def test_whose_words_follow_is_no_claim(language: str) -> None:
    plain = answered("", LEAVE)
    home = replace(plain.passages[0].document, modified=datetime(2026, 6, 15, tzinfo=UTC))
    outcome = replace(
        plain,
        answer=f"{lead('newer', home, language)}Staff get 25 days. [1]",
        passages=(replace(plain.passages[0], document=home),),
    )
    assert factual_sentences(outcome) == ["Staff get 25 days."]


def test_correctness_weighs_rare_words_more() -> None:
    reference: dict[str, Any] = {"reference": "The deductible is EUR 250."}
    same = correctness(answered("The deductible is EUR 250. [1]", LEAVE, **reference))
    rare = correctness(answered("The deductible is high.", LEAVE, **reference))
    common = correctness(answered("It is the limit.", LEAVE, **reference))
    assert same["answer_correctness"].value == 1
    assert rare["answer_correctness"].value > common["answer_correctness"].value
    assert correctness(answered("Anything."))["answer_correctness"].status == "not_applicable"
    assert correctness(answered("No.", refused=True, **reference))["answer_correctness"].value == 0


def test_vital_nuggets_weigh_twice() -> None:
    facts: dict[str, Any] = {
        "nuggets": [{"text": "25 days of annual leave"}, {"text": "expire on 31 March", "vital": False}]
    }
    found = nuggets(answered("Full-time staff get 25 days of annual leave.", LEAVE, **facts))
    assert found["nugget_recall"].value == pytest.approx(1 / 1.5)
    assert found["nugget_vital"].value == 1


def test_retrieval_of_passages_in_rank_order() -> None:
    gold: dict[str, Any] = {
        "evidence": [{"doc": "doc2.md", "quote": "Meals on business travel are refunded up to EUR 40"}]
    }
    found = retrieval(answered("x", LEAVE, TRAVEL, **gold), k=5)
    assert (found["hit@5"].value, found["mrr@5"].value, found["context_precision@5"].value) == (1, 0.5, 0.5)


def test_a_right_refusal_passes_and_has_no_other_score() -> None:
    outcome = answered("I could not find it.", LEAVE, refused=True, answerable=False)
    assert refusal(outcome)["abstention_accuracy"].value == 1
    assert refusal(outcome)["false_answer_rate"].value == 0
    scores = scores_of(outcome)
    for name in ("groundedness", "citation_recall", "answer_correctness", "nugget_recall"):
        assert scores[name].status == "not_applicable"


@given(
    st.sampled_from(["answered", "unsure", "refused"]),
    st.sampled_from(["It is 25.", "It is 26."]),
    st.booleans(),
)
def test_right_wrong_unsure_and_refused_make_a_whole(said: str, answer: str, answerable: bool) -> None:
    outcome = replace(
        answered(answer, LEAVE, must_include=["25"], answerable=answerable),
        refused=said == "refused",
        unsure=said == "unsure",
    )
    scores = scores_of(outcome)
    parts = [scores[name] for name in ("right", "wrong", "unsure", "over_refusal")]
    if answerable:
        assert sum(score.value for score in parts) == 1
        assert scores["right"].value == (said == "answered" and "25" in answer)
    else:
        assert {score.status for score in parts} == {"not_applicable"}
        assert scores["false_answer_rate"].value == (said == "answered")
        assert scores["refusal_of_unanswerable"].value == (said == "refused")


def test_an_unsure_answer_shows_what_it_must_and_is_no_wrong_decision_either_way() -> None:
    for answerable in (True, False):
        outcome = replace(
            answered("25 days.", LEAVE, must_include=["25"], answerable=answerable), unsure=True
        )
        scores = scores_of(outcome)
        assert scores["must_include"].value == 1
        assert scores["abstention_accuracy"].value == 1


@given(st.integers(1, 400), st.sampled_from([0.0, 1.0]))
def test_cases_that_all_say_the_same_leave_room_for_those_not_seen(count: int, value: float) -> None:
    mean = summarise([{"wrong": value}] * count, [str(n) for n in range(count)])["wrong"]
    assert mean.value == value
    assert 0 <= mean.low < mean.high <= 1
    assert mean.high - mean.low == pytest.approx(3.8416 / (count + 3.8416))


def test_the_system_tells_times_tokens_and_breaks() -> None:
    case = answered("x").case
    found = system(
        [Outcome(case, seconds=2.0, input_tokens=10, output_tokens=4), Outcome(case, error="down")]
    )
    assert found["answer, p50"] == 2.0
    assert found["tokens read, mean"] == 10
    assert found["errors, share"] == 0.5


_WORDS = st.sampled_from([*LEAVE.split(), *TRAVEL.split(), "[1]", "[2]", "[9]", ".", "?", "not", "42", "\n"])
_TEXTS = st.one_of(st.lists(_WORDS, max_size=30).map(" ".join), st.text(max_size=60))


@st.composite
def _outcomes(draw: st.DrawFn, name: str = "case") -> Outcome:
    return answered(
        draw(_TEXTS),
        *draw(st.lists(st.sampled_from([LEAVE, TRAVEL, "", "x"]), max_size=3)),
        refused=draw(st.booleans()),
        id=name,
        answerable=draw(st.booleans()),
        reference=draw(_TEXTS),
        evidence=[{"doc": "doc1.md", "quote": draw(_TEXTS)}] * draw(st.integers(0, 2)),
        nuggets=[{"text": "25 days", "vital": draw(st.booleans())}] * draw(st.integers(0, 2)),
    )


@settings(max_examples=60, deadline=None)
@given(_outcomes())
def test_every_score_is_a_share_or_says_why_there_is_none(outcome: Outcome) -> None:
    for name, score in scores_of(outcome).items():
        assert score.status in {"ok", "not_applicable"}, name
        assert math.isfinite(score.value), name
        assert 0.0 <= score.value <= 1.0, name


@settings(max_examples=20, deadline=None)
@given(st.lists(_outcomes(), min_size=2, max_size=4), st.randoms(use_true_random=False))
def test_the_order_of_cases_changes_no_score(outcomes: list[Outcome], random: Random) -> None:
    embedder = WordEmbedder()
    order = list(range(len(outcomes)))
    random.shuffle(order)
    before = [
        (scores_of(o), round(r.value, 6))
        for o, r in zip(outcomes, relevance(outcomes, embedder), strict=True)
    ]
    mixed = [outcomes[place] for place in order]
    after = [
        (scores_of(o), round(r.value, 6)) for o, r in zip(mixed, relevance(mixed, embedder), strict=True)
    ]
    assert after == [before[place] for place in order]


@settings(max_examples=30, deadline=None)
@given(_outcomes(), _outcomes("other"))
def test_a_case_scores_the_same_whatever_was_scored_before(outcome: Outcome, other: Outcome) -> None:
    alone = scores_of(outcome)
    scores_of(other)
    assert scores_of(outcome) == alone
