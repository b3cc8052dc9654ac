"""What Word works out before it shows a paragraph: inherited formats, heading levels, the numbers of lists, raised characters."""

import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from ingest.parse.html.markup import Element
from ingest.parse.office.ooxml import attribute, child, name_of, number_of, symbols
from ingest.parse.writer import ExtractWriter
from vectorstore.language.words import NUMBERS

HEADING = re.compile(r"(?:heading|überschrift|titre|título|titolo|kop|rubrik)\s*(\d)", re.I)
_PLACE = re.compile(r"%([1-9])")
_PADDED = re.compile(r"\A0{1,9}1(?:,|\Z)")
_LOOKS: Final = frozenset({"vanish", "strike", "dstrike", "vertAlign", "rFonts", "b", "position"})
_OFF: Final = frozenset({"0", "false", "off", "none"})
_MOST_BASES: Final = 20

Look = dict[str, str]


class Styles:
    """The styles of a document: what a paragraph or run gets from its own and from those that it is based on."""

    def __init__(self, root: Element | None) -> None:
        found = [each for each in root if name_of(each) == "style"] if root is not None else []
        self._styles = {attribute(each, "styleId"): each for each in found}
        self._looks: dict[tuple[str, str], Look] = {}
        is_default = (each for each in found if attribute(each, "default") in ("1", "true"))
        self._default = next(
            (attribute(each, "styleId") for each in is_default if attribute(each, "type") == "paragraph"), ""
        )

    def of(self, properties: Element | None) -> str:
        """Return the style of the paragraph with these properties."""
        return attribute(child(properties, "pStyle")) or self._default

    def name(self, style: str) -> str:
        """Return what a style is called; built-in ones are called the same in all languages."""
        return attribute(child(self._styles.get(style), "name"))

    def chain(self, style: str) -> Iterator[Element]:
        """Return a style's definition and those that it is based on."""
        for _ in range(_MOST_BASES):
            found = self._styles.get(style)
            if found is None:
                return
            yield found
            style = attribute(child(found, "basedOn"))

    def look(self, properties: Element | None, paragraph_style: str) -> Look:
        """Return how a run looks: its own properties over its style's over its paragraph's."""
        own = _look(properties)
        key = (own.pop("rStyle", ""), paragraph_style)
        if key not in self._looks:
            self._looks[key] = self._inherited(key[1]) | self._inherited(key[0])
        return self._looks[key] | own if own else self._looks[key]

    def heading_level(self, properties: Element | None) -> int:
        """Return the level of a heading from 1, or 0."""
        style = self.of(properties)
        for each in (properties, *(child(base, "pPr") for base in self.chain(style))):
            outline = attribute(child(each, "outlineLvl"))
            if outline.isdecimal():
                return int(outline) + 1 if int(outline) < 9 else 0
        for base in self.chain(style):
            name = attribute(child(base, "name"))
            if match := HEADING.match(name):
                return int(match[1])
            if name == "Title":
                return 1
        return 0

    def _inherited(self, style: str) -> Look:
        look: Look = {}
        for each in self.chain(style):
            look = _look(child(each, "rPr")) | look
        look.pop("rStyle", None)
        return look


def is_on(look: Look, name: str) -> bool:
    """Say whether a look has a property that is on or off."""
    return name in look and look[name] not in _OFF


def _look(properties: Element | None) -> Look:
    look: Look = {}
    for each in properties if properties is not None else ():
        name = name_of(each)
        if name == "rFonts":
            look[name] = attribute(each, "ascii") or attribute(each, "hAnsi")
        elif name in _LOOKS or name == "rStyle":
            look[name] = attribute(each) or "1"
    return look


class Mark(NamedTuple):
    """What stands before a numbered paragraph: its level from 0, the mark, what parts it from the text, its list."""

    level: int
    text: str
    space: str
    family: str


class _Level(NamedTuple):
    start: int
    format: str
    text: str
    space: str
    is_legal: bool
    restart: int
    style: str


