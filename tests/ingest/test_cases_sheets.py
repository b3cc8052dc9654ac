"""Sheets, whatever made them: what a cell shows, where a table begins and ends, and nothing lost without a word."""

import csv
import io
import time
import zipfile
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ingest.cut.chunk import chunks_of
from ingest.extract import Extract, Unparsable
from ingest.parse.dispatch import parse
from ingest.parse.office.number_format import rendered, shown, shown_text
from tests.fakes.word_embedder import WordEmbedder
from tests.ingest.limits import limits
from vectorstore.types import Chunk, Document, DocumentId

CASES = Path(__file__).parents[2] / "../shared/cases"
FORMATS = Path(__file__).with_name("number_formats.tsv")
CONTENT = "application/vnd.openxmlformats-officedocument.spreadsheetml"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def read(data: bytes, name: str = "a.xlsx") -> Extract:
    return parse(data, name=name, limits=limits())


def of_case(place: str) -> Extract:
    path = CASES / place
    if not path.is_file():
        pytest.skip(f"{place} is not on this machine")
    return read(path.read_bytes(), path.name)


def tables(extract: Extract) -> list[list[list[str]]]:
    """Return each table's rows, the header first, the rule left out."""
    found = []
    for block in extract.blocks:
        if block.kind == "table":
            lines = extract.text[block.span.start : block.span.end].split("\n")
            found.append(
                [[cell.strip() for cell in line[1:-1].split(" | ")] for line in (lines[0], *lines[2:])]
            )
    return found


def workbook(write: Callable[[Any], object], *more: Callable[[Any], object]) -> bytes:
    """Return a workbook with a sheet for each that writes one."""
    import openpyxl

    book = openpyxl.Workbook()
    sheet: Any = book.active
    write(sheet)
    for other in more:
        other(book.create_sheet())
    return saved(book)


def saved(book: Any) -> bytes:
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def filled(rows: Iterable[Iterable[object]]) -> Callable[[Any], None]:
    def write(sheet: Any) -> None:
        for row in rows:
            sheet.append(list(row))

    return write


def raw(
    sheet: str, parts: dict[str, str] | None = None, *, rels: str = "", workbook: str = "", styles: str = ""
) -> bytes:
    """Return a workbook of one sheet, its XML as given."""
    buffer = io.BytesIO()
    types = f'<Relationship Id="s" Type="{OFFICE}/styles" Target="styles.xml"/>' if styles else ""
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets>'
            f"{workbook}</workbook>",
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships><Relationship Id="r1" Type="{OFFICE}/worksheet" Target="worksheets/s.xml"/>{types}'
            "</Relationships>",
        )
        archive.writestr(
            "xl/worksheets/s.xml", f'<worksheet xmlns="{MAIN}" xmlns:r="{OFFICE}">{sheet}</worksheet>'
        )
        if styles:
            archive.writestr("xl/styles.xml", f'<styleSheet xmlns="{MAIN}">{styles}</styleSheet>')
        if rels:
            archive.writestr("xl/worksheets/_rels/s.xml.rels", f"<Relationships>{rels}</Relationships>")
        for name, text in (parts or {}).items():
            archive.writestr(name, text)
    return buffer.getvalue()


def said(text: str) -> str:
    return f'<c t="inlineStr"><is><t>{text}</t></is></c>'


# the cases


def test_case_formats_show_what_the_sheet_shows() -> None:
    expected = {
        "Part number of the hinge": "00417",
        "Phone of the workshop": "030-555-0147",
        "Revenue in thousands": "1,235k",
        "Revenue in millions": "3.5M",
        "Share of the pipe": "1/4",
        "Conditional": "2.4 Mio",
        "Loss in brackets": "(1,250)",
        "Duration": "37:30",
        "Time": "08:30",
        "Month": "Mar-25",
        "Date": "14.03.2025",
        "Percent": "12.5%",
        "Euro": "1,250.50 EUR",
        "German euro": "1,250.50 €",  # the sheet's own note is of a German desktop
        "Scientific": "1.25E+06",
        "Account": "12345678901.25",
        "IBAN tail": "0042 1180",
        "Positive text": "yes",
        "Dash for zero": "-",
        "Social number": "123-45-6789",
        "Invoice": "INV-000123",
        "Negative red": "-1,250",
        "Degrees": "21.5 °C",
    }
    [[_, *rows]] = tables(of_case("xlsx-formats/docs/parts.xlsx"))
    assert {row[0]: row[2] for row in rows} == expected


