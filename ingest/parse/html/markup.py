"""Elements: how a tree of them is read, which ones frame a page, and what tables, raised signs and formulas say."""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Final, TypeAlias

from ingest.extract import Unparsable
from ingest.parse.writer import ExtractWriter

# lxml brings no types of its own
Element: TypeAlias = Any

_XML_HEAD = re.compile(r"\A\s*+<\?xml[^>]*\?>")


def read_xml(data: bytes) -> Element:
    """Return the root element.

    Raises:
        Unparsable: not well-formed, or with entity declarations ("corrupt").

    """
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False)
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Unparsable("corrupt", "The file's XML is damaged; save it again.") from error
    if root.getroottree().docinfo.internalDTD is not None and b"<!ENTITY" in data:
        raise Unparsable(
            "corrupt", "The file declares XML entities, which documents have no need of; save it again."
        )
    return root


def read_beside(data: bytes, name: str, writer: ExtractWriter) -> Element | None:
    """Return the root of a part without which a document can be read; of a damaged one a finding is left.

    Raises:
        Unparsable: it declares entities ("corrupt").

    """
    try:
        return read_xml(data)
    except Unparsable as error:
        if error.__cause__ is None:
            raise
        writer.finding(f"A part of the file is damaged and was not read: {name}.")
        return None


def read_html(text: str) -> Element:
    """Return the root element of a page, repaired as browsers do.

    Raises:
        Unparsable: nothing stands in it ("no_text"), or nothing of it can be read ("corrupt").

    """
    from lxml import etree

    # huge_tree: without it libxml2 silently drops what stands deeper than 256 levels, and all that follows
    parser = etree.HTMLParser(
        no_network=True, huge_tree=True, remove_comments=True, remove_pis=True, encoding="utf-8"
    )
    data = _XML_HEAD.sub("", text).encode("utf-8", "replace")
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Unparsable(
            "corrupt", "The HTML cannot be read; open it in a browser and save it again."
        ) from error
    if root is None:
        raise Unparsable("no_text", "The page holds no text.")
    return root


_RAISED: Final = {"2": "²", "3": "³", "o": "º", "a": "ª", "tm": "™", "sm": "℠"}
_UNIT = re.compile(r"(?<![^\W\d_])[^\W\d_]{1,2}\Z|(?<![^\W\d_])(?:mol|min|sec|bar|kWh)\Z")
_POWER = re.compile(r"[-+−–]?\d{1,6}(?:[.,/]\d{1,4})?|[-+−–]?[a-z]|[-+−–]")
_NOTE = re.compile(r"\d{1,3}(?:\s*+[,;–-]\s*+\d{1,3})*+|[a-z]|[ivx]{1,4}")
_ENDING = re.compile(r"[^\W\d_]{1,5}\.?+")
_NUMBER = re.compile(r"([€$£¥]\s?)?(?<![\d.,])(\d++(?:[.,]\d++)*+)\Z")
_CUT_SHORT: Final = (
    re.compile(r"(?<![\d.,])\d{1,3}\.?\Z|(?<![^\W_])[^\W\d_]{1,2}\Z"),
    re.compile(r"[^\W_]\Z"),
)
"""What an ending of one letter (1º, Nº), and one of several (1st, Mme), may stand behind."""
_YEAR = re.compile(r"(?:1[5-9]|20)\d\d\Z")
_WORDS_IN_BRACKETS = re.compile(r"\((?=[^()]*?[^\W\d_]{3})[^()]*+\)\Z")
_ONE = re.compile(r"\d*+(?:\.\d++)?|\w|\([^()]*+\)|[^\w\s]")


def raised(before: str, text: str, *, note: bool = False) -> str:
    """Return what is written for raised text: a power (`10^3`, `m²`), the mark of a note (`[1]`) or the end of a word.

    `before` is what stands before it, `note` says that it is known to be a mark.
    """
    text = " ".join(text.split())
    last = before[-30:]
    if not text or text[0] in "[(*†‡§¶#®™©°′″":
        return text
    if note:
        return f"[{text}]" if not last[-1:].isalnum() else f" [{text}]"
    if text.lower() in ("tm", "sm"):
        return _RAISED[text.lower()]
    if _is_power(last, text):
        return _power(last, text)
    if _ENDING.fullmatch(text) and _CUT_SHORT[len(text) > 1].search(last):
        return _RAISED.get(text, text) if last[-1:].isdigit() else text
    if _NOTE.fullmatch(text):
        return f" [{text}]" if last and (last[-1].isalnum() or last[-1] in "€$£¥%") else f"[{text}]"
    return f"^({text})" if last[-1:].isalnum() or last[-1:] == ")" else text


