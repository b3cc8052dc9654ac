"""Word, PowerPoint, OpenDocument and Rich Text: what such a file can hold is read, or it is said that it is not."""

import io
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from ingest.confined.legacy import LibreOffice
from ingest.confined.pool import ParserPool
from ingest.extract import Extract, ParseFailure, Unparsable
from ingest.parse.dispatch import parse
from ingest.parse.sniff import OLD_OFFICE
from tests.ingest.limits import limits

CASES = Path(__file__).parents[2] / "../shared/cases"
W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
SPACES = (
    f'xmlns:w="{W}" xmlns:r="{R}" xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart" '
    'xmlns:dgm="http://schemas.openxmlformats.org/drawingml/2006/diagram" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" xmlns:v="urn:schemas-microsoft-com:vml" '
    'xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing" '
    'xmlns:w14="http://schemas.microsoft.com/office/word/2010/wordml" xmlns:o="urn:schemas-microsoft-com:office:office" '
    'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" '
    'xmlns:pic="http://schemas.openxmlformats.org/drawingml/2006/picture" '
    'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape"'
)


def case(name: str, file: str) -> Extract:
    path = CASES / name / "docs" / file
    if not path.exists():
        pytest.skip("the shared cases are not here")
    return parse(path.read_bytes(), name=file, limits=limits())


