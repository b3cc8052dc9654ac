"""Answering and refusing, on the measurable signs: missing words, codes, names, and the form of the answer."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.question import Part
from app.reader.answerable import Answerability, calibrated, refusal_text
from app.reader.asked import ask
from tests.app.passages import passage
from tests.app.reader import reading
from vectorstore.errors import BadInput

GATEWAY = (
    "The gateway shows error E-217 when the probe is disconnected. Connect the probe again and restart the gateway. "
    "The gateway has two ports and costs EUR 240 in the price list."
)


def decided(question: str, *texts: str, sure: float = 0.5, unsure: float = 0.5) -> Answerability:
    passages = [
        passage(text, number=number, title="Gateway manual", context="Gateway manual")
        for number, text in enumerate(texts, start=1)
    ]
    return reading(question, passages, sure=sure, unsure=unsure).decision


def test_nothing_found_is_not_answerable() -> None:
    assert decided("What is error E-217?", sure=0.0, unsure=0.0).outcome == "refused"


@pytest.mark.parametrize("question", ["the", "a", "Was ist das?", "Who is it, and what?"])
def test_a_question_that_names_nothing_is_not_answered_with_whatever_is_there(question: str) -> None:
    decision = decided(question, GATEWAY)
    assert decision.outcome == "refused"
    assert decision.reasons == ("the question names nothing",)


@pytest.mark.parametrize(
    ("held", "missing"),
    [
        ("What does error E-217 on the gateway mean?", "What does error E-999 on the gateway mean?"),
        ("What does the gateway cost?", "What does the carrying case cost?"),
        ("When is error E-217 shown on the gateway?", "When was the gateway factory in Oslo founded?"),
    ],
)
def test_a_near_miss_is_less_answerable_than_what_is_there(held: str, missing: str) -> None:
    assert decided(held, GATEWAY).confidence > decided(missing, GATEWAY).confidence + 0.1


def test_the_missing_code_is_named() -> None:
    found = decided("What does error E-999 on the gateway mean?", GATEWAY)
    assert found.missing == ("e-999",)


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=60), st.text(min_size=1, max_size=100), st.floats(0, 1), st.floats(0, 1))
def test_the_thresholds_alone_decide(question: str, text: str, sure: float, unsure: float) -> None:
    found = decided(question, text, sure=sure, unsure=unsure)
    assert 0.0 <= found.confidence <= 1.0
    if found.outcome != "refused":
        assert found.confidence >= (sure if found.outcome == "answered" else unsure)
        assert found.outcome == "answered" or found.confidence < sure


@pytest.mark.parametrize(
    ("question", "form"),
    [
        ("When does the kiosk open?", "time"),
        ("Wann öffnet der Kiosk?", "time"),
        ("How many lockers are there?", "number"),
        ("how long may a canoe be kept", "number"),
        ("¿Cuántas taquillas hay?", "number"),
        ("Who approves travel?", "name"),
        ("How do I rent a canoe?", "way"),
        ("Can I work from Spain?", "whether"),
        ("Why do reviews exist?", "other"),
    ],
)
def test_the_question_word_says_which_form_an_answer_has(question: str, form: str) -> None:
    assert ask(Part(question)).form == form


def test_a_refusal_names_the_nearest_documents_without_markers() -> None:
    text = refusal_text([passage("x", title="Leave policy"), passage("y", title="Expenses")], "en")
    assert "“Leave policy” and “Expenses”." in text
    assert "[" not in text
    assert refusal_text([], "en")


def test_calibrateds_part_what_can_be_parted() -> None:
    found = calibrated([0.9, 0.7, 0.3, 0.2], [True, True, False, False], over_refusal=0.05, false_answers=0.0)
    assert (found.sure, found.unsure) == pytest.approx((0.5, 0.5))


def test_between_the_thresholds_lies_what_cannot_be_parted() -> None:
    confidences = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
    answerable = [False, False, True, False, True, False, True, True]
    found = calibrated(confidences, answerable, over_refusal=0.0, false_answers=0.25)
    assert (found.sure, found.unsure) == pytest.approx((0.45, 0.25))


def test_thresholds_cannot_be_calibrated_on_one_kind_of_question() -> None:
    with pytest.raises(BadInput, match="questions that they do not"):
        calibrated([0.4, 0.5], [True, True], over_refusal=0.05, false_answers=0.25)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=2, max_size=40).filter(
        lambda cases: len({holds for _, holds in cases}) == 2
    ),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_calibrateds_never_allow_more_than_they_may(
    cases: list[tuple[float, bool]], over_refusal: float, false_answers: float
) -> None:
    found = calibrated(
        [value for value, _ in cases],
        [holds for _, holds in cases],
        over_refusal=over_refusal,
        false_answers=false_answers,
    )
    holding = [found.outcome(value) for value, holds in cases if holds]
    lacking = [found.outcome(value) for value, holds in cases if not holds]
    assert holding.count("refused") <= over_refusal * len(holding)
    assert lacking.count("answered") <= false_answers * len(lacking) or found.sure == 1
