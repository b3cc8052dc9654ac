"""Sentences: where they end, and that streaming finds the same ends as reading at once."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vectorstore.language.sentences import SentenceStream, sentence_spans


def _sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It costs 3.5 EUR. Really.", ["It costs 3.5 EUR.", "Really."]),
        ("Dr. Smith, e.g. on Mondays. See sec. 4.", ["Dr. Smith, e.g. on Mondays.", "See sec. 4."]),
        ("Is it No. 5? No. It is not.", ["Is it No. 5?", "No.", "It is not."]),
        ("J. K. Rowling wrote it. So they say!", ["J. K. Rowling wrote it.", "So they say!"]),
        ("Use plan B. The rest waits.", ["Use plan B.", "The rest waits."]),
        ("In the U.S. Army. In the U.S. The law.", ["In the U.S. Army.", "In the U.S.", "The law."]),
        ("Open config.toml at 9 a.m. Then restart.", ["Open config.toml at 9 a.m.", "Then restart."]),
        (
            "Am 3. Mai gilt z. B. die Regel. Danach nicht.",
            ["Am 3. Mai gilt z. B. die Regel.", "Danach nicht."],
        ),
        (
            'He asked "Really?" and left. (See below.) End',
            ['He asked "Really?" and left.', "(See below.)", "End"],
        ),
        ("Wait... and see. 20 days follow.", ["Wait... and see.", "20 days follow."]),
        ("これは文です。次の文。", ["これは文です。", "次の文。"]),
    ],
)
def test_abbreviations_numbers_and_quotes_do_not_end_a_sentence(text: str, expected: list[str]) -> None:
    assert _sentences(text) == expected


def test_markers_belong_to_the_sentence_they_follow() -> None:
    assert _sentences("One. [1] Two.[2][3] Three [4]. Four. [5, 6]") == [
        "One. [1]",
        "Two.[2][3]",
        "Three [4].",
        "Four. [5, 6]",
    ]


def test_headings_list_items_table_rows_and_code_stand_alone() -> None:
    text = (
        "# Leave policy. Short\n\nFirst line\ngoes on here:\n- one. And more.\n- two\n1. Start.\n\n"
        "| a. B | c |\n|---|---|\n| x. Y | z | [3]\n```\na = 1. B\n```\nEnd"
    )
    assert _sentences(text) == [
        "# Leave policy. Short",
        "First line\ngoes on here:",
        "- one.",
        "And more.",
        "- two",
        "1. Start.",
        "| a. B | c |",
        "|---|---|",
        "| x. Y | z | [3]",
        "```",
        "a = 1. B",
        "```",
        "End",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "“One. Two! Three?” [1] “Four.” [2][3] End. More",
            ["“One. Two! Three?” [1]", "“Four.” [2][3]", "End.", "More"],
        ),
        ("“Take these:” [1] “One (1)” [2] Rest", ["“Take these:” [1]", "“One (1)” [2]", "Rest"]),
        (
            "As “What? Version 2.0” says: “A. B.” [1] Then.",
            ["As “What? Version 2.0” says: “A. B.” [1]", "Then."],
        ),
        ("The “blue team” [1] has it. So.", ["The “blue team” [1] has it.", "So."]),
        ("Er sagt: „Ja. Nein.“ Dann geht er. Ende", ["Er sagt: „Ja. Nein.“ Dann geht er.", "Ende"]),
        ("He said “go. Then left.\nSo. On", ["He said “go. Then left.\nSo.", "On"]),
        ("Ends with ” alone. “نعم. لا؟” [1] Next", ["Ends with ” alone.", "“نعم. لا؟” [1]", "Next"]),
    ],
)  # fmt: skip
def test_a_quotation_in_an_answer_is_one_with_its_sentence(text: str, expected: list[str]) -> None:
    assert [text[start:end] for start, end in sentence_spans(text, quotations=True)] == expected


_PIECES = st.sampled_from(
    [
        "The cap ",
        "is 3.5",
        ". ",
        " [1]",
        "[12, 3]",
        "\n",
        "\n\n",
        "- ",
        "| a ",
        "e.g. ",
        "No. ",
        "5 ",
        "!",
        "…",
        '"',
        ")",
        *["“", "”", "„", ".” [1]"],
        *["# ", "```\n", "U.S. ", "Then ", "1. ", "Army", "。", ":", "  ", "[", "]", "**", "a"],
    ]
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(_PIECES, max_size=40).map("".join) | st.text(max_size=80),
    st.lists(st.integers(1, 9), max_size=90),
    st.booleans(),
)
def test_any_chunking_finds_the_sentences_of_the_whole(text: str, sizes: list[int], quotations: bool) -> None:
    stream, found, position = SentenceStream(quotations=quotations), [], 0
    for size in sizes:
        found += stream.feed(text[position : position + size])
        position += size
    found += stream.feed(text[position:])
    found += stream.finish()
    assert found == sentence_spans(text, quotations=quotations)


@given(st.text(max_size=200))
def test_sentences_cover_everything_but_white_space_in_order(text: str) -> None:
    position = 0
    for start, end in sentence_spans(text):
        assert text[position:start].strip() == ""
        assert position <= start < end
        assert text[start:end] == text[start:end].strip()
        position = end
    assert text[position:].strip() == ""


def test_a_sentence_closes_before_the_text_ends() -> None:
    stream = SentenceStream()
    assert stream.feed("The cap is 129 EUR. [1] It applies to every") == [(0, 23)]


@pytest.mark.parametrize("unit", [". ", "[1] ", " ", "a", "e.g. ", "....", ". [1]", "“", ".”", "„.“"])
def test_time_grows_in_line_with_length(unit: str) -> None:
    def seconds(count: int) -> float:
        began = time.process_time()
        stream = SentenceStream(quotations=True)
        for piece in [unit] * count:
            stream.feed(piece)
        stream.finish()
        return time.process_time() - began

    seconds(2_000)
    assert seconds(20_000) < 40 * max(seconds(2_000), 0.002)


@pytest.mark.parametrize("bit", ["[", "word ", "| cell ", "a.b"])
def test_a_sentence_without_end_is_cut_at_the_same_places_however_it_comes(bit: str) -> None:
    text = bit * (30_000 // len(bit))
    stream = SentenceStream()
    spans = [span for start in range(0, len(text), 700) for span in stream.feed(text[start : start + 700])]
    assert spans + stream.finish() == sentence_spans(text)
    assert max(end - start for start, end in sentence_spans(text)) <= 8_000


def test_a_text_without_capitals_begins_its_sentences_in_lower_case() -> None:
    text = "meals are refunded up to eur 40. taxis need the approval of a manager, e.g. at night. see rule 3."
    assert [text[slice(*span)] for span in sentence_spans(text)] == [
        "meals are refunded up to eur 40.",
        "taxis need the approval of a manager, e.g. at night.",
        "see rule 3.",
    ]
    assert len(sentence_spans(f"Note: {text}")) == 1