def test_case_merged_cells_stand_in_each_row_and_over_each_column() -> None:
    [[_, *rows]] = tables(of_case("xlsx-merged/docs/targets.xlsx"))
    assert ["North", "Q2", "455"] in rows
    assert ["South", "Q2", "315"] in rows
    [[header, *rows]] = tables(of_case("xlsx-merged/docs/two-row-header.xlsx"))
    assert header == ["Department", "2024 Plan", "2024 Actual", "2025 Plan", "2025 Actual"]
    assert rows == [["Kitchen", "10", "12", "14", "15"], ["Garage", "20", "19", "22", "23"]]


def test_case_formulas_without_a_result_are_shown_and_said() -> None:
    extract = of_case("xlsx-formula/docs/order.xlsx")
    assert extract.findings == (
        "3 cells hold formulas that were never calculated; open the file and save it.",
    )
    assert "| Desk | 4 | 250 | =B2*C2 |" in extract.text
    assert "=SUM(D2:D3)" in extract.text


def test_case_zeros_wide_and_neighbouring_tables() -> None:
    extract = of_case("xlsx-zero/docs/stock.xlsx")
    assert "| Bolt M6 | 0 | 12 | FALSE |" in extract.text
    assert "| Bolt M8 | 340 | 0 | TRUE |" in extract.text
    _, wide, city, country = tables(extract)
    assert wide == [[f"W{i}" for i in range(1, 54)], [str(3 * i) for i in range(1, 54)]]
    assert city == [["City", "Staff"], ["Lyon", "31"], ["Nice", "12"]]
    assert country == [["Country", "Currency"], ["Poland", "PLN"], ["Norway", "NOK"], ["Japan", "JPY"]]
    assert "Only sold in boxes of fifty." in extract.text
    assert "| Fair | 2025-06-03 |" in of_case("xlsx-zero/docs/mac1904.xlsx").text


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sep.csv", [["Article", "Price", "Stock"], ["Kettle", "39,90", "12"], ["Toaster", "24,50", "7"]]),
        ("title-above.csv", [["Article", "Price", "Stock"], ["Kettle", "39.90", "12"], ["Toaster", "24.50", "7"]]),
        ("umlaut.csv", [["Straße", "Müllabfuhr", "Gebühr"], ["Bäckergasse", "Dienstag", "18,50"], ["Höhenweg", "Freitag", "21,00"]]),
        ("utf16.csv", [["Città", "Abitanti"], ["Forlì", "117000"], ["Cefalù", "14000"]]),
        ("newlines.csv", [["Question", "Answer"], ["How do I reset it?", "Hold the button for 9 seconds."], ["Where is the fuse?", "Behind the flap, 10 A"]]),
        ("quote.csv", [["Name", "Note"], ["Anna", 'She said "yes", twice'], ["Ben", '5" pipe'], ["Cleo", "fine"], ["Dora", "fine too"]]),
        ("emptycol.csv", [["Name", "", "Age"], ["Anna", "", "41"], ["Ben", "x", "33"]]),
        ("no-header.csv", [["", "", ""], ["2025-01-03", "Milk", "1.20"], ["2025-01-04", "Bread", "3.40"], ["2025-01-05", "Cheese", "7.80"]]),
    ],
)  # fmt: skip
def test_case_delimited_files(name: str, expected: list[list[str]]) -> None:
    assert tables(of_case(f"csv-kinds/docs/{name}")) == [expected]


def test_case_title_above_a_table_is_a_line_of_its_own() -> None:
    assert of_case("csv-kinds/docs/title-above.csv").text.startswith("Price list valid from 1 April 2025\n\n")


def test_case_opendocument_spreadsheet_is_read() -> None:
    assert of_case("misc-formats/docs/bees.ods").text == "# S\n\nBees 7"


# number formats