class Numbering:
    """Counts the numbered paragraphs of a document, since the file does not hold their numbers."""

    def __init__(self, root: Element | None, styles: Styles, writer: ExtractWriter) -> None:
        self._styles, self._writer = styles, writer
        self._counts: dict[str, dict[int, int]] = {}
        self._levels: dict[str, dict[int, _Level]] = {}
        self._family: dict[str, str] = {}
        self._restarts: dict[str, dict[int, int]] = {}
        if root is not None:
            self._read(root)

    def mark(self, properties: Element | None) -> Mark | None:
        """Count a paragraph and return its mark; None for one that has no number."""
        number, at = self._place(properties)
        level = self._levels.get(number, {}).get(at)
        if level is None:
            return Mark(at, "-", " ", number) if number in self._levels else None
        if level.format == "bullet" and not level.text.strip():  # goes on with the item before
            return Mark(at, "", " ", self._family[number])
        counts = self._counts.setdefault(self._family[number], {})
        restarts = self._restarts.get(number, {})
        if at in restarts:
            counts[at] = restarts.pop(at) - 1
        counts[at] = counts.get(at, level.start - 1) + 1
        for deeper in [each for each in counts if each > at and self._restarted(number, each, at)]:
            del counts[deeper]
        if level.format == "bullet":
            sign = level.text if level.text in "☒☐✓✗" else ""
            return Mark(at, f"- {sign}".rstrip(), " ", self._family[number])
        return Mark(at, self._written(number, level), level.space, self._family[number])

    def _written(self, number: str, level: _Level) -> str:
        counts, levels = self._counts[self._family[number]], self._levels[number]

        def shown(match: re.Match[str]) -> str:
            at = int(match[1]) - 1
            there = levels.get(at)
            if there is None:
                return ""
            form = "decimal" if level.is_legal and there.format != "none" else there.format
            return self._figure(counts.get(at, there.start), form)

        return _PLACE.sub(shown, level.text).strip()

    def _figure(self, count: int, form: str) -> str:
        if form not in _FORMS:
            self._writer.finding(f"Numbers of the kind {form} are written as 1, 2, 3.")
        return figure(count, form)

    def _restarted(self, number: str, deeper: int, at: int) -> bool:
        level = self._levels[number].get(deeper)
        return level is None or level.restart < 0 or at < level.restart

    def _place(self, properties: Element | None) -> tuple[str, int]:
        style = self._styles.of(properties)
        number, at, styled = "", "", ""
        for each in (properties, *(child(base, "pPr") for base in self._styles.chain(style))):
            found = child(each, "numPr")
            if found is not None:
                at = at or attribute(child(found, "ilvl"))
                number = attribute(child(found, "numId"))
                styled = "" if each is properties else style
            if number:
                break
        if styled and not at:
            linked = (key for key, level in self._levels.get(number, {}).items() if level.style == style)
            return number, next(linked, 0)
        return number, int(at) if at.isdecimal() else 0

    def _read(self, root: Element) -> None:
        abstract = {attribute(each, "abstractNumId"): each for each in root if name_of(each) == "abstractNum"}
        numbers = {attribute(each, "numId"): each for each in root if name_of(each) == "num"}
        for name, number in numbers.items():
            family = self._linked(attribute(child(number, "abstractNumId")), abstract, numbers)
            definition = abstract.get(family)
            levels = [each for each in definition if name_of(each) == "lvl"] if definition is not None else []
            self._family[name] = family
            self._levels[name] = {number_of(each, "ilvl"): self._level(each) for each in levels}
            for override in (each for each in number if name_of(each) == "lvlOverride"):
                at = number_of(override, "ilvl")
                if (own := child(override, "lvl")) is not None:
                    self._levels[name][at] = self._level(own)
                if (start := attribute(child(override, "startOverride"))).isdecimal():
                    self._restarts.setdefault(name, {})[at] = int(start)

    def _linked(self, family: str, abstract: dict[str, Element], numbers: dict[str, Element]) -> str:
        """Follow a list that only names a list style to the list that defines this style."""
        style = attribute(child(abstract.get(family), "numStyleLink"))
        for base in self._styles.chain(style) if style else ():
            number = attribute(child(base, "pPr", "numPr", "numId"))
            if number in numbers:
                return attribute(child(numbers[number], "abstractNumId"))
        return family

    def _level(self, level: Element) -> _Level:
        start, restart = attribute(child(level, "start")), attribute(child(level, "lvlRestart"))
        text, form = attribute(child(level, "lvlText")), attribute(child(level, "numFmt"))
        if child(level, "numFmt") is None and child(level, "AlternateContent") is not None:
            form = attribute(next(level.iter("{*}numFmt"), None))
            form = attribute(next(level.iter("{*}numFmt"), None), "format") if form == "custom" else form
        if form == "bullet":
            font = attribute(child(level, "rPr", "rFonts"), "ascii")
            text = (
                symbols(text, font, self._writer) if "ingdings" in font else text and (text.strip() and "-")
            )
        return _Level(
            start=int(start) if start.isdecimal() else 0 if start else 1,
            format=form or "decimal",
            text=text,
            space="" if attribute(child(level, "suff")) == "nothing" else " ",
            is_legal=child(level, "isLgl") is not None and attribute(child(level, "isLgl")) not in _OFF,
            restart=int(restart) if restart.isdecimal() else -1,
            style=attribute(child(level, "pStyle")),
        )


