"""The marks that stand in text: what a list's items begin with, and `[n]` where a passage is cited."""

import re
from collections.abc import Iterator

from vectorstore.language.words import NUMBERS

NUMBER = r"\(?\d{1,3}[.)]"
_LETTER = r"\(?(?:[a-zA-Z#]|[ivx]{1,5}|[IVX]{1,5})"

BULLET_SIGNS = "•◦▪‣●○■□"
"""Signs that are bullets wherever they begin a line."""
BULLET = rf"[-*+–·{BULLET_SIGNS}]"
"""What is typed for a bullet, before white space."""
PRINTED_BULLET = rf"(?:[{BULLET_SIGNS}§]|[-–—·o](?!\S))"
"""What a page shows: fonts draw § and o, white space may lack, and stars and pluses are of footnotes and sums."""
ENUMERATOR = rf"(?:{NUMBER}|{_LETTER}[.)])"

BULLETED = re.compile(rf"\A{BULLET}\s++")
NUMBERED = re.compile(rf"\A{NUMBER}\s++")
ITEM = re.compile(rf"\A(?:{BULLET}|{NUMBER}|{_LETTER}\))(?:\s++|\Z)")
"""The mark of a list's item at the beginning of any line. `A.` is none: names and sentences begin like that."""
LISTED = re.compile(rf"\A\s*+(?:{BULLET}|{ENUMERATOR})(?:\s|\Z)")
"""The same where a list is known to be."""

MARKER = re.compile(r"\[(?=[\d,\s]{1,60}\])(\d{1,3}(?:\s*,\s*\d{1,3})*)\]")
"""A citation in an answer: the numbers of its passages. Footnote's own name one each, models write `[1, 2]` too."""
MARKER_BEGUN = re.compile(r"\[[\d,\s]{0,60}\Z")
_SPACED_MARKER = re.compile(rf"[^\S\n]{{0,60}}{MARKER.pattern}")


def cited(text: str) -> list[int]:
    """Return the numbers that a text's markers name, in order."""
    return [number for marker in MARKER.finditer(text) for number in numbers(marker)]


def numbers(marker: re.Match[str]) -> list[int]:
    """Return the numbers that one marker names, in order."""
    return [int(number) for number in marker[1].split(",")]


def unmarked(text: str) -> str:
    """Return the text without its markers and the spaces before them."""
    return _SPACED_MARKER.sub("", text)


