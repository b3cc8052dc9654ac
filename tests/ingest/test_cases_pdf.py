"""PDFs as they really are: ligatures, cut words, right-to-left text, forms, raised digits, lines on every page."""

import io
import os
import struct
import zipfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ingest.extract import Extract, ParseFailure, own_error
from ingest.parse.dispatch import parse
from ingest.parse.pdf import pdf as pdf_module
from ingest.parse.pdf.lines import Vocabulary, joined, unbroken
from ingest.parse.pdf.page import LOWERED, RAISED, Row, with_scripts
from tests.ingest.limits import limits
from tests.ingest.test_parse_pdf import drawn, lines, page_text

CASES = Path(__file__).parents[2] / "../shared/cases"
FILINGS = Path(__file__).parents[2] / "../shared/data/sec10q/docs"
needs_cases = pytest.mark.skipif(not CASES.exists(), reason="the cases are not here (../shared/cases)")


def read(data: bytes) -> Extract:
    return parse(data, name="a.pdf", limits=limits())


def case(name: str, file: str) -> Extract:
    return read((CASES / name / "docs" / file).read_bytes())


def with_unicode(draw: Callable[[Any], object], meaning: dict[str, str]) -> bytes:
    """Draw with Helvetica and say in the file that its characters mean something else, as embedded fonts do."""
    import pypdf
    from pypdf.generic import NameObject, StreamObject

    pairs = "\n".join(
        f"<{ord(code):02x}> <{text.encode('utf-16-be').hex()}>" for code, text in meaning.items()
    )
    writer = pypdf.PdfWriter(io.BytesIO(drawn(draw)))
    stream = StreamObject()
    stream.set_data(
        f"/CIDInit /ProcSet findresource begin 12 dict begin begincmap 1 begincodespacerange <00> <ff> "
        f"endcodespacerange {len(meaning)} beginbfchar\n{pairs}\nendbfchar endcmap end end".encode()
    )
    reference = writer._add_object(stream)
    for page in writer.pages:
        for font in page["/Resources"]["/Font"].values():  # type: ignore[index]
            font.get_object()[NameObject("/ToUnicode")] = reference
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


# ---- ligatures


@needs_cases
@pytest.mark.parametrize(
    "file", ["liga-dejavu.pdf", "liga-liberation.pdf", "liga-two-letters.pdf", "liga-type1-names.pdf"]
)
def test_ligatures_do_not_split_words(file: str) -> None:
    text = " ".join(case("pdf-ligature", file).text.split())
    assert "The fine for a late file is 80 euro and the flat fee is 12 euro." in text
    assert "A certificate is needed for every flight; the workflow is defined below." in text


@pytest.mark.parametrize(
    ("printed", "meaning", "right"),
    [
        ("The oMce is open", {"M": "ffi"}, "The office is open"),
        ("WW Wne", {"W": "ﬁ"}, "fifi fine"),
        ("A faMer Wll", {"M": "st", "W": "fu"}, "A faster full"),
        ("cerWWcate", {"W": "ti"}, "certiticate"),
    ],
)
def test_wide_ligatures_of_several_letters_are_one_word(
    printed: str, meaning: dict[str, str], right: str
) -> None:
    data = with_unicode(lambda canvas: lines(canvas, [printed, "and more."]), meaning)
    assert read(data).text == f"{right} and more."


@needs_cases
def test_signs_without_a_meaning_are_said() -> None:
    assert case("pdf-ligature", "liga-liberation.pdf").findings == (
        "Page 1: the file does not say which letters 3 of its signs are; words may lack them.",
    )


# ---- words cut at line ends


@needs_cases
def test_words_cut_at_line_ends_are_whole_and_others_keep_their_hyphen() -> None:
    text = case("pdf-hyphen", "hyphen.pdf").text
    for word in (
        "extinguishers",
        "department",
        "logbook",
        "telephone",
        "24-hour",
        "state-of-the-art",
        "e-mail",
        "0316-4471",
    ):
        assert word in text


