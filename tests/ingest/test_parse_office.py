"""Office files, e-mail and data: what each format says besides its words."""

import io
import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from ingest.extract import Extract
from ingest.parse.dispatch import parse
from tests.ingest.hostile import healthy
from tests.ingest.limits import limits


def saved(document: Any) -> bytes:
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def read(data: bytes, name: str) -> Extract:
    return parse(data, name=name, limits=limits())


def test_word_numbers_its_lists_and_merges_its_cells() -> None:
    import docx

    document = docx.Document()
    document.add_paragraph("Steps", style="Heading 2")
    for text in ("first", "second"):
        document.add_paragraph(text, style="List Number")
    document.add_paragraph("deeper", style="List Bullet 2")
    table = document.add_table(2, 3)
    for at, cell in enumerate(cell for row in table.rows for cell in row.cells):
        cell.text = str(at)
    table.cell(0, 0).merge(table.cell(0, 1)).text = "both"
    assert (
        read(saved(document), "a.docx").text
        == "## Steps\n\n1. first\n2. second\n  - deeper\n\n| both | both | 2 |\n| --- | --- | --- |\n| 3 | 4 | 5 |"
    )


def test_code_between_the_items_of_a_list_stays_between_them() -> None:
    import docx
    from docx.enum.style import WD_STYLE_TYPE

    document = docx.Document()
    document.styles.add_style("Source Code", WD_STYLE_TYPE.PARAGRAPH)
    for text, style in (("one", "List Bullet"), ("run()", "Source Code"), ("two", "List Bullet")):
        document.add_paragraph(text, style=style)
    text = read(saved(document), "a.docx").text
    assert text.index("- one") < text.index("run()") < text.index("- two")


def test_word_insertions_count_and_deletions_and_hidden_runs_do_not() -> None:
    import docx

    document = docx.Document()
    paragraph = document.add_paragraph("kept ")
    paragraph.add_run("hidden").font.hidden = True
    xml = '<w:{0} xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:r><w:{1}>{0}</w:{1}></w:r></w:{0}>'
    from docx.oxml import parse_xml

    paragraph._p.append(parse_xml(xml.format("ins", "t")))
    paragraph._p.append(parse_xml(xml.format("del", "delText")))
    assert read(saved(document), "a.docx").text == "kept ins"


def test_bold_lines_are_headings_only_where_there_are_no_others() -> None:
    import docx

    document = docx.Document()
    document.add_paragraph().add_run("Scope").bold = True
    document.add_paragraph("Text of the scope.")
    assert read(saved(document), "a.docx").text == "## Scope\n\nText of the scope."


def test_slides_are_pages_with_notes() -> None:
    extract = read(healthy.pptx(), "a.pptx")
    assert len(extract.pages) == 3
    assert [extract.text[start:].split("\n")[0] for start in extract.pages] == [
        f"# {title}" for title in healthy.HEADINGS
    ]
    import pptx

    show = pptx.Presentation()
    slide = show.slides.add_slide(show.slide_layouts[5])
    slide.notes_slide.notes_text_frame.text = "Say thanks"
    assert read(saved(show), "a.pptx").text == "# Slide 1\n\nNotes: Say thanks"


def test_workbook_shows_what_the_sheet_shows() -> None:
    import openpyxl

    book = openpyxl.Workbook()
    sheet: Any = book.active
    sheet.title = "Rates"
    sheet.append(["Rates of 2025"])
    sheet.append(["Item", "Price", "Share", "From"])
    sheet.append(["Desk", 1234.5, 0.256, date(2025, 3, 1)])
    sheet["B3"].number_format, sheet["C3"].number_format = '#,##0.00 "€"', "0.0%"
    sheet.append([])
    sheet.append(["Total", 7])
    sheet.append(["Sum", 8])
    hidden = book.create_sheet("Old")
    hidden.append(["x", "y"])
    hidden.sheet_state = "hidden"
    extract = read(saved(book), "a.xlsx")
    assert extract.text == (
        "# Rates\n\nRates of 2025\n\n| Item | Price | Share | From |\n| --- | --- | --- | --- |\n"
        "| Desk | 1,234.50 € | 25.6% | 2025-03-01 |\n\n|  |  |\n| --- | --- |\n| Total | 7 |\n| Sum | 8 |\n\n# Old\n\n| x | y |\n| --- | --- |"
    )
    assert "hidden" in extract.findings[0]


def test_mail_names_its_attachments() -> None:
    extract = read(healthy.mail(), "a.eml")
    assert extract.metadata["attachments"] == ("plan.pdf",)
    assert "- plan.pdf" in extract.text
    assert "not read" in extract.findings[0]
    assert extract.modified is not None
    assert extract.modified.astimezone(UTC) == datetime(2025, 3, 3, 9, tzinfo=UTC)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter_is_found(delimiter: str) -> None:
    data = f"a{delimiter}b\n1{delimiter}2\n".encode()
    assert read(data, "a.csv").text == "| a | b |\n| --- | --- |\n| 1 | 2 |"


def test_uneven_rows_are_said() -> None:
    assert read(b"a,b\n1,2\n3\n", "a.csv").findings == ("1 of 3 rows do not have the usual 2 cells.",)


def test_records_are_paragraphs_and_broken_lines_are_said() -> None:
    extract = read(
        b'{"title": "One", "body": "Text"}\n{broken\n{"title": "Two", "tags": ["a", "b"]}\n', "a.jsonl"
    )
    assert (
        extract.text
        == "## One\n\n- title: One\n- body: Text\n\n## Two\n\n- title: Two\n- tags:\n  - a\n  - b"
    )
    assert extract.findings == ("1 lines are not valid JSON; they were left out (line 2 from character 2).",)


def test_a_line_separator_in_a_record_does_not_break_it() -> None:
    lines = '{"title": "One", "body": "First\u2028second"}\n{"title": "Two", "body": "Third"}\n'
    extract = read(lines.encode(), "a.jsonl")
    assert extract.findings == ()
    assert "second" in extract.text


def test_nested_json_keeps_its_keys() -> None:
    data = json.dumps({"server": {"port": 8000}, "paths": ["a", "b"]}).encode()
    assert read(data, "a.json").text == "# server\n\n- port: 8000\n\n# paths\n\n- a\n- b"


def test_plain_text_shows_its_structure() -> None:
    extract = read(
        b"HANDBOOK\n========\n\n1.1 Scope\n\nText here.\n\n- a\n- b\n\nTHE RULES\n\nMore.\fPage two.\n",
        "a.txt",
    )
    assert [block.kind for block in extract.blocks] == [
        "heading",
        "heading",
        "paragraph",
        "list",
        "heading",
        "paragraph",
        "paragraph",
    ]
    assert extract.blocks[-1].span.page == 1


def test_xml_records_and_texts_are_read() -> None:
    data = b"<?xml version='1.0'?><doc><title>Rates</title><p>Some <b>bold</b> text.</p><row><item>Desk</item><price>5</price></row></doc>"
    assert read(data, "a.xml").text == "# Rates\n\nSome bold text.\n\n- item: Desk\n- price: 5"


def test_program_text_keeps_its_lines() -> None:
    source = "def a_function_with_a_rather_long_name(argument):\n    return argument  # and a comment that makes it long\n"
    extract = read(source.encode(), "a.py")
    assert extract.text == source.rstrip()
    assert [block.kind for block in extract.blocks] == ["code"]
