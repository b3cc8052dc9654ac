"""Follow-ups carry what they lean on; questions that stand alone come back as they were."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.answer.answerer import ModelFailure
from app.question import Message
from app.understand.condense import by_model, standalone


def _history(*questions: str) -> list[Message]:
    turns = []
    for question in questions:
        turns += [Message("user", question), Message("assistant", "An answer about penguins [1].")]
    return turns


@given(st.text(max_size=80))
def test_a_first_question_is_untouched(question: str) -> None:
    assert standalone(question, []).text == question


@pytest.mark.parametrize(
    ("earlier", "question", "carried"),
    [
        ("How many days of parental leave are there in Spain?", "And for interns?", {"parental", "spain"}),
        ("What was the travel budget in 2023?", "What about 2024?", {"travel", "budget"}),
        ("Who leads the Lisbon office?", "How do I reach her?", {"lisbon", "office"}),
        ("What is the Tarn G5 gateway?", "What does it cost?", {"tarn", "g5", "gateway"}),
    ],
)
def test_a_follow_up_carries_what_it_leans_on(earlier: str, question: str, carried: set[str]) -> None:
    found = standalone(question, _history(earlier))
    assert carried <= set(found.given)
    assert found.text == question


@pytest.mark.parametrize(
    "question",
    [
        "How many days of annual leave do full-time employees get?",
        "Which printers stand in the Ghent office?",
    ],
)
def test_a_question_after_a_change_of_topic_is_untouched(question: str) -> None:
    assert standalone(question, _history("What does error E-217 on the pump mean?")).text == question


def test_answers_do_not_leak_into_the_question() -> None:
    assert "penguins" not in standalone("And for interns?", _history("How long is parental leave?")).whole


def test_a_chain_of_follow_ups_reaches_back_to_its_topic() -> None:
    found = standalone("And there?", _history("How long is parental leave in Spain?", "And in Germany?"))
    assert {"germany", "parental"} <= set(found.given)


@pytest.mark.parametrize(
    ("said", "searched"),
    [
        ("By the way, how long is the notice period in the contract?", "how long is the notice period in the contract?"),
        ("I see, tell me more about the annual travel budget", "the annual travel budget"),
        ("How can I get my parking permit then?", "How can I get my parking permit?"),
        ("In other words, the company pays the rent deposit, right?", "the company pays the rent deposit?"),
        ("What do you mean by gross salary statement?", "What do you mean by gross salary statement?"),
    ],
)  # fmt: skip
def test_what_people_say_around_a_question_is_left_out_in_a_conversation(said: str, searched: str) -> None:
    history = [Message("user", "How do I hand in expenses?"), Message("assistant", "In Pennytrail [1].")]
    assert standalone(said, history).text == searched
    assert standalone(said, []).text == said


def test_a_comparison_does_not_lean_on_the_conversation() -> None:
    history = [Message("user", "How do I hand in expenses?")]
    question = "Is personal income tax the same as corporate tax?"
    assert standalone(question, history).given == ()


def test_a_code_that_is_replaced_is_not_carried() -> None:
    history = [Message("user", "What is the reaction time for P1 tickets on plan Site?")]
    carried = standalone("And P2?", history).given
    assert "p1" not in carried
    assert {"reaction", "tickets", "plan"} <= set(carried)


def test_a_follow_up_is_worded_by_the_model_and_without_it_where_it_fails() -> None:
    history, question = _history("Who leads the Lisbon office?"), "How do I reach her?"
    asked: list[str] = []

    def saying(reply: str) -> str:
        async def complete(prompt: str) -> str:
            asked.append(prompt)
            if not reply:
                raise ModelFailure("model_unavailable", "Gone.")
            return reply

        return asyncio.run(by_model(complete, question, history)).whole

    assert saying(" How do I reach the lead of Lisbon? ") == "How do I reach the lead of Lisbon?"
    assert saying("") == saying(" ") == standalone(question, history).whole
    assert len(asked) == 3
    assert "Lisbon office" in asked[0]
