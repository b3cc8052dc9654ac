"""What a list item, a citation, a month, a word, a negation and a number in words are is written down once."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from app.language.reading import lines
from app.reader.extractive import written
from ingest.parse.plain import write_plain
from ingest.parse.writer import ExtractWriter
from tests.ingest.limits import limits
from vectorstore.language.marks import cited, unmarked
from vectorstore.language.sentences import SentenceStream, sentence_spans
from vectorstore.language.words import MONTHS, NEGATIONS, NUMBERS, terms

ROOT = Path(__file__).parents[1]
ROOMS = ("app", "eval", "ingest", "prompts", "vectorstore")
MARKS = "vectorstore/language/marks.py"
WORDS = "vectorstore/language/words.py"
TELLTALES = {
    "list bullet": (
        r"[•◦▪‣]|\[[-*+\\]{2,5}\]\)?(?:\\s|\(\?=\\s)|\(\?:[-*+|\\]{3,9}\)\\s",
        {
            MARKS,
            "ingest/parse/marked/rst_inline.py",
            "ingest/parse/office/ooxml.py",
            "ingest/parse/office/rtf_flow.py",
        },
    ),
    "number of a list": (
        r"\\d(?:\{1,\d\}|\+\+?)?\)?\[(?:\.\)|\)\.)\]",
        {MARKS, "app/turn/suggestions.py"},
    ),
    "marker": (
        r"\\\[(?:\(\?=)?[(]?\\d|\\\[\[\\d|\\\[\(\?=\[\\d|\\\[\[0-9\]",
        {MARKS},
    ),
    "month": (r"(?i)\b(?:january|february|november|dezember|février|settembre)\b", {WORDS}),
    "short month": (r"(?i)\bfeb\b.{1,4}\bmar\b.{1,4}\bapr\b", {WORDS}),
    "word": (
        r"\A\(?(?:\\w\+{1,2}|\\w\{\d,\}|\[\^\\W_\]\+{1,2})(?:\(\?:.*\)\*\+?)?\)?\Z",
        {WORDS, "eval/judge/judge.py", "vectorstore/index/projection/analysis.py"},
    ),
    "negation": (
        r"(?i)\A(?!.*\b(?:is|the|was)\b)(?=.*\bnot\b)(?=.*\bnever\b)(?=.*\b(?:no|none|without|neither)\b)",
        {WORDS},
    ),
    "number in words": (r"(?i)\btwo\b\W{1,4}three\b\W{1,4}four\b", {WORDS}),
    "sentence end": (r"\(\?<=\[[^\]]*\.[^\]]*!|\(\?<=\[[^\]]*![^\]]*\.", {"ingest/parse/pdf/place.py"}),
}
"""What gives a second definition away, among a file's strings, and where it may stand.

The rows of a directive's table are no list, the signs of fonts and of RTF's words are signs and no marks. A page's stretches of text, as they are looked for on it, are no sentences, and the judge's labels no words of a text. The
word index, documents and questions alike, is cut by tantivy.
"""


@cache
def strings(path: Path) -> list[str]:
    """Return a file's strings that are no docstrings, the pieces of an f-string each for itself."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    said = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said
    ]


def found(telltale: str, rooms: tuple[str, ...] = ROOMS) -> set[str]:
    pattern = re.compile(telltale)
    return {
        str(path.relative_to(ROOT))
        for room in rooms
        for path in sorted((ROOT / room).rglob("*.py"))
        # The sample handbook's generator writes its own texts, and stays out of the wheel.
        if path.parent.name != "sample" and any(pattern.search(text) for text in strings(path))
    }


@pytest.mark.parametrize("kind", TELLTALES)
def test_a_thing_that_all_read_is_defined_in_one_place(kind: str) -> None:
    telltale, places = TELLTALES[kind]
    assert found(telltale) <= places


