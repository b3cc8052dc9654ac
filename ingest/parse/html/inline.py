"""The inside of HTML blocks: what is seen of it as text, with marks where a sign or a line tells something."""

import re
from abc import ABC, abstractmethod
from typing import Final, NamedTuple

from ingest.parse.html.markup import Element, Frames, formula, lowered, raised, read_html
from ingest.parse.html.visible import Seen, Styles
from ingest.parse.writer import ExtractWriter

SILENT: Final = frozenset(
    {
        "script",
        "style",
        "head",
        "link",
        "meta",
        "base",
        "param",
        "source",
        "track",
        "area",
        "col",
        "colgroup",
        "datalist",
        "rp",
    }
)
"""Elements without any text of the page."""
_BLOCKS: Final = frozenset(
    {
        *("html", "body", "main", "article", "section", "div", "header", "footer", "nav", "aside", "p", "hgroup"),
        *("h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "menu", "li", "dl", "dt", "dd", "pre", "blockquote", "hr"),
        *("table", "caption", "thead", "tbody", "tfoot", "tr", "td", "th", "figure", "figcaption", "details", "summary"),
        *("address", "center", "fieldset", "legend", "form", "dialog", "search", "optgroup"),
    }
)  # fmt: skip
_FALLBACKS: Final = frozenset({"audio", "video", "canvas", "embed", "map"})
_STRUCK: Final = frozenset({"del", "s", "strike"})
_CODE: Final = frozenset({"code", "kbd", "samp", "tt"})
_UNSAID: Final = frozenset({"hidden", "password", "file", "submit", "reset", "button", "color", "range"})
_SPACES = re.compile(r"[ \t\r\n\f]+")
_LABEL_ENDS = re.compile(r"[\w)\]}>%°€$”’\"']\Z")
_BACK = re.compile(r"\A[↩↑⏎⤴^\s\ufe0e]++\Z")
_BOUND: Final = "\x1e"
"""Stands where one block ends and the next begins inside what becomes one line."""
_MAX_DEPTH = 150
_ANCHOR_SIGNS = frozenset({"¶", "#", "§", "🔗", "link"})


class Nested(NamedTuple):
    """What stands inside an item besides its text: lines, each with how much of the text came before."""

    indent: str
    found: list[tuple[int, list[str]]]


class HtmlInline(ABC):
    """Gathers inline text; what is hidden or frames the content is left out and said."""

    def __init__(self, writer: ExtractWriter, *, notes: dict[str, str] | None = None) -> None:
        self._writer = writer
        self._inline: list[str] = []
        self._flat = 0
        self._nested: list[Nested | None] = []
        self._notes = {} if notes is None else notes
        self._abbreviations: set[str] = set()
        self._hosts: list[Element] = []
        self._hidden = 0
        self._styles: Styles
        self._seen: Seen
        self._frames: Frames

    @abstractmethod
    def _block(self, element: Element, *, depth: int) -> None: ...

    def _say(self, text: str | None) -> None:
        if not text:
            return
        if self._seen.readable or not text.strip():
            self._inline.append(text)
        else:
            self._hide(text)

    def _hide(self, text: str) -> None:
        self._hidden += bool(text.strip())
        self._writer.leave_out("hidden text", text)

    def _inside(self, element: Element, *, depth: int) -> None:
        self._say(element.text)
        for child in element:
            if isinstance(child.tag, str):
                self._element(child, depth=depth + 1)
            self._say(child.tail)

    def _element(self, element: Element, *, depth: int) -> None:
        if element.tag in SILENT:
            return
        seen = self._styles.seen(element, self._seen)
        if seen is None and self._frames.is_most(element):
            seen = self._seen  # a page whose program shows what its stylesheet hides
        if seen is None:
            self._hide(words_of(element))
        elif not self._frames.leaves_out(element):
            above, self._seen = self._seen, seen
            self._frames.enter(element)
            self._shown(element, depth=depth)
            self._frames.leave(element)
            self._seen = above

    def _shown(self, element: Element, *, depth: int) -> None:
        if depth > _MAX_DEPTH:
            self._say(words_of(element))
        elif element.tag in _BLOCKS:
            self._part()
            self._block(element, depth=depth)
            self._part()
        else:
            self._inline_element(element, depth=depth)

    def _part(self) -> None:
        if self._flat:
            self._inline.append(_BOUND)
        else:
            self._flush()

    def _inline_element(self, element: Element, *, depth: int) -> None:
        tag = element.tag
        if tag in ("br", "img", "math", "svg"):
            self._say(_drawn(element))
        elif tag in _CODE and len(element) == 0 and (element.text or "").strip():
            self._say(f"`{(element.text or '').strip()}`")
        elif tag == "a":
            self._anchor(element, depth=depth)
        elif tag in ("sup", "sub"):
            self._shifted(element, depth=depth)
        elif tag in _STRUCK or "line-through" in (element.get("style") or ""):
            if text := self._gathered(element, depth=depth):
                space = " " if words_of(element)[:1].isspace() else ""
                self._inline.append(f"{space}~~{text}~~")
        elif tag in ("input", "select", "textarea", "button"):
            self._field(element, depth=depth)
        elif tag in ("noscript", "iframe", "slot", "template"):
            self._embedding(element, depth=depth)
        else:
            self._rare(element, depth=depth)

    def _anchor(self, element: Element, *, depth: int) -> None:
        text = words_of(element).strip()
        kind = f"{element.get('epub:type') or ''} {element.get('role') or ''} {element.get('class') or ''}"
        if text in _ANCHOR_SIGNS or (("backlink" in kind or "backref" in kind) and _BACK.match(text)):
            return
        self._writer.link(element.get("href") or "")
        if "noteref" in kind and element.find(".//sup") is None and not _is_in(element, "sup"):
            self._say(raised(self._before(), text, note=True))
        else:
            self._inside(element, depth=depth)

    def _shifted(self, element: Element, *, depth: int) -> None:
        text = self._gathered(element, depth=depth)
        if element.tag == "sub":
            self._inline.append(lowered(self._before(), text))
            return
        refers = next((link for link in element.iter("a") if "#" in (link.get("href") or "")), None)
        kind = " ".join(element.get(name) or "" for name in ("class", "epub:type", "role"))
        note = refers is not None or "noteref" in kind or "footnote" in kind or _is_all_of_a_link(element)
        self._inline.append(raised(self._before(), text, note=note))

    def _before(self) -> str:
        return "".join(self._inline[-4:])[-40:]

    def _field(self, element: Element, *, depth: int) -> None:
        """Write what a field holds: its value, the chosen option, a mark for what is ticked."""
        kind = (element.get("type") or "").lower()
        if element.tag == "button":
            self._inline.append(" ")
            self._inside(element, depth=depth)
            self._inline.append(" ")
        elif element.tag == "textarea":
            self._value(words_of(element))
        elif element.tag == "select":
            options = [
                (words_of(option).strip() or option.get("label") or "", option)
                for option in element.iter("option")
            ]
            several = element.get("multiple") is not None or (element.get("size") or "1") not in (
                "",
                "0",
                "1",
            )
            chosen = [text for text, option in options if option.get("selected") is not None]
            shown = (
                [text for text, _ in options]
                if several
                else (chosen[-1:] or [text for text, _ in options[:1]])
            )
            self._value(", ".join(shown))
            rest = [text for text, _ in options if text not in shown]
            self._writer.leave_out("other choices of a field", "\n".join(rest))
        elif kind in ("checkbox", "radio"):
            self._say(" [x] " if element.get("checked") is not None else " [ ] ")
        elif kind not in _UNSAID:
            self._value(element.get("value") or "")
            self._writer.leave_out("hint in a field", element.get("placeholder") or "")
        elif kind == "image":
            self._say(element.get("alt"))

    def _value(self, text: str) -> None:
        if not text.strip():
            return
        while self._inline and not self._inline[-1].strip(" \n\t"):
            self._inline.pop()
        if self._inline:
            self._inline[-1] = self._inline[-1].rstrip(" \n\t")
        colon = ":" if _LABEL_ENDS.search(self._before()) else ""
        self._say(f"{colon} {text.strip()} ".replace("\n", "\v"))

    def _rare(self, element: Element, *, depth: int) -> None:
        tag = element.tag
        if tag == "q":
            self._say("“")
            self._inside(element, depth=depth)
            self._say("”")
        elif tag == "rt":
            self._say(f"({words_of(element).strip()})")
        elif tag == "abbr":
            self._inside(element, depth=depth)
            self._expand(element)
        elif tag in _FALLBACKS:
            self._writer.leave_out("text for other browsers", words_of(element))
        elif "katex-html" not in (element.get("class") or "") or element.getprevious() is None:
            # what KaTeX draws stands before it as MathML
            self._inside(element, depth=depth)

    def _embedding(self, element: Element, *, depth: int) -> None:
        """Write what holds other content than its own children, or shows them elsewhere."""
        tag = element.tag
        if tag == "noscript":
            self._without_scripts(element)
        elif tag == "iframe":
            self._writer.link(element.get("src") or "")
            if (srcdoc := element.get("srcdoc") or "").strip():
                self._part()
                self._inside(read_html(srcdoc), depth=depth)
                self._part()
        elif tag == "slot" and self._hosts:
            self._slot(element, depth=depth)
        elif tag == "slot":
            self._inside(element, depth=depth)
        elif element.get("shadowrootmode") is not None and element.getparent() is not None:
            self._shadow(element, depth=depth)
        else:
            self._writer.leave_out("hidden text", words_of(element))

    def _expand(self, element: Element) -> None:
        title = " ".join((element.get("title") or "").split())
        words = " ".join(words_of(element).split())
        if title and title != words and words not in self._abbreviations:
            self._abbreviations.add(words)
            self._say(f" ({title})")

    def _shadow(self, template: Element, *, depth: int) -> None:
        """Write a shadow tree in the place of its host's children, which go where its slots stand."""
        host = template.getparent()
        self._hosts.append(host)
        self._inside(template, depth=depth)
        self._hosts.pop()
        for child in list(host):
            if child is not template and child.tail:
                child.tail = " "
            if child is not template:
                child.clear(keep_tail=True)
        template.tail = None

    def _slot(self, slot: Element, *, depth: int) -> None:
        host, name = self._hosts[-1], slot.get("name") or ""
        given = [child for child in host if isinstance(child.tag, str) and child.tag != "template"]
        fitting = [child for child in given if (child.get("slot") or "") == name]
        texts = [] if name else [host.text, *(child.tail for child in host)]
        if not fitting and not any((text or "").strip() for text in texts):
            self._inside(slot, depth=depth)
            return
        self._hosts.pop()  # what goes into a slot has slots of its own host at most
        for child in fitting if name else host:
            if name or child in fitting:
                self._element(child, depth=depth + 1)
            if not name:
                self._say(child.tail)
        self._hosts.append(host)

    def _without_scripts(self, element: Element) -> None:
        before = element.getprevious()
        known = before.get("alt") if before is not None and before.tag == "img" else None
        for image in element.iter("img"):
            if image.get("alt") != known:
                self._say(image.get("alt"))
        self._writer.leave_out("text for browsers without scripts", words_of(element))

    def _gathered_child(self, element: Element, *, depth: int, apart: str = " ") -> str:
        """Return what is seen of the element, itself maybe hidden, on one line."""
        outer, self._inline = self._inline, []
        self._flat += 1
        self._nested.append(None)
        self._element(element, depth=depth)
        return self._gathering_done(outer, apart)

    def _gathered(self, element: Element, *, depth: int, apart: str = " ") -> str:
        """Return the element's visible text on one line, inner blocks parted by `apart`."""
        outer, self._inline = self._inline, []
        self._flat += 1
        self._nested.append(None)
        self._inside(element, depth=depth)
        return self._gathering_done(outer, apart)

    def _gathering_done(self, outer: list[str], apart: str) -> str:
        self._nested.pop()
        self._flat -= 1
        text = one_line("".join(self._inline), apart)
        self._inline = outer
        return text

    def _flush(self) -> None:
        if not self._inline:
            return
        text = _SPACES.sub(" ", "".join(self._inline).replace(_BOUND, "\v"))
        self._inline = []
        lines = [line.strip() for line in text.split("\v")]
        self._writer.paragraph("\n".join(line for line in lines if line))


def one_line(text: str, apart: str = " ") -> str:
    """Return gathered text on one line, with `apart` where one block ends and the next begins."""
    parts = [part.strip() for part in _SPACES.sub(" ", text.replace("\v", " ")).split(_BOUND)]
    line = ""
    for part in filter(None, parts):
        line += (" " if line[-1:] in ".:;!?," else apart) + part if line else part
    return line


def words_of(element: Element) -> str:
    """Return the element's text without programs."""
    if next(element.iter("script", "style"), None) is None:
        return "".join(element.itertext())
    return "".join(element.xpath(".//text()[not(parent::script or parent::style)]"))


def _drawn(element: Element) -> str:
    """Return what a picture, a formula or a line's end says."""
    match element.tag:
        case "br":
            return "\v"
        case "img":
            return element.get("alt") or ""
        case "math":
            return formula(element)
        case _:
            return " ".join(words_of(text).strip() for text in element.iter("text", "{*}text"))


def _is_all_of_a_link(element: Element) -> bool:
    return _is_in(element, "a") and words_of(element).strip() == words_of(element.getparent()).strip()


def _is_in(element: Element, tag: str) -> bool:
    parent = element.getparent()
    return parent is not None and parent.tag == tag
