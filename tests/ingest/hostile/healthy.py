"""The same short handbook written in every format, to read it back and to damage it."""

import io
import zipfile
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

TITLE = "Travel handbook"
HEADINGS = ("Booking", "Daily allowance", "Exceptions")
PARAGRAPHS = (
    "Employees book flights through the travel desk at least fourteen days before departure. Trains are "
    "preferred for journeys under five hours, and the cheapest flexible fare is the default.",
    "The daily allowance covers meals and local transport. It is paid with the salary of the following month "
    "and differs by country, as the table below shows.",
    "A director may approve business class for flights over nine hours; the approval is attached to the claim. "
    "Résumé: naïve façades cost €1,250.50 — not more.",
)
ITEMS = ("keep every receipt", "claim within thirty days", "name the cost centre")
TABLE = (
    ("Country", "Per day", "Hotel limit"),
    ("Germany", "€28.00", "€120"),
    ("Japan", "¥7,400", "¥19,000"),
    ("United States", "$74.00", "$240"),
)


def expected_words() -> list[str]:
    """All words of the document in reading order."""
    return words_of("\n".join([HEADINGS[0], PARAGRAPHS[0], *ITEMS, HEADINGS[1], PARAGRAPHS[1], *sum(TABLE, ()), HEADINGS[2], PARAGRAPHS[2]]))  # fmt: skip


def words_of(text: str) -> list[str]:
    """The words of a text without the marks of Markdown."""
    for mark in ("|", "#", "---", "`"):
        text = text.replace(mark, " ")
    return [word for word in text.split() if word not in ("-", "*", "=")]


def markdown() -> bytes:
    rows = ["| " + " | ".join(row) + " |" for row in TABLE]
    table = "\n".join([rows[0], "|---|---|---|", *rows[1:]])
    items = "\n".join(f"- {item}" for item in ITEMS)
    return (
        f"---\ntitle: {TITLE}\ntags: [travel, money]\n---\n\n## {HEADINGS[0]}\n\n{PARAGRAPHS[0]}\n\n{items}\n\n"
        f"## {HEADINGS[1]}\n\n{PARAGRAPHS[1]}\n\n{table}\n\n## {HEADINGS[2]}\n\n{PARAGRAPHS[2]}\n"
    ).encode()


def rst() -> bytes:
    def titled(text: str) -> str:
        return f"{text}\n{'=' * len(text)}\n\n"

    items = "\n".join(f"* {item}" for item in ITEMS)
    edge = "+---------------+---------+-------------+\n"
    rows = [f"|{a:<15}|{b:<9}|{c:<13}|\n" for a, b, c in TABLE]
    table = edge + rows[0] + edge.replace("-", "=") + edge.join(rows[1:]) + edge
    parts = [
        titled(HEADINGS[0]),
        PARAGRAPHS[0],
        "\n\n",
        items,
        "\n\n",
        titled(HEADINGS[1]),
        PARAGRAPHS[1],
        "\n\n",
    ]
    return "".join([*parts, table, "\n", titled(HEADINGS[2]), PARAGRAPHS[2], "\n"]).encode()


def html() -> bytes:
    items = "".join(f"<li>{item}</li>" for item in ITEMS)
    rows = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in TABLE)
    return (
        f"<!doctype html><html><head><title>{TITLE}</title><meta charset=utf-8></head><body><nav>Home Blog</nav>"
        f"<h2>{HEADINGS[0]}</h2><p>{PARAGRAPHS[0]}</p><ul>{items}</ul><h2>{HEADINGS[1]}</h2><p>{PARAGRAPHS[1]}</p>"
        f"<table>{rows}</table><h2>{HEADINGS[2]}</h2><p>{PARAGRAPHS[2]}</p><script>var x=1</script></body></html>"
    ).encode()


def plain() -> bytes:
    items = "\n".join(f"- {item}" for item in ITEMS)
    table = "\n".join("  ".join(row) for row in TABLE)
    return (
        f"{HEADINGS[0]}\n=======\n\n{PARAGRAPHS[0]}\n\n{items}\n\n{HEADINGS[1]}\n=======\n\n{PARAGRAPHS[1]}\n\n{table}\n\n"
        f"{HEADINGS[2]}\n=======\n\n{PARAGRAPHS[2]}\n"
    ).encode()


def docx() -> bytes:
    import docx as library

    document: Any = library.Document()
    document.core_properties.title = TITLE
    document.core_properties.author = "Ana Lima"
    document.add_heading(HEADINGS[0], 1)
    document.add_paragraph(PARAGRAPHS[0])
    for item in ITEMS:
        document.add_paragraph(item, style="List Bullet")
    document.add_heading(HEADINGS[1], 1)
    document.add_paragraph(PARAGRAPHS[1])
    table = document.add_table(len(TABLE), 3)
    for row, cells in zip(table.rows, TABLE, strict=True):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    document.add_heading(HEADINGS[2], 1)
    document.add_paragraph(PARAGRAPHS[2])
    return _saved(document.save)


def pptx() -> bytes:
    import pptx as library
    from pptx.util import Inches

    show: Any = library.Presentation()
    show.core_properties.title = TITLE
    slides = [show.slides.add_slide(show.slide_layouts[1]) for _ in HEADINGS]
    for slide, heading, text in zip(slides, HEADINGS, PARAGRAPHS, strict=True):
        slide.shapes.title.text = heading
        slide.placeholders[1].text = text
    slides[0].placeholders[1].text = "\n".join([PARAGRAPHS[0], *ITEMS])
    grid = slides[1].shapes.add_table(len(TABLE), 3, Inches(1), Inches(5), Inches(6), Inches(1)).table
    for at, cells in enumerate(TABLE):
        for column, text in enumerate(cells):
            grid.cell(at, column).text = text
    return _saved(show.save)


