"""What other programs write: files that differ in structure from those that the other tests build."""

import zipfile
from io import BytesIO

import pytest

from ingest.extract import Extract
from ingest.parse.dispatch import parse
from ingest.parse.pdf.page import RAISED, Word, goes_on
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


def zipped(kind: str = "text", **parts: str) -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("mimetype", f"application/vnd.oasis.opendocument.{kind}")
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


FLAT = (
    f'<?xml version="1.0"?><office:document {NAMES} xmlns:xlink="http://www.w3.org/1999/xlink" office:version="1.3" '
    'office:mimetype="application/vnd.oasis.opendocument.{kind}"><office:meta><meta:generator>Editor</meta:generator></office:meta>'
    "<office:settings><office:x>77</office:x></office:settings><office:body>{body}</office:body></office:document>"
)


def test_a_text_in_one_xml_file_is_read_as_its_editor_shows_it() -> None:
    regions = (
        '<text:tracked-changes><text:changed-region text:id="c1"><text:deletion/></text:changed-region>'
        '<text:changed-region text:id="c2"><text:insertion/></text:changed-region></text:tracked-changes>'
    )
    paragraph = (
        '<text:p>The fee is <text:change-start text:change-id="c1"/>90<text:change-end text:change-id="c1"/>'
        '<text:change-start text:change-id="c2"/>95 euro<text:change-end text:change-id="c2"/>.</text:p>'
    )
    picture = "<text:p><draw:frame><draw:image><office:binary-data>iVBORw0KGgo</office:binary-data></draw:image></draw:frame></text:p>"
    body = f'<office:text>{regions}<text:h text:outline-level="1">Fees</text:h>{paragraph}{picture}</office:text>'
    extract = read(FLAT.replace("{kind}", "text").replace("{body}", body), "a.fodt")
    assert extract.text == "# Fees\n\nThe fee is 95 euro."
    assert [each.text for each in extract.left_out] == ["90"]


def test_a_sheet_in_one_xml_file_is_a_table() -> None:
    row = "<table:table-row>{}</table:table-row>"
    cells = [
        row.format("".join(f"<table:table-cell><text:p>{each}</text:p></table:table-cell>" for each in cells))
        for cells in (("Grade", "Fee"), ("One", "120"), ("Two", "140"))
    ]
    body = f'<office:spreadsheet><table:table table:name="Fees">{"".join(cells)}</table:table></office:spreadsheet>'
    text = read(FLAT.replace("{kind}", "spreadsheet").replace("{body}", body), "a.fods").text
    assert text == "# Fees\n\n| Grade | Fee |\n| --- | --- |\n| One | 120 |\n| Two | 140 |"


def test_what_stands_on_every_page_of_an_open_document_sheet_is_read_once() -> None:
    styles = (
        f'<office:document-styles {NAMES}><office:master-styles><style:master-page style:name="P1"><style:header><text:p>Price list 991'
        "</text:p></style:header><style:footer><text:p>Page <text:page-number>1</text:page-number></text:p></style:footer></style:master-page>"
        '<style:master-page style:name="P2"><style:header><text:p>Nowhere used</text:p></style:header></style:master-page>'
        "</office:master-styles></office:document-styles>"
    )
    content = (
        f'<office:document-content {NAMES}><office:automatic-styles><style:style style:name="ta1" style:family="table" '
        'style:master-page-name="P1"/></office:automatic-styles><office:body><office:spreadsheet><table:table table:name="S" '
        'table:style-name="ta1"><table:table-row><table:table-cell><text:p>Lamp</text:p></table:table-cell></table:table-row></table:table>'
        "</office:spreadsheet></office:body></office:document-content>"
    )
    extract = read(zipped("spreadsheet", content=content, styles=styles), "a.ods")
    assert extract.text.endswith("Price list 991")
    assert "Nowhere" not in extract.text
    assert "Page" not in extract.text


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("<b><p>At 10<sup>3</sup> Pa and CO<sub>2</sub> rises.</p><q>x</q></b>", "At 10^3 Pa and CO2 rises."),
        ("<r><who><sub>Physics</sub><sup>5</sup></who></r>", "- sub: Physics\n- sup: 5"),
        (
            '<TEI><text><body><p>At 10<hi rendition="simple:superscript">3</hi> Pa and x<hi rend="sub">2</hi>.</p></body></text></TEI>',
            "At 10^3 Pa and x2.",
        ),
    ],
)
def test_raised_digits_of_any_xml_are_no_part_of_the_number(source: str, shown: str) -> None:
    assert shown in read(f"<?xml version='1.0'?>{source}", "a.xml").text


