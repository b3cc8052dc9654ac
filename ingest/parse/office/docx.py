"""DOCX: headings by style, lists and headings with their numbers, tables, boxes, notes, headers and footers once."""

import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from ingest.extract import Extract, Limits, RawFile, Unparsable
from ingest.parse.html.markup import Element
from ingest.parse.metadata import core_properties
from ingest.parse.office import ooxml
from ingest.parse.office.equations import equation
from ingest.parse.office.ooxml import Package, attribute, child, name_of, number_of
from ingest.parse.office.word_styles import Mark, Numbering, Styles
from ingest.parse.office.word_text import ParagraphReader, is_placeholder, notes_of, plain
from ingest.parse.sniff import sniff
from ingest.parse.writer import ExtractWriter
from vectorstore.language.marks import LISTED

_LIST = re.compile(r"list|aufzählung|liste", re.I)
_CODE = re.compile(r"code|source|preformatted", re.I)
_MAX_NESTING: Final = 4
_MAX_HEADING: Final = 100
_MAX_SPAN: Final = 60
_MAX_HEADER_ROWS: Final = 4
_WRAPPERS: Final = frozenset({"customXml", "ins", "moveTo", "sdtContent", "smartTag"})
_Grid: TypeAlias = list[tuple[Element, list[Element]]]
_DOCX: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_CHUNKS: Final = frozenset({"text/html", "text/plain", "application/rtf"})
_CHUNK: Final = "part of a document"
_GONE: Final = frozenset({"del", "moveFrom", "cellDel"})


def parse(source: RawFile, limits: Limits) -> Extract:
    """Read a Word document."""
    writer = ExtractWriter(limits)
    try:
        package = Package(source.data)
        part = next(iter(package.related("", "officeDocument")), "word/document.xml")
        root = package.xml(part, needed=True)
        if root is None or child(root, "body") is None:
            raise KeyError(part)
        _Body(package, part, root, writer, limits, is_chunk=source.name == _CHUNK).write()
        facts = core_properties(package.properties())
        package.tell_damage(writer)
    except (zipfile.BadZipFile, zlib.error, KeyError, ValueError) as error:
        raise Unparsable("corrupt", "The Word document is damaged; open it and save it again.") from error
    return writer.finish(
        source.media_type, title=facts.title, modified=facts.modified, metadata=facts.metadata
    )