@pytest.mark.parametrize(
    ("before", "after", "right"),
    [
        ("the reim-", "bursement", "the reimbursement"),
        ("a 30-", "day period", "a 30-day period"),
        ("an X-", "ray", "an X-ray"),
        ("a follow-up-", "meeting", "a follow-up-meeting"),
        ("an up-", "to-date list", "an up-to-date list"),
        ("the Rhein-", "Main area", "the Rhein-Main area"),
        ("a self-", "employed person", "a self-employed person"),
        ("a short-", "term loan", "a short-term loan"),
        ("the Kranken-", "haus", "the Krankenhaus"),
        ("call 0316-", "4471", "call 0316-4471"),
        ("of pages 3–", "5", "of pages 3– 5"),
        ("hap\u00ad", "py", "happy"),
    ],
)
def test_hyphens_at_line_ends(before: str, after: str, right: str) -> None:
    words = Vocabulary([f"{before}\n{after}", "the fire extin‐guishers"])
    assert joined(before, after, words) == right


def test_plain_text_of_a_page_has_whole_words_too() -> None:
    raw = "The fire extin\u2010guishers of the depart\u2010\nment, a self\u2010employed clerk, re\u2010"
    words = Vocabulary([raw])
    assert unbroken(raw, words) == "The fire extinguishers of the department, a self-employed clerk, re-"


def test_document_that_cuts_no_words_keeps_its_hyphens() -> None:
    raw = "The share based award and class action.\nA share-\nbased award, a class-\naction suit."
    words = Vocabulary([raw])
    assert not words.hyphenates
    assert joined("a class-", "action", words) == "a class-action"


def test_cut_words_in_cells_are_whole() -> None:
    from reportlab.platypus import SimpleDocTemplate, Table

    table = Table([["Role", "Duties"], ["Owner", "Pays the extin-\nguishers"], ["Clerk", "Files"]])
    table.setStyle([("GRID", (0, 0), (-1, -1), 0.5, "black")])
    buffer = io.BytesIO()
    SimpleDocTemplate(buffer).build([table])
    assert "| Owner | Pays the extinguishers |" in read(buffer.getvalue()).text


# ---- right to left


@needs_cases
def test_arabic_line_reads_as_it_is_read() -> None:
    assert case("pdf-kinds", "arabic.pdf").text == "الإجازة السنوية 24 يوما."


HEBREW = dict(zip("abcdefghijklmnopqrstuv", "אבגדהוזחטיכלמנסעפצקרשת", strict=True))


@pytest.mark.parametrize(
    ("printed", "right"),
    [
        # as it stands on the page, from left to right
        ("dcba", "אבגד"),
        (".fe 24 dc ba", "אב גד 24 הו."),
        ("fe 1,250.50 dcba", "אבגד 1,250.50 הו"),
        ("fe (dc) ba", "אב (גד) הו"),
        ("fe )dc( ba", "אב (גד) הו"),
        ("dcb (a", "א) בגד"),
    ],
)
def test_lines_from_right_to_left(printed: str, right: str) -> None:
    data = with_unicode(lambda canvas: lines(canvas, [printed], x=200), HEBREW)
    assert read(data).text == right


def test_arabic_ligature_of_two_letters_keeps_their_order() -> None:
    meaning = {"a": "ا", "W": "لا", "b": "س", "c": "م"}  # al-salam, drawn from the left
    data = with_unicode(lambda canvas: lines(canvas, ["cWba"], x=200), meaning)
    assert read(data).text.replace("\u0644\u0627", "لا") == "اسلام"


def test_header_of_a_table_that_each_page_repeats_is_no_running_head() -> None:
    extract = read(ruled([["Part", "Store", "Price"], *rows_from(1, 150)], repeat=1))
    for number in range(1, len(extract.pages) + 1):
        assert page_text(extract, number).startswith("| Part | Store | Price |")
    assert not extract.left_out


def test_word_from_right_to_left_in_a_line_from_left_to_right() -> None:
    data = with_unicode(lambda canvas: lines(canvas, ["THE WORD dcba MEANS 12 DAYS"]), HEBREW)
    assert read(data).text == "THE WORD אבגד MEANS 12 DAYS"


