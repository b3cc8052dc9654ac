"""What a model writes beside its answer: thoughts, refusals in any dress, and the prompt's delimiter."""

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.answer.answerer import Piece, Restart, Written
from app.answer.spoken import Habit, whole, with_refusal, without_thoughts

THOUGHT = "The user asks for [1]. It was 30 days, or < 40? I will answer 25.\n\n"
ANSWER = "Staff get 25 days [1]. Is 3 < 4 [2]? Not in the tables."


async def _pieces(said: Sequence[str]) -> AsyncGenerator[Piece, None]:
    for piece in said:
        yield piece
    yield Written()


def heard(*said: str, habit: Habit | None = None) -> tuple[str, str]:
    """Return what is left of an answer that comes in these pieces, and what came of the question."""

    async def collect() -> tuple[str, str]:
        text, outcome = "", ""
        thoughtless = without_thoughts(_pieces(said), habit or Habit())
        async for piece in with_refusal(thoughtless, language="en"):
            match piece:
                case str():
                    text += piece
                case Restart():
                    text = ""
                case Written():
                    outcome = piece.outcome
        return text.strip(), outcome

    return asyncio.run(collect())


THOUGHTFUL = [
    f"<think>\n{THOUGHT}</think>\n\n{ANSWER}",
    f"<thinking>{THOUGHT}</thinking>{ANSWER}",
    f"<Reasoning effort='high'>{THOUGHT}</ Reasoning >{ANSWER}",
    f"<thought >{THOUGHT}</thought>{ANSWER}",
    f"<think>\n\n</think>\n\n{ANSWER}",
    f"[THINK]{THOUGHT}[/THINK]{ANSWER}",
    f"◁think▷{THOUGHT}◁/think▷{ANSWER}",
    f"Okay, {THOUGHT}</think>\n\n{ANSWER}",
    f"<think>{THOUGHT}</think>{ANSWER}<think>{THOUGHT}</think>",
    f"<think>{THOUGHT}</think>{ANSWER}<think>{THOUGHT}",
    f"<<0123456789abcdef>>\n{ANSWER}",
]


@pytest.mark.parametrize("said", THOUGHTFUL)
def test_a_thought_is_dropped_however_it_is_cut(said: str) -> None:
    assert heard(said) == heard(*said) == heard(*re.split(r"(?<= )", said)) == (ANSWER, "answered")


@given(said=st.sampled_from(THOUGHTFUL), cuts=st.lists(st.integers(0, 200), max_size=6))
def test_a_thought_is_dropped_at_any_cut(said: str, cuts: list[int]) -> None:
    places = sorted({0, *cuts})
    pieces = [said[a:b] for a, b in zip(places, [*places[1:], len(said)], strict=True)]
    assert heard(*pieces) == (ANSWER, "answered")


@pytest.mark.parametrize(
    "said", [f"<think>{THOUGHT}", f"<thinking mode=long>{THOUGHT}", "<think>", "</think>"]
)
def test_of_a_thought_that_never_ends_nothing_is_left(said: str) -> None:
    assert heard(*said)[0] == heard(said)[0] == ""


@pytest.mark.parametrize(
    "said",
    [
        ANSWER,
        "Write <name> [reason] and <thin> here.",
        "Use the `<think>` tag.",
        "a < b",
        "x <",
        "<<12",
        "Not I",
        "N",
    ],
)
def test_what_is_no_thought_and_no_refusal_stays_as_it_is(said: str) -> None:
    assert heard(said) == heard(*said) == (said, "answered")


def test_a_model_that_only_ends_its_thoughts_is_known_from_the_second_answer_on() -> None:
    async def shown(habit: Habit) -> list[Piece]:
        return [piece async for piece in without_thoughts(_pieces([*f"Hm. 30?</think>{ANSWER}"]), habit)]

    habit = Habit()
    assert (
        "".join(piece for piece in asyncio.run(shown(habit)) if isinstance(piece, str)) == f"Hm. 30?{ANSWER}"
    )
    assert "".join(piece for piece in asyncio.run(shown(habit)) if isinstance(piece, str)) == ANSWER
    assert heard(ANSWER, habit=habit) == (ANSWER, "answered")


def test_what_is_searched_next_holds_no_thought() -> None:
    for said in THOUGHTFUL:
        assert asyncio.run(whole(_pieces([*said]), Habit())) == ANSWER


DRESSES = [
    "NOT_IN_DOCUMENTS",
    "not_in_documents.",
    "Answer: NOT_IN_DOCUMENTS",
    "**NOT_IN_DOCUMENTS**",
    "`NOT_IN_DOCUMENTS`",
    '"NOT_IN_DOCUMENTS" because nothing is said of it',
    "NOT\\_IN\\_DOCUMENTS",
    "NOT IN DOCUMENTS",
    '{"answer": "NOT_IN_DOCUMENTS"}',
    "I am sorry, NOT_IN_DOCUMENTS.",
    "The passages do not hold it.\n\nNOT_IN_DOCUMENTS",
    "NOT_IN_DOCUMENTS\n\nThe passages are about leave [1].",
    "<think>NOT_IN_DOCUMENTS? No, [1] says 25.</think>\nNOT_IN_DOCUMENTS",
    "Hm, is it [1]?</think>NOT_IN_DOCUMENTS",
]


@pytest.mark.parametrize("said", DRESSES)
def test_a_refusal_is_one_in_any_dress_however_it_is_cut(said: str) -> None:
    for text, outcome in (heard(said), heard(*said), heard(*re.split(r"(?<= )", said))):
        assert outcome == "refused"
        assert "DOCUMENTS" not in text.upper().replace(" ", "_").replace("\\", "")


def test_a_refusal_of_a_part_stands_there_in_words() -> None:
    said = "Staff get 25 days [1]. Yachts: NOT_IN_DOCUMENTS. Interns get 12 [1]."
    shown = "Staff get 25 days [1]. Yachts: not in the documents. Interns get 12 [1]."
    assert heard(said) == heard(*said) == (shown, "answered")


def test_a_refused_thought_is_no_refusal() -> None:
    said = f"<think>NOT_IN_DOCUMENTS?</think>{ANSWER}"
    assert heard(said) == heard(*said) == (ANSWER, "answered")
    assert heard(*f"Or NOT_IN_DOCUMENTS?</think>{ANSWER}") == (ANSWER, "answered")