def test_a_picture_written_as_text_is_left_out_of_xml() -> None:
    picture = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ" * 9
    extract = read(
        f"<?xml version='1.0'?><b><p>The pier.</p><binary id='i'>\n{picture}==\n</binary></b>", "a.xml"
    )
    assert picture not in extract.text
    assert "The pier." in extract.text
    assert extract.findings == (
        "1 file stands in it as text (Base64), such as a picture; what it holds was not read.",
    )


def test_a_saved_web_page_is_read_as_the_page_it_is() -> None:
    parts = [
        "Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\nContent-Location: https://x.test/\r\n\r\n"
        "<html><body><h1>Opening</h1><p>We =C3=B6ffnen at 8.</p></body></html>",
        "Content-Type: text/css\r\nContent-Location: cid:c\r\n\r\nbody{color:red}",
        "Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\nContent-Location: https://x.test/a.png\r\n\r\niVBORw0KGgo=",
    ]
    page = (
        'MIME-Version: 1.0\r\nContent-Type: multipart/related; type="text/html"; boundary="--M"\r\n\r\n----M\r\n'
        + "\r\n----M\r\n".join(parts)
        + "\r\n----M--\r\n"
    )
    extract = read(page, "a.mht")
    assert extract.text == "# Opening\n\nWe öffnen at 8."
    assert extract.findings == ()


def test_a_message_without_an_ending_is_known_by_its_lines() -> None:
    message = "From: a@x.test\r\nTo: b@x.test\r\nSubject: Lift\r\n\r\n" + "The lift is out.\r\n" * 9
    assert read(message, "message").media_type == "message/rfc822"


def test_blocks_of_asciidoc_are_no_headings() -> None:
    text = read(
        "[quote]\n____\nA quote.\n____\n\n----\ncode line\n----\n\nFees\n====\n\nFive euro.\n", "a.adoc"
    ).text
    assert text.endswith("# Fees\n\nFive euro.")
    assert text.count("#") == 1


def test_a_chart_of_open_document_is_its_table_whatever_stands_beside_its_name() -> None:
    chart = (
        f'<office:document-content {NAMES} xmlns:chart="{ODF}chart:1.0"><office:body><office:chart><chart:chart><table:table><table:table-row>'
        "<table:table-cell><text:p>Year</text:p></table:table-cell><table:table-cell><text:p>Ships</text:p></table:table-cell></table:table-row>"
        "<table:table-row><table:table-cell><text:p>2030</text:p></table:table-cell><table:table-cell><text:p>145.5</text:p></table:table-cell>"
        "</table:table-row></table:table></chart:chart></office:chart></office:body></office:document-content>"
    )
    content = (
        f'<office:document-content {NAMES} xmlns:xlink="http://www.w3.org/1999/xlink"><office:body><office:text><text:p><draw:frame>'
        '<draw:object xlink:href="./Object 1"><text:p/></draw:object></draw:frame></text:p></office:text></office:body></office:document-content>'
    )
    packed = zipped(**{"content": content, "Object 1/content": chart})
    assert read(packed, "a.odt").text == "| Year | Ships |\n| --- | --- |\n| 2030 | 145.5 |"


def test_arabic_whose_signs_stand_from_left_to_right_is_turned_round() -> None:
    run = Word("ف", 446, 470, 10, 25)
    for character, left, right, top, bottom in (
        ("ظ", 469, 487, 5, 24), ("و", 487, 502, 15, 30), ("م", 500.5, 515, 16, 24), ("ل", 514, 520, 5, 24), ("ا", 524, 527, 5, 24),
    ):  # fmt: skip
        assert goes_on(run, character, left, right, top, bottom, spaced=False)
    assert run.text == "الموظف"


def test_a_figure_that_a_browser_raises_is_no_part_of_the_number() -> None:
    run = Word("10", 99.1, 112.4, 742.0, 755.4)
    assert goes_on(run, "3", 112.5, 118.0, 739.1, 750.3, spaced=False)
    assert run.text == f"10{RAISED}3"


def test_fields_and_their_values_have_no_header() -> None:
    shown = "|  |  |\n| --- | --- |\n| Site{0} | Hall 4 |\n| Device{0} | T-99 |"
    page = "<html><body><table><tr><th>Site<td>Hall 4<tr><th>Device<td>T-99</table></body></html>"
    assert read(page, "a.html").text == shown.format("")
    assert read("Site:,Hall 4\nDevice:,T-99\n", "a.csv").text == shown.format(":")
