"""Walks a tree of HTML elements and writes its blocks."""

import re

from ingest.parse.html_boilerplate import content_root, is_boilerplate, is_hidden
from ingest.parse.html_table import is_layout, table_rows
from ingest.parse.markup import Element
from ingest.parse.writer import ExtractWriter

_BLOCKS = frozenset(
    [
        "html",
        "body",
        "main",
        "article",
        "section",
        "div",
        "header",
        "footer",
        "p",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "ul",
        "ol",
        "dl",
        "table",
        "pre",
        "blockquote",
        "figure",
        "figcaption",
        "details",
        "summary",
        "address",
        "hr",
        "center",
        "fieldset",
        "li",
        "dt",
        "dd",
        "tr",
        "td",
        "th",
        "tbody",
        "thead",
        "tfoot",
        "caption",
    ]
)
_SPACES = re.compile(r"[ \t\r\n\f]+")
_MAX_DEPTH = 150
_ANCHOR_SIGNS = frozenset({"¶", "#", "§", "🔗", "link"})


class HtmlWalk:
    """Writes the content of one tree. Inline text gathers until a block element ends it."""

    def __init__(self, writer: ExtractWriter) -> None:
        self._writer = writer
        self._inline: list[str] = []
        self._whole = 0
        self._in_content = False
        self._hidden = 0

    def page(self, root: Element) -> None:
        """Write a whole page: its content without what frames it."""
        content = content_root(root)
        self._whole = len(content.text_content())
        self._in_content = content.tag != "body"
        self._run(content)

    def fragment(self, root: Element) -> None:
        """Write everything that can be seen in a piece of HTML."""
        self._in_content = True
        self._run(root)

    def _run(self, element: Element) -> None:
        self._children(element, depth=0)
        self._flush()
        if self._hidden:
            self._writer.finding(
                f"Left out {self._hidden} hidden pieces of text that a browser does not show."
            )

    def _children(self, element: Element, *, depth: int) -> None:
        self._inline.append(element.text or "")
        for child in element:
            if isinstance(child.tag, str):
                self._element(child, depth=depth + 1)
            self._inline.append(child.tail or "")

    def _element(self, element: Element, *, depth: int) -> None:
        if self._is_left_out(element):
            return
        if depth > _MAX_DEPTH:
            self._inline.append(element.text_content())
        elif element.tag in _BLOCKS:
            self._flush()
            self._block(element, depth=depth)
            self._flush()
        else:
            self._inline_element(element, depth=depth)

    def _is_left_out(self, element: Element) -> bool:
        if is_hidden(element):
            self._hidden += bool(element.text_content().strip()) and element.tag not in ("script", "style")
            return True
        return is_boilerplate(element, in_content=self._in_content, whole=self._whole)

    def _block(self, element: Element, *, depth: int) -> None:
        tag = element.tag
        if tag in ("h1", "h2", "h3", "h4", "h5", "h6"):
            self._writer.heading(self._gathered(element, depth=depth).rstrip("¶# "), int(tag[1]))
        elif tag == "pre":
            self._writer.code("".join(element.itertext()))
        elif tag in ("ul", "ol"):
            self._writer.block("list", "\n".join(self._items(element, indent="", depth=depth)))
        elif tag == "dl":
            self._definitions(element, depth=depth)
        elif tag == "table" and not is_layout(element):
            self._table(element, depth=depth)
        else:
            self._children(element, depth=depth)

    def _inline_element(self, element: Element, *, depth: int) -> None:
        tag = element.tag
        if tag == "br":
            self._inline.append("\v")
        elif tag == "img":
            self._inline.append(element.get("alt") or "")
        elif tag in ("code", "kbd", "samp", "tt") and len(element) == 0 and (element.text or "").strip():
            self._inline.append(f"`{(element.text or '').strip()}`")
        elif tag == "a":
            if (element.text_content() or "").strip() not in _ANCHOR_SIGNS:
                self._writer.link(element.get("href") or "")
                self._children(element, depth=depth)
        else:
            self._children(element, depth=depth)

    def _items(self, element: Element, *, indent: str, depth: int) -> list[str]:
        """Return one line for each item, nested ones indented."""
        lines: list[str] = []
        number = 0
        for item in element:
            if not isinstance(item.tag, str) or self._is_left_out(item):
                continue
            number += 1
            mark = f"{number}." if element.tag == "ol" else "-"
            text = self._gathered(item, depth=depth + 1, without=("ul", "ol"))
            if text:
                lines.append(f"{indent}{mark} {text}")
            inner = (
                [item]
                if item.tag in ("ul", "ol")
                else [child for child in item.iter("ul", "ol") if _parent_list(child) is item]
            )
            for nested in inner if depth < _MAX_DEPTH else ():
                lines += self._items(nested, indent=indent + " " * (len(mark) + 1), depth=depth + 1)
        return lines

    def _definitions(self, element: Element, *, depth: int) -> None:
        for child in element.iter("dt", "dd"):
            if _parent_definition(child) is not element:
                continue
            if child.tag == "dt":
                self._writer.paragraph(self._gathered(child, depth=depth + 1))
            else:
                self._children(child, depth=depth + 1)
                self._flush()

    def _table(self, element: Element, *, depth: int) -> None:
        caption = element.find("caption")
        if caption is not None:
            self._writer.paragraph(self._gathered(caption, depth=depth))
        self._writer.table(table_rows(element, lambda cell: self._gathered(cell, depth=depth + 1)))

    def _gathered(self, element: Element, *, depth: int, without: tuple[str, ...] = ()) -> str:
        """Return the element's visible text on one line, inner blocks parted by spaces."""
        outer, self._inline = self._inline, []
        self._gather(element, depth=depth, without=without)
        text = _SPACES.sub(" ", "".join(self._inline).replace("\v", " ")).strip()
        self._inline = outer
        return text

    def _gather(self, element: Element, *, depth: int, without: tuple[str, ...]) -> None:
        if depth > _MAX_DEPTH:
            self._inline.append(element.text_content())
            return
        self._inline.append(element.text or "")
        for child in element:
            if isinstance(child.tag, str) and child.tag not in without and not self._is_left_out(child):
                if child.tag in _BLOCKS:
                    self._inline.append(" ")
                    self._gather(child, depth=depth + 1, without=without)
                    self._inline.append(" ")
                else:
                    self._inline_element_flat(child, depth=depth + 1, without=without)
            self._inline.append(child.tail or "")

    def _inline_element_flat(self, element: Element, *, depth: int, without: tuple[str, ...]) -> None:
        if element.tag in ("br", "img", "code", "kbd", "samp", "tt") and len(element) == 0:
            self._inline_element(element, depth=depth)
        elif element.tag == "a" and (element.text_content() or "").strip() in _ANCHOR_SIGNS:
            return
        else:
            if element.tag == "a":
                self._writer.link(element.get("href") or "")
            self._gather(element, depth=depth, without=without)

    def _flush(self) -> None:
        text = _SPACES.sub(" ", "".join(self._inline))
        self._inline = []
        lines = [line.strip() for line in text.split("\v")]
        self._writer.paragraph("\n".join(line for line in lines if line))


def _parent_list(element: Element) -> Element | None:
    parent = element.getparent()
    while parent is not None and parent.tag not in ("li", "ul", "ol"):
        parent = parent.getparent()
    return parent


def _parent_definition(element: Element) -> Element | None:
    parent = element.getparent()
    while parent is not None and parent.tag != "dl":
        parent = parent.getparent()
    return parent