def formats() -> list[tuple[str, str, str]]:
    with FORMATS.open(encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
    return [(code, value, text) for code, value, text in rows]


def test_numbers_are_shown_as_other_programs_show_them_or_as_they_are_stored() -> None:
    """SheetJS and LibreOffice agree on nine in ten of these; the others are as ECMA-376 has them."""
    rows = formats()
    assert len({code for code, _, _ in rows}) >= 150
    wrong = [
        (code, value, text, found)
        for code, value, text in rows
        if (found := rendered(value, code)) not in (text, None)
    ]
    assert wrong == []
    assert sum(rendered(value, code) is None for code, value, _ in rows) == 0


@pytest.mark.parametrize(
    ("stored", "code", "expected"),
    [
        ("5", "0 kg", "5"),  # letters that no format has
        ("5", "[DBNum1]0", "5"),
        ("1234.5", "[$-FOO", "1234.5"),
        ("-5", "[>10]0;[<0]0.0;0", "-5"),  # whether it keeps its minus is said nowhere
        ("-3", "yyyy-mm-dd", "-3"),
        ("9999999", "yyyy-mm-dd", "9999999"),
        ("0.1234", "0.0.0", "0.1234"),
        ("4111111111111111", "0", "4111111111111111"),
        ("4111111111111111", "General", "4111111111111111"),
        ("0.30000000000000004", "General", "0.3"),
        ("12345678901.25", "General", "12345678901.25"),
        ("0.333333333333333", "General", "0.333333333"),
        ("1E+20", "General", "1E+20"),
        ("NaN", "0.0", "NaN"),
        ("1E+999999", "0", "1E+999999"),
        ("45811", "dd/mm/yyyy", "2025-06-03"),  # 3 June or 6 March?
        ("45811", "m/d/yy", "2025-06-03"),
        ("45811.5", "m/d/yyyy h:mm", "2025-06-03 12:00"),
        ("45811", "d mmmm yyyy", "3 June 2025"),
        ("45811", "[$-407]d. mmmm yyyy", "2025-06-03"),  # Juni, in the sheet
        ("45811", "yyyy/mm/dd", "2025/06/03"),
        ("45811", "[$-411]ggge年m月d日", "2025-06-03"),
    ],
)  # fmt: skip
def test_what_a_format_does_not_say_is_never_guessed(stored: str, code: str, expected: str) -> None:
    assert shown(stored, code) == expected


def test_days_since_1904_are_counted_from_there() -> None:
    assert shown("44349", "yyyy-mm-dd", since_1904=True) == "2025-06-03"
    assert shown("1.5", "[h]:mm", since_1904=True) == "36:00"


def test_a_format_puts_words_around_a_text() -> None:
    assert shown_text("Anna", '"Dr. "@') == "Dr. Anna"
    assert shown_text("Anna", '0.0;-0.0;0;"Name: "@') == "Name: Anna"
    assert shown_text("Anna", "0.00") == "Anna"
    assert shown_text("Anna", ";;;") == ""


def test_a_format_that_hides_a_number_leaves_it_out_with_a_word() -> None:
    def write(sheet: Any) -> None:
        filled([["Item", "Price"], ["Desk", 5], ["Lamp", 7]])(sheet)
        sheet["B3"].number_format = ";;;"

    extract = read(workbook(write))
    assert tables(extract) == [[["Item", "Price"], ["Desk", "5"], ["Lamp", ""]]]
    assert [(left.text, left.place) for left in extract.left_out] == [("7", "Sheet!B3")]


# merged cells and headers


def merged(*ranges: str) -> Callable[[Any], None]:
    def write(sheet: Any) -> None:
        for each in ranges:
            sheet.merge_cells(each)

    return write


def sheet_of(rows: Iterable[Iterable[object]], *ranges: str) -> list[list[list[str]]]:
    def write(sheet: Any) -> None:
        filled(rows)(sheet)
        merged(*ranges)(sheet)

    return tables(read(workbook(write)))


def test_a_label_merged_downwards_stands_in_each_of_its_rows() -> None:
    rows = [
        ["Site", "Shift", "Staff"],
        ["Bern", "early", 4],
        [None, "late", 3],
        [None, "night", 1],
        ["Basel", "early", 6],
    ]
    [[_, *found]] = sheet_of(rows, "A2:A4")
    assert found == [
        ["Bern", "early", "4"],
        ["Bern", "late", "3"],
        ["Bern", "night", "1"],
        ["Basel", "early", "6"],
    ]


def test_a_label_over_the_whole_table_is_its_title() -> None:
    [[header, *_]] = sheet_of(
        [["Prices of 2025", None, None], ["Item", "Net", "Gross"], ["Desk", 1, 2]], "A1:C1"
    )
    assert header == ["Item", "Net", "Gross"]


def test_three_header_rows_are_joined() -> None:
    rows = [
        ["Plant", "Output", None, None, None],
        [None, "2024", None, "2025", None],
        [None, "Steel", "Wood", "Steel", "Wood"],
        ["North", 1, 2, 3, 4],
    ]
    [[header, row]] = sheet_of(rows, "A1:A3", "B1:E1", "B2:C2", "D2:E2")
    assert header == [
        "Plant",
        "Output 2024 Steel",
        "Output 2024 Wood",
        "Output 2025 Steel",
        "Output 2025 Wood",
    ]
    assert row == ["North", "1", "2", "3", "4"]


def test_a_row_of_units_belongs_to_the_header() -> None:
    [[header, *rows]] = sheet_of(
        [["Part", "Length", "Weight"], [None, "mm", "kg"], ["Bolt", 40, 0.1], ["Nut", 8, 0.02]]
    )
    assert header == ["Part", "Length mm", "Weight kg"]
    assert rows == [["Bolt", "40", "0.1"], ["Nut", "8", "0.02"]]


def test_a_label_over_a_whole_row_inside_a_table_stands_there_once() -> None:
    [[_, *rows]] = sheet_of([["Item", "Price", "Stock"], ["Kitchen", None, None], ["Pan", 9, 4]], "A2:C2")
    assert rows == [["Kitchen", "", ""], ["Pan", "9", "4"]]


def test_text_under_a_merged_cell_is_left_out_with_a_word() -> None:
    rows = "".join(f'<row r="{n}">{said(f"a{n}")}{said(f"b{n}")}</row>' for n in (1, 2, 3))
    extract = read(raw(f'<sheetData>{rows}</sheetData><mergeCells><mergeCell ref="A2:A3"/></mergeCells>'))
    assert "| a2 | b3 |" in extract.text
    assert [left.text for left in extract.left_out] == ["a3"]


def test_a_merge_of_the_whole_sheet_costs_nothing() -> None:
    extract = read(
        raw(
            f'<sheetData><row r="1">{said("One")}</row><row r="2">{said("Two")}</row></sheetData><mergeCells><mergeCell ref="A1:XFD1048576"/></mergeCells>'
        )
    )
    assert "One" in extract.text


def test_what_stays_in_view_or_has_the_filter_is_the_header() -> None:
    def frozen(sheet: Any) -> None:
        filled([["Name", "2024"], ["Code", "7"], ["Anna", 3], ["Ben", 4]])(sheet)
        sheet.freeze_panes = "A3"

    def filtered(sheet: Any) -> None:
        filled([["Made by Ana", "on Monday"], ["Name", "Age"], ["Anna", 3]])(sheet)
        sheet.auto_filter.ref = "A2:B3"

    def bold(sheet: Any) -> None:
        from openpyxl.styles import Font

        filled([[1, 2], [5, 6]])(sheet)
        for cell in sheet[1]:
            cell.font = Font(bold=True)

    def titled(sheet: Any) -> None:
        from openpyxl.styles import Font

        filled([["Staff"], ["Name", "Age"], ["Anna", 3]])(sheet)
        sheet["A1"].font = sheet["A2"].font = sheet["B2"].font = Font(bold=True)
        sheet.freeze_panes = "A3"

    first, second, third, fourth = tables(read(workbook(frozen, filtered, bold, titled)))
    assert fourth[0] == ["Name", "Age"]
    assert first[0] == ["Name Code", "2024 7"]
    assert second[0] == ["Made by Ana Name", "on Monday Age"]
    assert third == [["1", "2"], ["5", "6"]]


@pytest.mark.parametrize(
    ("rows", "header"),
    [
        ([["Region", 2023, 2024], ["North", 5, 6], ["South", 7, 8]], ["Region", "2023", "2024"]),
        ([["Week", 1, 2, 3], ["Anna", 5, 6, 7], ["Ben", 7, 8, 9]], ["Week", "1", "2", "3"]),
        ([["Rent", 900], ["Power", 80], ["Water", 30]], ["", ""]),
        ([[date(2025, 1, 3), "Milk", 1.2], [date(2025, 1, 4), "Bread", 3.4]], ["", "", ""]),
        ([["Q", "A"], ["Where?", "Here."]], ["Q", "A"]),
        ([["Name", "Q1", "Q2"], ["Anna", 1, 2]], ["Name", "Q1", "Q2"]),
    ],
)
def test_a_first_row_like_all_others_is_no_header(rows: list[list[object]], header: list[str]) -> None:
    [found] = sheet_of(rows)
    assert found[0] == header
    assert len(found) == len(rows) + (not any(header))


# tables told apart


def test_tables_beside_and_below_each_other_are_tables_of_their_own() -> None:
    rows = [
        ["City", "Staff", None, "Item", "Maker"],
        ["Lyon", 31, None, "Pan", "Oro"],
        ["Nice", 12, None, "Pot", "Uno"],
        [None, None, None, "Lid", "Due"],
        [],
        ["Name", "Desk", None, None, None],
        ["Anna", "4a", None, None, None],
    ]
    found = sheet_of(rows)
    assert [table[0] for table in found] == [["City", "Staff"], ["Item", "Maker"], ["Name", "Desk"]]
    assert found[1][-1] == ["Lid", "Due"]


def test_an_empty_column_inside_a_table_parts_nothing() -> None:
    rows = [["Item", "Note", None, 2024, 2023], ["Sales", "a", None, 10, 9], ["Costs", "b", None, 4, 5]]
    assert sheet_of(rows) == [
        [["Item", "Note", "2024", "2023"], ["Sales", "a", "10", "9"], ["Costs", "b", "4", "5"]]
    ]
    rows = [["Plan", "Actual", None, "Plan 2", "Actual 2"], [1, 2, None, 3, 4]]
    assert len(sheet_of(rows)) == 1


def test_a_total_behind_an_empty_row_stands_under_the_header() -> None:
    rows = [["Item", "Note", "Price"], ["Desk", "x", 250], ["Lamp", "y", 90], [], ["Total", None, 340]]
    [found] = sheet_of(rows)
    assert found[-1] == ["Total", "", "340"]


def test_notes_below_and_titles_above_are_paragraphs() -> None:
    extract = read(
        workbook(
            filled(
                [
                    ["Rates"],
                    ["valid from May"],
                    ["Item", "Price"],
                    ["Desk", 5],
                    ["Lamp", 6],
                    ["* without tax"],
                ]
            )
        )
    )
    assert [extract.text[b.span.start : b.span.end] for b in extract.blocks if b.kind == "paragraph"] == [
        "Rates",
        "valid from May",
        "* without tax",
    ]


def test_a_named_table_keeps_its_name_and_its_bounds() -> None:
    from openpyxl.worksheet.table import Table

    def write(sheet: Any) -> None:
        filled(
            [["Made by Ana", None], ["Item", "Price"], ["Desk", 5], ["Lamp", 6], ["seen by Ben", "today"]]
        )(sheet)
        sheet.add_table(Table(displayName="Rates_2025", ref="A2:B4"))

    extract = read(workbook(write))
    assert "Rates_2025" in extract.text
    assert tables(extract)[0] == [["Item", "Price"], ["Desk", "5"], ["Lamp", "6"]]
    assert "seen by Ben" in extract.text


# formulas, errors, hidden parts, comments, drawings


def test_zeros_that_a_program_wrote_for_formulas_are_no_results() -> None:
    data = f'<sheetData><row>{said("Sum")}{said("N")}</row><row><c><v>4</v></c><c r="B2"><f>A2*3</f><v>0</v></c></row></sheetData>'
    extract = read(raw(data, workbook='<calcPr fullCalcOnLoad="1"/>'))
    assert "=A2*3" in extract.text
    assert extract.findings == (
        "1 cell holds a formula that was never calculated; open the file and save it.",
    )
    assert "| 4 | 0 |" in read(raw(data)).text


def test_a_formula_shared_by_cells_is_shown_for_each() -> None:
    data = (
        f'<sheetData><row r="1">{said("N")}{said("M")}</row>'
        '<row r="2"><c r="A2"><v>1</v></c><c r="B2"><f t="shared" ref="B2:B3" si="0">A2*2</f></c></row>'
        '<row r="3"><c r="A3"><v>2</v></c><c r="B3"><f t="shared" si="0"/></c></row></sheetData>'
    )
    assert "| 2 | =A3*2 |" in read(raw(data)).text


def test_errors_and_texts_of_formulas_stand_as_they_are() -> None:
    data = (
        f'<sheetData><row>{said("A")}{said("B")}{said("C")}</row><row><c t="e"><f>1/0</f><v>#DIV/0!</v></c>'
        '<c t="str"><f>"a"&amp;"b"</f><v>ab</v></c><c t="str"><f>""</f><v></v></c></row></sheetData>'
    )
    extract = read(raw(data))
    assert "| #DIV/0! | ab |" in extract.text
    assert extract.findings == ()


def test_hidden_rows_and_columns_are_read_and_said() -> None:
    def write(sheet: Any) -> None:
        filled([["Item", "Cost", "Price"], ["Desk", 3, 5], ["Lamp", 2, 6], ["Rug", 1, 7]])(sheet)
        sheet.column_dimensions["B"].hidden = True
        sheet.row_dimensions[3].hidden = sheet.row_dimensions[4].hidden = True

    extract = read(workbook(write))
    assert "| Lamp | 2 | 6 |" in extract.text
    assert extract.findings == (
        "The sheet 'Sheet' has 2 hidden rows with content; they were read.",
        "The sheet 'Sheet' has 1 hidden column with content; it was read.",
    )


def test_comments_links_and_page_headers_are_read() -> None:
    from openpyxl.comments import Comment

    def write(sheet: Any) -> None:
        filled([["Item", "Price"], ["Desk", 5]])(sheet)
        sheet["B2"].comment = Comment("until May only", "Ana")
        sheet["A2"].hyperlink = "https://example.org/desk"
        sheet.oddHeader.center.text = "Internal & secret"
        sheet.oddFooter.left.text = "Page &P of &N"

    extract = read(workbook(write))
    assert "Comment on B2: until May only" in extract.text
    assert "Internal & secret" in extract.text
    assert extract.links == ("https://example.org/desk",)


def test_a_conversation_on_a_cell_is_read_once() -> None:
    rels = (
        f'<Relationship Id="a" Type="{OFFICE}/comments" Target="../c.xml"/>'
        '<Relationship Id="b" Type="http://schemas.microsoft.com/office/2017/10/relationships/threadedComment" Target="../t.xml"/>'
    )
    parts = {
        "xl/c.xml": f'<comments xmlns="{MAIN}"><commentList><comment ref="A1"><text><t>[Threaded comment] Your version</t></text></comment></commentList></comments>',
        "xl/t.xml": '<ThreadedComments xmlns="x"><threadedComment ref="A1"><text>Is this right?</text></threadedComment><threadedComment ref="A1"><text>It is.</text></threadedComment></ThreadedComments>',
    }
    text = read(raw(f"<sheetData><row>{said('One')}</row></sheetData>", parts, rels=rels)).text
    assert "Comment on A1: Is this right?\n\nComment on A1: It is." in text
    assert "Your version" not in text


def test_words_of_charts_and_text_boxes_are_read_and_pictures_said() -> None:
    from openpyxl.chart import BarChart, Reference

    def write(sheet: Any) -> None:
        filled([["Item", "Price"], ["Desk", 5]])(sheet)
        chart = BarChart()
        chart.title, chart.y_axis.title = "Prices by item", "Euro"
        chart.add_data(Reference(sheet, min_col=2, min_row=1, max_row=2), titles_from_data=True)
        sheet.add_chart(chart, "D1")

    extract = read(workbook(write))
    assert "Prices by item" in extract.text
    assert "Euro" in extract.text
    drawing = '<wsDr xmlns="d" xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><sp><txBody><a:p><a:r><a:t>Ask </a:t></a:r><a:r><a:t>Ana</a:t></a:r></a:p></txBody></sp><pic><cNvPr descr="The new desk"/></pic></wsDr>'
    rels = f'<Relationship Id="d" Type="{OFFICE}/drawing" Target="../d.xml"/>'
    extract = read(raw(f"<sheetData><row>{said('One')}</row></sheetData>", {"xl/d.xml": drawing}, rels=rels))
    assert extract.text.endswith("The new desk\n\nAsk Ana")
    assert extract.findings == ("The sheet 'S' has pictures (1); what they show was not read.",)


def test_a_damaged_drawing_costs_only_itself() -> None:
    rels = f'<Relationship Id="d" Type="{OFFICE}/drawing" Target="../d.xml"/>'
    extract = read(
        raw(f"<sheetData><row>{said('One')}</row></sheetData>", {"xl/d.xml": "<broken"}, rels=rels)
    )
    assert "One" in extract.text
    assert "damaged" in extract.findings[0]


def test_raised_digits_are_no_digits_of_the_number() -> None:
    run = '<r><t>10</t></r><r><rPr><vertAlign val="superscript"/></rPr><t>3</t></r><r><t> cells</t></r>'
    assert (
        "10^3 cells"
        in read(raw(f'<sheetData><row><c t="inlineStr"><is>{run}</is></c></row></sheetData>')).text
    )


def test_columns_far_to_the_right_and_rows_far_down_are_read() -> None:
    def write(sheet: Any) -> None:
        sheet.cell(1, 1, "First")
        sheet.cell(900, 700, "Far away")

    assert "Far away" in read(workbook(write)).text


def test_a_sheet_spread_too_thin_is_refused_with_a_sentence() -> None:
    rows = "".join(f'<row r="{n}"><c r="XFD{n}"><v>1</v></c></row>' for n in range(1, 600))
    with pytest.raises(Unparsable, match="spreads over"):
        read(raw(f"<sheetData>{rows}</sheetData>"))


def test_strict_and_macro_workbooks_are_read_and_binary_ones_named() -> None:
    day = '<c t="d"><v>2025-06-03T00:00:00</v></c>'
    data = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(raw(f"<sheetData><row>{said('Fair')}{day}</row></sheetData>"))) as archive,
        zipfile.ZipFile(data, "w") as strict,
    ):
        for name in archive.namelist():
            text = archive.read(name).decode()
            text = text.replace(MAIN, "http://purl.oclc.org/ooxml/spreadsheetml/main")
            strict.writestr(
                name, text.replace(OFFICE, "http://purl.oclc.org/ooxml/officeDocument/relationships")
            )
    assert "| Fair | 2025-06-03 |" in read(data.getvalue(), "a.xlsm").text
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("xl/workbook.bin", b"\x00")
    with pytest.raises(Unparsable, match="XLSB"):
        read(buffer.getvalue(), "a.xlsb")