# ---- forms and what lies over the page


@needs_cases
def test_values_of_a_form_stand_beside_their_labels() -> None:
    text = case("pdf-kinds", "form.pdf").text
    assert "Mileage: 48210 km" in text
    assert "Plate: GR 411 KX" in text


@needs_cases
def test_comment_is_read() -> None:
    assert "Comment: Exit B is blocked until June." in case("pdf-kinds", "note.pdf").text


def test_fields_of_every_kind() -> None:
    def draw(canvas: Any) -> None:
        form = canvas.acroForm
        lines(canvas, ["Name:"], y=700)
        form.textfield(name="name", value="Ann Lee", x=150, y=696, width=200, height=18)
        lines(canvas, ["I have read the rules"], x=100, y=660)
        form.checkbox(name="read", checked=True, x=72, y=657, size=16)
        lines(canvas, ["Send me the paper"], x=100, y=620)
        form.checkbox(name="paper", checked=False, x=72, y=617, size=16)
        lines(canvas, ["Site:"], y=580)
        form.choice(
            name="site", value="Linz", options=["Graz", "Linz", "Wels"], x=150, y=576, width=90, height=18
        )
        lines(canvas, ["Reason of the journey"], y=540)
        form.textfield(name="reason", value="Audit", x=72, y=510, width=300, height=18)
        form.textfield(name="cost", tooltip="Cost centre", value="4711", x=400, y=300, width=80, height=18)
        form.textfield(
            name="hid", value="hidden code", x=72, y=100, width=80, height=18, annotationFlags="hidden"
        )

    extract = read(drawn(draw))
    text = " ".join(extract.text.split())
    for said in (
        "Name: Ann Lee",
        "[x] I have read the rules",
        "[ ] Send me the paper",
        "Site: Linz",
        "Reason of the journey Audit",
        "Cost centre: 4711",
    ):
        assert said in text
    assert "hidden code" not in text
    assert [(left.what, left.text) for left in extract.left_out] == [("hidden notes", "hidden code")]


def test_page_that_holds_only_a_form_is_read() -> None:
    def draw(canvas: Any) -> None:
        canvas.acroForm.textfield(name="total", tooltip="Total", value="12 euro", x=72, y=500, width=90)
        canvas.showPage()

    assert read(drawn(draw)).text == "Total: 12 euro"


def test_notes_links_and_files() -> None:
    import pypdf
    from pypdf.annotations import FreeText, Highlight, Text
    from pypdf.generic import ArrayObject, FloatObject, TextStringObject

    def draw(canvas: Any) -> None:
        lines(canvas, ["The plan of the exits is new."])
        canvas.linkURL("https://example.org/plan", (72, 690, 200, 710))

    writer = pypdf.PdfWriter(io.BytesIO(drawn(draw)))
    note = Text(rect=(300, 600, 320, 620), text="Is this still right?")
    note[pypdf.generic.NameObject("/T")] = TextStringObject("Eva")
    writer.add_annotation(0, note)
    writer.add_annotation(0, FreeText(rect=(72, 500, 300, 520), text="Valid until June"))
    quads = ArrayObject(map(FloatObject, (72, 710, 200, 710, 72, 690, 200, 690)))
    marked = Highlight(rect=(72, 690, 200, 710), quad_points=quads)
    marked[pypdf.generic.NameObject("/Contents")] = TextStringObject("Ask the porter")
    writer.add_annotation(0, marked)
    writer.add_attachment("costs.xlsx", b"PK")
    buffer = io.BytesIO()
    writer.write(buffer)
    extract = read(buffer.getvalue())
    assert extract.text.split("\n\n") == [
        "The plan of the exits is new.",
        "Valid until June",
        "Comment by Eva: Is this still right?",
        "Comment: Ask the porter",
    ]
    assert extract.links == ("https://example.org/plan",)
    assert extract.findings == ("The PDF holds 1 attached file, not read: costs.xlsx.",)