class _Body:
    """Writes a document's paragraphs and tables in order, and once what stands around them."""

    def __init__(
        self,
        package: Package,
        part: str,
        root: Element,
        writer: ExtractWriter,
        limits: Limits,
        *,
        is_chunk: bool,
    ) -> None:
        self._package, self._part, self._root = package, part, root
        self._writer, self._limits = writer, limits
        self._is_chunk, self._chunks = is_chunk, set[str]()
        relations = package.relations(part).values()
        self._parts = {each.kind: each.target for each in relations if not each.is_external}
        self._running_parts = [each.target for each in relations if each.kind in ("header", "footer")]
        settings = self._side_part("settings")
        self._styles = Styles(self._side_part("styles"))
        self._numbering = Numbering(self._side_part("numbering"), self._styles, writer)
        self._notes = {kind: notes_of(kind, settings, root) for kind in ("footnote", "endnote")}
        self._text = ParagraphReader(package, self._styles, writer, self._notes)
        paragraphs = root.iter("{*}p")
        self._has_headings = any(self._styles.heading_level(child(each, "pPr")) for each in paragraphs)
        self._items: list[str] = []
        self._code: list[str] = []
        self._carried = self._family = ""
        self._depth = 0

    def write(self) -> None:
        """Write headers and footers, which belong to the whole, the body, then notes."""
        self._write_running()
        self._text.enter(self._part)
        self._blocks(child(self._root, "body"))
        self._end_runs()
        for kind in self._notes:
            self._write_notes(kind)
        self._tell_comments()
        if count := self._text.pictures:
            self._writer.finding(ooxml.unread_pictures(count))

    def _side_part(self, kind: str) -> Element | None:
        return self._package.xml(self._parts[kind]) if kind in self._parts else None

    def _blocks(self, parent: Element) -> None:
        for each in self._flat(parent):
            match name_of(each):
                case "p":
                    self._paragraph(each)
                case "tbl":
                    self._end_runs()
                    self._table(each)
                case "altChunk":
                    self._end_runs()
                    self._chunk(self._text.target(each))
                case "oMathPara" | "oMath":
                    self._end_runs()
                    self._writer.paragraph(equation(each))

    def _flat(self, parent: Element) -> Iterator[Element]:
        """Return what stands in a place, whatever controls, changes and editions are wrapped around it."""
        for each in parent:
            name = name_of(each)
            if name == "sdt" and is_placeholder(each):
                self._writer.leave_out("placeholder text", plain(each))
            elif name == "sdt" or name in _WRAPPERS:
                yield from self._flat(each)
            elif name == "AlternateContent":
                yield from self._flat(next(iter(each), ()))
            elif name in _GONE:
                self._writer.leave_out("deleted text", plain(each))
            else:
                yield each

    def _paragraph(self, paragraph: Element) -> None:
        properties = child(paragraph, "pPr")
        text = self._carried + self._text.read(paragraph)
        beside, self._text.beside = self._text.beside, []
        # a paragraph whose end is deleted goes on in the next one
        if any(child(properties, "rPr", name) is not None for name in ("del", "moveFrom")):
            self._carried = text
        else:
            self._carried = ""
            is_shown = bool(text.strip()) or child(properties, "rPr", "vanish") is None
            mark = self._numbering.mark(properties) if is_shown else None
            if text.strip():
                self._write(paragraph, text, mark)
        if beside:
            self._end_runs()
        for each in beside:
            self._beside(each)

    def _write(self, paragraph: Element, text: str, mark: Mark | None) -> None:
        properties = child(paragraph, "pPr")
        style = self._styles.name(self._styles.of(properties))
        numbered = f"{mark.text}{mark.space}{text.strip()}" if mark and mark.text[:1] != "-" else text
        level = self._styles.heading_level(properties)
        if not level and not self._has_headings and mark is None and self._is_bold_line(paragraph, text):
            level = 2
        if level:
            self._end_runs()
            self._writer.heading(numbered, level)
        elif _CODE.search(style):
            if self._items:
                self._end_runs()
            self._code.append(text)
        elif mark and not mark.text and self._items:
            self._items.append(f"{'  ' * (mark.level + 1)}{text.strip()}")
        elif mark and not LISTED.match(f"{mark.text} "):
            self._end_runs()
            self._writer.paragraph(numbered)
        elif mark or _LIST.search(style):
            # List Bullet 2
            named = int(style[-1]) - 1 if style[-1:].isdecimal() and _LIST.search(style) else 0
            level, family = (mark.level, mark.family) if mark else (0, "")
            depth = min(level or max(named, 0), 8)
            if self._code or (not depth and family != self._family):  # another list
                self._end_runs()
                self._family = family
            self._items.append(f"{'  ' * depth}{mark.text if mark else '-'} {text.strip()}")
        else:
            self._end_runs()
            self._writer.paragraph(text)

    def _is_bold_line(self, paragraph: Element, text: str) -> bool:
        """Say whether a paragraph looks like a heading, in a document whose writer used no heading styles."""
        is_short = len(text) < _MAX_HEADING and text.rstrip()[-1:] not in ".,;:"
        return is_short and self._text.is_bold(paragraph)

    def _end_runs(self) -> None:
        if self._items:
            self._writer.block("list", "\n".join(self._items))
        if self._code:
            self._writer.code("\n".join(self._code))
        self._items, self._code = [], []

    def _beside(self, each: Element | str) -> None:
        """Write what floats beside a paragraph: a box, a chart, a diagram, what a picture shows."""
        if isinstance(each, str):
            self._writer.paragraph(each)
        elif name_of(each) == "txbxContent":
            self._depth += 1
            if self._depth <= _MAX_NESTING:
                self._blocks(each)
                self._end_runs()
            self._depth -= 1
        else:
            is_chart = name_of(each) == "chart"
            root = self._package.xml(self._text.target(each, "id" if is_chart else "dm"))
            if root is not None and is_chart:
                ooxml.write_chart(root, self._writer)
            elif root is not None:
                self._writer.block("list", "\n".join(ooxml.diagram_lines(root)))

    def _chunk(self, part: str) -> None:
        """Write a part in another format, which Word takes in when it opens the document."""
        from ingest.parse.dispatch import parse as parse_any

        data = self._package.bytes(part)
        try:
            if part in self._chunks or sniff(data, part) not in (
                _CHUNKS if self._is_chunk else {*_CHUNKS, _DOCX}
            ):
                raise Unparsable(
                    "unsupported", "It is of a kind that is not read there, or stands there twice."
                )
            self._chunks.add(part)
            inner = parse_any(data, name=_CHUNK, limits=self._limits)
        except Unparsable as error:
            self._writer.finding(f"A part in another format was not read. {error.message}")
            return
        for block in inner.blocks:
            text = inner.text[block.span.start : block.span.end]
            if block.kind == "heading":
                self._writer.heading(text.lstrip("# "), block.level)
            else:
                self._writer.block(block.kind, text)
        for sentence in inner.findings:
            self._writer.finding(sentence)

    def _table(self, table: Element) -> None:
        grid = self._grid(table)
        if len(grid) == 1 and len(grid[0][1]) == 1 and self._depth < _MAX_NESTING:  # a frame around text
            self._depth += 1
            self._blocks(grid[0][1][0])
            self._end_runs()
            self._depth -= 1
            return
        rows = self._filled(grid, 0)
        width = max(map(len, rows), default=0)
        headed = _header_rows(grid)
        if width > 1 and len(rows) > 2 and headed < 2 and len(grid[0][1]) == 1 and rows[0][0]:
            self._writer.paragraph(rows.pop(0)[0])  # a title over the whole table
        self._writer.table(rows, header_rows=min(headed, max(len(rows) - 1, 1)))

    def _grid(self, table: Element) -> _Grid:
        return [(row, list(self._cells(row))) for row in self._rows(table)]

    def _rows(self, table: Element) -> Iterator[Element]:
        for row in self._flat(table):
            if name_of(row) != "tr":
                continue
            properties = child(row, "trPr")
            if child(properties, "del") is not None or child(properties, "moveFrom") is not None:
                self._writer.leave_out("deleted text", plain(row))
            elif child(properties, "hidden") is not None:
                self._writer.leave_out("hidden text", plain(row))
            else:
                yield row

    def _cells(self, row: Element) -> Iterator[Element]:
        for cell in self._flat(row):
            if name_of(cell) == "tc" and child(cell, "tcPr", "cellDel") is None:
                yield cell

    def _filled(self, grid: _Grid, depth: int) -> list[list[str]]:
        """Return the cells' texts, one that covers several rows or columns in each of them."""
        rows: list[list[str]] = []
        above: dict[int, str] = {}
        for row, found in grid:
            cells = [""] * min(number_of(child(row, "trPr", "gridBefore"), "val"), _MAX_SPAN)
            below: dict[int, str] = {}
            for cell in found:
                properties = child(cell, "tcPr")
                merge = child(properties, "vMerge")
                at = len(cells)
                goes_on = merge is not None and attribute(merge) != "restart"
                text = above.get(at, "") if goes_on else self._cell(cell, depth)
                if attribute(child(properties, "hMerge")) == "continue" and cells:
                    text = cells[-1]
                if merge is not None:
                    below[at] = text
                span = min(max(number_of(child(properties, "gridSpan"), "val"), 1), _MAX_SPAN)
                # over the whole width it is a line of its own, and stands once
                cells += [text] * span if len(found) > 1 else [text, *[""] * (span - 1)]
            rows.append(cells)
            above = below
        return rows

    def _cell(self, cell: Element, depth: int) -> str:
        parts: list[str] = []
        for each in self._flat(cell):
            if name_of(each) == "tbl":
                if depth < _MAX_NESTING:
                    rows = self._filled(self._grid(each), depth + 1)
                    parts.append("; ".join(", ".join(filter(None, row)) for row in rows if any(row)))
            elif name_of(each) == "p":
                parts += self._cell_paragraph(each, depth)
        return " ".join(part for part in parts if part.strip())

    def _cell_paragraph(self, paragraph: Element, depth: int) -> Iterator[str]:
        text = self._text.read(paragraph)
        beside, self._text.beside = self._text.beside, []
        mark = self._numbering.mark(child(paragraph, "pPr"))
        yield f"{mark.text}{mark.space}{text}" if mark and mark.text and text.strip() else text
        for each in beside:
            if isinstance(each, str):
                yield each
            elif name_of(each) == "txbxContent" and depth < _MAX_NESTING:
                yield self._cell(each, depth + 1)
            elif (
                name_of(each) == "relIds"
                and (root := self._package.xml(self._text.target(each, "dm"))) is not None
            ):
                yield "; ".join(line.strip(" -") for line in ooxml.diagram_lines(root))
            else:
                self._writer.finding("A chart in a table's cell was not read.")

    def _write_running(self) -> None:
        said: dict[str, None] = {}
        for part in dict.fromkeys(self._running_parts):
            self._text.enter(part)
            root = self._package.xml(part)
            for text in self._lines(root, 0) if root is not None else ():
                said[" ".join(text.split())] = None
        for line in said:
            self._writer.paragraph(line)

    def _lines(self, parent: Element, depth: int) -> Iterator[str]:
        """Return the lines of a header, a footer or a box in one; a row of a table is one."""
        for each in self._flat(parent):
            if name_of(each) == "tbl":
                for _, found in self._grid(each):
                    cells = (" ".join(self._lines(cell, depth + 1)) for cell in found)
                    yield "; ".join(filter(None, cells))
            elif name_of(each) == "p":
                yield self._text.read(each, running=True)
                beside, self._text.beside = self._text.beside, []
                for box in beside:
                    if isinstance(box, str):
                        yield box
                    elif name_of(box) == "txbxContent" and depth < _MAX_NESTING:
                        yield from self._lines(box, depth + 1)

    def _write_notes(self, kind: str) -> None:
        part = self._parts.get(f"{kind}s", "")
        root = self._package.xml(part) if part else None
        self._text.enter(part)
        found = {attribute(each, "id"): each for each in root} if root is not None else {}
        for note, mark in self._notes[kind].marks.items():
            text = self._cell(found[note], 0).strip() if note in found else ""
            if text:
                self._writer.paragraph(
                    f"[{mark}] {text.removeprefix(mark).strip() if mark in '*†‡§' else text}"
                )
        for note, element in found.items():
            if note not in self._notes[kind].marks and not attribute(element, "type"):
                self._writer.leave_out("note that nothing refers to", plain(element))

    def _tell_comments(self) -> None:
        root = self._side_part("comments")
        found = [each for each in root if name_of(each) == "comment"] if root is not None else []
        for comment in found:
            self._writer.leave_out("comment", plain(comment), attribute(comment, "author"))
        if count := len(found):
            said = "1 comment" if count == 1 else f"{count} comments"
            self._writer.finding(
                f"{said} beside the text: comments are no part of the document and were left out."
            )


def _header_rows(grid: _Grid) -> int:
    """Return how many rows are the header: those marked as such, or as far down as a first row with groups reaches."""
    marked = 0
    for row, _ in grid:
        if child(row, "trPr", "tblHeader") is None or attribute(child(row, "trPr", "tblHeader")) in (
            "0",
            "false",
        ):
            break
        marked += 1
    if marked or not grid:
        return marked if marked <= _MAX_HEADER_ROWS else 1
    first: list[Any] = [child(cell, "tcPr") for cell in grid[0][1]]
    has_groups = len(first) > 1 and any(child(each, "gridSpan") is not None for each in first)
    if not has_groups or all(child(each, "vMerge") is None for each in first):
        return 1
    down = 1
    while down < len(grid) and any(
        (merge := child(cell, "tcPr", "vMerge")) is not None and attribute(merge) != "restart"
        for cell in grid[down][1]
    ):
        down += 1
    return down if down <= _MAX_HEADER_ROWS else 1
