"""ODS: an OpenDocument spreadsheet, each sheet a heading and its tables; cells hold the text that they show."""

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import Final

from ingest.extract import Extract, Limits, RawFile, Unparsable
from ingest.parse.grid import (
    MAX_CELLS,
    MAX_COLUMNS,
    MAX_ROWS,
    Area,
    Grid,
    Named,
    area_of,
    tell_hidden,
    tell_uncalculated,
    write_grid,
)
from ingest.parse.html.markup import Element, read_beside, read_xml
from ingest.parse.metadata import parse_date, plain_metadata
from ingest.parse.office.ooxml import whole
from ingest.parse.writer import ExtractWriter

_DAMAGED: Final = "The spreadsheet is damaged; open it and save it again."
_MAX_DEPTH: Final = 40
_APART: Final = 2
"""Empty rows that are kept of a longer gap."""
_CELL = re.compile(r"\[?\.([A-Z]{1,3}\d++)\]?")
_AMBIGUOUS = re.compile(r"\d{1,2}[/-]\d{1,2}[/-]\d")
"""A date that is read in two ways; the file says which it is."""
_FEW_LETTERS: Final = 12
_PARTS: Final = {
    "meta.xml": ("meta",),
    "styles.xml": ("font-face-decls", "styles", "automatic-styles", "master-styles"),
    "content.xml": ("font-face-decls", "automatic-styles", "body"),
}
_FIELDS: Final = frozenset({"annotation", "note", "page-number", "page-count", "sheet-name", "ruby-text"})


@dataclass(slots=True)
class _Read:
    """What one sheet holds."""

    grid: Grid = field(default_factory=lambda: Grid([]))
    around: list[str] = field(default_factory=list)
    """Comments, and the words of shapes."""
    hidden_rows: int = 0
    hidden_columns: set[int] = field(default_factory=set)
    uncalculated: int = 0
    pictures: int = 0
    cells: int = 0
    numbers: list[int] = field(default_factory=list)
    """The number in the file of each row that was kept."""


def in_parts(data: bytes) -> bytes:
    """Return an OpenDocument file that is one XML file (FODT, FODS, FODP) as the zip of its parts."""
    from lxml import etree

    root = read_xml(data)
    etree.strip_elements(root, "{*}binary-data", with_tail=False)  # pictures
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, kept in _PARTS.items():
            parts = (etree.tostring(part, with_tail=False) for part in root if _name(part) in kept)
            archive.writestr(name, b"".join((b"<parts>", *parts, b"</parts>")))
    return packed.getvalue()


def parse(source: RawFile, limits: Limits) -> Extract:
    """Read an OpenDocument spreadsheet."""
    writer = ExtractWriter(limits)
    try:
        with zipfile.ZipFile(BytesIO(source.data)) as archive:
            names = frozenset(archive.namelist())
            if "META-INF/manifest.xml" in names and b"encryption-data" in archive.read(
                "META-INF/manifest.xml"
            ):
                raise Unparsable(
                    "encrypted", "The spreadsheet is protected by a password; save it without one."
                )
            _Sheets(archive, names, writer).write()
            meta = read_beside(archive.read("meta.xml"), "meta.xml", writer) if "meta.xml" in names else None
    except (zipfile.BadZipFile, KeyError, ValueError, IndexError) as error:
        raise Unparsable("corrupt", _DAMAGED) from error
    found = {_name(element): element.text or "" for element in meta.iter("{*}*")} if meta is not None else {}
    return writer.finish(
        source.media_type,
        title=found.get("title", ""),
        modified=parse_date(found.get("date")) or parse_date(found.get("creation-date")),
        metadata=plain_metadata({"author": found.get("creator", ""), "subject": found.get("subject", "")}),
        headed=False,
    )