def _is_power(before: str, text: str) -> bool:
    if not _POWER.fullmatch(text) or not before or before[-1].isspace():
        return False
    if text[0] in "-+−–":
        return True
    if number := _NUMBER.search(before):
        value = number[2]
        if text.isdigit():
            return value in ("10", "2") or not (
                number[1] or text == "1" or _YEAR.match(value) or len(text) > 2
            )
        return text in "nxkmijpqtyz"
    if before[-1].isalpha():
        # a unit or a variable: m², mc², x^n; a word has a note
        return text != "1" and bool(_UNIT.search(before)) and (text.isdigit() or text in "nxkmijpqty")
    return before[-1] in ")]|" and text != "1" and not _WORDS_IN_BRACKETS.search(before)


def _power(before: str, text: str) -> str:
    text = text.replace("−", "-").replace("–", "-")
    return _RAISED[text] if before[-1].isalpha() and text in "23" else f"^{text}"


def lowered(before: str, text: str) -> str:
    """Return what is written for lowered text: `H2O`, `CO2`; a number's base is told apart from it (`101_2`)."""
    text = " ".join(text.split())
    return f"_{text}" if before[-1:].isdigit() and text[:1].isdigit() else text


def formula(element: Element) -> str:
    """Return a MathML formula as TeX where it carries it, else on one line: `(a + b)/(2 c)`."""
    for note in element.iter("annotation", "{*}annotation"):
        if "tex" in (note.get("encoding") or "").lower() and (note.text or "").strip():
            return f"${' '.join(note.text.split())}$"
    if alternative := (element.get("alttext") or "").strip():
        return f"${alternative}$" if "\\" in alternative else alternative
    return " ".join(_linear(element, depth=0).split())


def _linear(element: Element, *, depth: int) -> str:
    if not isinstance(element.tag, str) or depth > 60:
        return "".join(element.itertext()) if isinstance(element.tag, str) else ""
    tag = element.tag.rpartition("}")[2]
    if tag in ("annotation", "annotation-xml"):
        return ""
    parts = [_linear(child, depth=depth + 1) for child in element]
    if not parts:
        text = " ".join((element.text or "").split())
        return f" {text} " if tag == "mo" and text in "=+-−<>≤≥≈×·±→" else text
    return _arranged(tag, parts)


def _arranged(tag: str, parts: Sequence[str]) -> str:
    first, second, third = [*map(_grouped, parts), "", "", ""][:3]
    match tag:
        case "mfrac":
            return f"{first}/{second}"
        case "msup" | "mover":
            return f"{first}^{second}"
        case "msub" | "munder":
            return f"{first}_{second}"
        case "msubsup" | "munderover":
            return f"{first}_{second}^{third}"
        case "msqrt":
            return f"√({''.join(parts).strip()})"
        case "mroot":
            return f"root({parts[0].strip()}, {second})"
        case "mfenced":
            return f"({', '.join(part.strip() for part in parts)})"
        case "mtr" | "mlabeledtr":
            return f"{', '.join(part.strip() for part in parts)}; "
        case "mtable":
            return f"({''.join(parts).strip('; ')})"
        case _:
            return "".join(parts)


def _grouped(part: str) -> str:
    part = part.strip()
    return part if _ONE.fullmatch(part) else f"({part})"


_MAX_SPAN = 50


def is_layout(table: Element) -> bool:
    """Say whether the table only arranges a page: it holds other tables or headings and no head, no rows or one cell."""
    if (table.get("role") or "").lower() in ("presentation", "none"):
        return True
    if any(True for _ in table.iterdescendants("table", "h1", "h2", "h3")):
        return not any(cell.tag == "th" for row in _rows(table) for cell in row)
    cells = [cell for row in _rows(table) for cell in row if cell.tag in ("td", "th")]
    return len(cells) <= 1


def _rows(table: Element) -> Iterator[Element]:
    """Yield the table's own rows as they are shown: the head first, the foot last."""
    for kinds in (("thead",), ("tbody", "tr", "form"), ("tfoot",)):
        for part in table.iterchildren(*kinds):
            if part.tag == "tr":
                yield part
            else:
                yield from part.iterchildren("tr")


def header_rows(table: Element) -> int:
    """Return how many rows are the table's header, at least one."""
    head = sum(len(part.findall("tr")) for part in table.findall("thead"))
    if head:
        return head
    count = 0
    for row in _rows(table):
        if not all(cell.tag == "th" for cell in row if isinstance(cell.tag, str)):
            break
        count += 1
    return max(count, 1)


def table_rows(table: Element, text_of: Callable[[Element], str]) -> list[list[str]]:
    """Return the cells row by row. A cell over several rows or columns is repeated in each."""
    rows: list[list[str]] = []
    held: dict[int, tuple[int, str]] = {}
    for row in _rows(table):
        cells: list[str] = []
        own = [cell for cell in row if cell.tag in ("td", "th")]
        for cell in own:
            _fill(cells, held)
            text = text_of(cell)
            for _ in range(_span(cell, "colspan") if len(own) > 1 or cell.tag == "th" else 1):
                if (down := _span(cell, "rowspan")) > 1:
                    held[len(cells)] = (down, text)
                cells.append(text)
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


