"""Small talk and front ends' own prompts are answered without documents; questions never are."""

import json

import pytest

from app.understand.smalltalk import housekeeping, reply


@pytest.mark.parametrize(
    "text",
    ["Hi", "hello!", "Hey there 👋", "Good morning", "Hallo", "¡Hola!", "Bonjour", "thanks", "Thank you so much!", "danke schön", "OK, thanks!", "bye", "Who are you?", "what can you do", "How are you?", "Hi, how are you?", "Merci beaucoup", "great"],
)  # fmt: skip
def test_small_talk_is_answered(text: str) -> None:
    assert reply(text)


@pytest.mark.parametrize(
    "text",
    ["Hi, how many days of leave do I get?", "thanks, and for interns?", "What is the ping interval?", "hello world program", "Who are the approvers?", "good practice", "", "help with expenses", "What does HI-3 mean?", "ok and in Spain?"],
)  # fmt: skip
def test_questions_are_not_small_talk(text: str) -> None:
    assert reply(text) is None


_HISTORY = "<chat_history>\nUSER: Hi\nASSISTANT: Hello!\nUSER: How many days of parental leave do I get?\n</chat_history>"


@pytest.mark.parametrize(
    ("task", "key"),
    [
        ("Generate a concise, 3-5 word title with an emoji summarizing the chat history.", "title"),
        ("Generate 1-3 broad tags categorizing the main themes of the chat history.", "tags"),
        ("Suggest 3-5 relevant follow-up questions or prompts.", "follow_ups"),
        ("Analyze the chat history to determine the necessity of generating search queries.", "queries"),
    ],
)
def test_housekeeping_prompts_get_the_json_they_ask_for(task: str, key: str) -> None:
    answer = housekeeping(f"### Task:\n{task}\n### Output:\nJSON\n{_HISTORY}")
    assert answer is not None
    assert list(json.loads(answer)) == [key]


def test_a_title_is_taken_from_the_first_real_question() -> None:
    answer = housekeeping(f"### Task:\nGenerate a title.\n{_HISTORY}")
    assert answer is not None
    assert json.loads(answer)["title"] == "Days of parental leave"


def test_an_ordinary_question_is_not_housekeeping() -> None:
    assert housekeeping("What is the task of the board?") is None