BEFORE = {
    "list bullet": (
        r"\A(?:[-*+•◦▪–]|\d{1,3}[.)]|\(?[a-z]\))\s++", r"[-*+•◦▪–]\s", r"(?:[•◦▪‣●○■□§]|[-–—o·](?=\s))", r"\A\s*+[-*+]\s",
    ),
    "number of a list": (r"\A\s*+(?:[-*•+]|\d{1,3}[.)])\s++\S", r"\d{1,3}[.)]\s", r"^\d+[.)] "),
    "marker": (r"\[\d{1,3}\]", r"\[(\d{1,3})\]", r"\[[\d, ]{0,21}\Z", r" ?\[\d+\]", r"\[(?=[\d,\s]{1,60}\])", r"\[[0-9]+\]"),
    "month": ("january jan januar", "Januar|Februar|März|November"),
    "short month": ("jan|feb|mar|apr|may", "Jan Feb Mar Apr"),
    "word": (r"\w+", r"\w++", r"\w{3,}", r"[^\W_]++(?:[-'’./_][^\W_]++)*+"),
    "negation": ("not no never without cannot none", "(?:not|cannot|no|none|neither|nor|never)"),
    "number in words": ("one two three four five", "two|three|four"),
    "sentence end": (r"(?<=[.!?])\s++(?!\[\d)", r"(?<=[.!?…])[\"'”’)\]]*\s+"),
}  # fmt: skip


@pytest.mark.parametrize("kind", TELLTALES)
def test_the_telltales_find_the_copies_that_there_once_were(kind: str) -> None:
    missed = [text for text in BEFORE[kind] if not re.search(TELLTALES[kind][0], text)]
    assert missed == []


@pytest.mark.parametrize(
    "mark",
    ["-", "*", "+", "•", "▪", "‣", "–", "·", "●", "□", "1.", "12)", "(3)", "a)", "(b)", "B)", "iv)", "(ii)"],
)
def test_an_item_is_one_for_every_reader(mark: str) -> None:
    text = f"{mark} Bring your badge"
    assert [line.kind for line in lines(text)] == ["item"]
    assert written(lines(text)[:1]) == "“Bring your badge.”"
    assert len(sentence_spans(f"What we ask of guests\n{text}\n{text}")) == 3
    writer = ExtractWriter(limits())
    write_plain(f"{text}\n{text}", writer)
    assert [block.kind for block in writer.finish("text/plain").blocks] == ["list"]


@pytest.mark.parametrize(
    "text",
    ["A. Smith wrote it", "I. e. the badge", "-5 degrees", "*bold* words", "1999. It was", "3.5 hours"],
)
def test_what_only_looks_like_an_item_is_none(text: str) -> None:
    assert [line.kind for line in lines(text)] == ["prose"] * len(lines(text))


@pytest.mark.parametrize(
    "marker", ["[1]", "[12][3]", "[1, 2]", "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]", "[1 ,\t2]"]
)
def test_a_marker_belongs_to_its_sentence_however_it_arrives(marker: str) -> None:
    text = f"The cap is 50 euros. {marker} It is paid monthly {marker}. Ask HR."
    whole = sentence_spans(text)
    assert [unmarked(text[start:end]) for start, end in whole] == [
        "The cap is 50 euros.",
        "It is paid monthly.",
        "Ask HR.",
    ]
    stream = SentenceStream()
    assert [span for character in text for span in stream.feed(character)] + stream.finish() == whole
    assert cited(text) == 2 * [int(number) for number in re.findall(r"\d+", marker)]


def test_small_numbers_months_and_negations_have_each_their_word() -> None:
    assert terms("7 laptops") == terms("seven laptops")
    assert {NUMBERS[word] for word in ("zero", "twelve", "zwei", "third")} == {0, 12, 2, 3}
    assert {
        MONTHS[name] for name in ("march", "märz", "mars", "marzo", "março", "maart", "marzec", "mar")
    } == {3}
    assert set(MONTHS.values()) == set(range(1, 13))
    assert NEGATIONS.isdisjoint(MONTHS)
    assert NEGATIONS.isdisjoint(NUMBERS)
