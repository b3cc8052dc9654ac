"""What Footnote says itself, in ten languages."""

import re
import tomllib
from pathlib import Path

import pytest

from app.language import phrases
from app.language.phrases import language_of, languages, listed, say

TABLE = tomllib.loads(Path(phrases.__file__).with_name("phrases.toml").read_text(encoding="utf-8"))


def test_every_language_says_everything_with_the_same_blanks() -> None:
    assert len(languages()) == 10
    for code, said in TABLE.items():
        assert said.keys() == TABLE["en"].keys(), code
        for name, text in said.items():
            assert re.findall(r"\{\w+\}", text) == re.findall(r"\{\w+\}", TABLE["en"][name]) or sorted(
                re.findall(r"\{\w+\}", text)
            ) == sorted(re.findall(r"\{\w+\}", TABLE["en"][name])), (code, name)


@pytest.mark.parametrize(
    ("question", "code"),
    [
        ("How many days of leave do I get?", "en"),
        ("Wie viele Urlaubstage habe ich?", "de"),
        ("Was kostet das?", "de"),
        ("Combien de jours de congé ai-je ?", "fr"),
        ("¿Cuántos días de vacaciones tengo?", "es"),
        ("Quanti giorni di ferie ho?", "it"),
        ("Quantos dias de férias tenho?", "pt"),
        ("Hoeveel vakantiedagen heb ik?", "nl"),
        ("Ile dni urlopu mam?", "pl"),
        ("有給休暇は何日ですか？", "ja"),
        ("كم يوم إجازة لدي؟", "ar"),
        ("E-217", "en"),
        ("die hard fans leave", "en"),
        ("How do I book a room in the Café Zürich?", "en"),
        ("Who is the CEO of La Poste?", "en"),
        ("", "en"),
    ],
)
def test_the_language_of_a_question_is_told_by_its_small_words(question: str, code: str) -> None:
    assert language_of(question) == code


def test_a_phrase_is_filled_in_and_an_unknown_language_gets_english() -> None:
    assert say("refused", "de", titles="A und B").endswith("A und B.")
    assert say("bye", "xx") == "Goodbye!"
    assert listed(["a", "b", "c"], "de") == "a, b und c"
    assert listed(["a"]) == "a"
