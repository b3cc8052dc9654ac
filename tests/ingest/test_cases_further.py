"""What other programs write: files that differ in structure from those that the other tests build."""

import zipfile
from io import BytesIO

import pytest

from ingest.extract import Extract
from ingest.parse.dispatch import parse
from tests.ingest.limits import limits

ODF = "urn:oasis:names:tc:opendocument:xmlns:"
NAMES = " ".join(
    f'xmlns:{short}="{ODF}{name}:1.0"'
    for short, name in {
        "office": "office", "text": "text", "number": "datastyle", "style": "style", "table": "table",
        "form": "form", "draw": "drawing", "meta": "meta", "fo": "xsl-fo-compatible",
    }.items()
)  # fmt: skip


def read(data: bytes | str, name: str) -> Extract:
    return parse(data.encode() if isinstance(data, str) else data, name=name, limits=limits())


def zipped(**parts: str) -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        for name, text in parts.items():
            archive.writestr(f"{name}.xml", text)
    return packed.getvalue()


def test_a_style_with_a_text_of_its_own_is_not_the_text_of_the_document() -> None:
    content = (
        f'<office:document-content {NAMES} xmlns:field="urn:openoffice:names:experimental:ooo-ms-interop:xmlns:field:1.0">'
        '<office:automatic-styles><number:date-style style:name="N1"><number:day/><number:text>/</number:text></number:date-style>'
        "</office:automatic-styles><office:body><office:text><text:p>Fees fall due on 3 May.</text:p>"
        '<text:p><field:fieldmark field:type="vnd.oasis.opendocument.field.FORMCHECKBOX"><field:param field:name="Checkbox_Checked" '
        'field:value="true"/></field:fieldmark> insured</text:p></office:text></office:body></office:document-content>'
    )
    assert read(zipped(content=content), "a.odt").text == "Fees fall due on 3 May.\n\n☒ insured"


def test_subtitles_without_hours_are_read() -> None:
    vtt = (
        "WEBVTT - Film\n\nintro\n00:00.500 --> 00:02.000 align:start\n<v Maria>Welcome to <i>hall</i> 4.\n\n"
        "00:02.000 --> 00:04.000\n<v Maria>The limit is</v>\n<v Tom>80 &amp; 90 kg.\n\n1:00:00.000 --> 1:00:03.000\nDone?\n"
    )
    assert read(vtt, "a.vtt").text == (
        "[00:00:00] Maria: Welcome to hall 4. The limit is\n\n[00:00:02] Tom: 80 & 90 kg.\n\n[01:00:00] Done?"
    )


def test_an_empty_comment_of_restructured_text_takes_nothing_with_it() -> None:
    extract = read("Text\n====\n\n- item\n\n..\n\n   The quote has 99 words.\n\n..\n   a remark\n", "a.rst")
    assert extract.text == "# Text\n\n- item\n\nThe quote has 99 words."
    assert [each.text.strip() for each in extract.left_out] == ["a remark"]


def test_a_formula_in_restructured_text_keeps_its_signs() -> None:
    text = read("Text\n====\n\nLet :math:`a_1 \\le |b| \\frac{x}{2}` and ``code`` hold.\n", "a.rst").text
    assert text.endswith("Let a_1 \\le |b| \\frac{x}{2} and `code` hold.")


@pytest.mark.parametrize(
    ("table", "shown"),
    [
        (
            "<tr><td colspan=3>Fees 2031<tr><td>Grade<td>Term<td>Fee<tr><td>One<td>Spring<td>120",
            "Fees 2031\n\n| Grade | Term | Fee |\n| --- | --- | --- |\n| One | Spring | 120 |",
        ),
        (
            "<thead><tr><th colspan=2>Hours<tbody><tr><td>Mon<td>8-17<tr><td>Tue<td>9-12",
            "Hours\n\n|  |  |\n| --- | --- |\n| Mon | 8-17 |\n| Tue | 9-12 |",
        ),
        ("<tr><th colspan=2>Plan<tr><td>A<td>7", "| Plan | Plan |\n| --- | --- |\n| A | 7 |"),
        ("<tr><td>One<tr><td>Two<tr><td>Three", "| One |\n| --- |\n| Two |\n| Three |"),
    ],
)
def test_a_title_over_a_table_is_not_its_header(table: str, shown: str) -> None:
    assert read(f"<html><body><table border=1>{table}</table></body></html>", "a.html").text == shown
