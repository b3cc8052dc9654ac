"""A paragraph of a Word document as the page shows it: runs, fields, controls, tracked changes, notes, equations."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ingest.parse.html.markup import Element
from ingest.parse.office.equations import equation
from ingest.parse.office.ooxml import (
    LARGE,
    Package,
    attribute,
    child,
    name_of,
    picture_line,
    symbols,
)
from ingest.parse.office.word_styles import RAISED, RAISED_END, Look, Styles, figure, is_on, raised
from ingest.parse.writer import ExtractWriter

# Signs that no XML file can hold stand around what is decided when the paragraph is whole.
_PAGE, _PAGE_END = "\x02", "\x03"
_PAGES = re.compile(f"{_PAGE}([^{_PAGE}{_PAGE_END}]*){_PAGE_END}?")
_LETTER = re.compile(r"[^\W\d_]")
_CODE_POINT = re.compile(r"[0-9A-Fa-f]{1,4}")
_PAGE_FIELDS: Final = frozenset({"PAGE", "NUMPAGES", "SECTIONPAGES", "PAGEREF"})
_UNNUMBERED: Final = frozenset({"LISTNUM", "AUTONUM", "AUTONUMLGL", "AUTONUMOUT"})
_ADDRESS = re.compile(r'HYPERLINK\s+"([^"]*)"', re.I)
_SYMBOL = re.compile(r'SYMBOL\s+(0x[0-9a-f]{1,4}|\d{1,5}|\S)(?=\s)(?:[^"]{0,40}\\f\s+"?([\w ]{1,40}))?', re.I)
_EQ_FRACTION = re.compile(r"\\f\s?\(([^(),;]{1,200})[,;]([^(),;]{1,200})\)")
_CONTENTS_PAGE = re.compile(r"\t[\divxlc]+\s*\Z", re.I)
_FEW_LETTERS: Final = 12


@dataclass
class _Field:
    """A field that is open: its code, whether its result has begun, and the form that it belongs to."""

    code: str = ""
    in_result: bool = False
    form: Element | None = None
    said: bool = False

    @property
    def kind(self) -> str:
        words = self.code.split(None, 1)
        return words[0].upper() if words else ""


class Notes:
    """The marks of footnotes or endnotes, in the order in which the text refers to them."""

    def __init__(self, form: str, start: int) -> None:
        self._form, self._next = form, start
        self.marks: dict[str, str] = {}

    def mark(self, note: str, custom: str = "") -> str:
        """Return the mark of a note, which counts from its first reference on."""
        if note not in self.marks:
            self.marks[note] = custom or figure(self._next, self._form)
            self._next += not custom
        return self.marks[note]


def notes_of(kind: str, settings: Element | None, root: Element) -> Notes:
    """Return how a document counts its notes of one kind: a section says so, or the settings, or it is as usual."""
    places = [child(each, f"{kind}Pr") for each in (*root.iter("{*}sectPr"), settings)]
    forms = [form for each in places if (form := attribute(child(each, "numFmt")))]
    starts = [int(start) for each in places if (start := attribute(child(each, "numStart"))).isdecimal()]
    usual = "decimal" if kind == "footnote" else "lowerRoman"
    return Notes(next(iter(forms), usual), next(iter(starts), 1))


class ParagraphReader:
    """Reads the paragraphs of one part after the other. What floats beside the text waits in `beside`."""

    def __init__(
        self, package: Package, styles: Styles, writer: ExtractWriter, notes: dict[str, Notes]
    ) -> None:
        self._package, self._styles, self._writer, self._notes = package, styles, writer, notes
        self._relations = package.relations("")
        self._fields: list[_Field] = []
        self._style, self._font = "", ""
        self.beside: list[Element | str] = []
        self.pictures = 0
        walk = self._walk
        self._handlers: dict[str, Callable[[Element, list[str]], None]] = {
            **dict.fromkeys(("ins", "moveTo", "smartTag", "customXml", "dir", "bdo", "sdtContent", "rubyBase", "rt"), walk),
            **dict.fromkeys(("del", "moveFrom"), self._deleted),
            **dict.fromkeys(("drawing", "pict", "object"), self._drawing),
            **dict.fromkeys(("oMath", "oMathPara"), self._equation),
            **dict.fromkeys(("footnoteReference", "endnoteReference"), self._reference),
            "r": self._run, "t": self._words, "sym": self._sign, "hyperlink": self._link, "sdt": self._control,
            "fldSimple": self._simple_field, "fldChar": self._field, "instrText": self._code, "ruby": self._ruby,
            "AlternateContent": self._alternate, "subDoc": self._elsewhere,
        }  # fmt: skip

    def enter(self, part: str) -> None:
        """Go to another part of the file, whose relations and fields are its own."""
        self._relations, self._fields = self._package.relations(part), []

    def target(self, element: Element, name: str = "id") -> str:
        """Return the name of the part or the address that an element points to."""
        found = self._relations.get(attribute(element, name))
        return found.target if found else ""

    def read(self, paragraph: Element, *, running: bool = False) -> str:
        """Return a paragraph's visible text. `running` is what stands on every page: page numbers are none of it."""
        self._style = self._styles.of(child(paragraph, "pPr"))
        said: list[str] = []
        is_contents = any(field.kind == "TOC" for field in self._fields) or self._is_contents()
        self._walk(paragraph, said)
        text = "".join(said)
        if is_contents:
            text = _CONTENTS_PAGE.sub("", text) if _PAGE not in text else text
        if _PAGE in text or _PAGE_END in text:
            text = self._without_pages(text, running=running, drop=is_contents)
        return raised(text) if RAISED in text else text

    def is_bold(self, paragraph: Element) -> bool:
        """Say whether all words of a paragraph are bold."""
        style = self._styles.of(child(paragraph, "pPr"))
        runs = [
            run
            for run in paragraph.iter("{*}r")
            if any((part.text or "").strip() for part in run.iter("{*}t"))
        ]
        return bool(runs) and all(is_on(self._styles.look(child(run, "rPr"), style), "b") for run in runs)

    def _is_contents(self) -> bool:
        return self._styles.name(self._style).lower().startswith("toc ")

    def _walk(self, parent: Element, said: list[str]) -> None:
        for each in parent:
            name = name_of(each)
            if name in self._handlers:
                self._handlers[name](each, said)
            elif name in _CHARACTERS and self._is_shown:
                said.append(_CHARACTERS[name])

    @property
    def _is_shown(self) -> bool:
        return all(field.in_result and field.form is None for field in self._fields)

    def _run(self, run: Element, said: list[str]) -> None:
        look = self._styles.look(child(run, "rPr"), self._style)
        self._font = look.get("rFonts", "")
        inside: list[str] = []
        self._walk(run, inside)
        if not inside:
            return
        text = "".join(inside)
        if is_on(look, "vanish"):
            self._writer.leave_out("hidden text", text)
        elif is_on(look, "strike") or is_on(look, "dstrike"):
            self._writer.leave_out("struck-through text", text)
            self._writer.finding("Text that is struck through was left out.")
        elif _is_raised(look) and RAISED not in text and _PAGE not in text:
            said.append(f"{RAISED}{text}{RAISED_END}")
        else:
            said.append(text)

    def _words(self, element: Element, said: list[str]) -> None:
        text = element.text or ""
        if text and self._is_shown:
            said.append(symbols(text, self._font, self._writer) if self._font else text)
            for field in self._fields:
                field.said = True

    def _sign(self, element: Element, said: list[str]) -> None:
        code = attribute(element, "char")
        if self._is_shown and _CODE_POINT.fullmatch(code):
            said.append(symbols(chr(int(code, 16)), attribute(element, "font"), self._writer))

    def _link(self, element: Element, said: list[str]) -> None:
        self._writer.link(self.target(element))
        self._walk(element, said)

    def _control(self, element: Element, said: list[str]) -> None:
        properties, content = child(element, "sdtPr"), child(element, "sdtContent")
        inside: list[str] = []
        if content is not None:
            self._walk(content, inside)
        box, text = child(properties, "checkbox"), "".join(inside)
        if box is not None and len(text.strip()) < 2:
            said.append("☒" if attribute(child(box, "checked")) in ("1", "true", "on") else "☐")
        elif is_placeholder(element):
            self._writer.leave_out("placeholder text", text)
        else:
            said.append(text)

    def _deleted(self, element: Element, said: list[str]) -> None:
        what = "deleted text" if name_of(element) == "del" else "moved text at its former place"
        self._writer.leave_out(what, "".join(part.text or "" for part in element.iter("{*}delText", "{*}t")))

    def _equation(self, element: Element, said: list[str]) -> None:
        equations = (
            [element]
            if name_of(element) == "oMath"
            else [each for each in element if name_of(each) == "oMath"]
        )
        said.append("\n".join(equation(each).strip() for each in equations))

    def _reference(self, element: Element, said: list[str]) -> None:
        kind = name_of(element).removesuffix("Reference")
        custom = ""
        if attribute(element, "customMarkFollows") in ("1", "true", "on"):
            custom = "".join(part.text or "" for part in element.itersiblings("{*}t")).strip()
        mark = self._notes[kind].mark(attribute(element, "id"), custom)
        if not custom:
            said.append(f"{RAISED}[{mark}]{RAISED_END}")

    def _ruby(self, element: Element, said: list[str]) -> None:
        base: list[str] = []
        above: list[str] = []
        for name, inside in (("rubyBase", base), ("rt", above)):
            if (found := child(element, name)) is not None:
                self._walk(found, inside)
        said.append("".join(base) + (f"({''.join(above)})" if above else ""))

    def _elsewhere(self, element: Element, said: list[str]) -> None:
        self._writer.finding("A part of the document lies in another file; it was not read.")

    def _alternate(self, element: Element, said: list[str]) -> None:
        """Read the first edition of what is stored for several versions of Word; the next where it says nothing."""
        for each in element:
            before = len(said), len(self.beside)
            self._walk(each, said)
            if (len(said), len(self.beside)) != before:
                return

    # fields: a code, then what Word last worked it out to be

    def _simple_field(self, element: Element, said: list[str]) -> None:
        self._fields.append(_Field(attribute(element, "instr")))
        self._begin_result(said)
        self._walk(element, said)
        self._end_field(said)

    def _field(self, element: Element, said: list[str]) -> None:
        match attribute(element, "fldCharType"):
            case "begin":
                form = child(element, "ffData")
                self._fields.append(_Field(form=form if child(form, "textInput") is None else None))
            case "separate" if self._fields:
                self._begin_result(said)
            case "end" if self._fields:
                self._end_field(said)

    def _code(self, element: Element, said: list[str]) -> None:
        if self._fields:
            self._fields[-1].code += element.text or ""

    def _begin_result(self, said: list[str]) -> None:
        field = self._fields[-1]
        field.in_result = True
        if address := _ADDRESS.search(field.code):
            self._writer.link(address[1])
        if field.kind in _PAGE_FIELDS and self._is_shown:
            said.append(_PAGE)

    def _end_field(self, said: list[str]) -> None:
        field = self._fields.pop()
        if field.in_result and field.kind in _PAGE_FIELDS and self._is_shown:
            said.append(_PAGE_END)
        elif self._is_shown and not field.said:
            said.append(self._made(field))

    def _made(self, field: _Field) -> str:
        """Return what Word shows for a field whose result is not stored."""
        if field.form is not None:
            return _chosen(field.form)
        if field.kind == "SYMBOL" and (match := _SYMBOL.match(field.code.strip() + " ")):
            code = match[1]
            number = int(code, 0) if code.isdecimal() or code.lower().startswith("0x") else ord(code)
            return symbols(chr(min(number, 0xFFFF)), (match[2] or "").strip(), self._writer)
        if field.kind in ("MACROBUTTON", "GOTOBUTTON"):
            return " ".join(field.code.split()[2:])
        if field.kind == "EQ":
            if match := _EQ_FRACTION.search(field.code):
                return f"{match[1].strip()}/{match[2].strip()}"
            self._writer.finding("An equation of the old kind (EQ) was not read.")
        if field.kind in _UNNUMBERED:
            self._writer.finding(f"Numbers that Word makes by the field {field.kind} were not read.")
        return ""

    def _without_pages(self, text: str, *, running: bool, drop: bool) -> str:
        """Return a text without page numbers; one inside a sentence of the body ("see page 7") belongs to it."""
        if not running and not drop and _LETTER.search(_PAGES.sub("", text)):
            return text.replace(_PAGE, "").replace(_PAGE_END, "")
        kept: list[str] = []
        for part in text.split("\t"):
            rest = _PAGES.sub("", part).replace(_PAGE_END, "")
            if rest != part:
                letters = sum(map(str.isalpha, rest))
                rest = rest if drop or letters >= _FEW_LETTERS else ""
                numbers = part if not rest else " ".join(_PAGES.findall(part))
                self._writer.leave_out("page number", numbers.replace(_PAGE, "").replace(_PAGE_END, ""))
            kept.append(rest)
        return "\t".join(kept).strip("\t ")

    # what floats: boxes, pictures, charts

    def _drawing(self, element: Element, said: list[str]) -> None:
        if not self._is_shown:
            return
        descriptions: list[str] = []
        is_picture = False
        for each in _first_editions(element):
            name = name_of(each)
            if name in ("txbxContent", "chart", "relIds"):
                self.beside.append(each)
            elif name == "textpath":
                self.beside.append(attribute(each, "string"))
            elif name in ("docPr", "shape"):
                descriptions += filter(None, [attribute(each, "descr") or attribute(each, "alt")])
            elif name == "OLEObject":
                self._writer.finding(
                    f"An embedded object ({attribute(each, 'ProgID') or 'of an unknown kind'}) was not read."
                )
            elif name in ("oMath", "oMathPara"):
                self._equation(each, said)
            is_picture = is_picture or name in ("pic", "imagedata")
        if is_picture:
            self._picture(element, " ".join(" ".join(descriptions[:1]).split()))

    def _picture(self, element: Element, description: str) -> None:
        if said := picture_line(description, self._writer):
            self.beside.append(said)
        else:
            extent = next(element.iter("{*}extent"), None)
            size = [
                int(value) if (value := attribute(extent, side)).isdecimal() else 0 for side in ("cx", "cy")
            ]
            self.pictures += size[0] >= LARGE[0] and size[1] >= LARGE[1]


