"""A paragraph of an OpenDocument file as the page shows it: inherited looks, numbers of lists, fields, formulas."""

import re
import zipfile
from collections.abc import Callable
from typing import Final, NamedTuple

from ingest.parse.html.markup import Element, read_xml
from ingest.parse.office.equations import grouped
from ingest.parse.office.ooxml import attribute, child, name_of, number_of, picture_line, symbols
from ingest.parse.office.word_styles import RAISED, RAISED_END, figure, raised
from ingest.parse.writer import ExtractWriter

_FORMS: Final = {"1": "decimal", "a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"}
_LOOKS: Final = frozenset(["display", "text-position", "text-line-through-style", "font-name", "visibility"])
_MOST_BASES: Final = 20
_LEVEL = re.compile(r"%(\d{1,2})%")
_RAISING = re.compile(r"super|[1-9]\d?%")
_SUM_ABOVE = re.compile(r"[ +−=<>-]")
_SPACE = re.compile(r"[ \t\r\n]+")
_CONTENTS_PAGE = re.compile(r"\t[\divxlc]+\s*\Z", re.I)
SILENT: Final = frozenset(
    {*("sequence-decls", "variable-decls", "user-field-decls", "forms", "annotation-end", "note-citation", "script", "title"),
    *("desc", "change", "page-thumbnail", "event-listeners", "glue-point", "bookmark", "soft-page-break")}
)  # fmt: skip
_DRAWN: Final = (
    *(
        "rect",
        "ellipse",
        "circle",
        "custom-shape",
        "line",
        "polyline",
        "polygon",
        "path",
        "connector",
        "caption",
    ),
)


class _Level(NamedTuple):
    """How a level of a list is numbered; `form` is empty for bullets and for no number."""

    form: str
    template: str
    start: int


class OdfStyles:
    """The styles of a document, by family and name, those of the content over the common ones."""

    def __init__(self, content: Element, common: Element | None, writer: ExtractWriter) -> None:
        self._writer = writer
        self._styles: dict[tuple[str, str], Element] = {}
        self._lists: dict[str, dict[int, _Level]] = {}
        self._fonts: dict[str, str] = {}
        self._looks: dict[tuple[str, str], dict[str, str]] = {}
        for root in (common, content):
            for each in (
                root.iter("{*}style", "{*}font-face", "{*}list-style", "{*}outline-style")
                if root is not None
                else ()
            ):
                name = attribute(each, "name")
                match name_of(each):
                    case "style":
                        self._styles[attribute(each, "family"), name] = each
                    case "font-face":
                        self._fonts[name] = attribute(each, "font-family").strip("'\"")
                    case kind:
                        levels = {
                            number_of(level, "level"): self._level(level)
                            for level in each
                            if isinstance(level.tag, str)
                        }
                        self._lists["" if kind == "outline-style" else name] = levels

    def look(self, family: str, name: str) -> dict[str, str]:
        """Return what a style says, its own over what it inherits."""
        key = (family, name)
        if key not in self._looks:
            look: dict[str, str] = {}
            for style in self._chain(family, name):
                for properties in style:
                    for each, value in properties.attrib.items():
                        if each.rpartition("}")[2] in _LOOKS:
                            look.setdefault(each.rpartition("}")[2], value)
            self._looks[key] = look
        return self._looks[key]

    def list_of(self, paragraph_style: str) -> str:
        """Return the list style that a paragraph's style names."""
        return next(
            filter(
                None,
                (attribute(each, "list-style-name") for each in self._chain("paragraph", paragraph_style)),
            ),
            "",
        )

    def font(self, name: str) -> str:
        """Return the font family behind a font's name in the file."""
        return self._fonts.get(name, name)

    def mark(self, style: str, level: int, counts: dict[int, int], start: str = "") -> str:
        """Count an item and return its mark; `-` for a bullet. The outline of headings has no name."""
        found = self._lists.get(style, {}).get(level)
        if found is None or (not found.form and found.template):
            return found.template if found else "-"
        first = int(start) if start.isdecimal() and len(start) < 9 else found.start
        counts[level] = first if start or level not in counts else counts[level] + 1
        for deeper in [each for each in counts if each > level]:
            del counts[deeper]
        levels = self._lists[style]

        def shown(match: re.Match[str]) -> str:
            there = levels.get(int(match[1]))
            return figure(counts.get(int(match[1]), there.start), there.form) if there and there.form else ""

        return _LEVEL.sub(shown, found.template).strip() if found.form else ""

    def _chain(self, family: str, name: str) -> list[Element]:
        chain: list[Element] = []
        while (style := self._styles.get((family, name))) is not None and len(chain) < _MOST_BASES:
            chain.append(style)
            name = attribute(style, "parent-style-name")
        return chain

    def _level(self, level: Element) -> _Level:
        if name_of(level).endswith("bullet"):
            font = attribute(child(level, "text-properties"), "font-family") or attribute(
                child(level, "text-properties"), "font-name"
            )
            sign = symbols(attribute(level, "bullet-char"), font.strip("'\""), self._writer)
            return _Level("", f"- {sign}" if sign and sign in "☒☐✓✗" else "-", 1)
        at, form = number_of(level, "level"), attribute(level, "num-format")
        template = attribute(level, "num-list-format")
        if not template:
            upper = max(number_of(level, "display-levels"), 1)
            inside = ".".join(f"%{each}%" for each in range(max(at - upper + 1, 1), at + 1))
            template = attribute(level, "num-prefix") + inside + attribute(level, "num-suffix")
        is_number = name_of(level).endswith("number") or name_of(level) == "outline-level-style"
        return _Level(
            _FORMS.get(form, "decimal") if form and is_number else "",
            template if form else "",
            number_of(level, "start-value") or 1,
        )


