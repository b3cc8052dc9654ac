"""What Word and PowerPoint files share: their parts, equations as text, charts and diagrams as rows, symbol fonts."""

import posixpath
import re
import zipfile
from collections.abc import Iterator
from datetime import date, timedelta
from io import BytesIO
from types import SimpleNamespace
from typing import Final, NamedTuple

from ingest.extract import Unparsable
from ingest.parse.html.markup import Element, read_xml
from ingest.parse.writer import ExtractWriter


class Relation(NamedTuple):
    """What a part points to: the last word of the relation's type, and a part's name or an address."""

    kind: str
    target: str
    is_external: bool


class Package:
    """The parts of an Office file. Names of relations and elements are those of either edition of the standard."""

    def __init__(self, data: bytes) -> None:
        self.damaged: dict[str, None] = {}
        """Parts that could not be read."""
        self._archive = zipfile.ZipFile(BytesIO(data))
        self._names = {name.lower(): name for name in self._archive.namelist()}

    def bytes(self, name: str) -> bytes:
        """Return a part's bytes; empty when the file names one that it does not hold."""
        known = self._names.get(name.lstrip("/").lower())
        return self._archive.read(known) if known else b""

    def xml(self, name: str, *, needed: bool = False) -> Element | None:
        """Return a part's root, or None when there is none; a damaged part is kept in mind, unless it is needed."""
        data = self.bytes(name)
        try:
            return read_xml(data) if data.strip() else None
        except Unparsable as error:
            if needed or error.__cause__ is None:
                raise
            self.damaged[name] = None
            return None

    def tell_damage(self, writer: ExtractWriter) -> None:
        """Say in findings which parts could not be read."""
        for name in self.damaged:
            writer.finding(f"A part of the file is damaged and was not read: {name}.")

    def relations(self, name: str) -> dict[str, Relation]:
        """Return what a part ("" for the file) points to, by the ids that it uses for them."""
        folder, _, base = name.rpartition("/")
        root = self.xml(f"{folder}/_rels/{base}.rels")
        found: dict[str, Relation] = {}
        for each in root if root is not None else ():
            if not isinstance(each.tag, str):
                continue
            target, outside = each.get("Target") or "", each.get("TargetMode") == "External"
            if not outside:
                target = posixpath.normpath(posixpath.join("/" + folder, target)).lstrip("/")
            kind = (each.get("Type") or "").rpartition("/")[2]
            found[each.get("Id") or ""] = Relation(kind, target, outside)
        return found

    def related(self, name: str, kind: str) -> list[str]:
        """Return the names of the parts that a part points to by relations of one kind."""
        return [each.target for each in self.relations(name).values() if each.kind == kind]

    def properties(self) -> SimpleNamespace:
        """Return what the file says about itself, as `core_properties` reads it."""
        found = next(iter(self.related("", "core-properties")), "docProps/core.xml")
        root = self.xml(found)
        facts = {name_of(each): each.text for each in root} if root is not None else {}
        return SimpleNamespace(**{name: value for name, value in facts.items() if name and value})


def name_of(element: Element) -> str:
    """Return an element's name without its namespace; empty for a comment."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def attribute(element: Element | None, name: str = "val") -> str:
    """Return an attribute by its name in whatever namespace; empty when there is none."""
    if element is None:
        return ""
    return next((str(value) for key, value in element.attrib.items() if key.rpartition("}")[2] == name), "")


def child(element: Element | None, *path: str) -> Element | None:
    """Return the first child of a child … by name, or None."""
    for name in path:
        element = (
            next((each for each in element if name_of(each) == name), None) if element is not None else None
        )
    return element


def relation_id(element: Element, name: str = "id") -> str:
    """Return an attribute of the namespace of relations; an `id` without one is the element's own."""
    found = (
        value for key, value in element.attrib.items() if key.startswith("{") and key.endswith(f"}}{name}")
    )
    return str(next(found, ""))


def number_of(element: Element | None, name: str, otherwise: int = 0) -> int:
    """Return a whole number that is an attribute; where there is none, what is said otherwise."""
    return whole(attribute(element, name), otherwise)


def whole(value: str | None, otherwise: int = 0) -> int:
    """Return the number that a text is; where it is none, what is said otherwise."""
    is_number = value and len(value) < 12 and value.removeprefix("-").isdecimal()
    return int(value) if value and is_number else otherwise


_FILE = re.compile(r"\.(?:png|jpe?g|gif|bmp|emf|wmf|svg|tiff?|webp)\s*\Z", re.I)
LARGE: Final = (1_800_000, 900_000)
"""Width and height of a picture, in the format's unit (360,000 to the centimetre), from where on it may show text."""


def unread_pictures(count: int) -> str:
    """Say that pictures that may show text were not read."""
    said = (
        "1 picture without a description was"
        if count == 1
        else f"{count} pictures without a description were"
    )
    return f"{said} not read."


