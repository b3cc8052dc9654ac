"""What was written comes back: words in order, tables cell by cell, headings, the title; in every format."""

from difflib import SequenceMatcher

import pytest

from ingest.extract import Extract
from ingest.parse.dispatch import parse
from tests.ingest.hostile import healthy
from tests.ingest.limits import limits

WHOLE = [
    "a.md",
    "a.rst",
    "a.html",
    "a.txt",
    "a.docx",
    "a.pptx",
    "a.xlsx",
    "a.pdf",
    "a.epub",
    "a.odt",
    "a.eml",
]
WITH_TABLE = [name for name in [*WHOLE, "a.csv", "a.json"] if name not in ("a.txt", "a.eml")]


def read(name: str) -> Extract:
    return parse(healthy.FILES[name](), name=name, limits=limits())


def tables(extract: Extract) -> list[list[list[str]]]:
    found = []
    for block in extract.blocks:
        if block.kind == "table":
            lines = extract.text[block.span.start : block.span.end].split("\n")
            assert set(lines[1]) <= set("|- ")
            found.append(
                [[cell.strip() for cell in line.strip("|").split("|")] for line in (lines[0], *lines[2:])]
            )
    return found


@pytest.mark.parametrize("name", WHOLE)
def test_words_come_back_in_order(name: str) -> None:
    expected = healthy.expected_words()
    if name == "a.pdf":  # the built-in fonts have no yen sign
        expected = [word.replace("¥", "") for word in expected]
    found = [word.replace("¥", "") for word in healthy.words_of(read(name).text)]
    if name != "a.pdf":
        found = healthy.words_of(read(name).text)
    blocks = SequenceMatcher(None, expected, found, autojunk=False).get_matching_blocks()
    assert sum(block.size for block in blocks) / len(expected) >= 0.99


@pytest.mark.parametrize("name", WITH_TABLE)
def test_tables_come_back_cell_by_cell(name: str) -> None:
    expected = [list(row) for row in healthy.TABLE]
    found = tables(read(name))[-1]
    if name == "a.pdf":
        expected = [[cell.replace("¥", "") for cell in row] for row in expected]
        found = [[cell.replace("■", "").replace("¥", "") for cell in row] for row in found]
    assert found == expected


@pytest.mark.parametrize("name", [name for name in WHOLE if name != "a.eml"])
def test_headings_come_back_above_their_paragraphs(name: str) -> None:
    extract = read(name)
    headings = [block for block in extract.blocks if block.kind == "heading"]
    shown = [extract.text[block.span.start : block.span.end].lstrip("# ") for block in headings]
    assert shown == list(healthy.HEADINGS)
    last = extract.blocks[-1]
    assert last.headings[-1] == healthy.HEADINGS[2]
    assert "business class" in extract.text[last.span.start : last.span.end]


@pytest.mark.parametrize("name", ["a.md", "a.html", "a.docx", "a.pptx", "a.pdf", "a.epub", "a.odt", "a.eml"])
def test_title_comes_back(name: str) -> None:
    assert read(name).title == healthy.TITLE


@pytest.mark.parametrize("name", list(healthy.FILES))
def test_type_is_found_without_the_name(name: str) -> None:
    if name in ("a.csv", "a.txt"):
        pytest.skip("nothing in the content tells it from other text")
    assert parse(healthy.FILES[name](), name="upload", limits=limits()).media_type == read(name).media_type


def test_name_that_lies_does_not_decide() -> None:
    assert parse(healthy.pdf(), name="notes.md", limits=limits()).media_type == "application/pdf"
    assert parse(healthy.docx(), name="slides.pptx", limits=limits()).text == read("a.docx").text
    assert parse(healthy.html(), name="page.txt", limits=limits()).media_type == "text/html"