# ---- tables that go on


@needs_cases
def test_table_goes_on_under_its_header() -> None:
    text = page_text(case("pdf-kinds", "longtable.pdf"), 2)
    assert text.startswith("| Code | Meaning | Minutes |")
    assert "| E030 | Fault of part 30 | 35 |" in text


def ruled(*tables: list[list[str]], repeat: int = 0, bold: bool = False) -> bytes:
    from reportlab.platypus import PageBreak, SimpleDocTemplate, Table

    story: list[Any] = []
    for rows in tables:
        table = Table(rows, colWidths=[120, 120, 120], repeatRows=repeat)
        style: list[Any] = [("GRID", (0, 0), (-1, -1), 0.5, "black")]
        table.setStyle([*style, *([("FONTNAME", (0, 0), (-1, 0), "Helvetica-Bold")] if bold else [])])
        story += [table, PageBreak()]
    buffer = io.BytesIO()
    SimpleDocTemplate(buffer).build(story)
    return buffer.getvalue()


def underlined(
    rows: list[list[str]], *, widths: tuple[int, ...] = (90, 90, 180), above: bool = False
) -> bytes:
    """Set a table as LibreOffice and browsers do: a line below the header, others at most above it and at the end."""
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import Paragraph, SimpleDocTemplate, Table

    style = ParagraphStyle("cell", fontName="Helvetica", fontSize=10, leading=12, splitLongWords=True)
    prose = Paragraph(
        "The registry names who keeps which service and on what day it is looked at again. " * 8, style
    )
    cells = [[Paragraph(cell, style) for cell in row] for row in rows]
    table = Table(cells, colWidths=widths, repeatRows=1)
    level = [("LINEBELOW", (0, 0), (-1, 0), 0.5, "black"), ("VALIGN", (0, 0), (-1, -1), "TOP")]
    if above:
        level += [
            ("LINEABOVE", (0, 0), (-1, 0), 0.5, "black"),
            ("LINEBELOW", (0, -1), (-1, -1), 0.5, "black"),
        ]
    table.setStyle(level)
    buffer = io.BytesIO()
    SimpleDocTemplate(buffer).build([prose, table, prose])
    return buffer.getvalue()


WRAPPED = [
    ["Role", "Person", "What it is for"],
    ["Economic buyer", "Anna", "The one who decides in the end whether money is spent on the plan"],
    ["Owner", "Bernd", "Keeps the service running and answers for it when it stands still at night"],
    ["Clerk", "Carla", "Files"],
]


@pytest.mark.parametrize("above", [False, True])
def test_wrapped_cells_below_a_line_are_one_row_each(above: bool) -> None:
    text = read(underlined(WRAPPED, above=above)).text
    for row in WRAPPED:
        assert f"| {' | '.join(row)} |" in text
    assert text.count("| Role |") == 1
    assert text.rstrip().endswith("looked at again.")


def test_table_of_texts_goes_on_with_its_header_on_each_page() -> None:
    rows = [
        [f"Role {at}", "Anna", f"Keeps part {at} of the service running, and answers for it"]
        for at in range(60)
    ]
    extract = read(underlined([WRAPPED[0], *rows]))
    assert len(extract.pages) > 1
    for row in rows:
        assert f"| {' | '.join(row)} |" in extract.text
    assert page_text(extract, 2).startswith("| Role | Person | What it is for |")


def test_word_that_a_narrow_cell_breaks_is_whole() -> None:
    rows = [
        ["Id", "Finding", "Said"],
        ["1", "Misconfiguration of gateways", "A misconfiguration of the gateway"],
    ]
    rows += [["2", "Deserialization", "Another kind"], ["3", "Open port", "Yet another one"]]
    text = read(underlined(rows, widths=(40, 60, 220))).text
    assert "| 1 | Misconfiguration of gateways |" in text
    assert "| 3 | Open port |" in text