def figure(count: int, form: str) -> str:
    """Write a count as a format of Word names it; as 1, 2, 3 when the format is not known."""
    if form.endswith(", ...") or _PADDED.match(form):
        return str(count).zfill(len(form.partition(",")[0]))
    return _FORMS.get(form, str)(count) if count > 0 or form == "none" else str(count)


def _roman(count: int) -> str:
    steps = ((1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL"))
    written = ""
    for value, sign in (*steps, (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")):
        written += sign * (min(count, 20_000) // value)
        count %= value
    return written


def _letters(alphabet: str) -> Callable[[int], str]:
    """Return how Word counts with letters: after z come aa, bb, cc."""
    size = len(alphabet)
    return lambda count: alphabet[(count - 1) % size] * min((count - 1) // size + 1, 30)


def _ordinal(count: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(count % 10, "th") if count % 100 not in (11, 12, 13) else "th"
    return f"{count}{ending}"


_CARDINALS: Final = tuple(NUMBERS)[:21]
_ORDINALS: Final = (
    "zeroth", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
    "eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth",
    "nineteenth", "twentieth",
)  # fmt: skip


def _named(names: tuple[str, ...], beyond: Callable[[int], str]) -> Callable[[int], str]:
    return lambda count: names[count].capitalize() if count < len(names) else beyond(count)


def _ideographs(count: int) -> str:
    signs = "〇一二三四五六七八九"
    tens, ones = divmod(count, 10)
    if count > 99:
        return "".join(signs[int(digit)] for digit in str(count))
    return (signs[tens] if tens > 1 else "") + ("十" if tens else "") + (signs[ones] if ones else "")


def _circled(count: int) -> str:
    return chr(0x245F + count) if count <= 20 else str(count)


_FORMS: Final[dict[str, Callable[[int], str]]] = {
    "decimal": str, "none": lambda _: "", "decimalZero": lambda count: f"{count:02}", "ordinal": _ordinal,
    "upperRoman": _roman, "lowerRoman": lambda count: _roman(count).lower(), "numberInDash": lambda count: f"- {count} -",
    "upperLetter": _letters("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), "lowerLetter": _letters("abcdefghijklmnopqrstuvwxyz"),
    "russianUpper": _letters("АБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЩЫЭЮЯ"), "russianLower": _letters("абвгдежзиклмнопрстуфхцчшщыэюя"),
    "cardinalText": _named(_CARDINALS, str), "ordinalText": _named(_ORDINALS, _ordinal), "chicago": _letters("*†‡§"),
    "hex": lambda count: f"{count:X}", "decimalEnclosedCircle": _circled, "decimalEnclosedCircleChinese": _circled,
    "japaneseCounting": _ideographs, "chineseCounting": _ideographs, "chineseCountingThousand": _ideographs,
    "ideographDigital": _ideographs, "taiwaneseCountingThousand": _ideographs, "decimalFullWidth": str, "decimalHalfWidth": str,
    "decimalEnclosedParen": lambda count: f"({count})", "decimalEnclosedFullstop": lambda count: f"{count}.",
    "koreanDigital": str, "koreanCounting": str, "thaiNumbers": str, "bullet": lambda _: "",
}  # fmt: skip


# Raised characters: powers and the marks of notes, which are no digits of the number before them.

RAISED, RAISED_END = "\x0e", "\x0f"
"""Stand around what is raised until the line is whole; no XML file can hold them."""
_RAISING = re.compile(f"[{RAISED}{RAISED_END}]")
_ENDING = re.compile(r"(?:st|nd|rd|th|er|re|ème|e|o|º|ª)\.?", re.I)
_EXPONENT = re.compile(r"[+\-−–]?\d{1,4}(?:[.,/]\d{1,3})?|\d?[+\-−–]|[a-zα-ω]")
_SIGNS: Final = frozenset({"tm", "sm", "r", "c"})
_NOTE = re.compile(r"\d{1,3}(?:\s?[,–-]\s?\d{1,3})*\)?|[a-z]{1,2}\)?|[ivxlc]{1,6}", re.I)
_NO_POWER = re.compile(r"(?:\A|[^\d.,])(?:(?:19|20)\d\d|\d{1,3}(?:,\d{3})+(?:\.\d+)?)\Z")
_UNIT = re.compile(r"(?<![^\W\d_])(?:[^\W\d_]|[mcdknμµ]m|in|ft|yd|mi|Pa|Hz|kg|ms|hm)\Z")
_BRACKETS = re.compile(r"\(([^()]{1,40})\)\Z")
_SUM = re.compile(r"\A[\d.,]{0,20}+[^\W\d_]?(?:\s?[+\-−*/·]\s?[\d.,]{0,20}+[^\W\d_]?){1,20}+\Z")


def raised(text: str) -> str:
    """Write raised characters so that they are no digits of the number before them: `10^3`, `40 euro [1]`, `1st`."""
    parts = _RAISING.split(text.replace(RAISED_END + RAISED, ""))
    said = parts[0]
    for above, after in zip(parts[1::2], parts[2::2], strict=False):
        mark = _raise(said[-40:], above)
        gap = " " if mark.endswith("]") and after[:1].isalnum() else ""
        said = f"{said}{mark}{gap}{after}"
    return said


def _raise(before: str, above: str) -> str:
    mark = above.strip()
    last = before[-1:]
    if mark.startswith("[") or not mark:
        return f" {mark}" if mark and last and not last.isspace() else above
    if (_ENDING.fullmatch(mark) and last.isdigit()) or mark.lower() in _SIGNS:
        return mark
    if _EXPONENT.fullmatch(mark) and _has_power(before, mark):
        return f"^{mark}"
    if _NOTE.fullmatch(mark):
        return f"{' ' if last and not last.isspace() else ''}[{mark.rstrip(')')}]"
    return above


def _has_power(before: str, mark: str) -> bool:
    if not before[-1:].strip():
        return False
    if before[-1].isdigit():
        return mark != "1" and not mark.isalpha() and not _NO_POWER.search(before)
    if mark[0] in "+-−–" or mark[-1] in "+-−–":
        return before[-1].isalnum() or before[-1] == ")"
    is_unit = bool(_UNIT.search(before))
    if mark.isalpha():
        return is_unit and len(before.rsplit(maxsplit=1)[-1]) <= 2
    inside = _BRACKETS.search(before)
    return is_unit or (inside is not None and bool(_SUM.fullmatch(inside[1])))
