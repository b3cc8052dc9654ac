"""ODT and ODP: text with its numbers, tables, notes, formulas, and slides, from their XML; no library is needed."""

import re
import zipfile
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Final

from ingest.extract import Extract, Limits, RawFile, Unparsable
from ingest.parse.html.markup import Element, read_beside, read_xml
from ingest.parse.metadata import parse_date, plain_metadata
from ingest.parse.office.odf_text import SILENT, Counts, OdfStyles, OdfText
from ingest.parse.office.ooxml import attribute, child, name_of, number_of
from ingest.parse.office.pptx import Place, Shape, in_reading_order
from ingest.parse.writer import ExtractWriter
from vectorstore.language.marks import LISTED

_MAX_REPEATED: Final = 100
_MAX_DEPTH: Final = 60
_FEW_LETTERS: Final = 12
_CENTIMETRES: Final = {"cm": 1.0, "mm": 0.1, "in": 2.54, "pt": 2.54 / 72, "pc": 2.54 / 6}
_LENGTH = re.compile(r"(-?\d{1,6}(?:\.\d{1,9})?)(cm|mm|in|pt|pc)")
_RUNNING: Final = ("header", "header-first", "header-left", "footer", "footer-first", "footer-left")
_ROW_GROUPS: Final = frozenset(["table-header-rows", "table-rows", "table-row-group"])


def parse(source: RawFile, limits: Limits) -> Extract:
    """Read an OpenDocument text or presentation."""
    writer = ExtractWriter(limits)
    try:
        with zipfile.ZipFile(BytesIO(source.data)) as archive:
            names = set(archive.namelist())
            manifest = archive.read("META-INF/manifest.xml") if "META-INF/manifest.xml" in names else b""
            if b"encryption-data" in manifest:
                raise Unparsable("encrypted", "The document is protected by a password; save it without one.")
            content = read_xml(archive.read("content.xml"))
            beside = [name if name in names else "" for name in ("styles.xml", "meta.xml")]
            styles, meta = (
                read_beside(archive.read(name), name, writer) if name else None for name in beside
            )
            _Reader(archive, content, styles, writer).write()
    except (zipfile.BadZipFile, zlib.error, KeyError, ValueError) as error:
        raise Unparsable("corrupt", "The document is damaged; open it and save it again.") from error
    facts = (
        {name_of(element): element.text or "" for element in meta.iter("{*}*")} if meta is not None else {}
    )
    return writer.finish(
        source.media_type,
        title=facts.get("title", ""),
        modified=parse_date(facts.get("date")) or parse_date(facts.get("creation-date")),
        metadata=plain_metadata({"author": facts.get("creator", ""), "subject": facts.get("subject", "")}),
    )