def xlsx() -> bytes:
    import openpyxl

    book = openpyxl.Workbook()
    for at, (heading, text) in enumerate(zip(HEADINGS, PARAGRAPHS, strict=True)):
        sheet: Any = book.active if at == 0 else book.create_sheet()
        sheet.title = heading
        sheet.append([text])
        rows: dict[int, list[Any]] = {0: [[item] for item in ITEMS], 1: [[], *TABLE]}
        for row in rows.get(at, []):
            sheet.append(row)
    return _saved(book.save)


def pdf() -> bytes:
    from reportlab.lib.styles import getSampleStyleSheet
    from reportlab.platypus import ListFlowable, Paragraph, SimpleDocTemplate, Table

    styles = getSampleStyleSheet()
    story: list[Any] = []
    for at, (heading, text) in enumerate(zip(HEADINGS, PARAGRAPHS, strict=True)):
        story += [Paragraph(heading, styles["Heading1"]), Paragraph(text, styles["BodyText"])]
        if at == 0:
            story.append(
                ListFlowable([Paragraph(item, styles["BodyText"]) for item in ITEMS], bulletType="bullet")
            )
        if at == 1:
            # the built-in fonts have no yen sign
            story.append(Table(TABLE, style=[("GRID", (0, 0), (-1, -1), 0.5, "black")]))
    buffer = io.BytesIO()
    SimpleDocTemplate(buffer, title=TITLE, author="Ana Lima").build(story)
    return buffer.getvalue()


def epub() -> bytes:
    chapters = {
        f"OEBPS/c{at}.xhtml": f"<html><body><h1>{heading}</h1><p>{text}</p>{_epub_extra(at)}</body></html>".encode()
        for at, (heading, text) in enumerate(zip(HEADINGS, PARAGRAPHS, strict=True))
    }
    manifest = "".join(f'<item id="i{at}" href="c{at}.xhtml"/>' for at in range(3))
    spine = "".join(f'<itemref idref="i{at}"/>' for at in range(3))
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<dc:title>{TITLE}</dc:title><dc:creator>Ana Lima</dc:creator></metadata>"
        f"<manifest>{manifest}</manifest><spine>{spine}</spine></package>"
    )
    container = '<container><rootfiles><rootfile full-path="OEBPS/p.opf"/></rootfiles></container>'
    return zipped(
        {
            "mimetype": b"application/epub+zip",
            "META-INF/container.xml": container.encode(),
            "OEBPS/p.opf": package.encode(),
        }
        | chapters
    )


def _epub_extra(at: int) -> str:
    if at == 0:
        return "<ul>" + "".join(f"<li>{item}</li>" for item in ITEMS) + "</ul>"
    rows = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in TABLE)
    return f"<table>{rows}</table>" if at == 1 else ""


def odt() -> bytes:
    def cell(text: str) -> str:
        return f"<table:table-cell><text:p>{text}</text:p></table:table-cell>"

    rows = "".join(f"<table:table-row>{''.join(map(cell, row))}</table:table-row>" for row in TABLE)
    items = "".join(f"<text:list-item><text:p>{item}</text:p></text:list-item>" for item in ITEMS)
    extras = (f"<text:list>{items}</text:list>", f"<table:table>{rows}</table:table>", "")
    body = "".join(
        f'<text:h text:outline-level="1">{heading}</text:h><text:p>{text}</text:p>{extra}'
        for heading, text, extra in zip(HEADINGS, PARAGRAPHS, extras, strict=True)
    )
    spaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "text", "table", "meta")
    )
    content = f"<office:document-content {spaces}><office:body><office:text>{body}</office:text></office:body></office:document-content>"
    meta = f'<office:document-meta {spaces} xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>{TITLE}</dc:title></office:document-meta>'
    kind = b"application/vnd.oasis.opendocument.text"
    return zipped({"mimetype": kind, "content.xml": content.encode(), "meta.xml": meta.encode()})


def mail() -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "ana@example.org", "all@example.org", TITLE
    message["Date"] = "Mon, 03 Mar 2025 10:00:00 +0100"
    message["MIME-Version"] = "1.0"
    message.set_content(plain().decode())
    message.add_attachment(b"x", maintype="application", subtype="pdf", filename="plan.pdf")
    return bytes(message)


def table_csv() -> bytes:
    return "".join(",".join(f'"{cell}"' for cell in row) + "\r\n" for row in TABLE).encode()


def records_json() -> bytes:
    import json

    return json.dumps(
        [dict(zip(TABLE[0], row, strict=True)) for row in TABLE[1:]], ensure_ascii=False
    ).encode()


FILES: dict[str, Callable[[], bytes]] = {
    "a.md": markdown,
    "a.rst": rst,
    "a.html": html,
    "a.txt": plain,
    "a.docx": docx,
    "a.pptx": pptx,
    "a.xlsx": xlsx,
    "a.pdf": pdf,
    "a.epub": epub,
    "a.odt": odt,
    "a.eml": mail,
    "a.csv": table_csv,
    "a.json": records_json,
}


def zipped(parts: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _saved(save: Callable[[Any], Any]) -> bytes:
    buffer = io.BytesIO()
    save(buffer)
    return buffer.getvalue()