_LABEL = (
    r"(?:(?:see|vgl\.?|cf\.?|voir|véase|from|siehe)\s{1,2})?(?:sources?|src|doc(?:ument)?s?|passages?|citations?|cite|ref(?:erence)?s?|"
    r"excerpts?|chunks?|quellen?|dokumente?|passagen|textstellen?|fuentes?|pasajes?|documentos?|extraits?)\.?[\s:#_-]{0,3}"
)
_AND = r"\s{0,2}(?:[,;&/+]|and|und|et|y|-|–|—|‑|to|bis)\s{0,2}"
_NUMBERS = rf"\d{{1,3}}(?:{_AND}(?:{_LABEL})?\d{{1,3}}){{0,11}}"
_INNER = re.compile(
    rf"[\s*_\[`]{{0,4}}(?P<sign>\^|#|(?i:{_LABEL}))?[\s*_\[]{{0,3}}(?P<numbers>(?i:{_NUMBERS}))[\s*_^\]`\\]{{0,4}}"
    r"(?P<rest>†.{0,80}|:\d.{0,80}|[:|,(]\s{0,2}[^\W\d].{0,80})?",
)
_OPENING, _CLOSING = r"\[【［〔〖⟦", r"\]】］〕〗⟧"
_SHAPED = re.compile(
    rf"\\?(?P<open>[{_OPENING}]{{1,2}})(?P<in>[^{_OPENING}{_CLOSING}\n]{{1,90}}(?:\[\d{{1,3}}\])?)\\?[{_CLOSING}]{{1,2}}"
    r"(?P<link>\((?:https?:|#|/|[\w-]{1,60}\.\w)[^()\s]{0,200}\))?"
    rf"|[(（](?P<round>[^()（）\n]{{1,60}})[)）]"
    r"|<(?P<tag>sup|cite|ref)>(?P<tagged>[^<>\n]{1,40})</(?P=tag)>"
    r"|(?P<raised>[⁰¹²³⁴-⁹]{1,3})"
)
_SHAPED_BEGUN = re.compile(
    rf"\\?[{_OPENING}]{{1,2}}[^{_OPENING}{_CLOSING}\n]{{0,90}}(?:\[\d{{0,3}}\]?)?\\?[{_CLOSING}]{{0,2}}(?:\([^()\s]{{0,200}})?\Z"
    r"|[(（][^()（）\n]{0,60}(?:[)）]\s{0,2})?\Z|</?(?:sup|cite|ref|[a-z]{0,3})?(?:>[^<>\n]{0,40}(?:</?[a-z]{0,4})?)?\Z"
    r"|[⁰¹²³⁴-⁹]{1,3}\Z|`{1,64}\Z|\\\Z"
)
_CODE = re.compile(r"`{3,64}|`|\n|[.!?。！？]")
_PART = re.compile(r"\d{1,3}|[-–—‑]|\bto\b|\bbis\b")
_JOINS = re.compile(r"-|–|—|‑|to|bis")
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_NAMES_A_PART = re.compile(
    r"(?:\d|\b(?:sections?|paragraphs?|clauses?|articles?|items?|points?|steps?|options?|figures?|fig|tables?|equations?|numbers?|nos?|nr|"
    r"notes?|rows?|columns?|levels?|types?|versions?|phases?|class|grades?|groups?|chapters?|parts?|annex|rules?|priority|"
    r"abs(?:atz|ätze)?|artikel|nummer|stufe|schritt|punkt|satz|kapitel|artículo|número|paso|étape|article|numéro))\W{0,2}\Z",
    re.IGNORECASE,
)
"""What stands before a number in parentheses that counts or names a part."""
_LAST_WORD = re.compile(r"[^\W\d_]{1,30}\Z")
_SENTENCE_ENDS = re.compile(r"[^\S\n]?(?:[.!?。！？\n]|\Z)")
_UNIT = re.compile(
    r"(?:\b\w{1,3}|met(?:er|re)s?|metern|inch(?:es)?|feet|foot|miles?|yards?|kilomet\w{1,4}|centimet\w{1,4})\Z",
    re.IGNORECASE,
)
"""What a raised number belongs to as its power."""
_REACH = 400
_TAIL = 48


