"""Follow-ups carry what they lean on; questions that stand alone come back as they were."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.answer.answerer import ModelFailure
from app.question import Message, Part, Question
from app.understand.condense import by_model, by_words, parts_of, standalone, understand
from vectorstore.types import Scope


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
        ("Who leads the Lisbon office?", "How do I reach her?", {"lisbon", "office"}),
        ("What is the Tarn G5 gateway?", "What does it cost?", {"tarn", "g5", "gateway"}),
        ("How many vacation days do staff in Norway get?", "Why so little?", {"vacation", "days"}),
        ("What is the meal allowance for trips to Oslo?", "Since when?", {"meal", "allowance", "oslo"}),
        ("How high is the deposit for a locker?", "Who decides that?", {"deposit", "locker"}),
        ("What is the hotel cap in Lisbon?", "What about taxis?", {"lisbon"}),
        ("How long is the notice period?", "And the interns?", {"notice", "period"}),
        ("When do contracts renew?", "And how do I cancel one?", {"contracts"}),
        ("Warum ist der Zuschuss gestrichen?", "Seit wann?", {"zuschuss"}),
        ("Wie melde ich eine Dienstreise an?", "Und wer genehmigt sie?", {"dienstreise"}),
    ],
)
def test_a_follow_up_carries_what_it_leans_on(earlier: str, question: str, carried: set[str]) -> None:
    found = standalone(question, _history(earlier))
    assert carried <= set(found.given)
    assert found.text == question


@pytest.mark.parametrize(
    ("earlier", "question", "asked"),
    [
        ("What is the noise limit at site B?", "And site A?", "What is the noise limit at site A?"),
        ("What is the response time for P1 incidents?", "And P3?", "What is the response time for P3 incidents?"),
        ("What was the travel budget in 2023?", "What about 2024?", "What was the travel budget in 2024?"),
        ("What is the storage limit for plan Basic?", "ok, and for plan Pro?", "What is the storage limit for plan Pro?"),
        ("Who is on call at the weekend?", "and at night?", "Who is on call at night?"),
        ("What is the noise limit at site B?", "And at night?", "What is the noise limit at site B at night?"),
        ("How long is the notice period?", "And for apprentices?", "How long is the notice period for apprentices?"),
        ("How many days do staff in Norway get?", "And in Portugal?", "How many days do staff in Portugal get?"),
        ("What is the noise limit at the depot?", "And at the harbour?", "What is the noise limit at the harbour?"),
        ("What is the warranty on the X200?", "and the X300?", "What is the warranty on the X300?"),
        ("Wie viele Urlaubstage habe ich in Norwegen?", "Und in Portugal?", "Wie viele Urlaubstage habe ich in Portugal?"),
        ("¿Cuántos días tengo en Chile?", "¿Y en México?", "¿Cuántos días tengo en México?"),
        ("Combien de jours ai-je en France ?", "Et en Belgique ?", "Combien de jours ai-je en Belgique ?"),
    ],
)  # fmt: skip
def test_a_question_about_another_thing_is_the_earlier_one_about_it(
    earlier: str, question: str, asked: str
) -> None:
    assert standalone(question, _history(earlier)) == Part(asked)


def test_thanks_between_two_questions_lose_no_topic() -> None:
    assert "deposit" in standalone("Who sets it?", _history("How high is the deposit?", "thanks!")).given


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
    history = _history("How long is parental leave in Spain?", "And in Germany?")
    found = standalone("And who decides there?", history)
    assert {"germany", "parental"} <= set(found.given)
    assert "spain" not in found.given
    assert (
        standalone("And for fathers?", history).text == "How long is parental leave in Germany for fathers?"
    )


@pytest.mark.parametrize(
    ("said", "searched"),
    [
        ("By the way, how long is the notice period in the contract?", "how long is the notice period in the contract?"),
        ("I see, tell me more about the annual travel budget", "tell me more about the annual travel budget"),
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
    for none in (
        "Lisbon is led by Ana [1]. How do I reach her?",
        "The documents do not say.",
        "Passages: none",
    ):
        assert saying(none) == standalone(question, history).whole


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        ("The boiler leaks. Who repairs it and how soon?", 2),
        ("I broke a window. Where do I report that, and who pays?", 2),
        ("We moved to Lyon. Which rules hold?", 1),
        ("The boiler leaks, and what I said stands. Thanks.", 1),
    ],
)
def test_a_question_after_a_sentence_that_only_tells_is_parted_like_others(question: str, parts: int) -> None:
    assert len(parts_of(Part(question))) == parts


@pytest.mark.parametrize(
    ("earlier", "question", "topics"),
    [
        ("Who approves overtime?", "And who signs the timesheet, and is there a canteen?", [set(), set()]),
        ("Can I park in Lyon?", "Which retention period applies to invoices, and who deletes them?", [set(), {"retention", "invoices"}]),
        ("Can I park in Lyon?", "What does it cost, and how many vacation days do new employees get?", [{"park", "lyon"}, set()]),
    ],
)  # fmt: skip
def test_a_part_that_says_what_it_is_about_takes_no_topic(
    earlier: str, question: str, topics: list[set[str]]
) -> None:
    asked = Question(question, Scope(), history=tuple(_history(earlier)), top_k=6)
    parts = asyncio.run(understand(asked, by_words)).parts
    assert len(parts) == len(topics)
    for part, topic in zip(parts, topics, strict=True):
        assert topic <= set(part.given)
        assert topic or not part.given, part


def test_the_last_answer_in_other_words_is_searched_as_the_question_before() -> None:
    history = _history("How long is parental leave in Spain?", "And in Germany?", "thanks")
    asked = asyncio.run(
        understand(Question("Shorter!", Scope(), history=tuple(history), top_k=6), by_words, rewords=True)
    )
    assert asked.alone == Part("How long is parental leave in Germany?")
    assert asked.put == "Shorter!"