def test_many_tables_and_merges_take_linear_time() -> None:
    lines = "Name,Size\n\n" + "".join(f"pipe {n},{n}\n\n" for n in range(20_000))
    merges = "".join(f'<mergeCell ref="A{n}:B{n}"/>' for n in range(1, 20_000, 4))
    rows = "".join(f'<row r="{n}">{said("a")}{said("b")}{said("c")}</row>' for n in range(1, 20_000, 2))
    started = time.process_time()
    assert len(tables(read(lines.encode(), "a.csv"))[0]) == 20_001
    read(raw(f"<sheetData>{rows}</sheetData><mergeCells>{merges}</mergeCells>"))
    assert time.process_time() - started < 8


# OpenDocument


def ods(body: str, *, styles: str = "", after: str = "", parts: dict[str, str] | None = None) -> bytes:
    spaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "text", "table", "style", "draw", "fo", "chart")
    )
    content = (
        f'<office:document-content {spaces} xmlns:xlink="http://www.w3.org/1999/xlink">'
        f"<office:automatic-styles>{styles}</office:automatic-styles><office:body><office:spreadsheet>{body}{after}"
        "</office:spreadsheet></office:body></office:document-content>"
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)
        for name, text in (parts or {}).items():
            archive.writestr(name, text)
    return buffer.getvalue()


