"""XLSX: each sheet a heading and its tables, every cell as the sheet shows it, then what lies on and around the cells."""

import re
import zipfile
from collections.abc import Callable
from io import BytesIO
from typing import Final, TypeVar

from ingest.extract import Extract, Limits, RawFile, Unparsable
from ingest.parse.grid import (
    MAX_CELLS,
    MAX_COLUMNS,
    MAX_ROWS,
    Area,
    Grid,
    Named,
    area_of,
    column_of,
    tell_hidden,
    tell_uncalculated,
    write_grid,
)
from ingest.parse.html.markup import Element
from ingest.parse.metadata import core_properties
from ingest.parse.office.number_format import shown, shown_text
from ingest.parse.office.ooxml import name_of, relation_id, whole
from ingest.parse.office.workbook import (
    Book,
    Sheet,
    elements,
    is_true,
    opened,
    properties_of,
    rich_text,
    unescaped,
)
from ingest.parse.writer import ExtractWriter

_LAST_ROW: Final = 1_048_576
_T = TypeVar("_T")
_HEADER_PARTS = re.compile(r'&(?:"[^"]*+"|K[0-9A-F]{6}|K\d\d[+-]\d{3}|\d{1,3}|[BIUESXYPNDTGZ])', re.I)
_HEADER_PLACES = re.compile(r"&[LCR]", re.I)
_LINKED = re.compile(r'HYPERLINK\("([^"]++)"')
_THREADED: Final = "[Threaded comment]"


def parse(source: RawFile, limits: Limits) -> Extract:
    """Read a workbook: the values, as last calculated."""
    writer = ExtractWriter(limits)
    try:
        with zipfile.ZipFile(BytesIO(source.data)) as archive:
            book = Book(archive, frozenset(archive.namelist()))
            count = sum(_write_sheet(sheet, book, writer) for sheet in opened(book, writer))
            tell_uncalculated(count, writer)
            properties = properties_of(book)
    except (zipfile.BadZipFile, KeyError, ValueError, IndexError, SyntaxError) as error:
        raise Unparsable("corrupt", "The workbook is damaged; open it and save it again.") from error
    title, modified, metadata = core_properties(properties)
    return writer.finish(source.media_type, title=title, modified=modified, metadata=metadata, headed=False)


def _write_sheet(sheet: Sheet, book: Book, writer: ExtractWriter) -> int:
    """Write a sheet; return how many of its formulas have no result."""
    writer.heading(sheet.name, 1)
    if sheet.state != "visible":
        writer.finding(f"The sheet {sheet.name!r} is hidden in the workbook; it was read.")
    reader = _Reader(sheet, book, writer)
    reader.read()
    related = list(book.related(sheet.part))
    for _, kind, part in related:
        if kind == "table":
            table = book.read(part)
            header_rows = whole(table.get("headerRowCount"), 1)
            reader.grid.named += [
                Named(area, table.get("displayName", ""), header_rows) for area in _areas(table)
            ]
    tell_hidden(sheet.name, reader.grid, reader.hidden_rows, reader.hidden, writer)
    write_grid(reader.grid, writer)
    for text in reader.around:
        writer.paragraph(text)
    targets = {identity: target for identity, _, target in related}
    for identity in reader.links:
        writer.link(targets.get(identity, ""))
    try:
        _write_comments(book, related, writer)
        for _, kind, part in related:
            if kind == "drawing":
                _write_drawing(sheet, book, part, writer)
    except Unparsable as error:
        if error.reason != "corrupt":
            raise
        writer.finding(
            f"Comments or drawings of the sheet {sheet.name!r} are damaged; not all of them were read."
        )
    return reader.uncalculated


