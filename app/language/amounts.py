"""Amounts in text: a number, what scales it, and its unit before or after. `EUR 43 million` is `43 million euros`."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import Literal, TypeAlias

from vectorstore.language.words import MONTHS, fold

_RANGE_NUMBER = r"(\d{1,15}(?:[.,' ]\d{3}){0,5}(?:[.,]\d{1,15})?)"
_SIGN = r"(?:[a-z€$£]{1,3} ?)?"
_UNIT = r"(?: ?[a-z%€$£°]{1,7})?"
_END = rf"(?! ?%|[:.,]?\d| ?(?:{'|'.join(MONTHS)})\b|-\d)"
"""Not a share, a time of day or a date."""
_RANGE_BETWEEN = re.compile(
    rf"(?<![\w.:-]){_SIGN}{_RANGE_NUMBER}(?!:){_UNIT} ?(?:to|-|and|bis|until) ?{_SIGN}{_RANGE_NUMBER}(?![\w-]){_END}"
)
_BELOW = re.compile(rf"\b(?:up to|below|under|less than|at most|bis|unter) {_SIGN}{_RANGE_NUMBER}{_END}")
_ABOVE = re.compile(
    rf"\b(?:above|over|more than|from|at least|exceeds?|ab|über) {_SIGN}{_RANGE_NUMBER}{_END}"
)


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
    for found in _RANGE_BETWEEN.finditer(plain):
        yield float(number(found[1])), float(number(found[2]))
    for found in _BELOW.finditer(plain):
        yield 0.0, float(number(found[1]))
    for found in _ABOVE.finditer(plain):
        yield float(number(found[1])), float("inf")


Mark: TypeAlias = Literal[".", ",", ""]

_NUMBER = re.compile(
    r"(?:(?<![\w.])|(?<=eur)|(?<=usd)|(?<=gbp)|(?<=chf))[-+]?"
    r"(?:\d{1,3}(?:[.,' ]\d{3})+|\d++)(?:[.,]\d++)?(?![^\W\d]*+\d)"
)
_SCALE_AFTER = re.compile(r"[ \t-]?([kmbt](?=eur|usd|gbp|chf|[€$£])|[^\W\d_]{1,12})")
_UNIT_AFTER = re.compile(r"[ \t-]?(%|[€$£¥]|°[cf]?|[^\W\d_]{1,12})")
_UNIT_AFTER_SCALE = re.compile(r"\.?[ \t-]?(?:(?:de|di|of|us)[ -]|d')?(%|[€$£¥]|[^\W\d_]{1,12})")
_MONEY_AFTER = re.compile(r"\.?[ \t]?(?:[€$£¥]|(?:eur|euros?|usd|dollars?|gbp|pounds?|chf)\b)(?! ?\d)")
_UNIT_BEFORE = re.compile(r"([€$£¥]|\b(?:eur|euro|usd|gbp|chf|jpy))[ \t]?\Z")
_JOINS = frozenset({"-", " to ", " bis ", " until ", " hasta "})
_ANDS = frozenset({" and ", " und ", " y ", " et "})
_BETWEEN = re.compile(r"\b(?:between|zwischen|entre) \Z")

_ENGLISH = {
    word: factor
    for words, factor in (
        ("thousand thousands", 10**3),
        ("million millions mn", 10**6),
        ("billion billions bn", 10**9),
        ("trillion trillions tn", 10**12),
    )
    for word in words.split()
}
_COMMA = {
    word: factor
    for words, factor in (
        ("tausend tsd mille mil mila duizend tys tysięcy", 10**3),
        ("mio mln millionen millón millones milione milioni milhão milhões miljoen milion miliony milionów", 10**6),
        ("mrd mld milliarde milliarden milliard milliards miliardo miliardi bilhão bilhões miljard miliard miliardów", 10**9),
        ("billionen billones", 10**12),
    )
    for word in words.split()
}  # fmt: skip
"""Words of languages that write `1,234` for a little more than one."""
SCALES = _ENGLISH | _COMMA
_LETTERS = {"k": 10**3, "m": 10**6, "b": 10**9}

UNITS = {
    name: unit
    for unit, names in {
        "eur": "€ eur euro euros", "usd": "$ usd dollar dollars dólar dólares", "gbp": "£ gbp pound pounds", "chf": "chf francs",
        "jpy": "¥ jpy yen",
        "%": "% percent pct prozent", "year": "year years yr yrs jahre jahr años", "month": "month months monate monat meses",
        "week": "week weeks wk wks wochen woche semanas", "day": "day days tage tag días",
        "hour": "hour hours hr hrs h stunden stunde horas", "minute": "minute minutes min mins minuten",
        "second": "second seconds sec secs s sekunden", "ms": "ms millisecond milliseconds",
        "km": "km kilometre kilometres kilometer kilometers", "m": "m metre metres meter meters",
        "cm": "cm centimetre centimetres centimeter centimeters", "mm": "mm millimetre millimetres millimeter millimeters",
        "mile": "mile miles mi", "kg": "kg kilogram kilograms kilo kilos", "g": "g gram grams", "mg": "mg",
        "kb": "kb", "mb": "mb", "gb": "gb", "tb": "tb", "v": "v volt volts", "w": "w watt watts", "kw": "kw", "a": "amp amps",
        "°c": "°c celsius", "°f": "°f fahrenheit", "hz": "hz", "mhz": "mhz", "ghz": "ghz", "bar": "bar", "nm": "nm",
        "l": "l litre litres liter liters", "ml": "ml",
    }.items()
    for name in names.split()
}  # fmt: skip
_CURRENCIES = frozenset({"eur", "usd", "gbp", "chf", "jpy"})


@dataclass(frozen=True, slots=True)
class Amount:
    """What stands at [start, end): the number as written, what it is multiplied by, and its unit, empty if unknown."""

    written: str
    factor: int
    unit: str
    start: int
    end: int

    @property
    def value(self) -> str:
        """The number, scaled."""
        return self.written if self.factor == 1 else scaled(self.written, self.factor)


def amounts(plain: str) -> list[Amount]:
    """Return the amounts in a folded text; in `5 to 7 million euros` both ends have the scale and the unit."""
    found: list[Amount] = []
    last: Amount | None = None
    for match in _NUMBER.finditer(plain):
        amount = _amount(plain, match, last)
        if last and _joined(plain, last, amount):
            found[-1], amount = _alike(last, amount)
        found.append(amount)
        last = amount
    return found


def spelled_out(plain: str) -> str:
    """Return a folded text with scaled amounts in figures: `5 to 7 million` becomes `5000000 to 7000000`."""
    pieces, position = [], 0
    for amount in amounts(plain):
        if amount.factor > 1:
            pieces += [plain[position : amount.start], amount.value]
            position = amount.end
    return "".join((*pieces, plain[position:]))


def scaled(written: str, factor: int) -> str:
    """Multiply a number in the form that `number` returns."""
    return number(f"{Decimal(written) * factor:f}")


def number(raw: str, *, decimal: Mark = ".") -> str:
    """Return a number in one form: `1,000.50`, `1.000,50` and `1000.5` agree.

    `decimal` tells which mark may stand before exactly three decimals where it is the only one; the other groups.
    """
    digits = raw.lstrip("+").replace("'", "").replace(" ", "")
    marks = [mark for mark in digits if mark in ".,"]
    if marks and (len(set(marks)) == 2 or (len(marks) == 1 and not _groups(digits, decimal))):
        whole, _, part = digits.rpartition(marks[-1])
        digits = f"{whole.replace(',', '').replace('.', '')}.{part}".rstrip("0").rstrip(".")
    else:
        digits = digits.replace(",", "").replace(".", "")
    sign = "-" if digits.startswith("-") else ""
    digits = digits.lstrip("-").lstrip("0")
    return sign + (f"0{digits}" if digits.startswith(".") else digits or "0")


def _groups(digits: str, decimal: Mark) -> bool:
    """Say whether the only mark of a number parts its thousands."""
    whole, mark, part = digits.lstrip("-").replace(",", ".").partition(".")
    stands = "," if "," in digits else mark
    return len(part) == 3 and stands != decimal and 1 <= len(whole) <= 3 and whole[0] != "0"


def _amount(plain: str, found: re.Match[str], last: Amount | None) -> Amount:
    begin = last.end if last else 0
    before = _UNIT_BEFORE.search(plain, max(begin, found.start() - 5), found.start())
    unit = UNITS[before[1]] if before else ""
    # `€5-7m`
    money = before or (last and last.unit in _CURRENCIES and plain[begin : found.start()] in _JOINS)
    factor, end, comma = _scale(plain, found.end(), money=bool(money))
    after = (_UNIT_AFTER if factor == 1 else _UNIT_AFTER_SCALE).match(plain, end)
    if after and not unit and after[1] in UNITS:
        unit, end = UNITS[after[1]], after.end()
    decimal: Mark = "," if comma else "" if factor == 1 and unit in _CURRENCIES else "."
    start = before.start() if before else found.start()
    return Amount(number(found[0], decimal=decimal), factor, unit, start, end)


def _scale(plain: str, end: int, *, money: bool) -> tuple[int, int, bool]:
    """Return what the words after a number multiply it by, where they end, and whether they come with a decimal comma."""
    factor, comma = 1, False
    while found := _SCALE_AFTER.match(plain, end):
        times = SCALES.get(found[1]) or _letter(plain, found, money=money)
        if not times:
            break
        factor, end, comma = factor * times, found.end(), comma or found[1] in _COMMA
    return factor, end, comma


def _letter(plain: str, found: re.Match[str], *, money: bool) -> int:
    """Read `5k`; `m` and `b` only beside a currency, and `T€` as bookkeepers do."""
    letter = found[1]
    if len(letter) > 1 or letter not in "kmbt":
        return 0
    follows = bool(_MONEY_AFTER.match(plain, found.end()))
    if letter == "t":
        return 10**3 if follows else 0
    return _LETTERS[letter] if money or follows or found[0] == "k" else 0


def _joined(plain: str, one: Amount, other: Amount) -> bool:
    """Say whether two amounts are the ends of a range; a dash with spaces around it may part sentences."""
    gap = plain[one.end : other.start]
    if gap in _ANDS:
        return bool(_BETWEEN.search(plain, max(0, one.start - 9), one.start))
    return gap in _JOINS


def _alike(one: Amount, other: Amount) -> tuple[Amount, Amount]:
    """Give the ends of a range one scale and one unit, where only one end has them."""
    if one.unit and (one.unit not in _CURRENCIES or other.unit not in ("", one.unit)):
        return one, other
    factor = one.factor if one.factor > 1 else other.factor
    unit = other.unit or (one.unit if other.factor > 1 else "")
    return replace(one, factor=factor, unit=one.unit or unit), replace(other, unit=unit)
