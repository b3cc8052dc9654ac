"""DOCX: headings by style, lists, tables, core properties."""

import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any, Final

from ingest.extract import Extract, Limits, RawFile, Unparsable
from ingest.parse.html.markup import read_xml
from ingest.parse.metadata import core_properties
from ingest.parse.writer import ExtractWriter

_HEADING = re.compile(r"(?:heading|überschrift|titre|título|titolo|kop|rubrik)\s*(\d)", re.I)
_LIST = re.compile(r"list|aufzählung|liste", re.I)
_CODE = re.compile(r"code|source|preformatted", re.I)
_MAX_NESTING: Final = 4
_MAX_HEADING: Final = 100


def parse(source: RawFile, limits: Limits) -> Extract:
    """Read a Word document."""
    import docx
    from docx.opc.exceptions import PackageNotFoundError

    try:
        document: Any = docx.Document(BytesIO(source.data))
    except (PackageNotFoundError, KeyError, ValueError) as error:
        raise Unparsable("corrupt", "The Word document is damaged; open it and save it again.") from error
    writer = ExtractWriter(limits)
    _Body(document, writer).write()
    title, modified, metadata = core_properties(document.core_properties)
    return writer.finish(source.media_type, title=title, modified=modified, metadata=metadata)


class _Body:
    """Writes a document's paragraphs and tables in order."""

    def __init__(self, document: Any, writer: ExtractWriter) -> None:
        self._document = document
        self._writer = writer
        self._numbering = _Numbering(document)
        self._has_headings = any(
            _heading_level(paragraph, paragraph.style.name or "")
            for paragraph in document.paragraphs
            if paragraph.style
        )
        self._items: list[str] = []
        self._code: list[str] = []

    def write(self) -> None:
        """Write the body, then footnotes."""
        for item in self._document.iter_inner_content():
            self._item(item)
        self._end_runs()
        for note in _footnotes(self._document):
            self._writer.paragraph(note)

    def _item(self, item: Any) -> None:
        if hasattr(item, "rows"):
            self._end_runs()
            self._table(item)
            return
        text = _text_of(item, self._writer)
        style = (item.style.name if item.style is not None else "") or ""
        for box in _boxed_texts(item):
            self._end_runs()
            self._writer.paragraph(box)
        if not text.strip():
            return
        level = _heading_level(item, style)
        if not level and not self._has_headings and _is_bold_line(item, text):
            level = 2
        if level:
            self._end_runs()
            self._writer.heading(text, level)
        elif _CODE.search(style):
            self._code.append(text)
        elif (mark := self._numbering.mark(item)) or _LIST.search(style):
            self._items.append(f"{_indent(mark, style)}{mark or '-'} {text.strip()}")
        else:
            self._end_runs()
            self._writer.paragraph(text)

    def _table(self, table: Any) -> None:
        rows = [_row_of(row, self._writer) for row in table.rows]
        if len(rows) == 1 and len(rows[0]) == 1:  # a frame around text
            self._writer.paragraph(rows[0][0])
        else:
            self._writer.table(rows)

    def _end_runs(self) -> None:
        if self._items:
            self._writer.block("list", "\n".join(self._items))
        if self._code:
            self._writer.code("\n".join(self._code))
        self._items, self._code = [], []


class _Numbering:
    """Counts the numbered paragraphs of a document, since the file does not hold their numbers."""

    def __init__(self, document: Any) -> None:
        from docx.oxml.ns import qn

        self._qn = qn
        self._counts: dict[tuple[str, int], int] = {}
        self._formats: dict[tuple[str, int], str] = {}
        try:
            numbering = document.part.numbering_part.element
        except (KeyError, NotImplementedError, AttributeError):
            return
        self._read(numbering)

    def mark(self, paragraph: Any) -> str:
        """Return "-" or "3." with its indent for a list paragraph, or nothing."""
        found = self._number_of(paragraph)
        if found is None:
            return ""
        number, level = found
        indent = "  " * min(level, 8)
        if self._formats.get((number, level), "bullet") in ("bullet", "none"):
            return f"{indent}-"
        for deeper in [key for key in self._counts if key[0] == number and key[1] > level]:
            del self._counts[deeper]
        self._counts[number, level] = self._counts.get((number, level), 0) + 1
        return f"{indent}{self._counts[number, level]}."

    def _number_of(self, paragraph: Any) -> tuple[str, int] | None:
        properties = paragraph._p.pPr  # noqa: SLF001 - python-docx gives numbering no public name
        style = paragraph.style
        while (properties is None or properties.numPr is None) and style is not None:
            properties, style = style.element.pPr, style.base_style
        if properties is None or properties.numPr is None or properties.numPr.numId is None:
            return None
        number = properties.numPr.numId.val
        level = properties.numPr.ilvl.val if properties.numPr.ilvl is not None else 0
        return (str(number), int(level)) if number else None

    def _read(self, numbering: Any) -> None:
        qn = self._qn
        abstract: dict[str, Any] = {
            item.get(qn("w:abstractNumId")): item for item in numbering.findall(qn("w:abstractNum"))
        }
        for number in numbering.findall(qn("w:num")):
            reference = number.find(qn("w:abstractNumId"))
            definition = abstract.get(reference.get(qn("w:val"))) if reference is not None else None
            for level in definition.findall(qn("w:lvl")) if definition is not None else ():
                shape = level.find(qn("w:numFmt"))
                key = (number.get(qn("w:numId")), int(level.get(qn("w:ilvl")) or 0))
                self._formats[key] = shape.get(qn("w:val")) if shape is not None else "decimal"


