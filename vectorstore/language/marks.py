"""The marks that stand in text: what a list's items begin with, and `[n]` where a passage is cited."""

import re

_NUMBER = r"\(?\d{1,3}[.)]"
_LETTER = r"\(?(?:[a-zA-Z#]|[ivx]{1,5}|[IVX]{1,5})"

BULLET_SIGNS = "•◦▪‣●○■□"
"""Signs that are bullets wherever they begin a line."""
BULLET = rf"[-*+–·{BULLET_SIGNS}]"
"""What is typed for a bullet, before white space."""
PRINTED_BULLET = rf"(?:[{BULLET_SIGNS}§]|[-–—·o](?!\S))"
"""What a page shows: fonts draw § and o, white space may lack, and stars and pluses are of footnotes and sums."""
ENUMERATOR = rf"(?:{_NUMBER}|{_LETTER}[.)])"

BULLETED = re.compile(rf"\A{BULLET}\s++")
NUMBERED = re.compile(rf"\A{_NUMBER}\s++")
ITEM = re.compile(rf"\A(?:{BULLET}|{_NUMBER}|{_LETTER}\))(?:\s++|\Z)")
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
