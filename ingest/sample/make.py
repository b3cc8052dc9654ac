"""Make the sample handbook's PDF, Word, Excel and PowerPoint files from the Markdown in `sources/`.

The same sources give the same bytes, so that a test can hold the files in `handbook/` to them: containers are
stored uncompressed with fixed times, because compressed bytes differ between builds of zlib.
"""

import itertools
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias

from ingest.sample import HANDBOOK

HERE = Path(__file__).parent
SOURCES = HERE / "sources"

Kind: TypeAlias = Literal["heading", "paragraph", "bullets", "numbers", "table", "note", "break"]

_BOLD = re.compile(r"\*\*(.+?)\*\*")
_ITEM = re.compile(r"(?:- |\d+\. )")
_MODIFIED = re.compile(rb"(<dcterms:modified[^>]*>)[^<]*")
_NOON = "T12:00:00Z"


@dataclass(frozen=True, slots=True)
class Block:
    """One piece of a source: `lines` for text and lists, `rows` for a table, its first row the header."""

    kind: Kind
    lines: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    level: int = 0


@dataclass(frozen=True, slots=True)
class Manuscript:
    """A source file: where its document goes, what it says about itself, and its body."""

    output: str
    title: str
    author: str
    date: date
    blocks: tuple[Block, ...]
    settings: dict[str, str]


def read_source(path: Path) -> Manuscript:
    """Read a source: front matter of `key: value` lines, then headings, paragraphs, lists, tables, `> ` notes."""
    _, front, body = path.read_text(encoding="utf-8").split("---\n", 2)
    settings = dict(line.split(": ", 1) for line in front.splitlines())
    return Manuscript(
        output=settings.pop("output"),
        title=settings.pop("title"),
        author=settings.pop("author"),
        date=date.fromisoformat(settings.pop("date")),
        blocks=tuple(_block(part) for part in re.split(r"\n\s*\n", body.strip())),
        settings=settings,
    )


def plain_text(source: Manuscript) -> str:
    """Return the words that the made document holds, in reading order; a table's row is one line of its cells."""
    title = [] if source.output.endswith(".xlsx") else [source.title]
    return "\n\n".join(title + [_plain(block) for block in source.blocks if block.kind != "break"])


def make(source: Manuscript, folder: Path) -> Path:
    """Write the document that `source` describes under `folder` and return its path."""
    path = folder / source.output
    path.parent.mkdir(parents=True, exist_ok=True)
    writers: dict[str, Callable[[Manuscript, Path], None]] = {
        ".pdf": _write_pdf,
        ".docx": _write_docx,
        ".xlsx": _write_xlsx,
        ".pptx": _write_pptx,
    }
    writers[path.suffix](source, path)
    if path.suffix != ".pdf":
        _repack(path, f"{source.date}{_NOON}".encode())
    return path


def sources() -> Iterator[Manuscript]:
    """Read all sources, in order of their names."""
    return (read_source(path) for path in sorted(SOURCES.rglob("*.md")))


def _block(part: str) -> Block:
    lines = part.splitlines()
    first = lines[0]
    if first == "\\pagebreak":
        return Block("break")
    if first.startswith("#"):
        marks, text = first.split(" ", 1)
        return Block("heading", (text,), level=len(marks))
    if first.startswith("|"):
        rows = (tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines)
        return Block("table", rows=tuple(row for row in rows if set("".join(row)) != {"-"}))
    if first.startswith("> "):
        return Block("note", (" ".join(line.removeprefix(">").strip() for line in lines),))
    if _ITEM.match(first):
        items = re.split(r"\n(?=- |\d+\. )", part)
        texts = tuple(" ".join(_ITEM.sub("", item, count=1).split()) for item in items)
        return Block("bullets" if first.startswith("- ") else "numbers", texts)
    return Block("paragraph", (" ".join(part.split()),))


def _plain(block: Block) -> str:
    lines = [" ".join(row) for row in block.rows] or [*block.lines]
    return "\n".join(_BOLD.sub(r"\1", line) for line in lines)