def cell(text: str, **attributes: str) -> str:
    given = "".join(
        f' {name.replace("__", ":").replace("_", "-")}="{value}"' for name, value in attributes.items()
    )
    return f"<table:table-cell{given}><text:p>{text}</text:p></table:table-cell>"


def row(*cells: str, more: str = "") -> str:
    return f"<table:table-row{more}>{''.join(cells)}</table:table-row>"


def table(*rows: str, name: str = "S", more: str = "") -> str:
    return f'<table:table table:name="{name}"{more}>{"".join(rows)}</table:table>'


COVERED = "<table:covered-table-cell/>"


def test_an_opendocument_sheet_shows_what_its_cells_show() -> None:
    extract = read(
        ods(
            table(
                row(cell("Item"), cell("Price"), cell("From")),
                row(
                    cell("Desk"),
                    cell("1.250,50 €", office__value_type="currency", office__value="1250.5"),
                    cell("03/06/25", office__value_type="date", office__date_value="2025-06-03"),
                ),
                row(cell("Lamp"), '<table:table-cell office:value-type="float" office:value="7"/>', cell("")),
            )
        ),
        "a.ods",
    )
    assert tables(extract) == [
        [["Item", "Price", "From"], ["Desk", "1.250,50 €", "2025-06-03"], ["Lamp", "7", ""]]
    ]