_CHARACTERS: Final = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}


def is_placeholder(control: Element) -> bool:
    """Say whether a content control shows only what is to be typed there."""
    found = child(control, "sdtPr", "showingPlcHdr")
    return found is not None and attribute(found) not in ("0", "false", "off")


def _first_editions(element: Element) -> "list[Element]":
    """Return what a drawing holds, boxes unopened, and of what is stored in several editions the first."""
    found: list[Element] = []
    waiting = [element]
    while waiting:
        each = waiting.pop()
        found.append(each)
        if name_of(each) == "AlternateContent":
            waiting += list(each)[:1]
        elif name_of(each) != "txbxContent":
            waiting += [inner for inner in reversed(each) if isinstance(inner.tag, str)]
    return found


def _chosen(form: Element) -> str:
    box, choices = child(form, "checkBox"), child(form, "ddList")
    if box is not None:
        state = child(box, "checked") if child(box, "checked") is not None else child(box, "default")
        return "☒" if state is not None and attribute(state) not in ("0", "false", "off") else "☐"
    if choices is None:
        return ""
    entries = [attribute(each) for each in choices if name_of(each) == "listEntry"]
    picked = attribute(child(choices, "result")) or attribute(child(choices, "default")) or "0"
    return entries[int(picked)] if picked.isdecimal() and int(picked) < len(entries) else ""


def _is_raised(look: Look) -> bool:
    position = look.get("position", "0")
    return look.get("vertAlign") == "superscript" or (position.isdecimal() and int(position) >= 4)


def plain(element: Element) -> str:
    """Return all words in an element, for what is left out: deleted ones and hidden ones too."""
    paragraphs = element.iter("{*}p")
    return " ".join(
        "".join(part.text or "" for part in each.iter("{*}t", "{*}delText")) for each in paragraphs
    )