def picture_line(description: str, writer: ExtractWriter) -> str:
    """Return what a person wrote of a picture, as a line of text; empty where nobody did."""
    description = " ".join(description.split())
    if "automatically generated" in description:
        writer.leave_out("picture described by a machine", description)
        return ""
    return f"Picture: {description}" if description and not _FILE.search(description) else ""


# Charts and diagrams: the values and words behind the picture.

_DATE = re.compile(r"[dmy]", re.I)
_QUOTED = re.compile(r'"[^"]{0,99}"|\[[^\]]{0,99}\]|\\.')


def write_chart(root: Element, writer: ExtractWriter) -> None:
    """Write a chart's title and, as a table, its categories with the values of each series."""
    plain = [_text(each) for each in root.iter("{*}chart") for each in each if name_of(each) == "title"]
    for title in plain[:1]:
        writer.paragraph(title)
    series = list(root.iter("{*}ser"))
    names = [_text(named) if (named := child(each, "tx")) is not None else "" for each in series]
    columns = [_points(each, "val", "yVal") for each in series]
    categories: dict[int, str] = {}
    for each in series:
        categories = _points(each, "cat", "xVal") | categories
    if not series:
        return _write_newer_chart(root, writer)
    same = len({tuple(_points(each, "xVal").items()) for each in series}) == 1
    if not same:  # each series has places of its own
        rows = [["", "x", "y"]]
        for name, each, values in zip(names, series, columns, strict=True):
            places = _points(each, "cat", "xVal")
            rows += [[name, places.get(at, ""), value] for at, value in values.items()]
        return writer.table(rows)
    sizes = [_points(each, "bubbleSize") for each in series]
    shown = list(zip(names, columns, strict=True))
    shown += [(f"{name} (size)".strip(), size) for name, size in zip(names, sizes, strict=True) if size]
    found = sorted({*categories, *(at for column in columns for at in column)})
    rows = [["", *(name for name, _ in shown)]]
    rows += [[categories.get(at, str(at + 1)), *(column.get(at, "") for _, column in shown)] for at in found]
    return writer.table(rows)


def _write_newer_chart(root: Element, writer: ExtractWriter) -> None:
    """Write a chart of the kinds that came with Office 2016, such as waterfalls and treemaps."""
    for data in root.iter("{*}data"):
        columns = [
            {number_of(point, "idx"): point.text or "" for point in level if name_of(point) == "pt"}
            for level in data.iter("{*}lvl")
        ]
        places = sorted({at for column in columns for at in column})
        writer.table([[""] * len(columns), *([column.get(at, "") for column in columns] for at in places)])


def _points(series: Element, *names: str) -> dict[int, str]:
    """Return the values at their places. Of categories on several levels the outer one goes on until the next."""
    found = next((each for each in series if name_of(each) in names), None)
    if found is None:
        return {}
    levels = list(found.iter("{*}lvl")) or [found]
    code = next((each.text or "" for each in found.iter("{*}formatCode")), "")
    inner, *outer = [
        {number_of(point, "idx"): _value(point, code) for point in level.iter("{*}pt")} for level in levels
    ]
    for level in outer:
        above = ""
        for at in sorted({*inner, *level}):
            above = level.get(at, above)
            inner[at] = f"{above} {inner.get(at, '')}".strip()
    return inner


def _value(point: Element, code: str) -> str:
    raw = getattr(child(point, "v"), "text", "") or ""
    code = _QUOTED.sub("", attribute(point, "formatCode") or code)
    try:
        number = float(raw)
    except ValueError:
        return raw
    if "%" in code:
        return f"{number * 100:.10g}%"
    if _DATE.search(code) and "general" not in code.lower() and 1 <= number < 2_958_466:
        return (date(1899, 12, 30) + timedelta(days=int(number))).isoformat()
    written = f"{number:.12g}"
    return raw if "e" in written else written


def diagram_lines(root: Element) -> list[str]:
    """Return the words of a SmartArt diagram, what stands below something set in under it."""
    words = {attribute(point, "modelId"): _text(point) for point in root.iter("{*}pt")}
    below: dict[str, list[tuple[int, str]]] = {}
    for link in root.iter("{*}cxn"):
        if (attribute(link, "type") or "parOf") == "parOf":
            order = attribute(link, "srcOrd")
            target = (int(order) if order.isdecimal() else 0, attribute(link, "destId"))
            below.setdefault(attribute(link, "srcId"), []).append(target)
    tops = [attribute(point, "modelId") for point in root.iter("{*}pt") if attribute(point, "type") == "doc"]
    lines: list[str] = []
    seen: set[str] = set()
    waiting = [(top, -1) for top in tops]
    while waiting:
        at, depth = waiting.pop()
        if at not in seen:
            seen.add(at)
            lines += [f"{'  ' * max(depth, 0)}- {words[at]}"] if words.get(at) else []
            waiting += [(target, depth + 1) for _, target in sorted(below.get(at, ()), reverse=True)]
    return lines + [f"- {text}" for at, text in words.items() if text and at not in seen]


