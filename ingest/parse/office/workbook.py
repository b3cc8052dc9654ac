"""A workbook's parts: its sheets, and the texts and formats that they share."""

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from posixpath import dirname, join, normpath
from types import SimpleNamespace
from typing import Any, Final, NamedTuple

from ingest.extract import Unparsable
from ingest.parse.html.markup import Element, read_xml
from ingest.parse.office.format_code import BUILT_IN
from ingest.parse.office.ooxml import name_of, relation_id, whole
from ingest.parse.writer import ExtractWriter

_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
_SUPERSCRIPT: Final = {"superscript": "^", "subscript": "_"}


@dataclass(slots=True)
class Book:
    """The parts of a workbook, and what all its sheets share."""

    archive: zipfile.ZipFile
    parts: frozenset[str]
    strings: list[str] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    """The number format of each cell style."""
    bold: list[bool] = field(default_factory=list)
    since_1904: bool = False
    recalculates: bool = False
    """Whether it asks to be calculated when it is opened: zeros of its formulas may be no results."""

    def read(self, part: str) -> Element:
        """Return a part's root."""
        return read_xml(self.archive.read(part))

    def related(self, part: str, kind: str = "") -> Iterator[tuple[str, str, str]]:
        """Yield id, kind and target of what a part refers to; the target is a part or an address."""
        rels = f"{dirname(part)}/_rels/{part.rpartition('/')[2]}.rels".lstrip("/")
        if rels not in self.parts:
            return
        for relation in self.read(rels).iter("{*}Relationship"):
            target = relation.get("Target", "")
            found = relation.get("Type", "").rpartition("/")[2]
            if relation.get("TargetMode") != "External":
                target = normpath(join(dirname(part), target)) if target[:1] != "/" else target[1:]
                if target not in self.parts:
                    continue
            if not kind or found == kind:
                yield relation.get("Id", ""), found, target


class Sheet(NamedTuple):
    """A sheet as the workbook lists it."""

    name: str
    state: str
    part: str


def opened(book: Book, writer: ExtractWriter) -> list[Sheet]:
    """Read what the sheets share, and return them."""
    path = "xl/workbook.xml"
    related = {identity: (kind, target) for identity, kind, target in book.related(path)}
    for kind, target in related.values():
        if kind == "sharedStrings":
            book.strings = [rich_text(item, writer) for item in elements(book, target, "si")]
        elif kind == "styles":
            try:
                _read_styles(book, book.read(target))
            except Unparsable as error:
                if error.__cause__ is None:
                    raise
                writer.finding("The formats of the cells are damaged; numbers are shown as they are stored.")
    root = book.read(path)
    for properties in root.iter("{*}workbookPr"):
        book.since_1904 = is_true(properties.get("date1904"))
    for calculation in root.iter("{*}calcPr"):
        book.recalculates = is_true(calculation.get("fullCalcOnLoad"))
    sheets = []
    for sheet in root.iter("{*}sheet"):
        kind, target = related.get(relation_id(sheet), ("", ""))
        name = sheet.get("name", "")
        if kind in ("worksheet", "chartsheet", "dialogsheet"):
            sheets.append(Sheet(name, sheet.get("state", "visible"), target))
        else:
            writer.finding(f"The sheet {name!r} is a {kind or 'missing part'}; it was not read.")
    return sheets


def _read_styles(book: Book, root: Element) -> None:
    codes = dict(BUILT_IN)
    for code in root.iter("{*}numFmt"):
        codes[whole(code.get("numFmtId"))] = code.get("formatCode", "")
    fonts = [
        any(is_true(bold.get("val", "1")) for bold in font.iter("{*}b"))
        for fonts in root.iter("{*}fonts")
        for font in fonts.iter("{*}font")
    ]
    for formats in root.iter("{*}cellXfs"):
        for style in formats.iter("{*}xf"):
            book.codes.append(codes.get(whole(style.get("numFmtId")), "General"))
            font = whole(style.get("fontId"))
            book.bold.append(0 <= font < len(fonts) and fonts[font])


def properties_of(book: Book) -> SimpleNamespace:
    """Return what the file says about itself, as `core_properties` reads it."""
    found = book.read("docProps/core.xml").iter("{*}*") if "docProps/core.xml" in book.parts else ()
    return SimpleNamespace(**{name_of(element): (element.text or "").strip() for element in found})


def elements(book: Book, part: str, *names: str) -> Iterator[Element]:
    """Yield a part's elements of these names, each freed when the next comes."""
    from lxml import etree

    if b"<!ENTITY" in book.archive.open(part).read(4096):
        raise ValueError
    options: dict[str, Any] = {
        "resolve_entities": False,
        "no_network": True,
        "load_dtd": False,
        "huge_tree": False,
    }
    with book.archive.open(part) as stream:
        found = etree.iterparse(stream, tag=[f"{{*}}{name}" for name in names], **options)
        for _, element in found:
            yield element
            element.clear(keep_tail=False)
            while element.getprevious() is not None:
                del element.getparent()[0]


def rich_text(item: Element, writer: ExtractWriter) -> str:
    """Return a cell's text; raised and lowered letters are marked, how East Asian words are read is left out."""
    parts: list[str] = []
    for element in item:
        name = name_of(element)
        if name == "t":
            parts.append(element.text or "")
        elif name == "r":
            text = "".join(found.text or "" for found in element.iter("{*}t"))
            marks = [_SUPERSCRIPT.get(found.get("val", ""), "") for found in element.iter("{*}vertAlign")]
            raised = "".join(marks)
            joined = raised and parts and parts[-1] and not parts[-1][-1].isspace() and text.strip()
            parts.append(f"{raised}{text}" if joined else text)
        elif name == "rPh":
            writer.leave_out("reading aid", "".join(found.text or "" for found in element.iter("{*}t")))
    return unescaped("".join(parts))


def unescaped(text: str) -> str:
    """Return a text with characters that XML cannot hold, written `_x000D_`, as themselves."""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text) if "_x" in text else text


def is_true(value: str | None) -> bool:
    """Say whether a flag is set."""
    return value in ("1", "true", "on")
