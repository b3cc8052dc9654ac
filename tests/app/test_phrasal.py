"""Verbs of two words and the one that documents use."""

import pytest

from app.language.phrasal import meant
from app.language.reading import read
from app.question import Part
from app.reader.asked import ask


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("how late can i hand in my costs?", ["submit"]),
        ("how do i hand my old receipts in?", ["submit"]),
        ("my grandma passed away", ["death"]),
        ("who backs her up when she is called off?", ["backup", "cancel"]),
        ("is the salary paid in full?", []),
        ("does the money come in december?", []),
        ("who is on call in the week of 11 january?", []),
        ("what is in my hand?", []),
    ],
)
def test_a_verb_of_two_words_is_known_by_what_it_means(question: str, words: list[str]) -> None:
    assert [found.word for found in meant(question)] == words


def test_a_sentence_with_the_single_word_covers_the_question() -> None:
    sentence = read("Claims are submitted within 30 days.").stems
    asked = ask(Part("How late can I hand in claims?"))
    assert asked.held(sentence)["hand"] == 1.0
    assert asked.coverage(sentence) > ask(Part("How late can I hand claims?")).coverage(sentence)