def test_spans_and_repeated_cells_of_opendocument() -> None:
    extract = read(
        ods(
            table(
                row(
                    cell("Region", table__number_rows_spanned="2"),
                    cell("2025", table__number_columns_spanned="2"),
                    COVERED,
                ),
                row(COVERED, cell("Plan"), cell("Actual")),
                row(
                    cell("North", table__number_rows_spanned="2"),
                    cell("4", table__number_columns_repeated="2"),
                ),
                row(COVERED, cell("5"), cell("6")),
                row(
                    '<table:table-cell table:number-columns-repeated="16384"/>',
                    more=' table:number-rows-repeated="1048000"',
                ),
            )
        ),
        "a.ods",
    )
    assert tables(extract) == [
        [["Region", "2025 Plan", "2025 Actual"], ["North", "4", "4"], ["North", "5", "6"]]
    ]


def test_hidden_parts_comments_formulas_and_charts_of_opendocument() -> None:
    note = "<office:annotation><text:p>Only until May</text:p></office:annotation>"
    chart = '<draw:frame><draw:object xlink:href="./Object 1"/></draw:frame>'
    title = '<x xmlns:chart="urn:oasis:names:tc:opendocument:xmlns:chart:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><chart:title><text:p>Prices by item</text:p></chart:title></x>'
    extract = read(
        ods(
            table(
                row(cell("Item"), cell("Price")),
                row(
                    cell("Desk"),
                    f'<table:table-cell office:value-type="float">{note}<text:p>5</text:p>{chart}</table:table-cell>',
                ),
                row(
                    cell("Lamp"),
                    '<table:table-cell table:formula="of:=[.B2]*2"/>',
                    more=' table:visibility="collapse"',
                ),
                more=' table:style-name="off"',
            ),
            styles='<style:style style:name="off"><style:table-properties table:display="false"/></style:style>',
            parts={"Object 1/content.xml": title},
        ),
        "a.ods",
    )
    assert "| Desk | 5 |\n| Lamp | =B2*2 |" in extract.text
    assert "Comment on B2: Only until May" in extract.text
    assert "Prices by item" in extract.text
    assert set(extract.findings) == {
        "The sheet 'S' is hidden in the workbook; it was read.",
        "The sheet 'S' has 1 hidden row with content; it was read.",
        "1 cell holds a formula that was never calculated; open the file and save it.",
    }


