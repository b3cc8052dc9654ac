"""Rich Text: words, paragraphs, tables, other alphabets, the title; damage has a reason."""

import pytest

from ingest.extract import Extract
from ingest.parse.dispatch import parse
from tests.ingest.limits import limits

HEAD = r"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}{\info{\title Travel policy}{\author A. Author}}\f0 "
ROW = r"\trowd\cellx1000\cellx2000 \intbl %s\cell %s\cell\row "


def read(body: str) -> Extract:
    return parse((HEAD + body + "}").encode("ascii"), name="travel.rtf", limits=limits())


def test_paragraphs_and_their_title_come_back() -> None:
    found = read(r"Trains come first.\par Flights need approval by {\b the lead}.\par")
    assert found.text == "Trains come first.\n\nFlights need approval by the lead."
    assert found.title == "Travel policy"
    assert found.metadata["author"] == "A. Author"
    assert found.media_type == "application/rtf"
    assert [block.kind for block in found.blocks] == ["paragraph", "paragraph"]


def test_letters_of_other_alphabets_are_read() -> None:
    found = read(r"Die \'dcbernachtung kostet 100 \u8364?.\par \u1054?\u1090?\u1087?\u1091?\u1089?\u1082?.")
    assert found.text == "Die Übernachtung kostet 100 €.\n\nОтпуск."


def test_a_table_is_a_table() -> None:
    found = read(ROW % ("City", "Limit") + ROW % ("Berlin", "120") + r"\pard After.\par")
    assert "| City | Limit |" in found.text
    assert "| Berlin | 120 |" in found.text
    assert [block.kind for block in found.blocks] == ["table", "paragraph"]


def test_a_picture_and_hidden_destinations_are_no_text() -> None:
    found = read(r"Before.{\*\generator Word;}{\pict\wmetafile8 010009000003}\par After.")
    assert found.text.split() == ["Before.", "After."]


@pytest.mark.parametrize("body", [r"{\*\x", "}}}}", "{" * 5_000, r"\cell\row\cell", "\\"])
def test_damage_is_survived(body: str) -> None:
    assert "Text." in read("Text. " + body).text


def test_a_letter_that_cannot_be_costs_itself_and_is_said() -> None:
    found = read(r"Leave \u99999999? is long")
    assert found.text == "Leave � is long"
    assert "number that no letter has" in found.findings[0]
