"""Walks a tree of HTML elements and writes its blocks."""

import re
from typing import Final

from ingest.parse.html.inline import SILENT, HtmlInline, Nested, one_line, words_of
from ingest.parse.html.markup import Element, Frames, header_rows, is_layout, table_rows
from ingest.parse.html.visible import Styles
from ingest.parse.writer import table_lines

_WHOLE = re.compile(r"-?\d{1,6}")
_HEADINGS: Final = ("h1", "h2", "h3", "h4", "h5", "h6")
_LOOKED_AT: Final = 20
_TABLE_PARTS: Final = frozenset(
    {"caption", "colgroup", "col", "thead", "tbody", "tfoot", "tr", "td", "th", "form", "input", "template"}
)
_ROMAN: Final = (
    (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"), (9, "ix"),
    (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip


class HtmlWalk(HtmlInline):
    """Writes the content of one tree. Inline text gathers until a block element ends it."""

    def page(self, root: Element) -> None:
        """Write a whole page: its content without what frames it."""
        body = root.find(".//body")
        self._run(root, body if body is not None else root, whole=True)

    def fragment(self, root: Element) -> None:
        """Write everything that can be seen in a piece of HTML."""
        self._run(root, root, whole=False)

    def _run(self, root: Element, element: Element, *, whole: bool) -> None:
        self._styles = Styles(root)
        self._seen = self._styles.first
        self._frames = Frames(element, whole=whole)
        self._note_marks(root)
        if whole and (seen := self._styles.seen(element, self._seen)):
            self._seen = seen
        self._inside(element, depth=0)
        self._flush()
        for what, text in self._frames.left:
            self._writer.leave_out(what, text)
        if finding := self._frames.finding():
            self._writer.finding(finding)
        if self._hidden:
            self._writer.finding(
                f"Left out {self._hidden} hidden pieces of text that a browser does not show."
            )

    def _note_marks(self, root: Element) -> None:
        for link in root.iter("a"):
            kind = link.get("epub:type") or link.get("role") or ""
            if "noteref" in kind:
                mark = " ".join(words_of(link).split()).strip("[]()")
                self._notes.setdefault((link.get("href") or "").rpartition("#")[2], mark)

    def _block(self, element: Element, *, depth: int) -> None:
        tag = element.tag
        self._mark(element)
        if self._flat:
            self._within_line(element, depth=depth)
        elif tag in _HEADINGS or element.get("role") == "heading":
            level = tag[1:] if tag in _HEADINGS else element.get("aria-level") or ""
            title = self._gathered(element, depth=depth).rstrip("¶# ")
            self._writer.heading(title, int(level) if level in {"1", "2", "3", "4", "5", "6"} else 2)
        elif tag == "pre":
            self._writer.code(_pre(element))
        elif tag in ("ul", "ol", "menu") and not _is_made_of_sections(element):
            self._writer.block("list", "\n".join(self._items(element, indent="", depth=depth)))
        elif tag == "dl" and not set(_tags(element)) - {"dt", "dd", "div", *SILENT}:
            self._definitions(element, depth=depth)
        elif tag == "table" and not is_layout(element):
            self._table(element, depth=depth)
        else:
            self._inside(element, depth=depth)

    def _within_line(self, element: Element, *, depth: int) -> None:
        """Write a block that stands inside a list's item or a cell; lists, code and tables follow an item's text."""
        nested = self._nested[-1] if self._nested else None
        if nested is None or element.tag not in ("ul", "ol", "menu", "pre", "table"):
            self._inside(element, depth=depth)
            return
        if element.tag == "pre":
            lines = ["```", *_pre(element).strip("\n").split("\n"), "```"]
            lines = [f"{nested.indent}{line}" for line in lines]
        elif element.tag == "table":
            rows = table_rows(element, lambda cell: self._gathered(cell, depth=depth + 1, apart="; "))
            lines = [f"{nested.indent}{line}" for line in table_lines(rows)]
        else:
            lines = self._items(element, indent=nested.indent, depth=depth)
        nested.found.append((len(self._inline), lines))

    def _mark(self, element: Element) -> None:
        """Write the mark of a note before it, where it does not begin with it."""
        name = element.get("id")
        mark = self._notes.pop(name, "") if name else ""
        if not mark or element.tag == "li" or words_of(element).strip().lstrip("[(").startswith(mark):
            return
        while not (element.text or "").strip() and len(element) and isinstance(element[0].tag, str):
            element = element[0]
        element.text = f"[{mark}] {element.text or ''}"

    def _items(self, element: Element, *, indent: str, depth: int) -> list[str]:
        """Return one line for each item; what an item holds besides its text follows it, indented."""
        lines: list[str] = []
        step = -1 if element.get("reversed") is not None else 1
        number = _number(element.get("start"), len(element.findall("li")) if step < 0 else 1)
        stray = [element.text, *(item.tail for item in element)]
        for item, after in zip([None, *element], stray, strict=True):
            if item is not None and isinstance(item.tag, str) and item.tag not in SILENT:
                is_item = item.tag == "li"
                number = _number(item.get("value"), number) if is_item else number
                mark = _numeral(number, element.get("type") or "") if element.tag == "ol" else "-"
                number += step if is_item else 0
                lines += self._item(item, mark=mark, indent=indent, depth=depth)
            if after and after.strip():
                outer, self._inline = self._inline, []
                self._say(after)
                lines += [f"{indent}{text}" for text in [one_line("".join(self._inline))] if text]
                self._inline = outer
        return lines

    def _item(self, item: Element, *, mark: str, indent: str, depth: int) -> list[str]:
        outer, self._inline = self._inline, []
        nested = Nested(f"{indent}{' ' * (len(mark) + 1)}", [])
        self._nested.append(nested)
        self._flat += 1
        self._element(item, depth=depth + 1)
        self._flat -= 1
        self._nested.pop()
        gathered, self._inline = self._inline, outer
        lines: list[str] = []
        done = 0
        for at, inner in [*nested.found, (len(gathered), [])]:
            if text := one_line("".join(gathered[done:at])):
                lines.append(f"{nested.indent if lines else f'{indent}{mark} '}{text}")
            elif inner and not lines and item.tag == "li":
                lines.append(f"{indent}{mark}")
            lines += inner
            done = at
        return lines

    def _definitions(self, element: Element, *, depth: int) -> None:
        """Write `Term: definition` line by line; a definition of several blocks follows its term."""
        for part in list(element.iter("dt", "dd")):
            # the parser nests terms that nothing closes
            if part.getparent().tag in ("dt", "dd"):
                part.getparent().addnext(part)
        lines: list[str] = []
        terms: list[str] = []
        for child in (found for found in element.iter("dt", "dd") if _parent(found, "dl") is element):
            if child.tag == "dt":
                terms.append(self._gathered_child(child, depth=depth + 1))
                continue
            term, terms = ", ".join(filter(None, terms)), []
            if _holds_blocks(child):
                self._writer.block("list", "\n".join(lines))
                lines = []
                self._writer.paragraph(term)
                self._element(child, depth=depth + 1)
                self._flush()
            elif text := self._gathered_child(child, depth=depth + 1):
                if not term and lines:
                    lines[-1] += f"; {text}"
                    continue
                label = f"{term} " if term.endswith((":", "?", "!", ".")) else f"{term}: " if term else ""
                lines.append(f"- {label}{text}")
        lines += [f"- {term}" for term in terms if term]
        self._writer.block("list", "\n".join(lines))

    def _table(self, element: Element, *, depth: int) -> None:
        for caption in element.findall("caption"):
            self._writer.paragraph(self._gathered_child(caption, depth=depth))
        for part in element.xpath(". | ./thead | ./tbody | ./tfoot | ./thead/tr | ./tbody/tr | ./tr"):
            # browsers show what stands between the cells above the table
            self._inline += [part.text or "", *(child.tail or "" for child in part)]
            for child in part:
                if isinstance(child.tag, str) and child.tag not in _TABLE_PARTS:
                    self._element(child, depth=depth + 1)
        self._flush()
        rows = table_rows(
            element,
            lambda cell: self._gathered_child(cell, depth=depth + 1, apart="; " if cell.tag == "td" else " "),
        )
        headed, marked = header_rows(element), _tags(next(element.iter("tr"), element))
        if headed == 1 and (title := _title(rows)):
            self._writer.paragraph(title)
            rows = [row for row in rows[1:] if any(map(str.strip, row))]
            if element.find("thead") is not None or "th" in marked:
                rows.insert(0, [""] * len(rows[0]))  # only the title was marked as the header
        elif marked[:1] == ["th"] and "td" in marked and len(rows) > 1 and element.find("thead") is None:
            rows.insert(0, [""] * len(rows[0]))  # its rows have heads, its columns none
        self._writer.table(rows, header_rows=headed)


def _title(rows: list[list[str]]) -> str:
    """Return what the first row says when it is one text over a table of several columns, else nothing."""
    said = [set(filter(str.strip, row)) for row in rows[:_LOOKED_AT]]
    first, *below = [each for each in said if each] or [set[str]()]
    is_over = len(below) > 1 and first is said[0] and len(first) == 1 < len(below[0])
    return first.pop() if is_over else ""


def _tags(element: Element) -> list[str]:
    return [child.tag for child in element if isinstance(child.tag, str)]


def _pre(element: Element) -> str:
    for line_break in element.iter("br"):
        line_break.text = "\n"
    return "".join(element.itertext())


def _parent(element: Element, *tags: str) -> Element | None:
    parent = element.getparent()
    while parent is not None and parent.tag not in tags:
        parent = parent.getparent()
    return parent


def _is_made_of_sections(element: Element) -> bool:
    """Say whether the list's items are parts of a page rather than lines: with headings in them."""
    return next(element.iter(*_HEADINGS), None) is not None


def _holds_blocks(element: Element) -> bool:
    return (
        len(element.findall("p")) > 1
        or next(element.iter("ul", "ol", "dl", "pre", "table", *_HEADINGS), None) is not None
    )


def _number(text: str | None, otherwise: int) -> int:
    value = (text or "").strip()
    return int(value) if _WHOLE.fullmatch(value) else otherwise


def _numeral(number: int, kind: str) -> str:
    """Return an item's mark as the list's type writes it: 1. a. A. i. I."""
    if kind in ("a", "A") and 0 < number <= 26:
        return f"{chr(ord(kind) + number - 1)}."
    if kind not in ("i", "I") or not 0 < number < 1_000:
        return f"{number}."
    written = ""
    for value, sign in _ROMAN:
        while number >= value:
            written, number = written + sign, number - value
    return f"{written.upper() if kind == 'I' else written}."
