"""Walks a tree of HTML elements and writes its blocks."""

import re
from collections.abc import Callable

from ingest.parse.html.markup import Element
from ingest.parse.writer import ExtractWriter

_DROPPED = frozenset(
    [
        "script",
        "style",
        "noscript",
        "template",
        "nav",
        "aside",
        "form",
        "button",
        "select",
        "option",
        "input",
        "textarea",
        "svg",
        "canvas",
        "iframe",
        "object",
        "embed",
        "audio",
        "video",
        "map",
        "dialog",
        "head",
        "link",
        "meta",
    ]
)
_FRAME = frozenset({"header", "footer"})
_ROLES = frozenset(
    "navigation banner contentinfo search dialog alertdialog complementary menu menubar toolbar".split()  # noqa: SIM905 - a list of words reads best as words
)
_NAMES = re.compile(
    r"(?:^|[\s_-])(?:cookies?|consent|gdpr|breadcrumbs?|sidebar|navbar|nav|navigation|menu|toc|pagination|pager|"
    r"share|sharing|social|skip-link|skip-to-content|skip|newsletter|advert|advertisement|ads|promo|popup|modal|"
    r"headerlink|edit-link|edit-this-page|masthead|site-footer|page-footer|site-header|related-posts)(?:$|[\s_-])",
    re.I,
)
_HIDDEN_STYLE = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?:\D|$)|opacity\s*:\s*0(?:\.0*)?\s*(?:;|$)|"
    r"(?:left|top|text-indent)\s*:\s*-\d{3,}",
    re.I,
)
_HIDDEN_CLASSES = frozenset("visually-hidden sr-only screen-reader-text hidden d-none".split())  # noqa: SIM905
_MAX_SHARE = 0.5


def content_root(root: Element) -> Element:
    """Return the element that holds the page's own content: main, the only article, or the body."""
    body = root.find(".//body")
    if body is None:
        return root
    marked = body.xpath(".//main | .//*[@role='main']") or body.xpath(".//article")
    if len(marked) == 1 and len(marked[0].text_content()) > 200:
        return marked[0]
    return body


def is_hidden(element: Element) -> bool:
    """Say whether a reader would not see the element."""
    if element.get("hidden") is not None or _HIDDEN_STYLE.search(element.get("style") or ""):
        return True
    return element.get("aria-hidden") == "true" or not _HIDDEN_CLASSES.isdisjoint(
        (element.get("class") or "").lower().split()
    )


def is_boilerplate(element: Element, *, in_content: bool, whole: int) -> bool:
    """Say whether the element frames the content. `whole` is the page's text length, in characters."""
    tag = element.tag
    if tag in _DROPPED:
        return True
    suspicious = (
        (tag in _FRAME and not in_content)
        or (element.get("role") or "").lower() in _ROLES
        or _NAMES.search(f"{element.get('class') or ''} {element.get('id') or ''}")
    )
    # a name alone proves little: what holds half of the page is its content
    return bool(suspicious) and len(element.text_content()) <= _MAX_SHARE * max(whole, 1)


_MAX_SPAN = 50


def is_layout(table: Element) -> bool:
    """Say whether the table only arranges a page: it holds other tables, headings, no rows or a single cell."""
    if (table.get("role") or "").lower() in ("presentation", "none"):
        return True
    if any(True for _ in table.iterdescendants("table", "h1", "h2", "h3")):
        return True
    cells = list(table.iter("td", "th"))
    return len(cells) <= 1 or next(table.iter("tr"), None) is None


def table_rows(table: Element, text_of: Callable[[Element], str]) -> list[list[str]]:
    """Return the cells row by row. A cell over several rows is repeated in each, one over columns stands once."""
    rows: list[list[str]] = []
    held: dict[int, tuple[int, str]] = {}
    for row in table.iter("tr"):
        cells: list[str] = []
        for cell in row:
            if cell.tag not in ("td", "th"):
                continue
            _fill(cells, held)
            text = text_of(cell)
            for column in range(_span(cell, "colspan")):
                if (down := _span(cell, "rowspan")) > 1:
                    held[len(cells)] = (down, text if column == 0 else "")
                cells.append(text if column == 0 else "")
        _fill(cells, held)
        held = {column: (left - 1, text) for column, (left, text) in held.items() if left > 1}
        rows.append(cells)
    return rows


def _fill(cells: list[str], held: dict[int, tuple[int, str]]) -> None:
    while len(cells) in held and held[len(cells)][0] >= 1:
        cells.append(held[len(cells)][1])


def _span(cell: Element, name: str) -> int:
    value = (cell.get(name) or "1").strip()
    return min(max(int(value), 1), _MAX_SPAN) if value.isdecimal() and len(value) < 6 else 1


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