_FRAME_TAGS: Final = frozenset({"nav", "header", "footer"})
_FRAME_ROLES: Final = frozenset(
    {"navigation", "banner", "contentinfo", "search", "menu", "menubar", "toolbar"}
)
_BESIDE_ROLES: Final = frozenset({"complementary", "dialog", "alertdialog"})
_LINKING: Final = frozenset({"nav", "div", "ul", "ol", "section", "aside", "p", "table"})
_NAMES = re.compile(
    r"(?:^|[\s_-])(?:cookies?|consent|gdpr|breadcrumbs?|sidebar|navbar|nav|navigation|menu|toc|pagination|pager|"
    r"share|sharing|social|skip-link|skip-to-content|skip|newsletter|advert|advertisement|ads|promo|popup|modal|"
    r"headerlink|edit-link|edit-this-page|masthead|site-footer|page-footer|site-header|related-posts)(?:$|[\s_-])",
    re.I,
)
_MAX_SHARE: Final = 0.5
_MOSTLY: Final = 0.6
_MUCH: Final = 0.1
_LEAST_CONTENT: Final = 200


class Frames:
    """What frames a page's content: navigation, header and footer, what lies beside main and article.

    Inside main and article only lists of links in a `nav` are left out. A name (`menu`, `cookies`) proves nothing
    unless the page marks its content elsewhere, or what is named holds links and buttons for the most part.
    """

    def __init__(self, body: Element, *, whole: bool) -> None:
        content = body.xpath(".//main | .//*[@role='main'] | .//article") if whole else []
        self._length = _length(body) if whole else 0
        content = [element for element in content if _length(element) > _LEAST_CONTENT]
        self._content = set(content)
        self._around = {above for element in content for above in element.iterancestors()}
        self._headed = any(next(element.iter("h1"), None) is not None for element in content)
        self._inside = 0 if whole else 1
        self.left: list[tuple[str, str]] = []

    def enter(self, element: Element) -> None:
        """Note that the walk goes into an element."""
        self._inside += element in self._content or element.tag in ("main", "article")

    def leave(self, element: Element) -> None:
        """Note that the walk has left an element."""
        self._inside -= element in self._content or element.tag in ("main", "article")

    def is_most(self, element: Element) -> bool:
        """Say whether the element holds most of the page, and is not hidden by a word of its own."""
        own = element.get("style") is not None or element.get("hidden") is not None
        return not own and self._length > 0 and len(_text(element)) > _MAX_SHARE * self._length

    def leaves_out(self, element: Element) -> bool:
        """Say whether the element frames the content, and keep what it holds."""
        if element in self._around or element in self._content:
            return False
        tag, role = element.tag, (element.get("role") or "").lower()
        if self._inside:
            named = f"{role} {element.get('epub:type') or ''}"
            framing = (tag == "nav" or role in _FRAME_ROLES) and ("toc" in named or _links_mostly(element))
        elif tag in _FRAME_TAGS or role in _FRAME_ROLES:
            framing = tag != "header" or self._headed or next(element.iter("h1"), None) is None
        elif (
            tag == "aside"
            or role in _BESIDE_ROLES
            or _NAMES.search(f"{element.get('class') or ''} {element.get('id') or ''}")
        ):
            framing = bool(self._content) or _links_mostly(element)
        else:
            framing = bool(self._content) and tag in _LINKING and _links_mostly(element)
        if not framing:
            return False
        text = _text(element)
        # what holds half of the page is its content
        if self._length and len(text) > _MAX_SHARE * self._length:
            return False
        self.left.append(("navigation" if _links_mostly(element) else "page frame", text))
        return True

    def finding(self) -> str:
        """Say how much was left out that is not navigation, where that is much."""
        left = sum(len(text) for what, text in self.left if what == "page frame")
        if left <= max(_MUCH * self._length, _LEAST_CONTENT):
            return ""
        return (
            f"Left out {left} characters around the page's content (header, footer, what stands beside it)."
        )


def _text(element: Element) -> str:
    return " ".join(" ".join(_texts()(element)).split())


def _length(element: Element) -> int:
    programs = sum(
        len("".join(program.itertext())) for program in element.iter("script", "style", "template")
    )
    return int(element.xpath("string-length(normalize-space(.))")) - programs


@lru_cache(maxsize=1)
def _texts() -> Any:
    from lxml import etree

    path = ".//text()[not(parent::script or parent::style or parent::template)]"
    return etree.XPath(path, smart_strings=False)


def _links_mostly(element: Element) -> bool:
    linked = sum(len(" ".join("".join(link.itertext()).split())) for link in element.iter("a", "button"))
    return linked > 0 and linked >= _MOSTLY * len(" ".join("".join(element.itertext()).split()))