def _heading_level(paragraph: Any, style: str) -> int:
    if match := _HEADING.match(style):
        return int(match[1])
    if style == "Title":
        return 1
    properties = paragraph._p.pPr  # noqa: SLF001 - the outline level has no public name
    outline = properties.find(f"{{{properties.nsmap['w']}}}outlineLvl") if properties is not None else None
    if outline is None:
        return 0
    value = outline.get(f"{{{properties.nsmap['w']}}}val") or "9"
    return int(value) + 1 if value.isdecimal() and int(value) < 6 else 0


def _is_bold_line(paragraph: Any, text: str) -> bool:
    """Say whether a paragraph looks like a heading, in a document whose writer used no heading styles."""
    runs = [run for run in paragraph.runs if run.text.strip()]
    bold = bool(runs) and all(run.bold or (run.bold is None and run.style.font.bold) for run in runs)
    return bold and len(text) < _MAX_HEADING and not text.rstrip().endswith((".", ",", ";", ":"))


def _indent(mark: str, style: str) -> str:
    """Return how far a list paragraph stands in: its numbering says so, or its style ("List Bullet 2")."""
    deeper = int(style[-1]) - 1 if style[-1:].isdecimal() and not mark.startswith(" ") else 0
    return "  " * max(deeper, 0)


def _footnotes(document: Any) -> Iterator[str]:
    for relation in document.part.rels.values():
        if relation.is_external or not relation.reltype.endswith("/footnotes"):
            continue
        for note in read_xml(relation.target_part.blob).iter("{*}footnote"):
            text = "".join(_runs_below(note)).strip()
            number = next((value for key, value in note.attrib.items() if key.endswith("}id")), "")
            if text:
                yield f"[{number}] {text}"


def _boxed_texts(paragraph: Any) -> Iterator[str]:
    """Return the texts of boxes that float beside a paragraph; each is stored twice, for old programs too."""
    for box in paragraph._p.iter("{*}txbxContent"):  # noqa: SLF001 - boxes have no public name
        if not any(str(parent.tag).endswith("}Fallback") for parent in box.iterancestors()):
            yield "\n".join("".join(_runs(part)) for part in box.iter("{*}p"))


def _runs_below(element: Any) -> Iterator[str]:
    for paragraph in element.iter("{*}p"):
        yield from _runs(paragraph)
        yield " "


def _text_of(paragraph: Any, writer: ExtractWriter) -> str:
    """Return a paragraph's visible text: insertions count, deletions and hidden runs do not."""
    for link in paragraph.hyperlinks:
        writer.link(link.address or "")
    return "".join(_runs(paragraph._p))  # noqa: SLF001 - the public text leaves out insertions and fields


def _runs(element: Any) -> Iterator[str]:
    for child in element:
        name = child.tag.rpartition("}")[2] if isinstance(child.tag, str) else ""
        if name in ("t", "tab", "br", "cr", "noBreakHyphen"):
            yield {"t": child.text or "", "tab": "\t", "noBreakHyphen": "-"}.get(name, "\n")
        elif name in (
            "r",
            "ins",
            "hyperlink",
            "smartTag",
            "sdt",
            "sdtContent",
            "fldSimple",
        ) and not _is_hidden(child):
            yield from _runs(child)


def _is_hidden(run: Any) -> bool:
    properties = next((child for child in run if str(child.tag).endswith("}rPr")), None)
    if properties is None:
        return False
    vanish = next((child for child in properties if str(child.tag).endswith("}vanish")), None)
    return vanish is not None and not any(value in ("0", "false") for value in vanish.attrib.values())


def _row_of(row: Any, writer: ExtractWriter) -> list[str]:
    cells: list[str] = []
    before = None
    for cell in row.cells:
        # a merged cell comes once for each column that it covers
        cells.append("" if before is cell._tc else _cell_text(cell, writer))  # noqa: SLF001 - identity
        before = cell._tc  # noqa: SLF001 - identity
    return cells


def _cell_text(cell: Any, writer: ExtractWriter, depth: int = 0) -> str:
    parts: list[str] = []
    for item in cell.iter_inner_content():
        if not hasattr(item, "rows"):
            parts.append(_text_of(item, writer))
        elif depth < _MAX_NESTING:
            parts += [_cell_text(inner, writer, depth + 1) for row in item.rows for inner in row.cells]
    return " ".join(part for part in parts if part.strip())