def test_figures_below_one_another_in_a_narrow_cell_stay_several() -> None:
    rows = [["Part", "Counts", "Said"], ["Bolts", "12345<br/>67891<br/>23456", "Three counts, one a day"]]
    text = read(underlined([*rows, ["Nuts", "34567", "One count"]], widths=(60, 41, 180))).text
    assert "| Bolts | 12345 67891 23456 | Three counts, one a day |" in text


def test_table_of_sums_with_lines_above_its_totals_is_read_by_columns() -> None:
    rows = [["", "2023", "2022"], ["Sales", "$ 12,100", "$ 11,400"], ["Costs", "$ 4,300", "$ 4,100"]]
    text = read(underlined([*rows, ["Total", "$ 16,400", "$ 15,500"]])).text
    assert "| Costs | $ 4,300 | $ 4,100 |" in text


def rows_from(start: int, count: int = 70) -> list[list[str]]:
    return [[f"Part {at}", f"store {'abc'[at % 3]}", str(at * 3)] for at in range(start, start + count)]


def test_ruled_table_over_three_pages_keeps_its_header() -> None:
    extract = read(ruled([["Part", "Store", "Price"], *rows_from(1, 110)]))
    assert len(extract.pages) == 3
    for number in (1, 2, 3):
        assert page_text(extract, number).startswith("| Part | Store | Price |\n| --- |")
    assert extract.text.count("| Part 60 | store a | 180 |") == 1


def test_header_that_is_repeated_stands_once_in_each_table() -> None:
    extract = read(ruled([["Part", "Store", "Price"], *rows_from(1)], repeat=1))
    assert extract.text.count("| Part | Store | Price |") == 2


def test_table_without_figures_goes_on_where_its_header_is_bold() -> None:
    rows = [[f"Role {'abcdefghij'[at % 10]}", "clerk", f"room {'xyz'[at % 3]}"] for at in range(70)]
    extract = read(ruled([["Role", "Grade", "Place"], *rows], bold=True))
    assert page_text(extract, 2).startswith("| Role | Grade | Place |")


def test_another_table_on_the_next_page_keeps_its_own_header() -> None:
    extract = read(
        ruled([["Part", "Store", "Price"], *rows_from(1, 9)], [["Tool", "Hall", "Weight"], *rows_from(1, 9)])
    )
    assert page_text(extract, 2).startswith("| Tool | Hall | Weight |")


def test_table_without_lines_goes_on_under_its_header() -> None:
    def draw(canvas: Any) -> None:
        for page in range(2):
            if page == 0:
                for x, cell in ((72, "Code"), (300, "Meaning"), (500, "Minutes")):
                    lines(canvas, [cell], x=x, y=740)
            for at in range(20):
                for x, cell in ((72, f"E{page}{at:02}"), (300, f"Fault {at}"), (500, str(10 + at))):
                    lines(canvas, [cell], x=x, y=720 - 15 * at)
            canvas.showPage()

    text = page_text(read(drawn(draw)), 2)
    assert text.startswith("| Code | Meaning | Minutes |")
    assert "| E107 | Fault 7 | 17 |" in text


# ---- raised and lowered


@needs_cases
def test_raised_digits_are_powers_or_notes() -> None:
    text = case("pdf-kinds", "super.pdf").text
    assert "The dose is 10^3 cells per ml. The area is 25 m^2. The price is 40 euro [1] a month." in text


@pytest.mark.parametrize(
    ("parts", "right"),
    [
        (["The value is 10", "^-6", " mol."], "The value is 10^-6 mol."),
        (["Rates of 2,500", "^1", " apply"], "Rates of 2,500 [1] apply"),
        (["Water is H", "_2", "O and more"], "Water is H2O and more"),
        (["On the 2", "^nd", " of May"], "On the 2nd of May"),
        (["Speed in km s", "^-1", " here"], "Speed in km s^-1 here"),
        (["The fee", "^12", ", paid once"], "The fee [12], paid once"),
    ],
)
def test_scripts_on_the_page(parts: list[str], right: str) -> None:
    def draw(canvas: Any) -> None:
        text = canvas.beginText(72, 700)
        for part in parts:
            apart = part[0] in "^_"
            text.setFont("Helvetica", 7 if apart else 11)
            text.setRise({"^": 4, "_": -3}.get(part[0], 0))
            text.textOut(part[1:] if apart else part)
        canvas.drawText(text)

    assert read(drawn(draw)).text == right