class _Reader:
    """Reads what one pass over a sheet's XML finds."""

    def __init__(self, sheet: Sheet, book: Book, writer: ExtractWriter) -> None:
        self.grid = Grid([])
        self.around: list[str] = []
        self.links: list[str] = []
        self.hidden: set[int] = set()
        """Columns, with content or without."""
        self.hidden_rows = 0
        self.uncalculated = 0
        self._sheet = sheet
        self._book = book
        self._writer = writer
        self._shared: dict[str, tuple[str, str]] = {}
        self._rows = self._cells = 0

    def read(self) -> None:
        read: dict[str, Callable[[Element], object]] = {
            "row": self._read_row,
            "mergeCell": lambda found: self.grid.merged.extend(_areas(found)),
            "col": self._read_view,
            "hyperlink": lambda found: self.links.append(relation_id(found)),
            "pane": self._read_view,
            "autoFilter": self._read_view,
            "headerFooter": lambda found: self.around.extend(dict.fromkeys(map(_page_text, found))),
            "dataValidation": lambda found: self.around.append(
                f"{found.get('promptTitle', '')} {found.get('prompt', '')}".strip()
            ),
        }
        try:
            for element in elements(self._book, self._sheet.part, *read):
                read[name_of(element)](element)
        except SyntaxError:  # as lxml calls XML that is not well-formed
            self._tell(f"The rest after row {len(self.grid.rows)} was not read.")
        if self._rows > MAX_ROWS:
            left = f"has more than {MAX_ROWS:,} rows; {self._rows - MAX_ROWS:,} were left out."
            self._writer.finding(f"The sheet {self._sheet.name!r} {left}")

    def _read_view(self, element: Element) -> None:
        """Read what is hidden, stays in view or has the filter's buttons."""
        if name_of(element) == "col" and is_true(element.get("hidden")):
            self.hidden.update(
                range(whole(element.get("min"), 1) - 1, min(whole(element.get("max")), MAX_COLUMNS))
            )
        if element.get("state", "").startswith("frozen"):
            self.grid.frozen = max(whole(element.get("ySplit", "").partition(".")[0]), 0)
        for area in _areas(element):
            self.grid.filtered = area.top

    def _read_row(self, element: Element) -> None:
        row: list[str] = []
        bold = True
        column = -1
        for cell in element:
            reference = cell.get("r", "")
            column = self._column(reference, column + 1)
            if text := self._text(cell, reference):
                row += [""] * (column + 1 - len(row))
                row[column] = text
                bold = bold and self._style(cell, self._book.bold, missing=False)
        rows = self.grid.rows
        number = whole(element.get("r"), len(rows) + 1) - 1
        if not row:
            return
        if not len(rows) <= number < _LAST_ROW:
            self._tell("Rows are not numbered in order; they were read as they come.")
            number = len(rows)
        self._rows += 1
        self._cells += len(row)
        if self._rows > MAX_ROWS:
            self._writer.leave_out("rows beyond the limit", "\t".join(row), self._sheet.name)
            return
        if self._cells > MAX_CELLS or number > _LAST_ROW:
            raise Unparsable("too_large", f"A sheet spreads over more than {MAX_CELLS:,} cells; split it.")
        rows += [[] for _ in range(number - len(rows))]
        rows.append(row)
        if bold:
            self.grid.bold.add(number)
        self.hidden_rows += is_true(element.get("hidden"))

    def _column(self, reference: str, after: int) -> int:
        try:
            return column_of(reference) if reference else after
        except ValueError:
            self._tell("Cells name no place; each was put beside the one before it.")
            return after

    def _tell(self, sentence: str) -> None:
        self._writer.finding(f"The sheet {self._sheet.name!r} is damaged. {sentence}")

    def _style(self, cell: Element, kinds: list[_T], *, missing: _T) -> _T:
        style = whole(cell.get("s"))
        return kinds[style] if 0 <= style < len(kinds) else missing

    def _text(self, cell: Element, reference: str) -> str:
        parts = {name_of(part): part for part in cell}
        kind = cell.get("t", "n")
        value = parts["v"].text if "v" in parts else None
        if "f" in parts:
            formula = parts["f"].text or ""
            if formula and parts["f"].get("si"):
                self._shared[parts["f"].get("si")] = (formula, reference)
            if linked := _LINKED.search(formula):
                self._writer.link(linked[1])
            never = value is None or (kind == "n" and value == "0" and self._book.recalculates)
            if never and kind != "str":
                self.uncalculated += 1
                return self._formula(formula, parts["f"].get("si", ""), reference)
        if "is" in parts:
            return rich_text(parts["is"], self._writer).strip()
        if value is None:
            return ""
        return self._shown(value, kind, self._style(cell, self._book.codes, missing="General"), reference)

    def _shown(self, value: str, kind: str, code: str, reference: str) -> str:
        if kind == "b":
            return "TRUE" if is_true(value) else "FALSE"
        if kind in ("d", "e"):
            return value.removesuffix("T00:00:00")
        if kind == "n":
            if code == "General" and value.isdecimal():
                return value
            text, seen = value, shown(value, code, since_1904=self._book.since_1904)
        else:
            at = whole(value, -1) if kind == "s" else -1
            if kind == "s" and not 0 <= at < len(self._book.strings):
                self._tell("Cells point to texts that the file does not hold; they were left empty.")
                return ""
            text = self._book.strings[at] if kind == "s" else unescaped(value)
            seen = shown_text(text, code)
        if not seen.strip() and text.strip():
            self._writer.leave_out("hidden by its number format", text, f"{self._sheet.name}!{reference}")
        return seen.strip()

    def _formula(self, formula: str, group: str, reference: str) -> str:
        if not formula and group in self._shared:
            return _moved(*self._shared[group], reference)
        return f"={formula}" if formula else "= (a formula)"