class _Reader:
    """Writes a document's blocks in order; what floats beside a paragraph waits until it is written."""

    def __init__(
        self, archive: zipfile.ZipFile, content: Element, styles: Element | None, writer: ExtractWriter
    ) -> None:
        self._content, self._sheet, self._writer = content, styles, writer
        self._styles = OdfStyles(content, styles, writer)
        self._text = OdfText(archive, content, self._styles, writer)
        self._counts = Counts()
        self._items: list[str] = []
        self._depth = 0

    def write(self) -> None:
        """Write what stands on every page, then the body, then notes."""
        # not the first `text` of the file: the style of a date holds one of its own
        within = (child(self._content, "body", kind) for kind in ("text", "presentation"))
        body = next((each for each in within if each is not None), None)
        if body is None:
            raise KeyError("body")
        if name_of(body) == "presentation":
            self._write_slides(body)
        else:
            self._write_running()
            self._blocks(body)
            self._end_list()
        for mark, note in self._text.notes:
            self._writer.paragraph(f"[{mark}] {self._flat(note).strip()}")
        if self._text.comments:
            self._writer.finding(
                f"Comments are no part of the document; {self._text.comments} were left out."
            )

    def _blocks(self, parent: Element) -> None:
        self._depth += 1
        for each in parent if self._depth < _MAX_DEPTH else ():
            self._block(each)
        self._depth -= 1

    def _block(self, element: Element) -> None:
        name = name_of(element)
        if name in ("p", "h"):
            self._paragraph(element)
        elif name == "list":
            counts = self._counts.of(element)
            if not counts:  # a list of its own, and not the rest of the one before
                self._end_list()
            self._list(element, counts)
        elif name in ("table", "tracked-changes"):
            self._end_list()
            (self._table if name == "table" else self._changes)(element)
        elif name == "section" and attribute(element, "display") in ("none", "condition"):
            self._writer.leave_out("hidden text", "".join(element.itertext()))
        elif name in self._text.inline:
            self._text.inline[name](element, [])
            self._flush()
        elif name and name not in SILENT:
            self._blocks(element)

    def _paragraph(self, element: Element, mark: str = "", depth: int = 0) -> None:
        text = self._text.text(element)
        level = number_of(element, "outline-level") or 1
        if name_of(element) == "h" and not mark and text.strip():
            mark = self._counts.outline(element, level, self._styles)
        beside, self._text.beside = self._text.beside, []
        if text.strip() and name_of(element) == "h":
            self._end_list()
            self._writer.heading(f"{mark} {text}".strip("- "), level)
        elif text.strip() and (LISTED.match(f"{mark} ") or (depth and not mark)):
            self._items.append(
                f"{'  ' * depth}{mark} {text.strip()}".rstrip() if mark else f"{'  ' * depth}{text.strip()}"
            )
        elif text.strip():
            self._end_list()
            self._writer.paragraph(f"{mark} {text}".strip())
        self._text.beside = beside
        self._flush()

    def _flush(self) -> None:
        """Write what floats beside the paragraph that was read."""
        beside, self._text.beside = self._text.beside, []
        if beside:
            self._end_list()
        for each in beside:
            if isinstance(each, str):
                self._writer.paragraph(each)
            elif name_of(each) == "table":
                self._table(each)
            else:
                self._blocks(each)
                self._end_list()

    def _end_list(self) -> None:
        self._writer.block("list", "\n".join(self._items))
        self._items = []

    def _list(self, element: Element, counts: dict[int, int], style: str = "", level: int = 1) -> None:
        style = attribute(element, "style-name") or style
        for item in element if level < _MAX_DEPTH else ():
            is_marked = name_of(item) == "list-item"
            for part in item:
                if name_of(part) in ("p", "h"):
                    own = style or self._styles.list_of(attribute(part, "style-name"))
                    mark = (
                        self._styles.mark(own, level, counts, attribute(item, "start-value"))
                        if is_marked
                        else ""
                    )
                    self._paragraph(part, mark, level - 1 if mark else level)
                    is_marked = False
                elif name_of(part) == "list":
                    self._list(part, counts, style, level + 1)
                else:
                    self._block(part)

    def _changes(self, element: Element) -> None:
        for deletion in element.iter("{*}deletion"):
            paragraphs = deletion.iter("{*}p", "{*}h")
            self._writer.leave_out("deleted text", "\n".join("".join(each.itertext()) for each in paragraphs))

    # tables

    def _table(self, table: Element) -> None:
        rows = list(self._rows(table, 0))
        headed = sum(
            len([row for row in each if name_of(row) == "table-row"])
            for each in table
            if name_of(each) == "table-header-rows"
        )
        self._writer.table(rows, header_rows=min(max(headed, 1), max(len(rows) - 1, 1)))

    def _rows(self, table: Element, depth: int) -> Iterator[list[str]]:
        """Return the cells row by row, one that covers several rows or columns in each of them."""
        held: dict[int, tuple[int, str]] = {}
        for row in _rows_of(table):
            if attribute(row, "visibility") in ("collapse", "filter"):
                self._writer.leave_out("hidden text", " ".join(row.itertext()))
                continue
            cells: list[str] = []
            below: dict[int, tuple[int, str]] = {}
            alone = sum(name_of(cell) == "table-cell" for cell in row) == 1
            for cell in (each for each in row if name_of(each) in ("table-cell", "covered-table-cell")):
                at = len(cells)
                left, above = held.get(at, (0, ""))
                is_covered = name_of(cell) == "covered-table-cell"
                text = (
                    above
                    if left
                    else (cells[-1] if cells and not alone else "")
                    if is_covered
                    else self._flat(cell, depth)
                )
                down = left or number_of(cell, "number-rows-spanned")
                times = min(number_of(cell, "number-columns-repeated") or 1, _MAX_REPEATED if text else 1)
                cells += [text] * times
                below |= {
                    column: (down - 1, text)
                    for column in range(at, at + max(times, number_of(cell, "number-columns-spanned")))
                    if down > 1
                }
            held = below
            yield from [cells] * (
                min(number_of(row, "number-rows-repeated") or 1, _MAX_REPEATED) if any(cells) else 1
            )

    def _flat(self, parent: Element | None, depth: int = 0) -> str:
        """Return what stands in a cell, a note or a title in one line; a table in it as `a, b; c, d`."""
        parts: list[str] = []
        for each in parent if parent is not None and depth < _MAX_DEPTH else ():
            name = name_of(each)
            if name in ("p", "h"):
                parts.append(self._text.text(each))
                beside, self._text.beside = self._text.beside, []
                parts += [part if isinstance(part, str) else self._flat(part, depth + 1) for part in beside]
            elif name == "table":
                parts.append("; ".join(", ".join(filter(None, row)) for row in self._rows(each, depth + 1)))
            elif name == "list":
                parts += self._flat_items(each, self._counts.of(each), attribute(each, "style-name"), 1)
            elif name and name not in SILENT and name not in self._text.inline:
                parts.append(self._flat(each, depth + 1))
        return " ".join(filter(str.strip, parts))

    def _flat_items(self, element: Element, counts: dict[int, int], style: str, level: int) -> Iterator[str]:
        for item in element if level < _MAX_DEPTH else ():
            for part in item:
                if name_of(part) == "list":
                    yield from self._flat_items(
                        part, counts, attribute(part, "style-name") or style, level + 1
                    )
                elif text := self._flat([part]):
                    mark = self._styles.mark(style, level, counts, attribute(item, "start-value"))
                    yield f"{mark} {text}".strip("- ")

    # what stands on every page, and slides

    def _write_running(self) -> None:
        said: dict[str, None] = {}
        for page in self._sheet.iter("{*}master-page") if self._sheet is not None else ():
            for each in (part for part in page if name_of(part) in _RUNNING):
                for line in each:
                    text = " ".join(self._flat([line]).split())
                    counts = next(line.iter("{*}page-number", "{*}page-count"), None) is not None
                    if counts and sum(map(str.isalpha, text)) < _FEW_LETTERS:  # Page 1 of 5
                        self._writer.leave_out("page number", text)
                    elif text and attribute(each, "display") != "false":
                        said[text] = None
        for line in said:
            self._writer.paragraph(line)

    def _write_slides(self, body: Element) -> None:
        said: set[str] = set()
        declared = {
            attribute(each, "name"): "".join(each.itertext())
            for each in body
            if name_of(each).endswith("-decl")
        }
        for number, page in enumerate((each for each in body if name_of(each) == "page"), 1):
            self._writer.start_page()
            if self._styles.look("drawing-page", attribute(page, "style-name")).get("visibility") == "hidden":
                self._writer.finding(f"Slide {number} is hidden in the presentation; its text was read.")
            shapes = [Shape(each, _place(each)) for each in page if name_of(each) in self._text.inline]
            title = next(
                (
                    each
                    for each in shapes
                    if attribute(each.element, "class") == "title" and self._flat(each.element)
                ),
                None,
            )
            self._writer.heading(self._flat(title.element) if title else f"Slide {number}", 1)
            for shape in in_reading_order([each for each in shapes if each is not title]):
                self._write_shape(shape.element)
            for notes in (each for each in page if name_of(each) == "notes"):
                words = (
                    self._flat(each)
                    for each in notes
                    if attribute(each, "class") == "notes" and attribute(each, "placeholder") != "true"
                )
                self._writer.paragraph("Notes: " + text if (text := " ".join(filter(None, words))) else "")
            used = {
                declared.get(attribute(page, f"use-{kind}-name"), "")
                for kind in ("header", "footer", "date-time")
            }
            for line in sorted(used - said - {""}):
                self._writer.paragraph(line)
            said |= used

    def _write_shape(self, element: Element) -> None:
        if attribute(element, "placeholder") == "true":
            self._writer.leave_out("placeholder text", "".join(element.itertext()))
        elif attribute(element, "class") == "page-number":
            self._writer.leave_out("page number", "".join(element.itertext()))
        else:
            said: list[str] = []
            self._text.inline[name_of(element)](element, said)
            self._writer.paragraph("".join(said))
            self._flush()


def _rows_of(table: Element) -> Iterator[Element]:
    for each in table:
        if name_of(each) == "table-row":
            yield each
        elif name_of(each) in _ROW_GROUPS:
            yield from _rows_of(each)


def _place(element: Element) -> Place:
    left, top, width, height = (_length(attribute(element, name)) for name in ("x", "y", "width", "height"))
    return Place(left, top, left + width, top + height)


def _length(value: str) -> int:
    match = _LENGTH.fullmatch(value)
    return int(float(match[1]) * _CENTIMETRES[match[2]] * 360_000) if match else 0