class Counts:
    """Which list goes on with which list's numbers."""

    def __init__(self) -> None:
        self._by_id: dict[str, dict[int, int]] = {}
        self._by_style: dict[str, dict[int, int]] = {}
        self._headings: dict[int, int] = {}

    def of(self, element: Element) -> dict[int, int]:
        """Return the counts that a list goes on with; empty ones for a new list."""
        style = attribute(element, "style-name")
        counts = self._by_id.get(attribute(element, "continue-list"))
        if counts is None and attribute(element, "continue-numbering") == "true":
            counts = self._by_style.get(style)
        counts = counts if counts is not None else {}
        self._by_style[style] = counts
        if name := attribute(element, "id"):
            self._by_id[name] = counts
        return counts

    def outline(self, heading: Element, level: int, styles: OdfStyles) -> str:
        """Return the number of a heading, where the document numbers its headings."""
        if attribute(heading, "is-list-header") == "true":
            return ""
        return styles.mark("", level, self._headings, attribute(heading, "start-value")).strip("-")


class OdfText:
    """Reads the text of paragraphs. What floats beside them and what they refer to waits in `beside` and `notes`."""

    def __init__(
        self, archive: zipfile.ZipFile, content: Element, styles: OdfStyles, writer: ExtractWriter
    ) -> None:
        self._archive, self._styles, self._writer = archive, styles, writer
        self._font = ""
        self.beside: list[Element | str] = []
        self.notes: list[tuple[str, Element | None]] = []
        self.comments = 0
        regions = (each for each in content.iter("{*}changed-region") if child(each, "deletion") is not None)
        self._deletions = {attribute(each, "id") for each in regions}
        self._deleted = False
        forms = (each for form in content.iter("{*}forms") for each in form.iter("{*}*"))
        self._controls = {attribute(each, "id"): each for each in forms}
        self.inline: dict[str, Callable[[Element, list[str]], None]] = {
            "s": lambda each, said: said.append(" " * min(number_of(each, "c") or 1, 100)),
            "tab": lambda _, said: said.append("\t"), "line-break": lambda _, said: said.append("\n"),
            "span": self._span, "a": self._link, "note": self._note, "annotation": self._comment, "ruby": self._ruby,
            "hidden-text": self._hidden, "placeholder": self._placeholder, "frame": self._frame, "g": self._walk_shapes,
            "control": self._control, "content-control": self._content_control, "fieldmark": self._field_mark,
            "change-start": self._change, "change-end": self._change,
            **dict.fromkeys(("page-number", "page-count", "page-continuation"), self._page_number),
            **dict.fromkeys(_DRAWN, lambda each, _: self.beside.append(each)),
        }  # fmt: skip

    def text(self, element: Element) -> str:
        """Return a paragraph's visible text."""
        look = self._styles.look("paragraph", attribute(element, "style-name"))
        if look.get("display") == "none":
            self._writer.leave_out("hidden text", "".join(element.itertext()))
            return ""
        outer, self._font = self._font, look.get("font-name", "")
        said: list[str] = []
        self._walk(element, said)
        self._font = outer
        text = "".join(said)
        if any(name_of(each) == "index-body" for each in element.iterancestors()):
            text = _CONTENTS_PAGE.sub("", text)
        return raised(text) if RAISED in text else text

    def _walk(self, element: Element, said: list[str]) -> None:
        if element.text:
            said.append(self._shown(element.text))
        for each in element:
            name = name_of(each)
            if name in self.inline:
                self.inline[name](each, said)
            elif name and name not in SILENT:
                self._walk(each, said)
            if each.tail:
                said.append(self._shown(each.tail))

    def _shown(self, text: str) -> str:
        text = _SPACE.sub(" ", text)
        if self._deleted:
            self._writer.leave_out("deleted text", text)
            return ""
        return symbols(text, self._styles.font(self._font), self._writer) if self._font else text

    def _span(self, element: Element, said: list[str]) -> None:
        look = self._styles.look("text", attribute(element, "style-name"))
        outer, self._font = self._font, look.get("font-name", self._font)
        inside: list[str] = []
        self._walk(element, inside)
        self._font = outer
        text = "".join(inside)
        if look.get("display") == "none":
            self._writer.leave_out("hidden text", text)
        elif look.get("text-line-through-style", "none") != "none":
            self._writer.leave_out("struck-through text", text)
            self._writer.finding("Text that is struck through was left out.")
        elif _RAISING.match(look.get("text-position", "")) and RAISED not in text:
            said.append(f"{RAISED}{text}{RAISED_END}")
        else:
            said.append(text)

    def _change(self, element: Element, said: list[str]) -> None:
        if attribute(element, "change-id") in self._deletions:
            self._deleted = name_of(element) == "change-start"

    def _link(self, element: Element, said: list[str]) -> None:
        self._writer.link(attribute(element, "href"))
        self._walk(element, said)

    def _note(self, element: Element, said: list[str]) -> None:
        marks, body = list(element.iter("{*}note-citation")), child(element, "note-body")
        mark = "".join(text for each in marks[:1] for text in each.itertext()).strip()
        said.append(f"{RAISED}[{mark}]{RAISED_END}")
        self.notes.append((mark, body))

    def _comment(self, element: Element, said: list[str]) -> None:
        self.comments += 1
        texts = ("".join(each.itertext()) for each in element.iter("{*}p"))
        self._writer.leave_out(
            "comment", "\n".join(texts), getattr(child(element, "creator"), "text", "") or ""
        )

    def _ruby(self, element: Element, said: list[str]) -> None:
        for name, around in (("ruby-base", "{}"), ("ruby-text", "({})")):
            if (part := child(element, name)) is not None:
                inside: list[str] = []
                self._walk(part, inside)
                said.append(around.format("".join(inside)))

    def _hidden(self, element: Element, said: list[str]) -> None:
        if attribute(element, "is-hidden") == "false":
            said.append(attribute(element, "string-value") or "".join(element.itertext()))
        else:
            self._writer.leave_out("hidden text", "".join(element.itertext()))

    def _placeholder(self, element: Element, said: list[str]) -> None:
        self._writer.leave_out("placeholder text", "".join(element.itertext()))

    def _content_control(self, element: Element, said: list[str]) -> None:
        if attribute(element, "showing-place-holder") == "true":
            self._placeholder(element, said)
        else:
            self._walk(element, said)

    def _page_number(self, element: Element, said: list[str]) -> None:
        self._writer.leave_out("page number", "".join(element.itertext()))

    def _control(self, element: Element, said: list[str]) -> None:
        form = self._controls.get(attribute(element, "control"))
        if form is None:
            return
        value = attribute(form, "current-value") or attribute(form, "value")
        if name_of(form) in ("checkbox", "radio"):
            is_on = (
                attribute(form, "current-state") == "checked" or attribute(form, "current-selected") == "true"
            )
            value = f"{'☒' if is_on else '☐'} {attribute(form, 'label')}"
        said.append(value or attribute(form, "label"))

    def _field_mark(self, element: Element, said: list[str]) -> None:
        if attribute(element, "type").endswith("CHECKBOX"):
            is_on = any(attribute(each, "value") == "true" for each in element.iter("{*}param"))
            said.append("☒" if is_on else "☐")
        self._walk(element, said)

    def _walk_shapes(self, element: Element, said: list[str]) -> None:
        for each in element:
            if name_of(each) in self.inline:
                self.inline[name_of(each)](each, said)

    def _frame(self, element: Element, said: list[str]) -> None:
        for each in element:  # the first edition is the thing itself, the next are pictures of it
            match name_of(each):
                case "text-box" | "table":
                    self.beside.append(each)
                    return
                case "object":
                    self._object(each, said)
                    return
                case "object-ole" | "plugin" | "applet":
                    self._writer.finding("An embedded object was not read.")
                    return
                case "image":
                    words = (getattr(child(element, name), "text", "") or "" for name in ("desc", "title"))
                    self.beside += filter(None, [picture_line(next(filter(None, words), ""), self._writer)])
                    return

    def _object(self, element: Element, said: list[str]) -> None:
        part = attribute(element, "href").removeprefix("./").strip("/") + "/content.xml"
        is_apart = part in self._archive.namelist()
        root = read_xml(self._archive.read(part)) if is_apart else element if len(element) else None
        math = next(root.iter("{*}math"), None) if root is not None else None
        if math is not None:
            said.append(formula(math).strip())
            return
        tables = list(root.iter("{*}table")) if root is not None else []
        if root is None or not tables:
            self._writer.finding("An embedded object was not read.")
            return
        titles = (each for chart in root.iter("{*}chart") for each in chart if name_of(each) == "title")
        self.beside += [" ".join("".join(title.itertext()).split()) for title in titles]
        self.beside += tables


