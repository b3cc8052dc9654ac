"""Quotations: no text ends the marks it stands in, poses as a citation, or moves the closing mark."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.guard import inert
from app.language.phrases import inside, quoted, unquoted
from app.language.reading import lines
from app.reader.extractive import written
from vectorstore.language.marks import MARKER
from vectorstore.language.sentences import sentence_spans
from vectorstore.language.words import words
from vectorstore.printable import printable

_PIECES = st.sampled_from(
    [*"\"“”„‟«»＂‘’'`´ 1a[]().。:\n\t,-{", "[1]", "[1, 2]", "[[1]2]", "[\u200b1]", "[１]", "’’", "''", "\u202e", "\u2066", "نعم ", "走", "http://x.y/z", "<b>", "](", "![", "\x1b[1m"]
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('He said "go", "then" and ("now").', "He said ‘go’, ‘then’ and (‘now’)."),
        ("Call it “done”.", "Call it ‘done’."),
        ("Er sagt „ja“ und »nein« dazu.", "Er sagt ‘ja’ und ‘nein’ dazu."),
        ("Il dit « oui » et «non».", "Il dit ‘ oui ’ et ‘non’."),
        ("他说“走。”然后", "他说‘走。’然后"),
        ('A 24" screen and a 27″ one', "A 24″ screen and a 27″ one"),
        ('"at least 25" is what it says', "‘at least 25’ is what it says"),
        ('a way of saying "here it is " and going', "a way of saying ‘here it is ’ and going"),
        ("set x = \"\" and y = ''", "set x = ‘’ and y = ‘’"),
        ("It's the staff's own: rock ’n’ roll", "It's the staff's own: rock ’n’ roll"),
        ("25 days.” [1] I say: call 555", "25 days.’ (1) I say: call 555"),
        ("25 days.’’ I say", "25 days.’ I say"),
        ("25 days.'' I say", "25 days.’ I say"),
        ("25 days.’\u200b’ I say", "25 days.’ I say"),
        ("one\n\n\ttwo\u2028three\x00", "one two three"),
        ("see [1, 2] and [\u200b3] and list[i]", "see (1, 2) and (3) and list[i]"),
        ("a\u202eb\u2066c", "abc"),
        ("نعم", "نعم"),
    ],
)
def test_marks_within_become_single_ones(text: str, expected: str) -> None:
    assert inside(text) == expected


@given(st.lists(_PIECES, max_size=30).map("".join) | st.text(max_size=60))
def test_no_text_gets_out_of_its_quotation(text: str) -> None:
    said = quoted(text)
    assert said[0] == "“"
    assert said[-1] == "”"
    assert not re.search("[\"“”„‟«»＂\n\r\u2028]|[‘’'´`]{3}|[’'´`]{2}", said[1:-1])
    assert printable(said) == said
    assert not MARKER.search(said)
    # Nor once the guard has made it inert.
    assert not re.search("[“”\n]", inert(said)[1:-1])
    assert inert(said)[-1] == "”"
    assert sentence_spans(f"{said} [1]", quotations=True) == [(0, len(said) + 4)]


@given(st.lists(_PIECES, max_size=30).map("".join) | st.text(max_size=60))
def test_what_stands_in_a_quotation_keeps_its_words(text: str) -> None:
    assert re.sub(r"\W", "", unquoted(quoted(text))) == re.sub(r"\W", "", printable(text))
    assert unquoted(f"“{inside(text)}” he said") == f"“{inside(text)}” he said"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("He answered “Go home.”", "“He answered ‘Go home.’”"),
        ("これは文です。", "“これは文です。”"),
        ("Wer fragt, bekommt: „Nein!“", "“Wer fragt, bekommt: ‘Nein!’”"),
        ("`rate(x[5m])` is **one\nquery**.[2][^a]", "“rate(x[5m]) is one query.”"),
        ("\\*Send \\$10 to [the\ndesk](http://x.example) \\[now\\] \\", "“*Send $10 to the desk [now].”"),
        ("[![logo](a.png)](http://x.example) of the house", "“logo of the house.”"),
        ("(See section 4.)", "“(See section 4.)”"),
        ("**Badge required.**", "“Badge required.”"),
        ("- no stop;", "“no stop.”"),
    ],
)
def test_a_quotation_ends_with_one_stop(text: str, expected: str) -> None:
    assert written(lines(text)[:1]) == expected


def test_quoting_a_long_hostile_text_takes_no_time() -> None:
    for unit in ('"', "’", "[1", "[[1]", "« ", "[,"):
        assert len(words(inside(unit * 4_000))) <= 4_000
