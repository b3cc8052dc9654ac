"""The codes of number formats: their sections, and what each is made of (ECMA-376, part 1, §18.8.30 and 31)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from operator import eq, ge, gt, le, lt, ne
from typing import Final, NamedTuple

BUILT_IN: Final = {
    **{1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 5: '"$"#,##0;\\-"$"#,##0', 6: '"$"#,##0;[Red]\\-"$"#,##0'},
    **{7: '"$"#,##0.00;\\-"$"#,##0.00', 8: '"$"#,##0.00;[Red]\\-"$"#,##0.00', 9: "0%", 10: "0.00%"},
    **{11: "0.00E+00", 12: "# ?/?", 13: "# ??/??", 14: "mm-dd-yy", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy"},
    **{18: "h:mm AM/PM", 19: "h:mm:ss AM/PM", 20: "h:mm", 21: "h:mm:ss", 22: "m/d/yy h:mm"},
    **dict.fromkeys((*range(27, 32), 36, *range(50, 55), *range(56, 59)), "yyyy-mm-dd"),
    **dict.fromkeys((32, 33), "h:mm:ss"),
    **dict.fromkeys((34, 35, 55), "yyyy-mm-dd"),
    **{37: "#,##0;(#,##0)", 38: "#,##0;[Red](#,##0)", 39: "#,##0.00;(#,##0.00)", 40: "#,##0.00;[Red](#,##0.00)"},
    **{41: '_(* #,##0_);_(* (#,##0);_(* "-"_);_(@_)', 42: '_("$"* #,##0_);_("$"* (#,##0);_("$"* "-"_);_(@_)'},
    43: '_(* #,##0.00_);_(* (#,##0.00);_(* "-"??_);_(@_)',
    44: '_("$"* #,##0.00_);_("$"* (#,##0.00);_("$"* "-"??_);_(@_)',
    **{45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss.0", 48: "##0.0E+0", 49: "@"},
}  # fmt: skip
"""What the format numbers mean that no file writes out."""

_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*+)"?|\\(?P<escaped>.)|_(?P<space>.)|\*(?P<fill>.)|\[(?P<bracket>[^\]\[]*+)\]|'
    r"(?P<general>General)|(?P<exponent>E[+-])|(?P<fraction>\.0++)|"
    r"(?P<part>AM/PM|A/P|y++|m++|d++|h++|s++|[egb]++)|(?P<sign>.)",
    re.I | re.S,
)
_SIGNS: Final = {"0": "digit", "#": "digit", "?": "digit", "@": "at", ".": ".", ",": ",", "%": "%", "/": "/"}
_LONGEST: Final = 500
_CONDITION = re.compile(r"(<=|>=|<>|<|>|=)\s*(-?\d++(?:\.\d++)?+)")
_COMPARED: Final = {"<": lt, "<=": le, "=": eq, "<>": ne, ">=": ge, ">": gt}
_COLOUR = re.compile(r"black|blue|cyan|green|magenta|red|white|yellow|colou?r\s?\d\d?", re.I)
_LOCALE = re.compile(r"\$([^-]*+)(?:-([0-9A-F]++))?+(?:,\d++)?+", re.I)
_ENGLISH: Final = 0x09


class Unknown(Exception):
    """The format says something that is not known here."""


class Token(NamedTuple):
    """A piece of a code."""

    kind: str
    """text, digit (0 # ?), part (of a date), elapsed, general, exponent, at, or the sign itself: . , % /"""
    text: str


@dataclass(frozen=True, slots=True)
class Section:
    """What a format says for some of the numbers; `english` are its month's and days' names."""

    tokens: tuple[Token, ...]
    condition: tuple[str, Decimal] | None = None
    english: bool = True

    def has(self, *kinds: str) -> bool:
        """Say whether one of its tokens is of these kinds."""
        return any(token.kind in kinds for token in self.tokens)

    @property
    def is_date(self) -> bool:
        """Whether it shows dates or times."""
        return self.has("part", "elapsed")


@lru_cache(maxsize=1024)
def sections_of(code: str) -> tuple[Section, ...]:
    """Return a code's sections; raises `Unknown`."""
    if len(code) > _LONGEST:
        raise Unknown
    found: list[list[re.Match[str]]] = [[]]
    for match in _TOKEN.finditer(code):
        if match["sign"] == ";":
            found.append([])
        else:
            found[-1].append(match)
    return tuple(map(_section, found))


def _section(matches: Sequence[re.Match[str]]) -> Section:
    tokens: list[Token] = []
    condition: tuple[str, Decimal] | None = None
    english = True
    for match in matches:
        kind = match.lastgroup or ""
        text = match[kind] or ""
        if kind == "bracket" and (known := _CONDITION.fullmatch(text)):
            condition = (known[1], Decimal(known[2]))
        elif kind == "bracket":
            token, of_english = _bracketed(text)
            tokens.append(token)
            english = english and of_english
        elif kind == "fraction":
            tokens += [Token(".", "."), *(Token("digit", "0") for _ in text[1:])]
        elif kind == "part":
            tokens.append(Token("part", text if "/" in text else text.lower()))
        elif kind in ("general", "exponent"):
            tokens.append(Token(kind, text))
        elif kind == "sign" and text in "[]":
            raise Unknown
        elif kind != "fill":  # that only widens the text to its cell
            own = _SIGNS.get(text, "text") if kind == "sign" else "text"
            tokens.append(Token(own, " " if kind == "space" else text))
    section = Section(tuple(tokens), condition, english)
    if section.is_date and not _dates_only(tokens, section):
        raise Unknown
    return section


def _bracketed(text: str) -> tuple[Token, bool]:
    """Read what stands in brackets: a sum of time, a currency, a language (is it English?), or a colour."""
    if text.lower() in ("h" * len(text), "m" * len(text), "s" * len(text)):
        return Token("elapsed", text.lower()), True
    if known := _LOCALE.fullmatch(text):
        number = int(known[2] or "0", 16)
        return Token("text", known[1]), not number or (number & 0x3FF == _ENGLISH and number < 0x10000)
    if _COLOUR.fullmatch(text):
        return Token("text", ""), True
    raise Unknown


def _dates_only(tokens: Sequence[Token], section: Section) -> bool:
    """Say whether a date's format holds digits for fractions of seconds alone."""
    if section.has("exponent", "at", "general"):
        return False
    first = next((at for at, token in enumerate(tokens) if token.kind == "digit"), None)
    if first is None:
        return True
    return first > 1 and tokens[first - 1].kind == "." and tokens[first - 2].text in ("s", "ss", "[s]", "ss")


def chosen(value: Decimal, code: str) -> Section:
    """Choose the section of a format that a number is shown by; one for negative numbers gets its own sign."""
    sections = sections_of(code)
    sections = sections[:3] if len(sections) > 3 else sections
    if len(sections) > 1 and sections[-1].has("at") and not sections[-1].has("digit"):
        sections = sections[:-1]
    if not any(section.condition for section in sections):
        if len(sections) == 3 and value == 0:
            return sections[2]
        return sections[1] if len(sections) > 1 and value < 0 else sections[0]
    for at, section in enumerate(sections):
        condition = section.condition
        if condition is None and at == 1 and len(sections) == 3:
            condition = ("<", Decimal(0))
        if condition is None or _COMPARED[condition[0]](value, condition[1]):
            return section
    raise Unknown
