"""PDF: what its layout means, and what its file lacks."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingest.extract import Extract, Unparsable
from ingest.parse.dispatch import parse
from tests.ingest.limits import limits

FILINGS = Path(__file__).parents[2] / "../shared/data/sec10q/docs"


def drawn(draw: Callable[[Any], object], **options: Any) -> bytes:
    from reportlab.pdfgen.canvas import Canvas

    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(612, 792), **options)
    draw(canvas)
    canvas.save()
    return buffer.getvalue()


def read(draw: Callable[[Any], object], **options: Any) -> Extract:
    return parse(drawn(draw, **options), name="a.pdf", limits=limits())


def lines(canvas: Any, texts: list[str], *, x: float = 72, y: float = 700, size: float = 11) -> None:
    canvas.setFont("Helvetica", size)
    for at, text in enumerate(texts):
        canvas.drawString(x, y - 1.3 * size * at, text)


def page_text(extract: Extract, number: int) -> str:
    end = extract.pages[number] if number < len(extract.pages) else len(extract.text)
    return extract.text[extract.pages[number - 1] : end]


def test_pages_hold_their_own_text() -> None:
    def draw(canvas: Any) -> None:
        for number in range(1, 8):
            lines(canvas, [f"Chapter text number {'abcdefg'[number - 1]} begins here.", "And it ends here."])
            canvas.showPage()

    extract = read(draw)
    assert len(extract.pages) == 7
    for number in range(1, 8):
        assert f"number {'abcdefg'[number - 1]} begins" in page_text(extract, number)
    assert [block.span.page for block in extract.blocks] == list(range(1, 8))


def test_what_a_writing_program_puts_for_a_title_is_none() -> None:
    """ReportLab calls every file untitled, its subject unspecified."""
    assert read(lambda canvas: lines(canvas, ["The audit takes place in March, as every year."])).title == ""


def test_running_heads_are_said_once_page_numbers_go_and_table_headers_stay() -> None:
    def draw(canvas: Any) -> None:
        for number in range(1, 7):
            lines(canvas, ["Acme Ltd – confidential"], y=770, size=8)
            for at in range(4):
                lines(canvas, ["Item" if at == 0 else f"Part {number}{at}"], y=700 - 20 * at)
                lines(canvas, ["Price" if at == 0 else f"{number}{at}.00"], x=300, y=700 - 20 * at)
            lines(canvas, [f"Page {number} of 6"], x=280, y=30, size=8)
            canvas.showPage()

    extract = read(draw)
    assert extract.text.count("Acme Ltd – confidential") == 1
    assert "of 6" not in extract.text
    assert extract.text.count("| Item | Price |") == 6
    assert "| Part 42 | 42.00 |" in extract.text


def test_two_columns_are_read_one_after_the_other() -> None:
    left = [
        f"left column line {word} of its long story"
        for word in ["one", "two", "three", "four", "five", "six", "seven", "eight"]
    ]
    right = [line.replace("left", "right") for line in left]

    def draw(canvas: Any) -> None:
        lines(canvas, ["A title that runs over both of the columns of this page and on"], y=740, size=14)
        for at, (one, other) in enumerate(
            zip(left, right, strict=True)
        ):  # row by row, as some programs write
            lines(canvas, [one], x=60, y=700 - 14 * at, size=10)
            lines(canvas, [other], x=320, y=700 - 14 * at, size=10)

    text = read(draw).text
    assert text.index("left column line eight") < text.index("right column line one")
    assert text.index("title that runs") < text.index("left column line one")


def test_cells_of_a_ruled_table_stay_whole_when_they_wrap() -> None:
    from reportlab.lib.styles import getSampleStyleSheet
    from reportlab.platypus import Paragraph, SimpleDocTemplate, Table

    style = getSampleStyleSheet()["BodyText"]
    cells = [
        ["Role", "Duties"],
        ["Steward", "Answers for the data and its quality in every single system we run"],
        ["Owner", "Pays"],
    ]
    table = Table([[Paragraph(cell, style) for cell in row] for row in cells], colWidths=[100, 120])
    table.setStyle([("GRID", (0, 0), (-1, -1), 0.5, "black")])
    buffer = io.BytesIO()
    SimpleDocTemplate(buffer).build([table])
    text = parse(buffer.getvalue(), name="a.pdf", limits=limits()).text
    assert "| Steward | Answers for the data and its quality in every single system we run |" in text


def test_headings_over_several_columns_stand_over_each_of_them() -> None:
    def draw(canvas: Any) -> None:
        for x, heading in ((245, "First half"), (425, "Second half")):
            lines(canvas, [heading], x=x, y=700)
        for at, x in enumerate((220, 310, 400, 490)):
            lines(canvas, [str(2023 + at % 2)], x=x, y=685)
        for row, name in enumerate(("Revenue", "Costs", "Profit")):
            lines(canvas, [name], y=670 - 15 * row)
            for at, x in enumerate((220, 310, 400, 490)):
                lines(canvas, [f"{row + 1}{at},000"], x=x, y=670 - 15 * row)

    text = read(draw).text
    assert "First half 2023 | First half 2024 | Second half 2023 | Second half 2024 |" in text
    assert "| Costs | 20,000 | 21,000 | 22,000 | 23,000 |" in text


def test_units_under_a_heading_are_no_heading() -> None:
    def draw(canvas: Any) -> None:
        lines(canvas, ["(In millions, except per share)"], x=230, y=716)
        canvas.setFont("Helvetica-Bold", 11)
        canvas.drawString(230, 730, "STATEMENTS OF INCOME")
        canvas.drawString(72, 690, "(Unaudited)")
        for row, name in enumerate(("Revenue", "Cost of sales", "Gross margin")):
            lines(canvas, [name], y=660 - 15 * row)
            for at, x in enumerate((380, 480)):
                lines(canvas, [f"{row + 1}{at},000"], x=x, y=660 - 15 * row)

    extract = read(draw)
    [table] = [block for block in extract.blocks if block.kind == "table"]
    assert table.headings == ("STATEMENTS OF INCOME",)


def test_words_cut_at_line_ends_are_whole_and_compounds_keep_their_hyphen() -> None:
    def draw(canvas: Any) -> None:
        lines(
            canvas,
            [
                "The reimburse-",
                "ment of long-term and long-",
                "term costs follows the reimbursement rule and the well-",
                "known one.",
            ],
        )

    text = read(draw).text
    assert "The reimbursement of long-term and long-term costs" in text


def test_paragraph_goes_on_over_the_page_break() -> None:
    def draw(canvas: Any) -> None:
        lines(
            canvas,
            ["This sentence starts on the first page and it", "goes on without an end until the page is"],
        )
        canvas.showPage()
        lines(canvas, ["turned, and only there it stops."])

    extract = read(draw)
    assert "until the page is turned" in extract.text
    assert page_text(extract, 2).startswith("turned")


def test_headings_come_from_size_and_outline() -> None:
    def draw(canvas: Any) -> None:
        lines(canvas, ["Annual report"], y=740, size=22)
        lines(canvas, ["Plain text under the title, long enough to be the body of this page."], y=700)
        canvas.bookmarkPage("a")
        canvas.addOutlineEntry("Outlook", "a", 1)
        lines(canvas, ["Outlook"], y=660)
        lines(canvas, ["More plain text that follows the heading of the outline, as long."], y=630)

    def with_outline(canvas: Any) -> None:
        canvas.bookmarkPage("t")
        canvas.addOutlineEntry("Annual report", "t", 0)
        draw(canvas)

    extract = read(with_outline)
    levels = {
        extract.text[b.span.start : b.span.end].lstrip("# "): b.level
        for b in extract.blocks
        if b.kind == "heading"
    }
    assert levels == {"Annual report": 1, "Outlook": 2}


def test_page_without_text_is_said() -> None:
    def draw(canvas: Any) -> None:
        lines(canvas, ["Some text on the first page."])
        canvas.showPage()
        canvas.rect(100, 100, 200, 200, fill=1)
        canvas.showPage()

    extract = read(draw)
    assert extract.findings == ("Page 2 has no text layer; OCR is off (FOOTNOTE_OCR=true reads them).",)
    assert extract.unread == (2,)


def test_scan_without_any_text_is_refused_with_the_reason() -> None:
    with pytest.raises(Unparsable) as failure:
        read(lambda canvas: canvas.rect(100, 100, 200, 200, fill=1))
    assert failure.value.reason == "no_text"
    assert "OCR" in failure.value.message


def test_password_is_said_and_a_merely_restricted_file_is_read() -> None:
    from reportlab.lib.pdfencrypt import StandardEncryption

    def draw(canvas: Any) -> None:
        lines(canvas, ["Secret text for readers with the password."])

    with pytest.raises(Unparsable) as failure:
        read(draw, encrypt=StandardEncryption("secret", canPrint=0))
    assert failure.value.reason == "encrypted"
    assert "Secret text" in read(draw, encrypt=StandardEncryption("", ownerPassword="x", canCopy=0)).text


def test_turned_pages_are_read_as_they_are_shown() -> None:
    import pypdf

    texts = ["The first line of a landscape page.", "The second line of the same page."]
    reader = pypdf.PdfReader(io.BytesIO(drawn(lambda canvas: lines(canvas, texts, x=220, y=420))))
    for angle in (90, 180, 270):
        writer = pypdf.PdfWriter()
        page = writer.add_page(reader.pages[0])
        # the content turned one way and the page the other: upright on the screen
        page.add_transformation(
            pypdf.Transformation().translate(-306, -396).rotate(angle).translate(306, 396)
        )
        page.rotate(angle)
        buffer = io.BytesIO()
        writer.write(buffer)
        text = parse(buffer.getvalue(), name="a.pdf", limits=limits()).text
        assert text.index("first line") < text.index("second line"), angle


def test_printed_page_numbers_are_kept_where_they_differ() -> None:
    import pypdf
    from pypdf.constants import PageLabelStyle

    def draw(canvas: Any) -> None:
        for number in range(4):
            lines(canvas, [f"Text of page {number}."])
            canvas.showPage()

    writer = pypdf.PdfWriter(io.BytesIO(drawn(draw)))
    writer.set_page_label(0, 1, style=PageLabelStyle.LOWERCASE_ROMAN)
    writer.set_page_label(2, 3, style=PageLabelStyle.DECIMAL, start=1)
    buffer = io.BytesIO()
    writer.write(buffer)
    assert parse(buffer.getvalue(), name="a.pdf", limits=limits()).page_labels == ("i", "ii", "1", "2")


def test_too_many_pages_are_refused() -> None:
    data = drawn(lambda canvas: [canvas.showPage() for _ in range(12)])
    with pytest.raises(Unparsable) as failure:
        parse(data, name="a.pdf", limits=limits(max_pages=10))
    assert failure.value.reason == "too_large"


@pytest.mark.skipif(not FILINGS.exists(), reason="the filings are not here (../shared/data/sec10q)")
@pytest.mark.parametrize(
    ("name", "page", "row"),
    [
        ("2022 Q3 AAPL.pdf", 4, "| Research and development | 6,797 | 5,717 | 19,490 | 16,142 |"),
        ("2022 Q3 AAPL.pdf", 6, "| Inventories | 5,433 | 6,580 |"),
        ("2023 Q2 NVDA.pdf", 3, "| Revenue | $ 13,507 | $ 6,704 | $ 20,699 | $ 14,992 |"),
        ("2023 Q2 NVDA.pdf", 30, "| Graphics | 1,211 | 657 | 554 | 84 % | 2,258 | 3,133 | (875) | (28)% |"),
        ("2023 Q2 AMZN.pdf", 4, "| Net service sales | 64,659 | 75,351 | 124,648 | 145,728 |"),
        (
            "2022 Q3 INTC.pdf",
            35,
            "| Earnings per share—diluted | $ 0.25 |  | $ 1.67 |  | $ 2.10 |  | $ 3.73 |  |",
        ),
        ("2023 Q1 MSFT.pdf", 5, "| Cash and cash equivalents | $ 15,646 | $ 13,931 |"),
    ],
)
def test_figures_of_real_filings_stand_in_their_row_on_their_page(name: str, page: int, row: str) -> None:
    assert row in page_text(parse((FILINGS / name).read_bytes(), name=name, limits=limits()), page)


def test_running_head_of_a_short_document_is_said_once_and_bold_words_do_not_cut_a_paragraph() -> None:
    def draw(canvas: Any) -> None:
        for number in (1, 2):
            lines(canvas, ["Plan · confidential"], y=770, size=8)
            lines(canvas, [f"Acme Page {number}"], y=25, size=8)
            lines(canvas, ["You may accept gifts of up to"], y=700)
            canvas.setFont("Helvetica-Bold", 11)
            canvas.drawString(72, 685.7, f"thirty euros number {'ab'[number - 1]} a year")
            lines(canvas, ["and nothing at all in a tender."], y=671.4)
            canvas.showPage()

    rule = "You may accept gifts of up to thirty euros number {} a year and nothing at all in a tender."
    assert read(draw).text.split("\n\n") == [
        "Plan · confidential",
        rule.format("a"),
        "Acme Page 1",
        rule.format("b"),
    ]


def test_steps_numbered_without_a_dot_are_a_list() -> None:
    def draw(canvas: Any) -> None:
        lines(
            canvas,
            [
                "In a fire:",
                "1 Press the call point.",
                "2 Call 112 from any phone.",
                "3 Close doors and windows.",
            ],
        )

    assert (
        read(draw).text
        == "In a fire:\n\n1. Press the call point.\n2. Call 112 from any phone.\n3. Close doors and windows."
    )