def test_an_encrypted_opendocument_sheet_is_named() -> None:
    data = ods(table(row(cell("a"))), parts={"META-INF/manifest.xml": "<manifest:encryption-data/>"})
    with pytest.raises(Unparsable) as failure:
        read(data, "a.ods")
    assert failure.value.reason == "encrypted"


def test_an_opendocument_table_with_a_name_and_raised_digits() -> None:
    styles = (
        '<style:style style:name="up"><style:text-properties style:text-position="super 58%"/></style:style>'
    )
    ranges = '<table:database-ranges><table:database-range table:name="Cells" table:target-range-address="S.A2:S.B3"/></table:database-ranges>'
    extract = read(
        ods(
            table(
                row(cell("Made by Ana")),
                row(cell("Dish"), cell("Count")),
                row(cell("A"), cell('10<text:span text:style-name="up">3</text:span>')),
            ),
            styles=styles,
            after=ranges,
        ),
        "a.ods",
    )
    assert "Made by Ana\n\nCells\n\n| Dish | Count |" in extract.text
    assert "| A | 10^3 |" in extract.text


# delimited text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sep=|\nA|B\n1|2\n", [["A", "B"], ["1", "2"]]),
        ('"sep=;"\r\nA;B\r\nx;2,5\r\n', [["A", "B"], ["x", "2,5"]]),
        ("\ufeffsep=\t\nA\tB\nx\t2\n", [["A", "B"], ["x", "2"]]),
        (
            "Report\nof May\n\nA;B;C\nx;2,5;3,5\ny;1,5;4,5\n",
            [["A", "B", "C"], ["x", "2,5", "3,5"], ["y", "1,5", "4,5"]],
        ),
        ("x;2,5\ny;1,5\nz;3,5\n", [["", ""], ["x", "2,5"], ["y", "1,5"], ["z", "3,5"]]),
        ('A,B\n"two\nlines, here",2\n', [["A", "B"], ["two lines, here", "2"]]),
        ("A,B\n\nx,1\n\ny,2\n", [["A", "B"], ["x", "1"], ["y", "2"]]),
        ("Name\nAnna\nBen\n", [["Name"], ["Anna"], ["Ben"]]),
    ],
)
def test_delimited_text_is_one_table(text: str, expected: list[list[str]]) -> None:
    assert tables(read(text.encode(), "a.csv")) == [expected]