_ACCENTS: Final = {"^": "̂", "ˆ": "̂", "¯": "̄", "‾": "̄", "~": "̃", "˜": "̃", "→": "⃗", "˙": "̇", "¨": "̈"}
_JOINED: Final = {"mtable": "; ", "mtr": ", "}


def _accented(base: str, above: str) -> str:
    if above in _ACCENTS:
        return base + _ACCENTS[above] if len(base) == 1 else base
    return f"{base}^{grouped(above)}"


_MATH: Final[dict[tuple[str, int], Callable[..., str]]] = {
    ("msup", 2): lambda base, above: f"{base}^{grouped(above)}",
    ("msub", 2): lambda base, below: f"{base}_{grouped(below)}",
    ("munder", 2): lambda base, below: f"{base}_{grouped(below)}",
    ("mover", 2): _accented,
    ("msubsup", 3): lambda base, below, above: f"{base}_{grouped(below)}^{grouped(above)}",
    ("munderover", 3): lambda base, below, above: f"{base}_{grouped(below)}^{grouped(above)} ",
    ("mfrac", 2): lambda above, below: (
        f"{grouped(above) if _SUM_ABOVE.search(above) else above}/{grouped(below)}"
    ),
    ("mroot", 2): lambda base, degree: f"{'∛' if degree == '3' else f'root_{degree} '}{grouped(base)}",
}
"""Name and number of parts → the line that they make."""


def formula(element: Element) -> str:
    """Return a formula in MathML as a line of text: `M=qL^2/8`."""
    name = name_of(element)
    if name in ("mi", "mn", "mo", "mtext"):
        return (element.text or "").strip() if name != "mtext" else element.text or ""
    if name in ("annotation", "annotation-xml", "mphantom"):
        return ""
    parts = [formula(each) for each in element if isinstance(each.tag, str)]
    if name == "mfrac" and element.get("linethickness", "1")[:1] == "0" and len(parts) == 2:
        return " choose ".join(parts)
    if (name, len(parts)) in _MATH:
        return _MATH[name, len(parts)](*parts)
    line = _JOINED.get(name, "").join(parts)
    if name == "mfenced":
        return f"{element.get('open', '(')}{', '.join(parts)}{element.get('close', ')')}"
    return " " if name == "mspace" else f"√{grouped(line)}" if name == "msqrt" else line