class _Sheets:
    """Writes the sheets of one file."""

    def __init__(self, archive: zipfile.ZipFile, names: frozenset[str], writer: ExtractWriter) -> None:
        self._archive = archive
        self._names = names
        self._writer = writer
        self._root = read_xml(archive.read("content.xml"))
        self._hidden: set[str] = set()
        self._raised: dict[str, str] = {}
        for style in self._root.iter("{*}style"):
            for properties in style:
                if _name(properties) == "table-properties" and _attribute(properties, "display") == "false":
                    self._hidden.add(_attribute(style, "name"))
                if position := _attribute(properties, "text-position"):
                    above = position.startswith("super") or (position[:1].isdigit() and position[:2] != "0%")
                    self._raised[_attribute(style, "name")] = "^" if above else "_"

    def write(self) -> None:
        uncalculated = 0
        named = list(self._named())
        for body in self._root.iter("{*}spreadsheet"):
            for table in body:
                if _name(table) == "table":
                    uncalculated += self._write_sheet(table, named)
                elif _name(table) in ("tracked-changes", "content-validations"):
                    what = "earlier version" if _name(table) == "tracked-changes" else "input hint"
                    self._writer.leave_out(what, " ".join(self._paragraphs(table)))
        tell_uncalculated(uncalculated, self._writer)
        if "styles.xml" in self._names:
            root = read_beside(self._archive.read("styles.xml"), "styles.xml", self._writer)
            if root is not None:
                self._write_running(root)

    def _write_running(self, styles: Element) -> None:
        """Write once what stands on every page of the sheets."""
        used = {_attribute(style, "master-page-name") for style in self._root.iter("{*}style")}
        said: dict[str, None] = {}
        for page in styles.iter("{*}master-page"):
            for line in page.iter("{*}p", "{*}h"):
                text = self._text(line).strip()
                counts = next(line.iter("{*}page-number", "{*}page-count", "{*}sheet-name"), None) is not None
                is_shown = _attribute(page, "name") in used and all(
                    _attribute(each, "display") != "false" for each in line.iterancestors()
                )
                if text and is_shown and not (counts and sum(map(str.isalpha, text)) < _FEW_LETTERS):
                    said[text] = None
                else:
                    self._writer.leave_out("page header or footer", text)
        for text in said:
            self._writer.paragraph(text)

    def _named(self) -> Iterator[tuple[str, Named, bool]]:
        """Yield the sheet and area of each range of the file that is a table, and whether it is filtered."""
        for found in self._root.iter("{*}database-range"):
            sheet, _, cells = _attribute(found, "target-range-address").replace("$", "").partition(":")
            sheet, _, first = sheet.rpartition(".")
            if area := area_of(f"{first}:{cells.rpartition('.')[2]}"):
                header = int(_attribute(found, "contains-header") != "false")
                filtered = _attribute(found, "display-filter-buttons") == "true"
                yield sheet.strip("'"), Named(area, _attribute(found, "name"), header), filtered

    def _write_sheet(self, table: Element, named: list[tuple[str, Named, bool]]) -> int:
        name = _attribute(table, "name")
        self._writer.heading(name, 1)
        if _attribute(table, "style-name") in self._hidden:
            self._writer.finding(f"The sheet {name!r} is hidden in the workbook; it was read.")
        read = _Read()
        self._read_rows(table, read, depth=0)
        places = {number: at for at, number in enumerate(read.numbers)}
        for sheet, range_, filtered in named:
            area = range_.area
            if sheet != name or area.top not in places:
                continue
            last = max((at for number, at in places.items() if number <= area.bottom), default=0)
            if filtered:
                read.grid.filtered = places[area.top]
            elif not range_.name.startswith("__"):
                read.grid.named.append(range_._replace(area=area._replace(top=places[area.top], bottom=last)))
        tell_hidden(name, read.grid, read.hidden_rows, read.hidden_columns, self._writer)
        write_grid(read.grid, self._writer)
        for text in read.around:
            self._writer.paragraph(text)
        if read.pictures:
            self._writer.finding(
                f"The sheet {name!r} has pictures ({read.pictures}); what they show was not read."
            )
        return read.uncalculated

    def _read_rows(self, parent: Element, read: _Read, *, depth: int) -> None:
        column = 0
        for element in parent:
            match _name(element):
                case "table-row":
                    self._read_row(element, read)
                case "table-column":
                    repeated = _count(element, "number-columns-repeated")
                    if _attribute(element, "visibility") in ("collapse", "filter"):
                        read.hidden_columns.update(range(column, min(column + repeated, MAX_COLUMNS)))
                    column += repeated
                case "table-header-rows":
                    self._read_rows(element, read, depth=depth + 1)
                    read.grid.frozen = len(read.grid.rows)
                case "table-row-group" | "table-rows" | "table-columns" | "table-column-group" if (
                    depth < _MAX_DEPTH
                ):
                    self._read_rows(element, read, depth=depth + 1)
                case "shapes":
                    self._read_shapes(element, read)

    def _read_row(self, element: Element, read: _Read) -> None:
        rows = read.grid.rows
        number = read.numbers[-1] + 1 if read.numbers else 0
        row: list[str] = []
        waiting = 0
        for cell in element:
            if _name(cell) not in ("table-cell", "covered-table-cell"):
                continue
            repeated = _count(cell, "number-columns-repeated")
            text = (
                self._cell(cell, read, f"{_letters(len(row) + waiting)}{number + 1}")
                if len(cell) or cell.attrib
                else ""
            )
            down, across = _count(cell, "number-rows-spanned"), _count(cell, "number-columns-spanned")
            if not text:
                waiting += repeated
                continue
            if len(row) + waiting + repeated > MAX_COLUMNS:
                raise Unparsable("too_large", f"A sheet has more than {MAX_COLUMNS:,} columns; split it.")
            row += [""] * waiting
            if down > 1 or across > 1:
                top = len(rows)
                read.grid.merged.append(Area(top, len(row), top + down - 1, len(row) + across - 1))
            row += [text] * repeated
            waiting = 0
        repeated = _count(element, "number-rows-repeated")
        kept = min(repeated, MAX_ROWS - len(rows) if row else _APART)
        if row and kept < repeated:
            self._writer.finding(f"A sheet has more than {MAX_ROWS:,} rows; the rest was left out.")
            self._writer.leave_out("rows beyond the limit", "\t".join(row))
        read.cells += len(row) * kept
        if read.cells > MAX_CELLS:
            raise Unparsable("too_large", f"A sheet spreads over more than {MAX_CELLS:,} cells; split it.")
        if row and _attribute(element, "visibility") in ("collapse", "filter"):
            read.hidden_rows += kept
        for at in range(kept):
            rows.append(list(row))
            read.numbers.append(number + (at if at + 1 < kept else repeated - 1))

    def _cell(self, cell: Element, read: _Read, place: str) -> str:
        parts = []
        for part in cell:
            match _name(part):
                case "p" | "h":
                    parts.append(self._text(part))
                case "list":
                    parts += self._paragraphs(part)
                case "annotation":
                    if comment := " ".join(self._paragraphs(part)):
                        read.around.append(f"Comment on {place}: {comment}")
                case _:
                    self._read_shapes([part], read)
        text = "\n".join(parts).strip()
        if _AMBIGUOUS.match(text) and (day := _attribute(cell, "date-value")):
            day, _, clock = day.partition("T")
            text = f"{day} {clock[:5]}".strip() if ":" in text else day
        if not text and _name(cell) == "table-cell":
            kinds = ("value", "date-value", "time-value", "boolean-value", "string-value")
            text = next((value for kind in kinds if (value := _attribute(cell, kind))), "")
            formula = _attribute(cell, "formula")
            if not text and formula and not _attribute(cell, "value-type"):
                read.uncalculated += 1
                return _CELL.sub(r"\1", formula.partition("=")[1] + formula.partition("=")[2])
        return text

    def _read_shapes(self, shapes: Element | list[Element], read: _Read) -> None:
        """Read the words of text boxes, shapes and charts; pictures are counted."""
        for shape in shapes:
            read.around += self._paragraphs(shape)
            for element in shape.iter("{*}image", "{*}object", "{*}title", "{*}desc"):
                if _name(element) in ("title", "desc"):
                    read.around.append(element.text or "")
                part = f"{_attribute(element, 'href').removeprefix('./').rstrip('/')}/content.xml"
                if _name(element) == "object" and part in self._names:
                    for title in read_xml(self._archive.read(part)).iter("{*}title", "{*}subtitle"):
                        read.around += self._paragraphs(title)
                elif _name(element) == "image" and not _attribute(element, "href").startswith(
                    "./ObjectReplacements"
                ):
                    read.pictures += 1

    def _paragraphs(self, element: Element) -> list[str]:
        return [text for part in element.iter("{*}p", "{*}h") if (text := self._text(part).strip())]

    def _text(self, element: Element, depth: int = 0) -> str:
        parts = [element.text or ""]
        for child in element:
            match _name(child):
                case "s":
                    parts.append(" " * min(_count(child, "c"), 100))
                case "tab":
                    parts.append("\t")
                case "line-break":
                    parts.append("\n")
                case name if name not in _FIELDS and depth < _MAX_DEPTH:
                    if name == "a":
                        self._writer.link(_attribute(child, "href"))
                    text = self._text(child, depth + 1)
                    raised = self._raised.get(_attribute(child, "style-name"), "")
                    joined = text.strip() and "".join(parts)[-1:].strip()
                    parts.append(f"{raised if joined else ''}{text}")
            parts.append(child.tail or "")
        return "".join(parts)


def _letters(column: int) -> str:
    letters = ""
    column += 1
    while column:
        column, letter = divmod(column - 1, 26)
        letters = chr(65 + letter) + letters
    return letters


def _name(element: Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _attribute(element: Element, name: str) -> str:
    return next((value for key, value in element.attrib.items() if key.endswith(f"}}{name}")), "")


def _count(element: Element, name: str) -> int:
    return max(whole(_attribute(element, name)), 1)