def _moved(formula: str, at: str, reference: str) -> str:
    """Return a formula that several cells share as it reads in another of them; as in the first where it is damaged."""
    from openpyxl.formula.tokenizer import TokenizerError
    from openpyxl.formula.translate import Translator, TranslatorError

    try:
        return str(Translator(f"={formula}", at).translate_formula(reference))
    except (TokenizerError, TranslatorError, ValueError, IndexError, AttributeError):
        return f"={formula}"


def _areas(element: Element) -> list[Area]:
    area = area_of(element.get("ref", ""))
    return [area] if area else []


def _page_text(part: Element) -> str:
    """Return what a page's header or footer says, without its codes."""
    text = (part.text or "").replace("&&", "\0")
    pieces = (_HEADER_PARTS.sub("", piece) for piece in _HEADER_PLACES.split(text))
    return " ".join(" ".join(pieces).replace("&A", "").replace("&F", "").replace("\0", "&").split())


def _write_comments(book: Book, related: list[tuple[str, str, str]], writer: ExtractWriter) -> None:
    """Write the comments on a sheet's cells; of a conversation each turn."""
    found = [(kind, book.read(part)) for _, kind, part in related if kind in ("comments", "threadedComment")]
    threaded = any(kind == "threadedComment" for kind, _ in found)
    for _, root in found:
        for comment in root.iter("{*}comment", "{*}threadedComment"):
            text = "".join(
                rich_text(part, writer) or part.text or "" for part in comment.iter("{*}text")
            ).strip()
            if text and not (threaded and text.startswith(_THREADED)):
                writer.paragraph(f"Comment on {comment.get('ref', '')}: {text}")


def _write_drawing(sheet: Sheet, book: Book, part: str, writer: ExtractWriter) -> None:
    """Write the words of text boxes, diagrams and charts; pictures are counted."""
    root = book.read(part)
    pictures = list(root.iter("{*}pic"))
    for picture in pictures:
        for named in picture.iter("{*}cNvPr"):
            writer.paragraph(named.get("descr", ""))
    found = list(root.iter("{*}txBody"))
    for _, kind, target in book.related(part):
        if kind == "chart":
            found += book.read(target).iter("{*}title")
            found += [book.read(shapes) for _, _, shapes in book.related(target, "chartUserShapes")]
        elif kind == "diagramData":
            found.append(book.read(target))
    for words in found:
        for paragraph in words.iter("{*}p"):
            writer.paragraph("".join(text.text or "" for text in paragraph.iter("{*}t")))
    if pictures:
        what = f"has pictures ({len(pictures)}); what they show was not read."
        writer.finding(f"The sheet {sheet.name!r} {what}")