def _text(element: Element) -> str:
    """Return the words in an element, runs joined and paragraphs parted by a space."""
    paragraphs = list(element.iter("{*}p")) or [element]
    return " ".join(
        "".join(part.text or "" for part in each.iter("{*}t", "{*}v")).strip() for each in paragraphs
    ).strip()


# Symbol fonts: characters whose picture only the font knows.

_GREEK: Final = "ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ", "αβχδεφγηιϕκλμνοπθρστυϖωξψζ"
_SYMBOL: Final = (
    dict(zip(range(0x41, 0x5B), _GREEK[0], strict=True))
    | dict(zip(range(0x61, 0x7B), _GREEK[1], strict=True))
    | dict(zip(range(0xA0, 0xC0), "€ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈…|―↵", strict=True))
    | dict(zip(range(0xC0, 0xE0), "ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓", strict=True))
    | {0x22: "∀", 0x24: "∃", 0x27: "∋", 0x2A: "∗", 0x2D: "−", 0x40: "≅", 0x5C: "∴", 0x5E: "⊥", 0x7E: "∼"}
    | {0xE0: "◊", 0xE1: "〈", 0xE2: "®", 0xE3: "©", 0xE4: "™", 0xE5: "∑", 0xF1: "〉", 0xF2: "∫"}
)
_WINGDINGS: Final = (
    {0x6C: "●", 0x6E: "■", 0x6F: "☐", 0x70: "☐", 0x71: "☐", 0x72: "☐", 0x73: "⬧", 0x74: "⧫", 0x75: "◆", 0x76: "❖", 0x77: "⬥"}
    | {0x9E: "·", 0x9F: "•", 0xA7: "▪", 0xA8: "☐", 0xA1: "○", 0xD8: "➢", 0xE8: "➔", 0xFB: "✗", 0xFC: "✓", 0xFD: "☒", 0xFE: "☒"}
    | dict(zip(range(0xDF, 0xE7), "←→↑↓↖↗↙↘", strict=True)) | dict(zip(range(0xEF, 0xF5), "⇦⇨⇧⇩⬄⇳", strict=True))
    | dict(zip(range(0x80, 0x8B), "⓪①②③④⑤⑥⑦⑧⑨⑩", strict=True)) | dict(zip(range(0x8B, 0x96), "⓿❶❷❸❹❺❻❼❽❾❿", strict=True))
    | {0x21: "✏", 0x22: "✂", 0x28: "☎", 0x29: "✆", 0x2A: "✉", 0x46: "☞", 0x4A: "☺", 0x4B: "😐", 0x4C: "☹", 0x4E: "☠", 0xAB: "★"}
)  # fmt: skip
SYMBOL_FONTS: Final[dict[str, dict[int, str]]] = {
    "symbol": _SYMBOL,
    "wingdings": _WINGDINGS,
    "wingdings 2": {0x4F: "✗", 0x50: "✓", 0x51: "☒", 0x52: "☒", 0x53: "☒", 0x54: "☒", 0xA3: "☐", 0x2A: "☐", 0x97: "●", 0x98: "●"},
    "wingdings 3": dict(zip(range(0x66, 0x6A), "←→↑↓", strict=True)) | dict(zip(range(0x70, 0x76), "▲▼△▽◀▶", strict=True)),
    "webdings": {0x61: "✓", 0x63: "☐", 0x67: "■", 0x72: "✗", 0x6E: "●"},
}  # fmt: skip
"""Font → code → the sign that it shows. A box with a tick in it is ☒, as one with a cross: both are ticked."""
_SENSELESS: Final = frozenset({0x20, 0xA0})


def symbols(text: str, font: str, writer: ExtractWriter) -> str:
    """Return a text as a symbol font shows it. A sign that nobody knows leaves a finding."""
    table = SYMBOL_FONTS.get(font.lower())
    if table is None:
        return text
    shown = "".join(_symbols(text, font, table, writer))
    if shown != text:
        writer.leave_out("letters that stand for signs", text)
    return shown


def _symbols(text: str, font: str, table: dict[int, str], writer: ExtractWriter) -> Iterator[str]:
    for character in text:
        code = ord(character) - 0xF000 if 0xF020 <= ord(character) <= 0xF0FF else ord(character)
        if code > 0xFF or code in _SENSELESS:
            yield character
        elif code in table:
            yield table[code]
        elif table is _SYMBOL and code < 0x7F:
            yield chr(code)
        else:
            writer.finding(f"A sign of the font {font} is not known; it is left out.")
