"""The hard facts in a text: numbers, dates, units, code-like tokens and names, normalised so that they compare."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from app.language.words import fold

_NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:[.,'\u2009 ]\d{3})*(?:[.,]\d+)?(?![\w]*\d)")
_CODE = re.compile(r"(?<![\w-])(?=[\w./+-]*\d)(?=[\w./+-]*[^\W\d_])[^\W_][\w./+-]*[\w]")
_MULTIPLES = {"thousand": 1_000, "k": 1_000, "million": 1_000_000, "mio": 1_000_000, "billion": 1_000_000_000}
_ISO_DATE = re.compile(r"(?<![\d-])(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])(?![\d-])")
_NTH = re.compile(
    r"\b(first|second|third|fourth|fifth|sixth|[1-9](?:st|nd|rd|th)) (quarter|floor|half|edition|generation)\b"
)
_QUARTER = re.compile(r"\bq([1-4])\b")
_DAY_MONTH = re.compile(r"\b(\d{1,2})(?:st|nd|rd|th)?\.? (?:of )?([A-Z][^\W\d_]{2,9})\b")
_MONTH_DAY = re.compile(r"\b([A-Z][^\W\d_]{2,9})\.? (\d{1,2})(?:st|nd|rd|th)?\b(?!:)")
_ORDINAL = re.compile(r"\d+(?:st|nd|rd|th)\Z")
_CLOCK = re.compile(r"\d{1,2}(?:am|pm)\Z")
_GLUED_UNIT = re.compile(r"(\d+(?:[.,]\d+)*)-?([a-z%°µ]{1,7})\Z")
_UNIT_AFTER = re.compile(r"[ \t\u00a0-]?(%|€|\$|£|°[cf]?|[^\W\d_]{1,12})")
_UNIT_BEFORE = re.compile(r"(€|\$|£|¥|\b(?:eur|usd|gbp|chf|jpy))[ \t\u00a0]?\Z")
_ACRONYM = re.compile(r"(?<![\w-])[A-Z][A-Z0-9]{1,7}(?![\w])")
_NAME = re.compile(r"(?<![\w.])[A-Z][^\W\d_]*[a-z][\w’'-]*")

_MONTHS = {
    name: month
    for month, names in enumerate(
        (
            "january jan januar enero janvier", "february feb februar febrero février",
            "march mar märz marzo mars", "april apr abril avril", "may mai mayo", "june jun juni junio juin",
            "july jul juli julio juillet", "august aug agosto août", "september sep sept septiembre septembre",
            "october oct oktober octubre octobre", "november nov noviembre novembre",
            "december dec dezember diciembre décembre",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_NUMBER_WORDS = {
    word: str(value)
    for words, values in (
        (
            "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
            "seventeen eighteen nineteen twenty",
            range(21),
        ),
        (
            "thirty forty fifty sixty seventy eighty ninety hundred thousand",
            (30, 40, 50, 60, 70, 80, 90, 100, 1000),
        ),
        ("once twice", (1, 2)),
        ("first second third fourth fifth sixth seventh eighth ninth tenth", range(1, 11)),
        ("eins zwei drei vier fünf sechs sieben acht neun zehn", range(1, 11)),
    )
    for word, value in zip(words.split(), values, strict=True)
}
_UNITS = {
    name: unit
    for unit, names in {
        "eur": "€ eur euro euros", "usd": "$ usd dollar dollars", "gbp": "£ gbp pound pounds", "chf": "chf francs",
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
        "thousand": "thousand", "million": "million millions mio", "billion": "billion billions",
    }.items()
    for name in names.split()
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Facts:
    """What must not change between a source and a sentence about it.

    `measures` are `number|unit` for numbers that carry a known unit; their numbers stand in `numbers` too.
    """

    numbers: frozenset[str]
    measures: frozenset[str]
    codes: frozenset[str]
    months: frozenset[str]
    counted: frozenset[str]
    """Numbers written as words: softer, since `one` and `second` are often no numbers."""
    ordinals: frozenset[str] = frozenset()
    """`quarter 4`, `floor 2`, `day 9 of 11`: what is one of a row, and another one is another thing."""

    @property
    def specifics(self) -> frozenset[str]:
        """What a question may hinge on: numbers, codes, months, days, quarters."""
        return self.numbers | self.codes | self.months | self.ordinals

    @property
    def empty(self) -> bool:
        """Whether there is nothing to compare."""
        return not (self.numbers or self.codes or self.months)


NO_FACTS = Facts(frozenset(), frozenset(), frozenset(), frozenset(), frozenset())


@lru_cache(maxsize=8_192)
def facts(text: str) -> Facts:
    """Return the hard facts in a text."""
    text = _ISO_DATE.sub(_spelt, text)
    plain = whole = fold(text)
    codes: set[str] = set()
    glued: list[tuple[str, str]] = []
    for found in _CODE.finditer(plain):
        token = found[0].strip("./+-")
        unit = _GLUED_UNIT.match(token)
        if unit and unit[2] in _UNITS:
            glued.append((unit[1], unit[2]))
        elif _ORDINAL.match(token) or _CLOCK.match(token):
            glued.append((token[:-2], ""))
        else:
            codes.add(token.replace("-", "").replace("/", ""))
    plain = _CODE.sub(lambda code: " " * len(code[0]), plain)
    numbers, measures = _numbers(plain, glued)
    tokens = re.findall(r"[^\W\d_]+", plain)
    months = {f"month {_MONTHS[word]}" for word in _month_words(text, tokens)}
    counted = {_NUMBER_WORDS[word] for word in tokens if word in _NUMBER_WORDS}
    result = Facts(
        frozenset(numbers),
        frozenset(measures),
        frozenset(codes),
        frozenset(months),
        frozenset(counted),
        frozenset(_ordinals(whole) | _days(text)),
    )
    return NO_FACTS if result == NO_FACTS else result


def together(found: Iterable[Facts]) -> Facts:
    """Return what several texts hold."""
    held = [each for each in found if each is not NO_FACTS]
    if len(held) < 2:
        return held[0] if held else NO_FACTS
    none: frozenset[str] = frozenset()
    return Facts(
        none.union(*[each.numbers for each in held]),
        none.union(*[each.measures for each in held]),
        none.union(*[each.codes for each in held]),
        none.union(*[each.months for each in held]),
        none.union(*[each.counted for each in held]),
        none.union(*[each.ordinals for each in held]),
    )


def _numbers(plain: str, glued: list[tuple[str, str]]) -> tuple[set[str], set[str]]:
    numbers: set[str] = set()
    measures: set[str] = set()
    for raw, unit in glued:
        value = number(raw)
        numbers.add(value)
        if unit:
            measures.add(f"{value}|{_UNITS[unit]}")
    for found in _NUMBER.finditer(plain):
        value = number(found[0])
        numbers.add(value)
        before = _UNIT_BEFORE.search(plain, max(0, found.start() - 5), found.start())
        after = _UNIT_AFTER.match(plain, found.end())
        unit_name = before[1] if before else (after[1] if after else "")
        if unit_name in _MULTIPLES:
            numbers.add(_times(value, _MULTIPLES[unit_name]))
        if unit_name in _UNITS:
            measures.add(f"{value}|{_UNITS[unit_name]}")
    return numbers, measures


def _ordinals(plain: str) -> set[str]:
    named = {f"{part} {_NUMBER_WORDS.get(nth, nth[:1])}" for nth, part in _NTH.findall(plain)}
    return named | {f"quarter {number}" for number in _QUARTER.findall(plain)}


def _days(text: str) -> set[str]:
    """Return each day of a month, as `9 November` or `November 9th`."""
    found = [(match[1], match[2]) for match in _DAY_MONTH.finditer(text)]
    found += [(match[2], match[1]) for match in _MONTH_DAY.finditer(text)]
    return {f"day {int(day)} of {_MONTHS[month.lower()]}" for day, month in found if month.lower() in _MONTHS}


def _times(value: str, factor: int) -> str:
    return (
        number(f"{float(value) * factor:.2f}") if value.lstrip("-").replace(".", "", 1).isdigit() else value
    )


def _spelt(date: re.Match[str]) -> str:
    month = next(name for name, number in _MONTHS.items() if number == int(date[2]))
    return f"{int(date[3])} {month.title()} {date[1]}"


def number(raw: str) -> str:
    """Return a number in one form: `1,000.50`, `1.000,50` and `1000.5` agree."""
    digits = raw.lstrip("+").replace("'", "").replace(" ", "").replace("\u2009", "")
    comma, point = digits.rfind(","), digits.rfind(".")
    if comma >= 0 and point >= 0:
        thousands = "," if comma < point else "."
        digits = digits.replace(thousands, "").replace(",", ".")
    elif comma >= 0:
        parts = digits.split(",")
        grouped = all(len(part) == 3 for part in parts[1:])
        digits = "".join(parts) if grouped else digits.replace(",", ".")
    elif digits.count(".") > 1:
        digits = digits.replace(".", "")
    if "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    sign = "-" if digits.startswith("-") else ""
    return sign + (digits.lstrip("-").lstrip("0") or "0")


def _month_words(text: str, tokens: list[str]) -> list[str]:
    """Return the words that name a month; `may` and `march` only where they are capitalised mid-sentence."""
    found = [
        word for word in tokens if word in _MONTHS and word not in ("may", "march", "mar", "mars", "mai")
    ]
    found += [m[0].lower() for m in re.finditer(r"(?<=[\w,] )(?:May|March|Mai|Mar)\b", text)]
    found += [m[1].lower() for m in re.finditer(r"\b(May|March|Mar) \d", text)]
    return found


@lru_cache(maxsize=8_192)
def names(text: str) -> frozenset[str]:
    """Return capitalised words (the first of a sentence left out) and acronyms, lower case."""
    found = {match[0].lower() for match in _ACRONYM.finditer(text)}
    for match in _NAME.finditer(text):
        before = text[: match.start()].rstrip(" \t\"'“‘(*_")
        if before and before[-1] not in ".!?:;\n|#>-•":
            found.add(match[0].lower().removesuffix("'s").removesuffix("’s"))
    return frozenset(found)