def _repack(path: Path, modified: bytes) -> None:
    with zipfile.ZipFile(path) as package:
        members = [(name, package.read(name)) for name in package.namelist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as package:
        for name, data in members:
            member = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
            member.create_system = 3
            kept = _MODIFIED.sub(rb"\g<1>" + modified, data) if name == "docProps/core.xml" else data
            package.writestr(member, kept)


def _describe(properties: Any, source: Manuscript) -> None:
    """Set the core properties that Word, Excel and PowerPoint files share."""
    moment = datetime.combine(source.date, datetime.min.time()).replace(hour=12)
    properties.title = source.title
    properties.created = properties.modified = moment
    for name, value in (("author", source.author), ("creator", source.author), ("comments", "")):
        if hasattr(properties, name):
            setattr(properties, name, value)


def _write_docx(source: Manuscript, path: Path) -> None:
    from docx import Document

    document = Document()
    _slim(document)
    _describe(document.core_properties, source)
    section = document.sections[0]
    section.header.paragraphs[0].text = source.settings.get("head", "")
    section.footer.paragraphs[0].text = source.settings.get("foot", "")
    document.add_heading(source.title, 0)
    for block in source.blocks:
        _add_to_docx(document, block)
    document.save(str(path))


def _slim(document: Any) -> None:
    """Drop what python-docx's template carries and no document here uses: most of its 840 kB."""
    for key, relation in list(document.part.rels.items()):
        if relation.reltype.endswith("stylesWithEffects"):
            document.part.drop_rel(key)
    for style in list(document.styles):
        if style.type == 3 and style.name not in ("Normal Table", "Table Grid"):
            style.delete()


def _add_to_docx(document: Any, block: Block) -> None:
    match block.kind:
        case "heading":
            document.add_heading(block.lines[0], block.level)
        case "table":
            _add_docx_table(document, block)
        case "break":
            document.add_page_break()
        case kind:
            style = {"bullets": "List Bullet", "numbers": "List Number", "note": "Intense Quote"}.get(kind)
            for line in block.lines:
                _add_runs(document.add_paragraph(style=style), line)


def _add_docx_table(document: Any, block: Block) -> None:
    table = document.add_table(rows=0, cols=len(block.rows[0]), style="Table Grid")
    for number, row in enumerate(block.rows):
        for cell, text in zip(table.add_row().cells, row, strict=True):
            _add_runs(cell.paragraphs[0], f"**{text}**" if number == 0 else text)


def _add_runs(paragraph: Any, text: str) -> None:
    for index, run in enumerate(_BOLD.split(text)):
        if run:
            paragraph.add_run(run).bold = True if index % 2 else None


def _write_xlsx(source: Manuscript, path: Path) -> None:
    from openpyxl import Workbook

    book = Workbook()
    _describe(book.properties, source)
    book.remove(book.active)
    sheet: Any = None
    for block in source.blocks:
        if block.kind == "heading":
            sheet = book.create_sheet(block.lines[0])
            row = itertools.count(1)
        elif block.kind == "table":
            _add_sheet_table(sheet, block, row)
        else:
            for line in block.lines:
                sheet.cell(next(row), 1, line)
    book.save(path)


def _add_sheet_table(sheet: Any, block: Block, row: Iterator[int]) -> None:
    from openpyxl.styles import Font

    for number, cells in enumerate(block.rows):
        index = next(row)
        for column, text in enumerate(cells, start=1):
            value, form = _cell(text)
            cell = sheet.cell(index, column, value)
            cell.number_format = form
            cell.font = Font(bold=number == 0)
            letter = sheet.column_dimensions[cell.column_letter]
            letter.width = max(letter.width, min(len(text) + 2, 60))


def _cell(text: str) -> tuple[object, str]:
    """Return the value and the number format that show `text` as it is written."""
    if re.fullmatch(r"-?\d+", text):
        return int(text), "0"
    if re.fullmatch(r"-?\d+\.\d\d", text):
        return float(text), "0.00"
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        return date.fromisoformat(text), "yyyy-mm-dd"
    return text or None, "General"


def _write_pptx(source: Manuscript, path: Path) -> None:
    from pptx import Presentation

    deck = Presentation()
    _describe(deck.core_properties, source)
    slide = deck.slides.add_slide(deck.slide_layouts[0])
    slide.shapes.title.text = source.title
    subtitle = list(itertools.takewhile(lambda block: block.kind == "paragraph", source.blocks))
    slide.placeholders[1].text = "\n".join(block.lines[0] for block in subtitle)
    for block in source.blocks[len(subtitle) :]:
        if block.kind == "heading":
            slide = deck.slides.add_slide(deck.slide_layouts[1])
            slide.shapes.title.text = block.lines[0]
        else:
            _add_to_slide(slide, block)
    deck.save(str(path))


def _add_to_slide(slide: Any, block: Block) -> None:
    lines = [_BOLD.sub(r"\1", line) for line in block.lines]
    match block.kind:
        case "note":
            slide.notes_slide.notes_text_frame.text = lines[0]
        case "table":
            _add_slide_table(slide, block)
        case _:
            frame = slide.placeholders[1].text_frame
            frame.text = "\n".join(filter(None, [frame.text, *lines]))


def _add_slide_table(slide: Any, block: Block) -> None:
    from pptx.util import Inches

    body = slide.placeholders[1]
    if not body.text_frame.text:
        body.element.getparent().remove(body.element)
    size = (len(block.rows), len(block.rows[0]))
    shape = slide.shapes.add_table(*size, Inches(0.6), Inches(3.6), Inches(8.8), Inches(0.4 * size[0]))
    for number, row in enumerate(block.rows):
        for column, text in enumerate(row):
            shape.table.cell(number, column).text = text


def _write_pdf(source: Manuscript, path: Path) -> None:
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.units import mm
    from reportlab.platypus import BaseDocTemplate, Frame, PageTemplate

    width, height = A4
    margin, gap = 22 * mm, 8 * mm
    columns = int(source.settings.get("columns", "1"))
    column = (width - 2 * margin - (columns - 1) * gap) / columns
    frames = [
        Frame(margin + n * (column + gap), 25 * mm, column, height - 50 * mm, 0, 0, 0, 0)
        for n in range(columns)
    ]
    template = PageTemplate(frames=frames, onPage=lambda canvas, _: _page_furniture(canvas, source, A4))
    document = BaseDocTemplate(
        str(path), pagesize=A4, pageTemplates=[template], title=source.title, author=source.author,
        creator="", subject="", invariant=1, pageCompression=0,
    )  # fmt: skip
    document.build(list(_pdf_story(source, column)))


def _page_furniture(canvas: Any, source: Manuscript, size: tuple[float, float]) -> None:
    """Draw the running head, and the foot with the printed page number: roman in the front matter."""
    from reportlab.lib.units import mm

    front = int(source.settings.get("front_pages", "0"))
    page = canvas.getPageNumber()
    if page == 1:
        day = source.date
        canvas.setDateFormatter(lambda *_: f"D:{day:%Y%m%d}120000+00'00'")
    if front and page in (1, front + 1):
        canvas.addPageLabel(page - 1, style="ROMAN_LOWER" if page == 1 else "ARABIC", start=1)
    label = ("", "i", "ii", "iii", "iv")[page] if page <= front else str(page - front)
    canvas.setFont("Helvetica", 8)
    canvas.drawString(22 * mm, size[1] - 15 * mm, source.settings.get("head", source.title))
    canvas.drawString(22 * mm, 13 * mm, source.settings.get("foot", "Brimfell Instruments"))
    canvas.drawRightString(size[0] - 22 * mm, 13 * mm, f"Page {label}")


def _pdf_story(source: Manuscript, width: float) -> Iterator[Any]:
    from reportlab.lib.styles import getSampleStyleSheet
    from reportlab.platypus import ListFlowable, PageBreak, Paragraph

    styles = getSampleStyleSheet()
    size = float(source.settings.get("size", "10"))
    for name in ("BodyText", "Italic"):
        styles[name].fontSize, styles[name].leading, styles[name].spaceAfter = size, size * 1.35, size * 0.5
    styles["BodyText"].alignment = 4 if "columns" in source.settings else 0
    for level, share in ((1, 1.4), (2, 1.2), (3, 1.05)):
        styles[f"Heading{level}"].fontSize, styles[f"Heading{level}"].leading = (
            size * share,
            size * share * 1.3,
        )
    yield _bookmarked(source.title, styles["Title"], 0)
    for block in source.blocks:
        match block.kind:
            case "heading":
                yield _bookmarked(block.lines[0], styles[f"Heading{block.level}"], block.level - 1)
            case "break":
                yield PageBreak()
            case "table":
                yield from _pdf_table(block, width, size)
            case "bullets" | "numbers":
                items = [Paragraph(_markup(line), styles["BodyText"]) for line in block.lines]
                kind = "bullet" if block.kind == "bullets" else "1"
                yield ListFlowable(items, bulletType=kind, bulletFontSize=size, leftIndent=14)
            case kind:
                yield Paragraph(_markup(block.lines[0]), styles["Italic" if kind == "note" else "BodyText"])


def _bookmarked(text: str, style: Any, level: int) -> Any:
    """Return a heading that also stands in the document's outline."""
    from reportlab.platypus import Paragraph

    class Heading(Paragraph):  # type: ignore[misc]
        def draw(self) -> None:
            key = f"{level} {text}"
            self.canv.bookmarkPage(key)
            self.canv.addOutlineEntry(text, key, level, closed=False)
            super().draw()

    return Heading(_markup(text), style)


def _pdf_table(block: Block, width: float, size: float) -> Iterator[Any]:
    from reportlab.lib import colors
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import Paragraph, Spacer, Table

    plain = ParagraphStyle("cell", fontName="Helvetica", fontSize=size - 1, leading=(size - 1) * 1.25)
    bold = ParagraphStyle("head", parent=plain, fontName="Helvetica-Bold")
    cells = [
        [Paragraph(_markup(text), plain if number else bold) for text in row]
        for number, row in enumerate(block.rows)
    ]
    columns = zip(*block.rows, strict=True)
    # a column is as wide as its text asks for, but never breaks its longest word
    longest = [max(_longest_word(column) + 6, *(min(len(text), 30) for text in column)) for column in columns]
    widths = [width * share / sum(longest) for share in longest]
    grid = [("GRID", (0, 0), (-1, -1), 0.5, colors.grey), ("VALIGN", (0, 0), (-1, -1), "TOP")]
    yield Table(
        cells, colWidths=widths, repeatRows=1, style=[*grid, ("BACKGROUND", (0, 0), (-1, 0), colors.lavender)]
    )
    yield Spacer(1, size)


def _longest_word(column: tuple[str, ...]) -> int:
    return max(len(word) for text in column for word in text.split())


def _markup(text: str) -> str:
    return _BOLD.sub(r"<b>\1</b>", text.replace("&", "&amp;").replace("<", "&lt;"))


def main() -> None:
    """Write every made document into the handbook."""
    for source in sources():
        make(source, HANDBOOK)


if __name__ == "__main__":
    main()
