"""The paragraphs and tables that an RTF file's body, notes, headers and boxes consist of, as its words bring them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from ingest.parse.office.word_styles import RAISED, raised
from ingest.parse.writer import ExtractWriter
from vectorstore.language.marks import LISTED, PRINTED_BULLET

_EDGE: Final = 60
_PRINTED = re.compile(PRINTED_BULLET)
_TYPED = re.compile(r"\A\s*+(\S{1,6})\t\s*+(?=\S)")
_FEW_LETTERS: Final = 12
NUMBERED: Final = "\x02"
"""Stands where a page number was; no file can hold it."""
CHARACTERS: Final = {
    "tab": "\t", "line": "\n", "softline": "\n", "emdash": "—", "endash": "–", "bullet": "•", "lquote": "‘", "rquote": "’",
    "ldblquote": "“", "rdblquote": "”", "emspace": " ", "enspace": " ", "qmspace": " ", "~": " ", "_": "-",
}  # fmt: skip
"""Words that stand for a character."""
CODE_PAGES: Final = {
    77: "mac_roman", 128: "cp932", 129: "cp949", 134: "cp936", 136: "cp950", 161: "cp1253", 162: "cp1254", 163: "cp1258",
    177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250", 254: "cp437", 255: "cp850",
}  # fmt: skip
"""What a font's charset says of its code page, where the head's is not meant."""


@dataclass(slots=True)
class State:
    """What a group inherits: where its text goes, and how it looks."""

    place: str = ""
    font: int = -1
    unicode_skip: int = 1
    hidden: bool = False
    struck: bool = False
    deleted: bool = False
    raised: bool = False
    starred: bool = False
    field_code: list[str] = field(default_factory=list)

    def inner(self) -> "State":
        """Return what a group in this one begins with."""
        looks = self.hidden, self.struck, self.deleted, self.raised
        return State(self.place, self.font, self.unicode_skip, *looks, False, self.field_code)


@dataclass
class Row:
    """A row of a table: where its cells end, how they are merged, what stands in them."""

    edges: list[int] = field(default_factory=list)
    merges: list[str] = field(default_factory=list)
    cells: list[str] = field(default_factory=list)
    is_header: bool = False


class Flow:
    """Paragraphs and tables of the body, a note, a header or a box, as they come."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.blocks: list[tuple[str, str, int] | list[Row]] = []
        self.mark = ""
        self.level = 0
        self.in_table = False
        self.row = Row()
        self.merge = ""
        self.nested: list[list[str]] = [[]]

    def begin_paragraph(self, _: int) -> None:
        """Forget what the paragraph before was."""
        self.in_table, self.level = False, 0

    def enter_table(self, _: int) -> None:
        """Say that what comes stands in a table."""
        self.in_table = True

    def outline(self, value: int) -> None:
        """Make the paragraph a heading of this depth."""
        self.level = value + 1 if 0 <= value < 9 else 0

    def begin_row(self, _: int) -> None:
        """Forget how the row before was parted."""
        self.row = Row(cells=self.row.cells)

    def mark_header(self, _: int) -> None:
        """Make the row one of the header."""
        self.row.is_header = True

    def cell_edge(self, value: int) -> None:
        """Note where the next cell ends."""
        self.row.edges.append(value)
        self.row.merges.append(self.merge)
        self.merge = ""

    def merge_cell(self, way: str) -> None:
        """Note that the cell that is described next goes on from the one before or above."""
        self.merge += way

    def end_paragraph(self) -> None:
        """End a paragraph; in a table it is a line of its cell."""
        if self.in_table:
            self.pieces.append("\n")
            return
        text = "".join(self.pieces)
        if not self.mark and (typed := _TYPED.match(text)) and LISTED.match(f"{typed[1]} "):
            self.mark, text = list_mark(typed[1]), text[typed.end() :]
        if text.strip():
            self.blocks.append((raised(text) if RAISED in text else text, self.mark, self.level))
        self.pieces, self.mark = [], ""

    def end_cell(self, *, nested: bool) -> None:
        """End a cell; those of a table in a cell wait until that one ends."""
        text = "".join(self.pieces)
        self.pieces = []
        if self.mark:
            text, self.mark = f"{self.mark} {text}", ""
        text = " ".join((raised(text) if RAISED in text else text).split())
        if nested:
            self.nested[-1].append(text)
            return
        inner = "; ".join(", ".join(filter(None, row)) for row in self.nested if any(row))
        self.nested = [[]]
        self.row.cells.append(f"{inner} {text}".strip())

    def end_row(self) -> None:
        """End a row: it joins the table before it."""
        row = self.row
        if self.blocks and isinstance(self.blocks[-1], list):
            self.blocks[-1].append(row)
        else:
            self.blocks.append([row])
        self.row = Row(row.edges, row.merges, [], row.is_header)

    def lines(self) -> Iterator[str]:
        """Return what stands in a note, a header or a box, line by line."""
        for block in self.blocks:
            if isinstance(block, list):
                yield from ("; ".join(filter(None, row.cells)) for row in block)
            else:
                yield f"{block[1]} {' '.join(block[0].split())}".strip()

    def running_lines(self) -> Iterator[str]:
        """Return what stands on every page, without lines that only number it."""
        for line in self.lines():
            if NUMBERED not in line or sum(map(str.isalpha, line)) >= _FEW_LETTERS:
                yield line.replace(NUMBERED, "").strip()

    def write(self, writer: ExtractWriter) -> None:
        """Write the blocks."""
        self.in_table = False
        self.end_paragraph()
        items: list[str] = []
        for block in self.blocks:
            is_item = isinstance(block, tuple) and not block[2] and bool(LISTED.match(f"{block[1]} "))
            if not is_item and items:
                writer.block("list", "\n".join(items))
                items = []
            if isinstance(block, list):
                rows = list(_grid(block))
                headed = sum(row.is_header for row in block)
                writer.table(rows, header_rows=min(max(headed, 1), max(len(rows) - 1, 1)))
            elif is_item:
                items.append(f"{block[1]} {block[0].strip()}")
            elif block[2]:
                writer.heading(f"{block[1]} {block[0]}", block[2])
            else:
                writer.paragraph(f"{block[1]} {block[0]}".strip())
        writer.block("list", "\n".join(items))


def _grid(rows: list[Row]) -> Iterator[list[str]]:
    """Return the cells' texts in the columns that all rows' edges make, a merged cell's in each that it covers."""
    edges: list[int] = []
    for edge in sorted({edge for row in rows for edge in row.edges}):
        if not edges or edge - edges[-1] > _EDGE:
            edges.append(edge)
    above: list[str] = []
    for row in rows:
        cells: list[str] = []
        for at, text in enumerate(row.cells):
            merge = row.merges[at] if at < len(row.merges) else ""
            column = len(cells)
            shown = cells[-1] if "across" in merge and cells else text
            if "down" in merge and column < len(above):
                shown = above[column]
            right = row.edges[at] if at < len(row.edges) else 0
            span = sum(edge <= right + _EDGE for edge in edges) - column
            cells += [shown] * max(span, 1) if len(row.cells) > 1 else [shown]
        above = cells
        yield cells


def list_mark(text: str) -> str:
    """Return the mark of an item as lists are written here: a bullet is `-`."""
    mark = text.strip()
    return "-" if _PRINTED.fullmatch(mark) else f"- {mark}" if mark in ("☒", "☐", "✓", "✗") else mark
