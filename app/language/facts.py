"""The hard facts in a text: numbers, dates, units, code-like tokens and names, normalised so that they compare."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter

from app.language.amounts import SCALES, Amount, amounts, scaled
from vectorstore.language.marks import BULLET_SIGNS
from vectorstore.language.words import MONTHS, NUMBERS, fold

_JOINED = re.compile(r"[\w./+-]++")
_CODE_BEGINS = re.compile(r"(?<![\w-])[^\W_]")
_ISO_DATE = re.compile(r"(?<![\d-])(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])(?![\d-])")
_NTH = re.compile(
    r"\b(first|second|third|fourth|fifth|sixth|[1-9](?:st|nd|rd|th)) (quarter|floor|half|edition|generation)\b"
)
_QUARTER = re.compile(r"\bq([1-4])\b")
_DAY_MONTH = re.compile(r"\b(\d{1,2})(?:st|nd|rd|th)?\.? (?:of )?([A-Z][^\W\d_]{2,9})\b")
_MONTH_DAY = re.compile(r"\b([A-Z][^\W\d_]{2,9})\.? (\d{1,2})(?:st|nd|rd|th)?\b(?!:)")
_COUNT = re.compile(r"\A(?:\d++(?:st|nd|rd|th)|\d{1,2}(?:am|pm))\Z")
_DIGIT = re.compile(r"\d")
_LETTERS = re.compile(r"[^\W\d_]+")
_ACRONYM = re.compile(r"(?<![\w-])[A-Z][A-Z0-9]{1,7}(?![\w])")
_NAME = re.compile(r"(?<![\w.])[A-Z](?:(?![a-z])[^\W\d_])*+[a-z][\w’'-]*+")
_BEGINS = f".!?:;\n|#>-{BULLET_SIGNS}"
_MAY_OR_MARCH = re.compile(r"(?<=[\w,] )(?:May|March|Mai|Mar)\b|\b(?:May|March|Mar)(?= \d)")

_COUNTING = NUMBERS.keys() | SCALES.keys()


@dataclass(frozen=True, slots=True)
class Facts:
    """What must not change between a source and a sentence about it.

    `measures` are `number|unit` for numbers that carry a known unit; their numbers stand in `numbers` too, scaled:
    `EUR 43 million` is 43000000.
    """

    numbers: frozenset[str]
    measures: frozenset[str]
    codes: frozenset[str]
    months: frozenset[str]
    counted: frozenset[str]
    """Numbers written as words: softer, since `one` and `second` are often no numbers."""
    ordinals: frozenset[str] = frozenset()
    """`quarter 4`, `floor 2`, `day 9 of 11`: what is one of a row, and another one is another thing."""
    scaled: frozenset[str] = frozenset()
    """`43000000|43` for a number that a word like `million` scales: a table says that word once for all rows."""
    scales: frozenset[str] = frozenset()
    """What such words multiply by that stand without a number, as `in millions` above a table."""

    @property
    def specifics(self) -> frozenset[str]:
        """What a question may hinge on: numbers, codes, months, days, quarters."""
        return self.numbers | self.codes | self.months | self.ordinals

    @property
    def empty(self) -> bool:
        """Whether there is nothing to compare."""
        return not (self.numbers or self.codes or self.months)

    def lacking(self, stated: "Facts") -> frozenset[str]:
        """Return the stated numbers that are not held: in figures, in words, or in a table that is told in millions.

        A number without a unit may stand in a table whose heading is not seen.
        """
        missing = stated.numbers - self.numbers - self.counted
        if not missing or not stated.scaled:
            return missing
        return missing - {value for value, written in _pairs(stated.scaled) if self._tells(value, written)}

    def _tells(self, value: str, written: str) -> bool:
        if written not in self.numbers:
            return False
        if self.scales:
            return any(scaled(written, int(scale)) == value for scale in self.scales)
        return all(number != written for number, _ in _pairs(self.measures))


NO_FACTS = Facts(frozenset(), frozenset(), frozenset(), frozenset(), frozenset())


@lru_cache(maxsize=8_192)
def facts(text: str) -> Facts:
    """Return the hard facts in a text."""
    if "-" in text:
        text = _ISO_DATE.sub(_spelt, text)
    plain = rest = fold(text)
    codes: set[str] = set()
    held: list[Amount] = []
    ordinals = {f"{part} {NUMBERS.get(nth, nth[:1])}" for nth, part in _NTH.findall(plain)}
    if _DIGIT.search(plain):
        held, codes, rest = _figures(plain)
        ordinals |= {f"quarter {quarter}" for quarter in _QUARTER.findall(plain)} | _days(text)
    tokens = _LETTERS.findall(rest)
    months = {f"month {MONTHS[word]}" for word in _month_words(text, tokens)}
    counted, scales = _spoken(tokens)
    found = Facts(
        frozenset([amount.value for amount in held]),
        frozenset([f"{amount.value}|{amount.unit}" for amount in held if amount.unit]),
        frozenset(codes),
        frozenset(months),
        frozenset(counted),
        frozenset(ordinals),
        frozenset([f"{amount.value}|{amount.written}" for amount in held if amount.factor > 1]),
        frozenset(scales),
    )
    return NO_FACTS if found == NO_FACTS else found


def _pairs(held: frozenset[str]) -> list[tuple[str, str]]:
    return [(pair[0], pair[2]) for pair in (each.partition("|") for each in held)]


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
        none.union(*[each.scaled for each in held]),
        none.union(*[each.scales for each in held]),
    )


def _figures(plain: str) -> tuple[list[Amount], set[str], str]:
    """Return the amounts, the codes, and the text without either."""
    found = amounts(plain)
    wholes = _runs(found)
    codes: set[str] = set()
    cut: list[tuple[int, int]] = []
    for start, end in _codes(plain):
        whole = bisect_right(wholes, start, key=itemgetter(0)) - 1
        code = plain[start:end]
        if (whole >= 0 and end <= wholes[whole][1]) or _COUNT.match(code):
            continue
        codes.add(code.replace("-", "").replace("/", ""))
        cut.append((start, end))
    found = _apart(found, cut)
    cut += [(amount.start, amount.end) for amount in found]
    rest, position = [], 0
    for start, end in sorted(cut):
        rest.append(plain[position:start])
        position = end
    return found, codes, " ".join((*rest, plain[position:]))


def _codes(plain: str) -> Iterator[tuple[int, int]]:
    """Yield where a word of letters and digits stands, `err-4012` and `v2.3/b` as one."""
    for joined in _JOINED.finditer(plain):
        begins = _CODE_BEGINS.search(joined[0])
        code = joined[0][begins.start() :].rstrip("./+-") if begins else ""
        if begins and _DIGIT.search(code) and _LETTERS.search(code):
            start = joined.start() + begins.start()
            yield start, start + len(code)


def _apart(found: list[Amount], codes: list[tuple[int, int]]) -> list[Amount]:
    """Return the amounts that no code overlaps; both stand in order."""
    left = iter(codes)
    code = next(left, None)
    kept = []
    for amount in found:
        while code and code[1] <= amount.start:
            code = next(left, None)
        if code is None or amount.end <= code[0]:
            kept.append(amount)
    return kept


def _runs(found: list[Amount]) -> list[tuple[int, int]]:
    """Return where amounts stand, `30-60min` as one."""
    runs: list[tuple[int, int]] = []
    for amount in found:
        start = runs.pop()[0] if runs and amount.start - runs[-1][1] == 1 else amount.start
        runs.append((start, amount.end))
    return runs


def _spoken(tokens: list[str]) -> tuple[set[str], set[str]]:
    """Return the numbers said in words, `two million` as one, and the scales that stand by themselves."""
    counted: set[str] = set()
    scales: set[str] = set()
    for place, word in enumerate(tokens):
        if word not in _COUNTING:
            continue
        before = tokens[place - 1] if place else ""
        following = tokens[place + 1] if place + 1 < len(tokens) else ""
        if word in SCALES and before in NUMBERS:
            continue
        if word in SCALES:
            scales.add(str(SCALES[word]))
        if word in NUMBERS:
            counted.add(scaled(str(NUMBERS[word]), SCALES.get(following, 1)))
    return counted, scales


def _days(text: str) -> set[str]:
    """Return each day of a month, as `9 November` or `November 9th`."""
    found = [(match[1], match[2]) for match in _DAY_MONTH.finditer(text)]
    found += [(match[2], match[1]) for match in _MONTH_DAY.finditer(text)]
    return {f"day {int(day)} of {MONTHS[month.lower()]}" for day, month in found if month.lower() in MONTHS}


def _spelt(date: re.Match[str]) -> str:
    month = next(name for name, number in MONTHS.items() if number == int(date[2]))
    return f"{int(date[3])} {month.title()} {date[1]}"


def _month_words(text: str, tokens: list[str]) -> list[str]:
    """Return the words that name a month; `may` and `march` only where they are capitalised mid-sentence."""
    found = [word for word in tokens if word in MONTHS and word not in ("may", "march", "mar", "mars", "mai")]
    if "Ma" not in text:
        return found
    return found + [match[0].lower() for match in _MAY_OR_MARCH.finditer(text)]


@lru_cache(maxsize=8_192)
def names(text: str) -> frozenset[str]:
    """Return capitalised words (the first of a sentence left out) and acronyms, lower case."""
    found = {match[0].lower() for match in _ACRONYM.finditer(text)}
    for match in _NAME.finditer(text):
        before = match.start() - 1
        while before >= 0 and text[before] in " \t\"'“‘(*_":
            before -= 1
        if before >= 0 and text[before] not in _BEGINS:
            found.add(match[0].lower().removesuffix("'s").removesuffix("’s"))
    return frozenset(found)