class AnyMarker:
    """A streaming filter that writes a language model's markers, of whatever shape, as `[n]`.

    `known` are the numbers of the passages. What could be something else stays: a number in parentheses is a marker only
    at a sentence's end where the answer has no others, a raised one only behind a word, nothing in code. An index in
    code that names no passage gets a space, so that it is never taken for a marker.
    """

    def __init__(self, known: frozenset[int]) -> None:
        self._known = known
        self._held = ""
        self._tail = ""
        self._bracketed = self._listed = False
        """Whether the answer has had markers in brackets, and the sentence numbers in parentheses that are none."""
        self._fenced = self._ticked = False

    def feed(self, delta: str) -> str:
        """Take more text; return what is certain of it."""
        text = self._held + delta
        begun = _SHAPED_BEGUN.search(text, max(0, len(text) - _REACH))
        cut = begun.start() if begun else len(text)
        out, end = self._read(text, cut)
        self._held = text[end:]
        return out

    def finish(self) -> str:
        """Return what was still held back."""
        out, _ = self._read(self._held, len(self._held))
        self._held = ""
        return out

    def _read(self, text: str, cut: int) -> tuple[str, int]:
        out, position = list[str](), 0
        for shape in _SHAPED.finditer(text):
            if shape.start() >= cut:
                break
            out.append(self._passed(text[position : shape.start()]))
            position = shape.end()
            written = self._written(shape, text[position : position + 3])
            out.append(self._passed(shape[0] if written is None else written))
        end = max(cut, position)
        out.append(self._passed(text[position:end]))
        return "".join(out), end

    def _passed(self, text: str) -> str:
        """Remember what has gone before."""
        for sign in _CODE.findall(text):
            if sign.startswith("```"):
                self._fenced, self._ticked = not self._fenced, False
            elif sign == "`":
                self._ticked = not self._ticked
            else:
                self._listed = False
                self._ticked = self._ticked and sign != "\n"
        self._tail = (self._tail + text)[-_TAIL:]
        return text

    def _written(self, shape: re.Match[str], following: str) -> str | None:
        """Return a marker as Footnote writes it; None for what is none."""
        before = self._tail
        if self._fenced or self._ticked:
            index = MARKER.fullmatch(shape[0])
            attached = before[-1:].isalnum() or before[-1:] in {"_", ")", "]"}
            return f"[ {shape[0][1:]}" if index and attached and not self._named(numbers(index)) else None
        if raised := shape["raised"]:
            return self._raised(raised, before, following)
        if shape["round"] is not None:
            return self._round(shape["round"], before, following)
        if MARKER.fullmatch(shape[0]):
            self._bracketed = True
            return None
        inner = _INNER.fullmatch(shape["tagged"] or shape["in"])
        if inner is None:
            return None
        meant = list(_meant(inner["numbers"]))
        plain = shape["tagged"] or shape["open"][0] == "["
        if plain and inner["sign"] in {None, "#"} and (meant[0] == 0 or not self._named(meant)):
            # A range, or a list, of something else.
            return None
        self._bracketed = True
        return self._marked(meant)

    def _round(self, inside: str, before: str, following: str) -> str | None:
        inner = _INNER.fullmatch(inside)
        if inner is None or inner["rest"] or inner["sign"] in {"^", "#"}:
            return None
        meant = list(_meant(inner["numbers"]))
        if inner["sign"] or "[" in inside:
            return self._marked(meant) if self._named(meant) or "[" in inside else None
        alone = (
            bool(_SENTENCE_ENDS.match(following)) and before[-1:].isspace() and before.rstrip()[-1:].isalpha()
        )
        first = "\n" not in before[len(before.rstrip()) :]
        if (
            not self._bracketed
            and not self._listed
            and alone
            and first
            and len(self._named(meant)) == len(meant)
            and not _NAMES_A_PART.search(before.rstrip())
            and not ((word := _LAST_WORD.search(before.rstrip())) and word[0].lower() in NUMBERS)
        ):
            return self._marked(meant)
        self._listed = True
        return None

    def _raised(self, raised: str, before: str, following: str) -> str | None:
        ends = bool(_SENTENCE_ENDS.match(following))
        word = before.rstrip() if ends else before
        if (
            following[:1].isalnum()
            or not word
            or word[-1].isspace()
            or word[-1].isdigit()
            or _UNIT.search(word)
        ):
            return None
        plain = raised.translate(_RAISED)
        meant = [int(plain)] if int(plain) in self._known else [int(digit) for digit in plain]
        return self._marked(meant) if self._named(meant) else None

    def _named(self, meant: list[int]) -> list[int]:
        return [number for number in meant if number in self._known]

    def _marked(self, meant: list[int]) -> str:
        # One that names no passage stays to be dropped as such.
        return "".join(f"[{number}]" for number in self._named(meant) or meant[:1])


def _meant(text: str) -> Iterator[int]:
    """Yield the numbers that a list names, those between the ends of a range too."""
    last, joined = 0, False
    for part in _PART.findall(text.lower()):
        if part.isdigit():
            number = int(part)
            if joined and last < number <= last + 20:
                yield from range(last + 1, number)
            yield number
            last, joined = number, False
        elif _JOINS.fullmatch(part):
            joined = True