def zipped(parts: dict[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def relations(*targets: tuple[str, str], outside: str = "") -> str:
    lines = "".join(
        f'<Relationship Id="{Path(target).stem}" Type="{R}/{kind}" Target="{target}"/>'
        for kind, target in targets
    )
    more = (
        f'<Relationship Id="outside" Type="{R}/hyperlink" Target="{outside}" TargetMode="External"/>'
        if outside
        else ""
    )
    return f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{lines}{more}</Relationships>'


def word(body: str, *targets: tuple[str, str], name: str = "a.docx", **parts: str) -> Extract:
    """Read a document with this body and these parts (`header1=` is word/header1.xml)."""
    files: dict[str, str | bytes] = {
        "_rels/.rels": relations(("officeDocument", "word/document.xml")),
        "word/document.xml": f"<w:document {SPACES}><w:body>{body}</w:body></w:document>",
        "word/_rels/document.xml.rels": relations(*targets, outside="https://example.org/rules"),
    }
    files |= {f"word/{part}.xml": content.replace(">", f" {SPACES}>", 1) for part, content in parts.items()}
    return parse(zipped(files), name=name, limits=limits())


def p(content: str = "", properties: str = "") -> str:
    content = content if "<" in content else r(content)
    return f"<w:p><w:pPr>{properties}</w:pPr>{content}</w:p>"


def r(text: str, properties: str = "") -> str:
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def up(text: str) -> str:
    return r(text, '<w:vertAlign w:val="superscript"/>')


def control(content: str, properties: str = "") -> str:
    return f"<w:sdt><w:sdtPr>{properties}</w:sdtPr><w:sdtContent>{content}</w:sdtContent></w:sdt>"


def tc(content: str, properties: str = "") -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{content if '<' in content else p(content)}</w:tc>"


def tr(*cells: str, properties: str = "") -> str:
    return f"<w:tr><w:trPr>{properties}</w:trPr>{''.join(cell if cell.startswith('<') else tc(cell) for cell in cells)}</w:tr>"


def tbl(*rows: str) -> str:
    return f"<w:tbl>{''.join(rows)}</w:tbl>"


def field(code: str, result: str | None = None, form: str = "") -> str:
    begin = f'<w:r><w:fldChar w:fldCharType="begin">{form}</w:fldChar></w:r><w:r><w:instrText> {code} </w:instrText></w:r>'
    shown = "" if result is None else f'<w:r><w:fldChar w:fldCharType="separate"/></w:r>{r(result)}'
    return f'{begin}{shown}<w:r><w:fldChar w:fldCharType="end"/></w:r>'


def said(extract: Extract, what: str) -> str:
    return " | ".join(each.text for each in extract.left_out if each.what == what)


# the cases


def test_case_block_control() -> None:
    assert (
        "The notice period is 45 days to the end of a quarter."
        in case("docx-block-control", "contract.docx").text
    )
    assert "| Lamp | EUR 79 |" in case("docx-block-control", "table-in-control.docx").text


def test_case_box_and_nested_table() -> None:
    found = case("docx-box-nested", "board.docx")
    assert found.text.count("The lift is out of order until 19 May.") == 1
    assert "| 2 | Day, ext. 210; Night, ext. 555 |" in found.text
    assert "7" not in found.text
    assert said(found, "page number") == "7"


def test_case_notes_header_and_footer() -> None:
    found = case("docx-endnotes", "water.docx")
    for once in (
        "Document number WU-2291, valid from 1 March 2025",
        "Owner of this document: Facilities, ext. 4411",
        "The saving was 18 percent. [i]",
        "Each floor uses 300 litres. [1]",
        "[1] Without the canteen, which uses 900 litres a day.",
        "[i] Measured by the city works between 4 May and 9 June.",
    ):
        assert found.text.count(once) == 1
    assert "works council" not in found.text
    assert said(found, "comment") == "Should be spring, says the works council."
    assert found.findings == (
        "1 comment beside the text: comments are no part of the document and were left out.",
    )


def test_case_equations() -> None:
    text = case("docx-equation", "beams.docx").text
    assert "The greatest load of a beam is q=12.5 kN/m for beams of class C24." in text
    assert "\n\nw=L/300\n\n" in text
    assert "The moment is M=qL^2/8." in text


def test_case_merged_cells() -> None:
    text = case("docx-merged", "shifts.docx").text
    for row in (
        "Hall North | Early | 06:00",
        "Hall North | Late | 14:00",
        "Hall South | Early | 05:30",
        "Hall South | Late | 13:30",
    ):
        assert f"| {row} |" in text


def test_case_numbering() -> None:
    text = case("docx-numbering", "terms.docx").text
    assert (
        "a) the fee rises by more than ten percent\nb) the club moves more than five kilometres away\nc) a doctor"
        in text
    )
    assert "5. Hand in the key\n6. Return the towel\n7. Sign the form" in text
    heads = [line.lstrip("# ") for line in text.split("\n") if line.startswith("##")]
    assert heads == ["1 Liability", "1.1 Lockers", "1.2 Injuries", "2 Payment", "2.1 Direct debit"]
    assert "Article I The statutes" in text
    assert "Article II The board" in text
    assert "Article III The seat" in text


def test_case_symbols() -> None:
    found = case("docx-symbols", "form.docx")
    for line in ("☒ Parental leave", "☐ Sabbatical", "The deadline is 10 May.", "☒ Overtime is paid out"):
        assert f"\n\n{line}" in found.text
    assert "3 May" not in found.text
    assert said(found, "struck-through text") == "The deadline is 3 May. "


def test_case_tracked_move() -> None:
    text = case("docx-tracked-move", "travel.docx").text
    assert text.count("Hotel costs are refunded up to 140 euro a night.") == 1
    assert text.index("Trains are") < text.index("Hotel costs")
    assert "The daily allowance is 32 euro." in text
    assert "Belgium" not in case("docx-tracked-move", "allowances.docx").text


def test_case_superscript() -> None:
    assert "The dose is 10^3 cells; the fee is 40 euro [1] a month." in case("superscript", "dose.docx").text


# content controls


def test_controls_around_rows_cells_runs_and_one_another_are_read() -> None:
    table = tbl(tr("Item", "Price"), control(tr("Chair", "EUR 30")), tr("Desk", control(tc("EUR 90"))))
    found = word(
        control(control(p("Twice wrapped."))) + table + p(r("Pay by ") + control(r("1 July")) + r("."))
    )
    assert (
        found.text
        == "Twice wrapped.\n\n| Item | Price |\n| --- | --- |\n| Chair | EUR 30 |\n| Desk | EUR 90 |\n\nPay by 1 July."
    )


def test_a_control_that_only_asks_is_left_out() -> None:
    prompt = "<w:showingPlcHdr/>"
    found = word(
        p(r("Name: ") + control(r("Click to enter text."), prompt)) + control(p("Choose a date."), prompt)
    )
    assert found.text == "Name:"
    assert said(found, "placeholder text") == "Click to enter text. | Choose a date."


@pytest.mark.parametrize(("state", "sign"), [("1", "☒"), ("0", "☐"), ("true", "☒")])
def test_check_boxes_of_both_kinds(state: str, sign: str) -> None:
    box = f'<w14:checkbox><w14:checked w14:val="{state}"/></w14:checkbox>'
    form = f'<w:ffData><w:checkBox><w:default w:val="0"/><w:checked w:val="{state}"/></w:checkBox></w:ffData>'
    assert word(p(control(r("x"), box) + r(" Parking"))).text == f"{sign} Parking"
    assert word(p(field("FORMCHECKBOX", None, form) + r(" Parking"))).text == f"{sign} Parking"


def test_fields_of_old_forms_show_what_was_chosen() -> None:
    choice = '<w:ffData><w:ddList><w:result w:val="1"/><w:listEntry w:val="Monday"/><w:listEntry w:val="Friday"/></w:ddList></w:ffData>'
    typed = "<w:ffData><w:textInput/></w:ffData>"
    found = word(
        p(r("Day: ") + field("FORMDROPDOWN", None, choice) + r(", name: ") + field("FORMTEXT", "Ana", typed))
    )
    assert found.text == "Day: Friday, name: Ana"


# fields and characters


def test_fields_show_their_results_and_no_codes() -> None:
    found = word(
        p(r("Due ") + field('DATE \\@ "d MMMM"', "3 May") + r(", see ") + field("REF part", "part 4"))
        + p(r("The list is on page ") + field("PAGEREF a", "12") + r("."))
        + p('<w:fldSimple w:instr=" PAGE "><w:r><w:t>9</w:t></w:r></w:fldSimple>')
        + p(field('HYPERLINK "https://example.org/a"', "the rules"))
        + p(field("SYMBOL 254 \\f Wingdings \\s 12") + r(" done, ") + field("EQ \\f(1,2)") + r(" a litre"))
    )
    assert (
        found.text == "Due 3 May, see part 4\n\nThe list is on page 12.\n\nthe rules\n\n☒ done, 1/2 a litre"
    )
    assert said(found, "page number") == "9"
    assert found.links == ("https://example.org/a",)


def test_a_list_of_contents_goes_without_page_numbers() -> None:
    toc = '<w:styles><w:style w:type="paragraph" w:styleId="T1"><w:name w:val="toc 1"/></w:style></w:styles>'
    style = '<w:pStyle w:val="T1"/>'
    found = word(
        p(r("Lockers") + "<w:r><w:tab/></w:r>" + field("PAGEREF x", "14"), style)
        + p(r("Fees") + "<w:r><w:tab/></w:r>" + r("21"), style),
        ("styles", "styles.xml"), styles=toc,
    )  # fmt: skip
    assert found.text == "Lockers\n\nFees"


def test_symbol_fonts_are_read_and_unknown_signs_are_said() -> None:
    greek = r("b", '<w:rFonts w:ascii="Symbol" w:hAnsi="Symbol"/>')
    found = word(
        p('<w:r><w:sym w:font="Wingdings" w:char="F0FC"/></w:r>' + r(" paid, ") + '<w:r><w:sym w:font="Wingdings 2" w:char="F0A3"/></w:r>' + r(" open"))
        + p(r("angle ") + greek + r(" ") + '<w:r><w:sym w:font="Symbol" w:char="F0B3"/></w:r>' + r(" 5"))
        + p(r("odd ") + '<w:r><w:sym w:font="Wingdings 3" w:char="F0C1"/></w:r>')
    )  # fmt: skip
    assert found.text == "✓ paid, ☐ open\n\nangle β ≥ 5\n\nodd"
    assert found.findings == ("A sign of the font Wingdings 3 is not known; it is left out.",)


@pytest.mark.parametrize(
    ("before", "above", "after", "shown"),
    [
        ("10", "-6", " mol", "10^-6 mol"), ("5 m", "2", " of floor", "5 m^2 of floor"), ("kg/m", "3", "", "kg/m^3"),
        ("8 min", "−1", "", "8 min^−1"), ("The fee", "2", " is", "The fee [2] is"), ("in 1987.", "1", " Then", "in 1987. [1] Then"),
        ("the 1", "st", " of May", "the 1st of May"), ("12.5", "a", "", "12.5 [a]"), ("x", "n", "", "x^n"), ("", "1", "Gross", "[1] Gross"),
        ("Footnote", "TM", "", "FootnoteTM"), ("(a+b)", "2", "", "(a+b)^2"), ("18 %", "3", "", "18 % [3]"), ("1,234", "2", "", "1,234 [2]"),
        ("see the plan)", "4", ".", "see the plan) [4]."), ("Ca", "2+", "", "Ca^2+"), ("since 2019", "5", "", "since 2019 [5]"),
    ],
)  # fmt: skip
def test_raised_characters(before: str, above: str, after: str, shown: str) -> None:
    halves = "".join(map(up, above)) if above[:1] in "-−" else up(above)
    assert word(p(r(before) + halves + r(after) if before else halves + r(after))).text == shown


def test_small_things_inside_a_line() -> None:
    found = word(
        p(
            r("non")
            + "<w:r><w:noBreakHyphen/></w:r>"
            + r("stop")
            + "<w:r><w:softHyphen/></w:r>"
            + r("per")
            + "<w:r><w:br/></w:r>"
            + r("next")
        )
        + p(
            "<w:ruby><w:rt><w:r><w:t>とうきょう</w:t></w:r></w:rt><w:rubyBase><w:r><w:t>東京</w:t></w:r></w:rubyBase></w:ruby>"
        )
        + p('<w:hyperlink r:id="outside"><w:r><w:t>Rules</w:t></w:r></w:hyperlink>')
        + p(r("H") + r("2", '<w:vertAlign w:val="subscript"/>') + r("O and ") + r("secret", "<w:vanish/>"))
    )
    assert found.text == "non-stopper\nnext\n\n東京(とうきょう)\n\nRules\n\nH2O and"
    assert found.links == ("https://example.org/rules",)
    assert said(found, "hidden text") == "secret"


def test_a_paragraph_whose_end_is_deleted_goes_on_in_the_next() -> None:
    mark = '<w:rPr><w:del w:id="1"/></w:rPr>'
    assert word(p("The term is ", mark) + p("two years.")).text == "The term is two years."


def test_hidden_by_style_is_hidden() -> None:
    styles = '<w:styles><w:style w:type="character" w:styleId="H"><w:name w:val="H"/><w:rPr><w:vanish/></w:rPr></w:style></w:styles>'
    found = word(
        p(r("Open. ") + r("Closed.", '<w:rStyle w:val="H"/>')), ("styles", "styles.xml"), styles=styles
    )
    assert found.text == "Open."
    assert said(found, "hidden text") == "Closed."


# equations


def m(name: str, *parts: str) -> str:
    return f"<m:{name}>{''.join(parts)}</m:{name}>"


def mr(text: str) -> str:
    return m("r", m("t", text))


@pytest.mark.parametrize(
    ("math", "line"),
    [
        (m("f", m("num", mr("a+b")), m("den", mr("2c"))), "(a+b)/(2c)"),
        (m("rad", '<m:radPr><m:degHide m:val="1"/></m:radPr>', m("deg"), m("e", mr("x+1"))), "√(x+1)"),
        (m("rad", m("deg", mr("3")), m("e", mr("8"))), "∛8"),
        (m("nary", '<m:naryPr><m:chr m:val="∑"/></m:naryPr>', m("sub", mr("i=1")), m("sup", mr("n")), m("e", mr("i"))), "∑_(i=1)^n i"),
        (m("sSubSup", m("e", mr("x")), m("sub", mr("i")), m("sup", mr("2"))), "x_i^2"),
        (m("d", '<m:dPr><m:begChr m:val="["/><m:endChr m:val="]"/></m:dPr>', m("e", m("m", m("mr", m("e", mr("1")), m("e", mr("0"))), m("mr", m("e", mr("0")), m("e", mr("1")))))), "[1, 0; 0, 1]"),
        (m("func", m("fName", mr("sin")), m("e", mr("x"))), "sin x"),
        (m("limLow", m("e", mr("lim")), m("lim", mr("n→∞"))), "lim_(n→∞)"),
        (m("d", m("e", mr("a"))) + mr("·b"), "(a)·b"),
        (m("sSup", m("e", mr("e")), m("sup", mr("-kt"))), "e^-kt"),
    ],
)  # fmt: skip
def test_equations_are_lines(math: str, line: str) -> None:
    assert word(p(r("Value ") + m("oMath", math) + r("."))).text == f"Value {line}."
    assert word(m("oMathPara", m("oMath", math)) + p("x")).text == f"{line}\n\nx"


# lists


def level(at: int, form: str, text: str, more: str = "", start: int = 1) -> str:
    return f'<w:lvl w:ilvl="{at}"><w:start w:val="{start}"/><w:numFmt w:val="{form}"/>{more}<w:lvlText w:val="{text}"/></w:lvl>'


def numbering(*levels: str, nums: str = "") -> str:
    return f'<w:numbering><w:abstractNum w:abstractNumId="7">{"".join(levels)}</w:abstractNum><w:num w:numId="1"><w:abstractNumId w:val="7"/></w:num>{nums}</w:numbering>'


def item(text: str, at: int = 0, number: int = 1) -> str:
    return p(text, f'<w:numPr><w:ilvl w:val="{at}"/><w:numId w:val="{number}"/></w:numPr>')


def listed(numbers: str, *items: str, styles: str = "<w:styles></w:styles>") -> str:
    return word(
        "".join(items),
        ("numbering", "numbering.xml"),
        ("styles", "styles.xml"),
        numbering=numbers,
        styles=styles,
    ).text


@pytest.mark.parametrize(
    ("form", "text", "marks"),
    [
        ("upperLetter", "(%1)", ["(A)", "(B)", "(C)"]), ("lowerRoman", "%1.", ["i.", "ii.", "iii."]), ("decimalZero", "%1)", ["01)", "02)", "03)"]),
        ("ordinalText", "%1:", ["First:", "Second:", "Third:"]), ("ordinal", "%1", ["1st", "2nd", "3rd"]), ("decimal", "§ %1", ["§ 1", "§ 2", "§ 3"]),
        ("russianLower", "%1)", ["а)", "б)", "в)"]), ("bullet", "•", ["-", "-", "-"]),
    ],
)  # fmt: skip
def test_marks_of_lists(form: str, text: str, marks: list[str]) -> None:
    shown = listed(numbering(level(0, form, text)), *(item(f"part {at}") for at in range(3)))
    assert [line for line in shown.split("\n") if line] == [
        f"{mark} part {at}" for at, mark in enumerate(marks)
    ]


def test_levels_count_under_one_another() -> None:
    numbers = numbering(
        level(0, "upperRoman", "%1."),
        level(1, "decimal", "%1.%2", "<w:isLgl/>"),
        level(2, "lowerLetter", "%3)"),
    )
    shown = listed(
        numbers,
        item("a"),
        item("b", 1),
        item("c", 2),
        item("d", 2),
        item("e", 1),
        item("f", 2),
        item("g"),
        item("h", 1),
    )
    assert shown.split() == [
        "I.",
        "a",
        "1.1",
        "b",
        "a)",
        "c",
        "b)",
        "d",
        "1.2",
        "e",
        "a)",
        "f",
        "II.",
        "g",
        "2.1",
        "h",
    ]


def test_a_list_goes_on_or_starts_anew_as_the_file_says() -> None:
    again = '<w:num w:numId="2"><w:abstractNumId w:val="7"/><w:lvlOverride w:ilvl="0"><w:startOverride w:val="4"/></w:lvlOverride></w:num><w:num w:numId="3"><w:abstractNumId w:val="7"/></w:num>'
    shown = listed(
        numbering(level(0, "decimal", "%1."), nums=again),
        item("a"),
        item("b"),
        p("between"),
        item("c", number=2),
        p("between"),
        item("d", number=3),
    )
    assert [line for line in shown.split("\n") if line[:1].isdigit()] == ["1. a", "2. b", "4. c", "5. d"]


def test_a_style_numbers_its_headings() -> None:
    styles = (
        '<w:styles><w:style w:type="paragraph" w:styleId="H1"><w:name w:val="heading 1"/><w:pPr><w:numPr><w:numId w:val="1"/></w:numPr><w:outlineLvl w:val="0"/></w:pPr></w:style>'
        '<w:style w:type="paragraph" w:styleId="H2"><w:name w:val="heading 2"/><w:pPr><w:numPr><w:ilvl w:val="1"/><w:numId w:val="1"/></w:numPr><w:outlineLvl w:val="1"/></w:pPr></w:style></w:styles>'
    )
    numbers = numbering(
        level(0, "decimal", "Section %1 –", '<w:pStyle w:val="H1"/>'),
        level(1, "decimal", "%1.%2", '<w:pStyle w:val="H2"/>'),
    )
    first, second = '<w:pStyle w:val="H1"/>', '<w:pStyle w:val="H2"/>'
    off = first + '<w:numPr><w:numId w:val="0"/></w:numPr>'
    shown = listed(
        numbers,
        p("Scope", first),
        p("Who", second),
        p("", second),
        p("When", second),
        p("Annex", off),
        p("Fees", first),
        styles=styles,
    )
    assert shown == "# Section 1 – Scope\n\n## 1.1 Who\n\n## 1.3 When\n\n# Annex\n\n# Section 2 – Fees"


# tables


def test_groups_over_columns_join_their_columns_header() -> None:
    wide, down, on = '<w:gridSpan w:val="2"/>', '<w:vMerge w:val="restart"/>', "<w:vMerge/>"
    rows = [
        tr(tc("Zone", down), tc("Letter", wide)),
        tr(tc("", on), "Standard", "Express"),
        tr("EU", "1.10", "2.90"),
    ]
    right = "| Zone | Letter Standard | Letter Express |\n| --- | --- | --- |\n| EU | 1.10 | 2.90 |"
    assert word(tbl(*rows)).text == right
    marked = [
        tr("Zone", tc("Letter", wide), properties="<w:tblHeader/>"),
        tr("Zone", "Standard", "Express", properties="<w:tblHeader/>"),
        rows[2],
    ]
    assert word(tbl(*marked)).text == right


def test_a_cell_over_columns_counts_for_each_and_a_line_over_all_stands_once() -> None:
    wide, all_ = '<w:gridSpan w:val="2"/>', '<w:gridSpan w:val="3"/>'
    found = word(
        tbl(
            tr(tc("Opening hours 2025", all_)),
            tr("Day", "From", "To"),
            tr("Monday", "9", "17"),
            tr("Sunday", tc("closed", wide)),
            tr(tc("Holidays differ.", all_)),
        )
    )
    assert found.text == (
        "Opening hours 2025\n\n| Day | From | To |\n| --- | --- | --- |\n| Monday | 9 | 17 |\n| Sunday | closed | closed |\n| Holidays differ. |  |  |"
    )


def test_a_frame_of_one_cell_keeps_what_stands_in_it() -> None:
    inner = tbl(tr("Floor", "Phone"), tr("1", "210"))
    assert (
        word(tbl(tr(tc(p("Note") + inner + p("End"))))).text
        == "Note\n\n| Floor | Phone |\n| --- | --- |\n| 1 | 210 |\n\nEnd"
    )


# what floats


def test_boxes_pictures_and_objects() -> None:
    vml = (
        "<w:r><w:pict><v:shape><v:textbox><w:txbxContent>"
        + p("Old box.")
        + "</w:txbxContent></v:textbox></v:shape></w:pict></w:r>"
    )
    drawn = '<w:r><w:drawing><wp:inline><wp:extent cx="9" cy="9"/><wp:docPr id="1" name="n" descr="Plan of the second floor"/><a:graphic><a:graphicData><pic:pic/></a:graphicData></a:graphic></wp:inline></w:drawing></w:r>'
    large = drawn.replace('cx="9" cy="9"', 'cx="4000000" cy="3000000"').replace(
        "Plan of the second floor", "image1.png"
    )
    nested = f"<w:r><w:drawing><wps:txbx><w:txbxContent>{tbl(tr('Gate', 'Code'), tr('A', '77'))}{p('Mind the step.')}</w:txbxContent></wps:txbx></w:drawing></w:r>"
    ole = '<w:r><w:object><o:OLEObject ProgID="Excel.Sheet.12"/></w:object></w:r>'
    found = word(p(r("Text.") + vml) + p(drawn) + p(large) + p(nested) + p(ole))
    assert (
        found.text
        == "Text.\n\nOld box.\n\nPicture: Plan of the second floor\n\n| Gate | Code |\n| --- | --- |\n| A | 77 |\n\nMind the step."
    )
    assert found.findings == (
        "An embedded object (Excel.Sheet.12) was not read.",
        "1 picture without a description was not read.",
    )


CHART = (
    "<c:chartSpace><c:chart><c:title><c:tx><c:rich><a:p><a:r><a:t>Sales</a:t></a:r></a:p></c:rich></c:tx></c:title><c:plotArea><c:barChart>"
    "<c:ser><c:tx><c:strRef><c:strCache><c:pt idx='0'><c:v>2024</c:v></c:pt></c:strCache></c:strRef></c:tx>"
    "<c:cat><c:strRef><c:strCache><c:pt idx='0'><c:v>North</c:v></c:pt><c:pt idx='1'><c:v>South</c:v></c:pt></c:strCache></c:strRef></c:cat>"
    "<c:val><c:numRef><c:numCache><c:formatCode>General</c:formatCode><c:pt idx='0'><c:v>1234567</c:v></c:pt><c:pt idx='1'><c:v>4.2999999999999998</c:v></c:pt></c:numCache></c:numRef></c:val></c:ser>"
    "<c:ser><c:tx><c:v>Share</c:v></c:tx><c:val><c:numRef><c:numCache><c:formatCode>0%</c:formatCode><c:pt idx='1'><c:v>0.25</c:v></c:pt></c:numCache></c:numRef></c:val></c:ser>"
    "</c:barChart></c:plotArea></c:chart></c:chartSpace>"
)
CHART_TABLE = (
    "Sales\n\n|  | 2024 | Share |\n| --- | --- | --- |\n| North | 1234567 |  |\n| South | 4.3 | 25% |"
)
DIAGRAM = (
    "<dgm:dataModel><dgm:ptLst><dgm:pt modelId='0' type='doc'/>"
    + "".join(
        f"<dgm:pt modelId='{at}'><dgm:t><a:p><a:r><a:t>{text}</a:t></a:r></a:p></dgm:t></dgm:pt>"
        for at, text in ((1, "Board"), (2, "Sales"), (3, "Export"))
    )
    + "</dgm:ptLst><dgm:cxnLst><dgm:cxn srcId='0' destId='1' srcOrd='0'/><dgm:cxn srcId='2' destId='3' srcOrd='0'/><dgm:cxn srcId='1' destId='2' srcOrd='0'/></dgm:cxnLst></dgm:dataModel>"
)


def test_charts_and_diagrams_give_their_values_and_words() -> None:
    body = p('<w:r><w:drawing><c:chart r:id="chart1"/></w:drawing></w:r>') + p(
        '<w:r><w:drawing><dgm:relIds r:dm="data1"/></w:drawing></w:r>'
    )
    found = word(body, ("chart", "chart1.xml"), ("diagramData", "data1.xml"), chart1=CHART, data1=DIAGRAM)
    assert found.text == CHART_TABLE + "\n\n- Board\n  - Sales\n    - Export"


def test_headers_of_several_kinds_are_said_once_without_page_numbers() -> None:
    page = field("PAGE", "3")
    found = word(
        p("Body."), ("header", "header1.xml"), ("header", "header2.xml"), ("footer", "footer1.xml"),
        header1=f"<w:hdr>{p('Policy P-12')}{tbl(tr('Issue', '4 of 2025'))}</w:hdr>",
        header2=f"<w:hdr>{p('Policy P-12')}<w:p><w:r><w:pict><v:shape><v:textpath string='DRAFT'/></v:shape></w:pict></w:r></w:p></w:hdr>",
        footer1=f"<w:ftr>{p(r('Quality office') + '<w:r><w:tab/></w:r>' + r('Page ') + page)}</w:ftr>",
    )  # fmt: skip
    assert found.text == "Policy P-12\n\nIssue; 4 of 2025\n\nDRAFT\n\nQuality office\n\nBody."


def test_notes_have_the_marks_that_the_page_shows() -> None:
    def ref(note: int, more: str = "") -> str:
        return f'<w:r><w:rPr><w:vertAlign w:val="superscript"/></w:rPr><w:footnoteReference w:id="{note}" {more}/>{"<w:t>*</w:t>" if more else ""}</w:r>'

    notes = (
        "<w:footnotes>"
        + "".join(
            f'<w:footnote w:id="{at}">{p(text)}</w:footnote>'
            for at, text in ((1, "Never used."), (2, "Net."), (3, "Gross."), (9, "Rough."))
        )
        + "</w:footnotes>"
    )
    found = word(
        p(r("Fee") + ref(3) + r(", cost") + ref(2) + r(", about") + ref(9, 'w:customMarkFollows="1"')),
        ("footnotes", "footnotes.xml"),
        footnotes=notes,
    )
    assert found.text == "Fee [1], cost [2], about*\n\n[1] Gross.\n\n[2] Net.\n\n[*] Rough."
    assert said(found, "note that nothing refers to") == "Never used."


def test_a_part_in_another_format_is_read() -> None:
    files: dict[str, str | bytes] = {
        "_rels/.rels": relations(("officeDocument", "word/document.xml")),
        "word/document.xml": f'<w:document {SPACES}><w:body><w:altChunk r:id="chunk"/></w:body></w:document>',
        "word/_rels/document.xml.rels": relations(("aFChunk", "chunk.html")),
        "word/chunk.html": "<html><body><h2>Parking</h2><p>Level 2 is for guests.</p></body></html>",
    }
    assert parse(zipped(files), name="a.docx", limits=limits()).text == "## Parking\n\nLevel 2 is for guests."


def test_the_strict_edition_is_read() -> None:
    strict = {
        "wordprocessingml/2006/main": "wordprocessingml/main",
        "officeDocument/2006/relationships": "officeDocument/relationships",
    }
    files: dict[str, str | bytes] = {
        "_rels/.rels": relations(("officeDocument", "word/document.xml")),
        "word/document.xml": f"<w:document {SPACES}><w:body>{p('Strict text.')}</w:body></w:document>",
    }
    for usual, other in strict.items():
        files = {
            name: str(content).replace(
                f"http://schemas.openxmlformats.org/{usual}", f"http://purl.oclc.org/ooxml/{other}"
            )
            for name, content in files.items()
        }
    assert parse(zipped(files), name="a.docm", limits=limits()).text == "Strict text."


# PowerPoint


def slide_show(*slides: str, more: dict[str, str] | None = None, layout: str = "") -> Extract:
    def tree(shapes: str, kind: str, attributes: str = "") -> str:
        return f"<p:{kind} {SPACES} {attributes}><p:cSld><p:spTree>{shapes}</p:spTree></p:cSld></p:{kind}>"

    ids = "".join(f'<p:sldId id="{at}" r:id="slide{at}"/>' for at in range(1, len(slides) + 1))
    files: dict[str, str | bytes] = {
        "_rels/.rels": relations(("officeDocument", "ppt/presentation.xml")),
        "ppt/presentation.xml": f"<p:presentation {SPACES}><p:sldIdLst>{ids}</p:sldIdLst></p:presentation>",
        "ppt/_rels/presentation.xml.rels": relations(
            *(("slide", f"slides/slide{at}.xml") for at in range(1, len(slides) + 1))
        ),
        "ppt/layout.xml": tree(layout, "sldLayout"),
    }
    kinds = {"chart1": "chart", "data1": "diagramData", "notes1": "notesSlide", "comments1": "comments"}
    targets = [(kinds[name], f"../{name}.xml") for name in more or {}]
    for at, slide in enumerate(slides, 1):
        files[f"ppt/slides/slide{at}.xml"] = tree(slide, "sld")
        files[f"ppt/slides/_rels/slide{at}.xml.rels"] = relations(("slideLayout", "../layout.xml"), *targets)
    files |= {
        f"ppt/{name}.xml": content.replace(">", f" {SPACES}>", 1) for name, content in (more or {}).items()
    }
    return parse(zipped(files), name="a.pptx", limits=limits())


def ap(text: str, properties: str = "", run: str = "") -> str:
    return f"<a:p><a:pPr {properties if '<' not in properties else ''}>{properties if '<' in properties else ''}</a:pPr><a:r><a:rPr {run}/><a:t>{text}</a:t></a:r></a:p>"


def sp(
    *paragraphs: str, at: tuple[int, int, int, int] | None = None, kind: str | None = None, name: str = ""
) -> str:
    frame = (
        f'<a:xfrm><a:off x="{at[0]}" y="{at[1]}"/><a:ext cx="{at[2]}" cy="{at[3]}"/></a:xfrm>' if at else ""
    )
    place = f'<p:nvPr><p:ph type="{kind}"/></p:nvPr>' if kind else "<p:nvPr/>"
    body = "".join(each if each.startswith("<") else ap(each) for each in paragraphs)
    return f"<p:sp><p:nvSpPr><p:cNvPr id='1' name='{name}'/>{place}</p:nvSpPr><p:spPr>{frame}</p:spPr><p:txBody>{body}</p:txBody></p:sp>"


def test_a_slide_is_read_as_the_eye_goes() -> None:
    right = [sp("Right head", at=(600, 100, 400, 50)), sp("Right text", at=(600, 160, 400, 50))]
    left = [sp("Left text", at=(0, 160, 400, 50)), sp("Left head", at=(0, 100, 400, 50))]
    foot = sp("Below both", at=(0, 900, 1000, 50))
    found = slide_show("".join([foot, *right, *left, sp("Plan", kind="title", at=(0, 0, 1000, 40))]))
    assert found.text.split("\n\n") == [
        "# Plan",
        "Left head",
        "Left text",
        "Right head",
        "Right text",
        "Below both",
    ]


def test_a_group_stays_together_and_what_layouts_show_is_said_once() -> None:
    group = f'<p:grpSp><p:nvGrpSpPr><p:cNvPr id="9" name="g"/></p:nvGrpSpPr><p:grpSpPr><a:xfrm><a:off x="0" y="500"/><a:ext cx="100" cy="100"/></a:xfrm></p:grpSpPr>{sp("Inner b", at=(0, 60, 9, 9))}{sp("Inner a", at=(0, 0, 9, 9))}</p:grpSp>'
    slide = group + sp("Above", at=(0, 100, 100, 50)) + sp("Internal", kind="ftr") + sp("3", kind="sldNum")
    found = slide_show(
        slide,
        sp("Other", at=(0, 0, 9, 9)) + sp("Internal", kind="ftr"),
        layout=sp("Confidential") + sp("Click to add title", kind="title"),
    )
    assert found.text.split("\n\n") == [
        "# Slide 1",
        "Internal",
        "Above",
        "Inner a",
        "Inner b",
        "Confidential",
        "# Slide 2",
        "Other",
    ]
    assert said(found, "repeated line") == "Internal"
    assert said(found, "page number") == "3"


def test_numbers_marks_and_raised_characters_on_slides() -> None:
    auto = '<a:buAutoNum type="alphaLcParenR" startAt="2"/>'
    found = slide_show(
        sp(ap("keys", auto), ap("badge", auto))
        + sp(
            ap("done", '<a:buFont typeface="Wingdings"/><a:buChar char="ü"/>'),
            ap("Cost", run='strike="sngStrike"'),
            "open",
            at=(0, 90, 9, 9),
        )
        + sp(
            "<a:p><a:r><a:t>10</a:t></a:r><a:r><a:rPr baseline='30000'/><a:t>3</a:t></a:r></a:p>",
            at=(0, 190, 9, 9),
        )
        + sp(
            ap("þ", run="").replace("<a:rPr />", '<a:rPr><a:latin typeface="Wingdings"/></a:rPr>'),
            at=(0, 290, 9, 9),
        )
    )
    assert found.text == "# Slide 1\n\nb) keys\nc) badge\n\n- ✓ done\nopen\n\n10^3\n\n☒"
    assert said(found, "struck-through text") == "Cost"


def test_tables_charts_diagrams_notes_and_comments_of_slides() -> None:
    def cell(text: str, attributes: str = "") -> str:
        return f"<a:tc {attributes}><a:txBody>{ap(text) if text else '<a:p/>'}</a:txBody></a:tc>"

    def frame(content: str, top: int) -> str:
        return f'<p:graphicFrame><p:nvGraphicFramePr><p:cNvPr id="4" name="f"/></p:nvGraphicFramePr><p:xfrm><a:off x="0" y="{top}"/><a:ext cx="9" cy="9"/></p:xfrm><a:graphic><a:graphicData>{content}</a:graphicData></a:graphic></p:graphicFrame>'

    rows = [
        cell("Site") + cell("Hours"),
        cell("North", 'rowSpan="2"') + cell("8"),
        cell("", 'vMerge="1"') + cell("9"),
    ]
    table = f"<a:tbl>{''.join(f'<a:tr>{row}</a:tr>' for row in rows)}</a:tbl>"
    notes = f"<p:notes><p:cSld><p:spTree>{sp('Say thanks', kind='body')}{sp('7', kind='sldNum')}</p:spTree></p:cSld></p:notes>"
    found = slide_show(
        frame(table, 0) + frame('<c:chart r:id="chart1"/>', 20) + frame('<dgm:relIds r:dm="data1"/>', 40),
        more={
            "chart1": CHART,
            "data1": DIAGRAM,
            "notes1": notes,
            "comments1": "<p:cmLst><p:cm><p:text>Wrong year</p:text></p:cm></p:cmLst>",
        },
    )
    assert "| North | 8 |\n| North | 9 |" in found.text
    assert CHART_TABLE in found.text
    assert "- Board\n  - Sales\n    - Export" in found.text
    assert found.text.endswith("Notes: Say thanks")
    assert said(found, "comment") == "Wrong year"
    assert "Comments on slides are no part of them; 1 were left out." in found.findings


def test_an_equation_on_a_slide_is_read() -> None:
    math = f'<mc:AlternateContent><mc:Choice Requires="a14">{sp("<a:p><a:r><a:t>Power </a:t></a:r><m>" + m("oMath", mr("P=UI")) + "</m></a:p>")}</mc:Choice><mc:Fallback>{sp("picture")}</mc:Fallback></mc:AlternateContent>'
    assert slide_show(math).text == "# Slide 1\n\nPower P=UI"


# OpenDocument

ODF_NAMES = "office text table style draw presentation meta form chart"
ODF = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ODF_NAMES.split()
) + (
    ' xmlns:fo="urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0" xmlns:svg="urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0"'
    ' xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:loext="urn:org:documentfoundation:names:experimental:office:xmlns:loext:1.0"'
)


def odf(body: str, styles: str = "", *, kind: str = "text", more: dict[str, str] | None = None) -> Extract:
    content = f"<office:document-content {ODF}><office:automatic-styles>{styles}</office:automatic-styles><office:body><office:{kind}>{body}</office:{kind}></office:body></office:document-content>"
    parts: dict[str, str | bytes] = {
        "mimetype": f"application/vnd.oasis.opendocument.{kind}",
        "content.xml": content.replace("&quot;", '"'),
    }
    parts |= {name: text.replace(">", f" {ODF}>", 1) for name, text in (more or {}).items()}
    return parse(zipped(parts), name="a", limits=limits())


def style(name: str, properties: str, family: str = "text") -> str:
    return f'<style:style style:name="{name}" style:family="{family}"><style:text-properties {properties}/></style:style>'


def span(text: str, name: str) -> str:
    return f'<text:span text:style-name="{name}">{text}</text:span>'


def test_open_document_text_hidden_struck_raised_and_changed() -> None:
    styles = (
        style("up", 'style:text-position="super 58%"')
        + style("no", 'text:display="none"')
        + style("old", 'style:text-line-through-style="solid"')
    )
    styles += style("Gone", 'text:display="none"', "paragraph")
    changes = "<text:tracked-changes><text:changed-region><text:deletion><text:p>28</text:p></text:deletion></text:changed-region></text:tracked-changes>"
    found = odf(
        f'{changes}<text:p>10{span("3", "up")} l, fee{span("2", "up")}{span("secret", "no")}{span("May ", "old")}</text:p><text:p text:style-name="Gone">All of it</text:p>'
        '<text:p>a<text:s text:c="2"/>b<text:tab/>c<text:line-break/>d\n   e</text:p><text:section text:display="none"><text:p>Closed part</text:p></text:section>'
        '<text:p><office:annotation><dc:creator>R</dc:creator><text:p>Check this</text:p></office:annotation>Kept.</text:p>'
        '<text:p>Name: <text:placeholder text:placeholder-type="text">&lt;name&gt;</text:placeholder></text:p>',
        styles,
    )  # fmt: skip
    assert found.text == "10^3 l, fee [2]\n\na  b\tc\nd e\n\nKept.\n\nName:"
    assert said(found, "deleted text") == "28"
    assert said(found, "hidden text") == "secret | All of it | Closed part"
    assert said(found, "struck-through text") == "May "
    assert said(found, "comment") == "Check this"
    assert said(found, "placeholder text") == "<name>"


def test_open_document_lists_count_as_the_file_says() -> None:
    def step(at: int, form: str, more: str = "") -> str:
        return f'<text:list-level-style-number text:level="{at}" style:num-format="{form}" {more}/>'

    def entry(text: str, more: str = "", inner: str = "") -> str:
        return f"<text:list-item {more}><text:p>{text}</text:p>{inner}</text:list-item>"

    styles = f'<text:list-style style:name="L">{step(1, "A", "style:num-suffix=&quot;)&quot; text:start-value=&quot;2&quot;")}{step(2, "1", "text:display-levels=&quot;2&quot;")}</text:list-style>'
    inner = f"<text:list>{entry('b1')}{entry('b2')}</text:list>"
    found = odf(
        f'<text:list text:style-name="L">{entry("b", "", inner)}{entry("c")}</text:list><text:p>Between.</text:p>'
        f'<text:list text:style-name="L" text:continue-numbering="true">{entry("d")}{entry("h", "text:start-value=&quot;8&quot;")}</text:list>'
        f'<text:list text:style-name="L"><text:list-header><text:p>Head</text:p></text:list-header>{entry("anew")}</text:list>',
        styles,
    )
    assert [line.strip() for line in found.text.split("\n") if line] == [
        "B) b",
        "B.1 b1",
        "B.2 b2",
        "C) c",
        "Between.",
        "D) d",
        "H) h",
        "Head",
        "B) anew",
    ]


def test_open_document_headings_take_the_numbers_of_the_outline() -> None:
    outline = '<office:document-styles><office:styles><text:outline-style style:name="Outline"><text:outline-level-style text:level="1" style:num-format="1" style:num-suffix="."/><text:outline-level-style text:level="2" style:num-format="1" text:display-levels="2"/></text:outline-style></office:styles></office:document-styles>'
    heads = "".join(
        f'<text:h text:outline-level="{at}">{text}</text:h>'
        for at, text in ((1, "Scope"), (2, "Who"), (2, "When"), (1, "Fees"))
    )
    assert (
        odf(heads, more={"styles.xml": outline}).text
        == "# 1. Scope\n\n## 1.1 Who\n\n## 1.2 When\n\n# 2. Fees"
    )


def test_open_document_tables_notes_boxes_and_headers() -> None:
    def cell(text: str, more: str = "") -> str:
        return f"<table:table-cell {more}><text:p>{text}</text:p></table:table-cell>"

    hidden = (
        f'<table:table-row table:visibility="collapse">{cell("Old")}{cell("0")}{cell("0")}</table:table-row>'
    )
    inner = f"<table:table><table:table-row>{cell('Day')}{cell('210')}</table:table-row><table:table-row>{cell('Night')}{cell('555')}</table:table-row></table:table>"
    table = (
        f"<table:table><table:table-header-rows><table:table-row>{cell('Site', 'table:number-rows-spanned=&quot;2&quot;')}{cell('Hours', 'table:number-columns-spanned=&quot;2&quot;')}<table:covered-table-cell/></table:table-row>"
        f"<table:table-row><table:covered-table-cell/>{cell('From')}{cell('To')}</table:table-row></table:table-header-rows>{hidden}"
        f"<table:table-row>{cell('North')}<table:table-cell>{inner}</table:table-cell>{cell('17')}</table:table-row></table:table>"
    )
    note = '<text:note text:note-class="footnote"><text:note-citation>1</text:note-citation><text:note-body><text:p>Net.</text:p></text:note-body></text:note>'
    frame = "<draw:frame><draw:text-box><text:p>In a box.</text:p></draw:text-box></draw:frame>"
    picture = "<draw:frame><draw:image/><svg:desc>Plan of the hall</svg:desc></draw:frame>"
    math = '<draw:frame><draw:object xlink:href="./Object 1"/><draw:image/></draw:frame>'
    styles = "<office:document-styles><office:master-styles><style:master-page><style:header><text:p>Policy P-12</text:p></style:header><style:footer><text:p>Page <text:page-number>1</text:page-number></text:p><text:p>Policy P-12</text:p><text:p>Quality office</text:p></style:footer></style:master-page></office:master-styles></office:document-styles>"
    found = odf(
        f"<text:p>Fee{note}.{frame}</text:p><text:p>{picture}Load is {math}.</text:p>{table}",
        more={"styles.xml": styles, "Object 1/content.xml": '<math xmlns="http://www.w3.org/1998/Math/MathML"><mi>w</mi><mo>=</mo><mfrac><mi>L</mi><mrow><mn>2</mn><msqrt><mi>a</mi></msqrt></mrow></mfrac></math>'},
    )  # fmt: skip
    assert found.text == (
        "Policy P-12\n\nQuality office\n\nFee [1].\n\nIn a box.\n\nLoad is w=L/(2√a).\n\nPicture: Plan of the hall\n\n"
        "| Site | Hours From | Hours To |\n| --- | --- | --- |\n| North | Day, 210; Night, 555 | 17 |\n\n[1] Net."
    )
    assert said(found, "hidden text") == "Old 0 0"


def test_slides_of_open_document() -> None:
    def shape(text: str, top: float, more: str = "") -> str:
        return f'<draw:frame svg:x="1cm" svg:y="{top}cm" svg:width="9cm" svg:height="1cm" {more}><draw:text-box><text:p>{text}</text:p></draw:text-box></draw:frame>'

    title, prompt = 'presentation:class="title"', 'presentation:placeholder="true"'
    notes = '<presentation:notes><draw:frame presentation:class="notes"><draw:text-box><text:p>Say thanks</text:p></draw:text-box></draw:frame></presentation:notes>'
    footer = '<presentation:footer-decl presentation:name="f">Internal</presentation:footer-decl>'
    use = 'presentation:use-footer-name="f"'
    hidden = '<style:style style:name="dp" style:family="drawing-page"><style:drawing-page-properties presentation:visibility="hidden"/></style:style>'
    box = '<draw:custom-shape svg:x="1cm" svg:y="1cm" svg:width="1cm" svg:height="1cm"><text:p>First</text:p></draw:custom-shape>'
    found = odf(
        f'{footer}<draw:page {use}>{shape("Below", 9)}{box}{shape("Plan", 0, title)}{shape("Click to add", 12, prompt)}{notes}</draw:page>'
        f'<draw:page draw:style-name="dp" {use}>{shape("Other", 3)}</draw:page>',
        hidden, kind="presentation",
    )  # fmt: skip
    assert found.text == "# Plan\n\nFirst\n\nBelow\n\nNotes: Say thanks\n\nInternal\n\n# Slide 2\n\nOther"
    assert len(found.pages) == 2
    assert found.findings == ("Slide 2 is hidden in the presentation; its text was read.",)


def test_a_protected_open_document_says_so() -> None:
    with pytest.raises(Unparsable, match="password"):
        odf(
            "<text:p>x</text:p>",
            more={"META-INF/manifest.xml": "<manifest><encryption-data></encryption-data></manifest>"},
        )


# Rich Text


def rtf(body: str, head: str = "") -> Extract:
    fonts = r"{\fonttbl{\f0\fcharset0 Arial;}{\f1\fcharset2 Wingdings;}{\f2\fcharset204 Arial Cyr;}}{\stylesheet{\s0 Normal;}{\s2 heading 2;}}"
    return parse(
        (r"{\rtf1\ansi\ansicpg1252" + fonts + head + r"\f0 " + body + "}").encode("ascii"),
        name="a.rtf",
        limits=limits(),
    )


def test_rich_text_notes_headers_and_fields() -> None:
    found = rtf(
        r"{\header\pard Policy P-12\par}{\footer\pard Page {\field{\*\fldinst PAGE}{\fldrslt 3}}\par}"
        r"\pard Fee{\super \chftn{\footnote\pard\plain {\super\chftn} Net.}} and cost{\super\chftn{\*\footnote\ftnalt\pard Gross.}}.\par"
        r'\pard See {\field{\*\fldinst HYPERLINK "https://example.org/a"}{\fldrslt the rules}}.\par'
    )
    assert found.text == "Policy P-12\n\nFee [1] and cost [i].\n\nSee the rules.\n\n[1] Net.\n\n[i] Gross."
    assert found.links == ("https://example.org/a",)
    assert "3" in said(found, "page number")


def test_rich_text_hidden_struck_raised_and_symbols() -> None:
    found = rtf(
        r"Open {\v secret}{\deleted 28 }{\strike May }10{\super 3} l\par {\f1 \'fe} done, {\f2 \'cf\'ee} \u-10179?\u-8704?\par"
        r"\pard\s2 Rules\par\pard {\listtext\pard\plain b)\tab}keys\par{\listtext b)\tab}badge\par"
        r"{\pict\picwgoal5000 0102}{\*\annotation Check this}\pard End.\par"
    )
    assert found.text == "Open 10^3 l\n\n☒ done, По 😀\n\n## Rules\n\nb) keys\nb) badge\n\nEnd."
    assert said(found, "hidden text") == "secret"
    assert said(found, "comment") == "Check this"
    assert "1 picture without a description was not read." in found.findings


def test_rich_text_tables_with_merged_and_nested_cells() -> None:
    first = r"\trowd\trhdr\clvmgf\cellx1000\cellx3000 \intbl Zone\cell Letter\cell\row"
    second = r"\trowd\trhdr\clvmrg\cellx1000\cellx2000\cellx3000 \intbl \cell Slow\cell Fast\cell\row"
    inner = r"\itap2 Day\nestcell 210\nestcell{\*\nesttableprops\trowd\nestrow}{\nonesttables\par}\itap1 "
    third = r"\trowd\cellx1000\cellx2000\cellx3000 \intbl EU\cell 1.10\cell " + inner + r"\cell\row"
    found = rtf(first + second + third + r"\pard After.\par")
    assert (
        found.text
        == "| Zone | Letter Slow | Letter Fast |\n| --- | --- | --- |\n| EU | 1.10 | Day, 210 |\n\nAfter."
    )


# Office files of before 2007


def old_office(folder: Path, data: bytes, ending: str, becomes: str) -> Path:
    """Have LibreOffice write an old file of what is in a new one."""
    program = shutil.which("soffice")
    if program is None:
        pytest.skip("LibreOffice is not installed")
    source = folder / f"source.{ending}"
    source.write_bytes(data)
    profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
    command = [program, profile, "--headless", "--convert-to", becomes, "--outdir", str(folder), str(source)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return folder / f"source.{becomes}"


def test_old_word_excel_and_powerpoint_files_are_converted(tmp_path: Path) -> None:
    import docx
    import openpyxl
    import pptx

    text, book, show = docx.Document(), openpyxl.Workbook(), pptx.Presentation()
    text.add_heading("Leave", 1)
    text.add_paragraph("Everyone has 27 days.")
    sheet: Any = book.active
    for row in (["Item", "Price"], ["Lamp", 79]):
        sheet.append(row)
    slide = show.slides.add_slide(show.slide_layouts[5])
    slide.shapes.title.text = "Plan of May"
    kinds = {
        "docx": (text, "doc", "Everyone has 27 days."),
        "xlsx": (book, "xls", "| Lamp | 79 |"),
        "pptx": (show, "ppt", "# Plan of May"),
    }
    files: dict[Path, str] = {}
    for ending, (document, becomes, right) in kinds.items():
        buffer = io.BytesIO()
        document.save(buffer)
        files[old_office(tmp_path, buffer.getvalue(), ending, becomes)] = right
    hidden = tmp_path / "broken.doc"
    hidden.write_bytes(next(iter(files)).read_bytes()[:2_000])
    with ParserPool(1, limits()) as pool:
        found = dict(pool.parse_all([(str(path), path) for path in [*files, hidden]]))
    for path, right in files.items():
        extract = found[str(path)]
        assert isinstance(extract, Extract), extract
        assert right in extract.text
        assert extract.findings[-1].startswith("An Office file of before 2007: LibreOffice converted it")
    assert isinstance(found[str(hidden)], ParseFailure)


def test_without_libreoffice_an_old_file_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "a.doc"
    path.write_bytes(OLD_OFFICE + "WordDocument".encode("utf-16-le") + bytes(600))
    assert LibreOffice(limits(), program="no-such-program").parse(None, path) is None  # type: ignore[arg-type]
    with pytest.raises(Unparsable, match="install LibreOffice"):
        parse(path.read_bytes(), name="a.doc", limits=limits())


def test_a_paragraph_goes_on_in_its_item_and_another_list_is_another_block() -> None:
    two = (
        '<w:abstractNum w:abstractNumId="8">'
        + level(0, "bullet", " ")
        + level(1, "bullet", "•")
        + '</w:abstractNum><w:abstractNum w:abstractNumId="9">'
        + level(0, "decimal", "%1.", start=7)
        + "</w:abstractNum>"
    )
    nums = '<w:num w:numId="2"><w:abstractNumId w:val="8"/></w:num><w:num w:numId="3"><w:abstractNumId w:val="9"/></w:num>'
    numbers = numbering(level(0, "lowerLetter", "%1)"), nums=two + nums)
    assert (
        listed(numbers, item("a"), item("more", number=2), item("b"), item("seven", number=3))
        == "a) a\n  more\nb) b\n\n7. seven"
    )


def test_numbers_on_slides_begin_where_the_file_says() -> None:
    lower, arabic = '<a:buAutoNum type="alphaLcPeriod"/>', '<a:buAutoNum type="arabicPeriod" startAt="7"/>'
    assert (
        slide_show(sp(ap("x", lower), ap("y", lower), ap("z", arabic), ap("q", arabic))).text
        == "# Slide 1\n\na. x\nb. y\n7. z\n8. q"
    )