def test_a_quotation_mark_that_is_never_closed_swallows_nothing() -> None:
    extract = read(b'Name,Size\nPipe,"5 inch\nBolt,8\nNut,9\n', "a.csv")
    assert tables(extract)[0][2:] == [["Bolt", "8"], ["Nut", "9"]]
    assert "never closed" in extract.findings[0]


def test_a_giant_cell_is_cut_and_named() -> None:
    words = "valves and pumps of the north plant are checked. "
    extract = read(f'Id,Owner,Text\n1,Anna,"{words * 30_000}"\n2,Ben,short\n'.encode(), "a.csv")
    assert extract.findings == (
        f"The cell in row 2, column 3, has {len(words) * 30_000:,} characters; it is cut into passages.",
    )
    chunks = cut(extract)
    inside = [chunk for chunk in chunks if "pumps" in chunk.text]
    assert all("| Text |" in chunk.context and "| 1 |" in chunk.context for chunk in inside[:50])
    assert chunks[-1].text == "| 2 | Ben | short |"


# tables as data


def cut(extract: Extract) -> list[Chunk]:
    document = Document(DocumentId("doc_1"), "a.xlsx", "Book", "x", "0")
    return chunks_of(extract, document, embedder=WordEmbedder(256), target_tokens=130, overlap_tokens=0)


def test_a_table_leaves_other_readers_of_csv_in_the_process_their_room() -> None:
    parse(b"Article,Price\nLamp,79\n", name="a.csv", limits=limits())
    assert len(next(csv.reader(["x" * 100_000]))[0]) == 100_000


def test_each_cell_of_a_wide_sheet_is_found_with_its_header_and_its_row() -> None:
    rows = [["Machine", *(f"Measure {i} (mm)" for i in range(158))]]
    rows += [[f"Press {n}", *(str(10_000 * (n + 1) + i) for i in range(158))] for n in range(3)]
    extract = read(workbook(filled(rows)))
    assert tables(extract) == [rows]
    chunks = cut(extract)
    for number, at in ((1, 0), (2, 77), (3, 157)):
        [chunk] = [chunk for chunk in chunks if f"| {10_000 * number + at}" in chunk.text]
        assert f"| Measure {at} (mm) |" in chunk.context
        assert f"Press {number - 1}" in chunk.embedded_text
        assert f"Press {number % 3}" not in chunk.embedded_text


def test_each_row_of_a_long_sheet_is_found_with_its_header() -> None:
    rows: list[list[object]] = [["Name", "Age (years)", "Town"]]
    rows += [[f"Person {n}", 20 + n % 50, f"Town {n % 7}"] for n in range(5_000)]
    chunks = cut(read(workbook(filled(rows))))
    assert sum(chunk.text.count("Person ") for chunk in chunks) == 5_000
    assert all("| Name | Age (years) | Town |" in chunk.embedded_text for chunk in chunks)
