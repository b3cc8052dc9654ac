"""Ranges of numbers in text: `EUR 50.01 to EUR 500`, `up to 50`, `above 2,500`, `from 50 pieces`."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from app.language.amounts import number, spelled_out
from app.language.words import fold

_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_NUMBER = r"(\d{1,15}(?:[.,' ]\d{3}){0,5}(?:[.,]\d{1,15})?)"
_SIGN = r"(?:[a-z€$£]{1,3} ?)?"
_UNIT = r"(?: ?[a-z%€$£°]{1,7})?"
_END = rf"(?! ?%|[:.,]?\d| ?(?:{_MONTHS})|-\d)"
"""Not a share, a time of day or a date."""
_BETWEEN = re.compile(
    rf"(?<![\w.:-]){_SIGN}{_NUMBER}(?!:){_UNIT} ?(?:to|-|and|bis|until) ?{_SIGN}{_NUMBER}(?![\w-]){_END}"
)
_BELOW = re.compile(rf"\b(?:up to|below|under|less than|at most|bis|unter) {_SIGN}{_NUMBER}{_END}")
_ABOVE = re.compile(rf"\b(?:above|over|more than|from|at least|exceeds?|ab|über) {_SIGN}{_NUMBER}{_END}")


def in_range(numbers: Iterable[str], text: str) -> bool:
    """Say whether one of the numbers lies in a range that the text states (shares in percent left out)."""
    values = [float(value) for value in numbers if _is_amount(value)]
    if not values:
        return False
    return any(low <= value <= high for low, high in _ranges(text) for value in values)


def _is_amount(value: str) -> bool:
    """Years and long numbers are names, not amounts; round ones are not long."""
    return (
        value.replace(".", "", 1).isdigit()
        and len(value.rstrip("0")) < 8
        and not 1_900 <= float(value) <= 2_100
    )


@lru_cache(maxsize=8_192)
def _ranges(text: str) -> tuple[tuple[float, float], ...]:
    return tuple(_stated(spelled_out(fold(text).replace("*", ""))))


def _stated(plain: str) -> Iterator[tuple[float, float]]:
    for found in _BETWEEN.finditer(plain):
        yield float(number(found[1])), float(number(found[2]))
    for found in _BELOW.finditer(plain):
        yield 0.0, float(number(found[1]))
    for found in _ABOVE.finditer(plain):
        yield float(number(found[1])), float("inf")