@pytest.mark.parametrize(
    ("text", "right"),
    [
        (f"10{RAISED}1{RAISED}2 cells", "10^12 cells"),
        (f"40 euro{RAISED}1 a month", "40 euro [1] a month"),
        (f"in 2024{RAISED}3", "in 2024 [3]"),
        (f"Acme{RAISED}T{RAISED}M", "AcmeTM"),
        (f"x{RAISED}n", "x^n"),
        (f"CO{LOWERED}2", "CO2"),
        (f"{RAISED}1 without the fee", "[1] without the fee"),
    ],
)
def test_scripts_are_written_so_that_they_keep_their_meaning(text: str, right: str) -> None:
    assert with_scripts(text) == right


# ---- lines on every page


@needs_cases
@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("catalogue.pdf", "Document WU-2291, version 4, valid from 1 March 2025"),
        ("catalogue.pdf", "Warranty: 24 months on all parts."),
        ("catalogue.pdf", "Questions: service desk, ext. 4411"),
        ("twopages.pdf", "Rule R-17 of 2 May 2025"),
    ],
)
def test_repeated_lines_are_said_once(file: str, said: str) -> None:
    extract = case("pdf-running", file)
    assert extract.text.count(said) == 1
    assert said in page_text(extract, 1)
    assert len(extract.pages) - 1 == sum(left.text == said for left in extract.left_out)


def booklet(
    texts: list[list[str]], *, foot: str = "Valid from May | Page {}", head: str = "Manual M-7"
) -> bytes:
    def draw(canvas: Any) -> None:
        for number, each in enumerate(texts, start=1):
            lines(canvas, [head], y=765, size=9)
            lines(canvas, each, y=700)
            lines(canvas, [foot.format(number)], y=30, size=9)
            canvas.showPage()

    return drawn(draw)


def test_repeated_lines_of_the_text_itself_stay() -> None:
    pages = [
        [f"Rule {'abcd'[at]}", "Close the door.", f"Then call {at}{at}44.", "Write it down."]
        for at in range(4)
    ]
    extract = read(booklet(pages))
    assert extract.text.count("Close the door.") == extract.text.count("Write it down.") == 4
    assert extract.text.count("Manual M-7") == extract.text.count("Valid from May") == 1


def test_foot_does_not_cut_a_sentence_that_goes_on() -> None:
    extract = read(booklet([["The key is kept by the porter who"], ["hands it out and writes it down."]]))
    assert "The key is kept by the porter who hands it out and writes it down." in extract.text
    assert extract.text.count("Valid from May") == 1


def test_page_numbers_alone_are_left_out_and_told() -> None:
    extract = read(booklet([["One."], ["Two."], ["Three."]], foot="– {} –"))
    assert extract.text == "Manual M-7\n\nOne.\n\nTwo.\n\nThree."
    assert [left.text for left in extract.left_out if left.what == "page numbers"] == [
        "– 1 –",
        "– 2 –",
        "– 3 –",
    ]


# ---- errors of ours


def test_page_that_ends_in_a_line_without_words() -> None:
    def draw(canvas: Any) -> None:
        for number in range(3):
            lines(canvas, [f"The text of page {'abc'[number]}."])
            lines(canvas, ["~ ~"], y=40)
            canvas.showPage()

    for space in ("\u2003", "\u3000", "\u200b"):
        extract = read(with_unicode(draw, {"~": space}))
        assert [page_text(extract, number).strip() for number in (1, 2, 3)] == [
            f"The text of page {letter}." for letter in "abc"
        ]


def test_error_of_ours_costs_a_page_its_layout_and_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = pdf_module.find_tables

    def broken(rows: Any, *, width: float) -> Any:
        if "second" in rows[0].text:
            return Row([]).left
        return whole(rows, width=width)

    monkeypatch.setattr(pdf_module, "find_tables", broken)

    def draw(canvas: Any) -> None:
        for word in ("first", "second", "third"):
            lines(canvas, [f"The {word} page is here."])
            canvas.showPage()

    extract = read(drawn(draw))
    assert [page_text(extract, at).strip() for at in (1, 2, 3)] == [
        f"The {word} page is here." for word in ("first", "second", "third")
    ]
    [finding] = extract.findings
    assert finding.startswith(
        "Page 2 could not be read for an error in Footnote (IndexError in ingest.parse.pdf.page:"
    )
    assert "damaged" not in finding


def raised(action: Callable[[], object]) -> BaseException:
    try:
        action()
    except Exception as error:  # noqa: BLE001
        return error
    raise AssertionError("nothing was raised")


def test_errors_in_lines_of_ours_are_ours_whatever_raises_them() -> None:
    from ingest.parse.pdf.lines import joined_text

    error = raised(lambda: Row([]).left)
    assert own_error(error).startswith("IndexError in ingest.parse.pdf.page:")
    error = raised(lambda: Row([]).right)  # raised by max(), in C
    assert own_error(error).startswith("ValueError in ingest.parse.pdf.page:")
    error = raised(lambda: joined_text([None], Vocabulary()))  # type: ignore[list-item]
    assert own_error(error).startswith("AttributeError in ingest.parse.pdf.lines:")


def test_damage_is_not_ours() -> None:
    import pypdfium2
    from lxml import etree

    damage: list[Callable[[], object]] = [
        lambda: zipfile.ZipFile(io.BytesIO(b"no zip")),
        lambda: etree.fromstring(b"<a"),
        lambda: pypdfium2.PdfDocument(b"%PDF-1.7 no"),
        lambda: struct.unpack("<I", b"1"),
        lambda: b"\xff".decode("utf-8"),
    ]
    assert [own_error(raised(each)) for each in damage] == [""] * len(damage)


@pytest.mark.parametrize(
    ("action", "reason", "said"),
    [
        (lambda: Row([]).left, "crashed", "for an error of its own (IndexError in ingest.parse.pdf.page:"),
        (lambda: zipfile.ZipFile(io.BytesIO(b"no zip")), "corrupt", "The file is damaged"),
    ],
)
def test_worker_blames_the_file_only_for_damage(
    action: Callable[[], object], reason: str, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from ingest.confined import worker

    monkeypatch.setattr(worker, "parse", lambda *_, **__: action())
    (tmp_path / "a.txt").write_text("text")
    request = worker._Request({"name": "a.txt"}, [os.open(tmp_path / "a.txt", os.O_RDONLY)])
    outcome = worker._outcome(request, limits(), {})
    assert isinstance(outcome, ParseFailure)
    assert outcome.reason == reason
    assert said in outcome.message
    assert ("damaged" in outcome.message) == (reason == "corrupt")


# ---- real files


@pytest.mark.skipif(not FILINGS.exists(), reason="the filings are not here (../shared/data/sec10q)")
@pytest.mark.parametrize("name", ["2022 Q3 AAPL.pdf", "2023 Q2 NVDA.pdf", "2023 Q1 INTC.pdf"])
def test_words_of_real_filings_are_those_that_pdfium_reads(name: str) -> None:
    import re
    from collections import Counter

    import pypdfium2

    data = (FILINGS / name).read_bytes()
    extract = read(data)
    document = pypdfium2.PdfDocument(data)
    wanted = kept = 0
    for number, (start, end) in enumerate(pairwise([*extract.pages, len(extract.text)]), start=1):
        raw = document[number - 1].get_textpage().get_text_range().replace("\ufffe", "")
        words = Counter(re.findall(r"\w+", raw))
        for left in extract.left_out:
            if left.place == f"page {number}":
                words -= Counter(re.findall(r"\w+", left.text))
        wanted += words.total()
        kept += (words & Counter(re.findall(r"\w+", extract.text[start:end]))).total()
    assert kept >= 0.995 * wanted
