"""Number formats: a stored number as the text that a spreadsheet shows for it.

What a format says that is not known here is never guessed: the number is then shown as it is stored.
"""

from calendar import day_name, month_name
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from typing import Final, NamedTuple

from ingest.parse.office.format_code import Section, Token, Unknown, chosen, sections_of

_MONTHS: Final = tuple(month_name)[1:]
_DAYS: Final = (day_name[6], *day_name[:6])
_LAST_DAY: Final = 2_958_466
_PRECISION: Final = 15
"""Digits that a spreadsheet shows of a number; what comes behind them is noise of its arithmetic."""
_WIDE: Final = Context(prec=400)


def shown(stored: str, code: str, *, since_1904: bool = False) -> str:
    """Return a number as its cell shows it, dates that can be read in two ways as `2025-03-31`.

    `stored` is the number as the file has it. A number that the format hides is "".
    """
    text = rendered(stored, code, since_1904=since_1904, unambiguous=True)
    if text is not None:
        return text
    try:
        return general(exact(stored))
    except ArithmeticError:
        return stored


def rendered(stored: str, code: str, *, since_1904: bool = False, unambiguous: bool = False) -> str | None:
    """Return a number exactly as the format says; None where that is not known."""
    try:
        value = exact(stored)
        section = chosen(value, code)
        if section.is_date:
            section = _unambiguous(section) if unambiguous else section
            return _date(value, section, since_1904=since_1904)
        return " ".join(_number(value, section, alone=len(sections_of(code)) == 1).split())
    except (Unknown, ArithmeticError, ValueError):
        return None


def shown_text(text: str, code: str) -> str:
    """Return a text as its cell shows it: a format may put words around it."""
    if "@" not in code or code == "@":
        return "" if code.count(";") == 3 and code.endswith(";") else text
    try:
        section = sections_of(code)[-1]
    except (Unknown, ArithmeticError):
        return text
    if not section.has("at") or section.has("digit", "part"):
        return text
    return "".join(text if token.kind == "at" else token.text for token in section.tokens).strip()


def exact(stored: str) -> Decimal:
    """Return a stored number, without the noise that arithmetic leaves behind its fifteenth digit."""
    value = Decimal(stored.strip())
    if not value.is_finite() or value.adjusted() > 308:
        raise ArithmeticError
    if value == value.to_integral_value():
        return value
    return Context(prec=_PRECISION, rounding=ROUND_HALF_UP).plus(value)


def general(value: Decimal) -> str:
    """Write a number as a cell without a format does; one that has fewer than fifteen digits stays whole."""
    if not value:
        return "0"
    digits = value.normalize(_WIDE)
    if digits.adjusted() >= 20 or (digits.adjusted() < -4 and len(f"{digits:f}") > 11):
        return _scientific_general(digits)
    if digits == digits.to_integral_value():
        return f"{digits:f}"
    if len(digits.as_tuple().digits) >= _PRECISION:  # not a number that somebody wrote
        before = max(digits.adjusted() + 1, 1)
        digits = _rounded(digits, max(10 - before, 2)).normalize(_WIDE)
    return f"{digits:f}"


def _scientific_general(digits: Decimal) -> str:
    digits = Context(prec=6 if len(digits.as_tuple().digits) >= _PRECISION else 15).plus(digits).normalize()
    mantissa = f"{digits.scaleb(-digits.adjusted()):f}"
    return f"{mantissa}E{'-' if digits.adjusted() < 0 else '+'}{abs(digits.adjusted()):02d}"


def _rounded(value: Decimal, places: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP, context=_WIDE)


def _number(value: Decimal, section: Section, *, alone: bool) -> str:
    if value < 0 and section.condition:  # whether a minus comes on top is said nowhere
        raise Unknown
    text = _size(abs(value), section)
    minus = value < 0 and alone and (not section.has("digit") or any("1" <= sign <= "9" for sign in text))
    return f"-{text}" if minus else text


def _size(size: Decimal, section: Section) -> str:
    tokens = list(section.tokens)
    if section.has("general"):
        return "".join(general(size) if token.kind == "general" else token.text for token in tokens)
    if not section.has("digit"):
        if section.has("at"):
            return general(size)
        return "".join(token.text for token in tokens)
    size *= 100 ** sum(token.kind == "%" for token in tokens)
    tokens = [Token("text", token.text) if token.kind in ("%", "at") else token for token in tokens]
    if section.has("at"):
        raise Unknown
    if section.has("exponent"):
        return _scientific(size, tokens)
    if section.has("/"):
        return _fraction(size, tokens)
    return _decimal(size, tokens)


def _decimal(size: Decimal, tokens: list[Token]) -> str:
    last = max(at for at, token in enumerate(tokens) if token.kind == "digit")
    point = next((at for at, token in enumerate(tokens) if token.kind == "."), len(tokens))
    whole, behind = tokens[:point], tokens[point + 1 :]
    if any(token.kind == "." for token in behind):
        raise Unknown
    scale, grouped, kept = 0, False, []
    places = [at for at, token in enumerate(whole) if token.kind == "digit"]
    for at, token in enumerate(whole):
        if token.kind != ",":
            kept.append(token)
        elif places and places[0] < at < places[-1]:
            grouped = True
        elif places and all(part.kind == "," for part in whole[places[-1] + 1 : at]) and at > places[-1]:
            scale += 1
        else:
            kept.append(Token("text", ","))
    tail = []
    for at, token in enumerate(behind, point + 1):
        if token.kind == ",":
            if at < last or any(part.kind != "," for part in tokens[last + 1 : at]):
                raise Unknown
            scale += 1
        else:
            tail.append(token)
    size = _rounded(size.scaleb(-3 * scale, _WIDE), sum(token.kind == "digit" for token in tail))
    digits, _, decimals = f"{size:f}".partition(".")
    text = _whole(digits.lstrip("0"), kept, grouped=grouped)
    return text + ("." + _behind(decimals, tail) if point < len(tokens) else "")


def _whole(digits: str, tokens: Sequence[Token], *, grouped: bool = False) -> str:
    """Fill digits into their places from the right; those left over stand at the first place."""
    places = sum(token.kind == "digit" for token in tokens)
    out: list[str] = []
    done = 0
    for token in reversed(tokens):
        if token.kind != "digit":
            out.append(token.text)
            continue
        places -= 1
        taken = [digits[-1 - done]] if done < len(digits) else [{"0": "0", "?": " "}.get(token.text, "")]
        if not places:
            taken += digits[: max(len(digits) - 1 - done, 0)][::-1]
        for digit in taken:
            if grouped and digit and done and done % 3 == 0:
                out.append("," if digit != " " else " ")
            out.append(digit)
            done += 1
    return "".join(reversed(out))


def _behind(decimals: str, tokens: Sequence[Token]) -> str:
    left = len(decimals.rstrip("0"))
    out: list[str] = []
    at = 0
    for token in tokens:
        if token.kind != "digit":
            out.append(token.text)
            continue
        out.append(decimals[at] if at < left else {"0": "0", "?": " "}.get(token.text, ""))
        at += 1
    return "".join(out)


def _scientific(size: Decimal, tokens: list[Token]) -> str:
    at = next(at for at, token in enumerate(tokens) if token.kind == "exponent")
    mantissa, power = tokens[:at], tokens[at + 1 :]
    if any(token.kind in ("exponent", "/", ",", ".") for token in power):
        raise Unknown
    if any(token.kind in ("/", ",") for token in mantissa):
        raise Unknown
    point = next((place for place, token in enumerate(mantissa) if token.kind == "."), len(mantissa))
    step = max(sum(token.kind == "digit" for token in mantissa[:point]), 1)
    places = sum(token.kind == "digit" for token in mantissa[point:])
    exponent = size.adjusted() // step * step if size else 0
    number = _rounded(size.scaleb(-exponent, _WIDE), places)
    if number >= Decimal(10) ** step:
        exponent += step
        number = _rounded(size.scaleb(-exponent, _WIDE), places)
    sign = "-" if exponent < 0 else "+" if tokens[at].text[1] == "+" else ""
    return f"{_decimal(number, mantissa)}E{sign}{_whole(str(abs(exponent)).lstrip('0'), power)}"


def _fraction(size: Decimal, tokens: list[Token]) -> str:
    slash = next(at for at, token in enumerate(tokens) if token.kind == "/")
    start = slash
    while start and tokens[start - 1].kind == "digit":
        start -= 1
    end = slash + 1
    while end < len(tokens) and (tokens[end].kind == "digit" or tokens[end].text.isdecimal()):
        end += 1
    if (
        start == slash
        or end == slash + 1
        or any(token.kind in ".,/" for token in (*tokens[:start], *tokens[end:]))
    ):
        raise Unknown
    below = "".join(token.text for token in tokens[slash + 1 : end])
    mixed = any(token.kind == "digit" for token in tokens[:start])
    whole = int(size) if mixed else 0
    rest = Fraction(size) - whole
    fixed = below.strip("0#?") != ""
    if fixed:
        bottom = int(below.replace("#", "").replace("?", ""))
        top = int((rest * bottom + Fraction(1, 2)) // 1)
    else:
        top, bottom = _convergent(rest, 10 ** min(len(below), 7) - 1)
    if mixed and top == bottom:
        whole, top = whole + 1, 0
    before = _whole(str(whole).lstrip("0"), tokens[:start])
    behind = "".join(token.text for token in tokens[end:])
    if mixed and not top:
        return (before.rstrip() or "0") + behind
    above = _whole(str(top).lstrip("0"), tokens[start:slash])
    return f"{before}{above or '0'}/{bottom}{behind}"


def _convergent(value: Fraction, most: int) -> tuple[int, int]:
    """Return the last fraction of the value's continued fraction whose denominator is at most `most`."""
    top, bottom, top_before, bottom_before = int(value), 1, 1, 0
    rest = value - top
    while rest:
        rest = 1 / rest
        step = int(rest)
        if step * bottom + bottom_before > most:
            break
        top, top_before = step * top + top_before, top
        bottom, bottom_before = step * bottom + bottom_before, bottom
        rest -= step
    return top, bottom


def _unambiguous(section: Section) -> Section:
    """Return a date's format; `3/6/2025` is written 2025-06-03, and so is what another language would show."""
    parts = [token.text for token in section.tokens if token.kind == "part"]
    letters = [text[0] for text in parts if text[0] in "ymd"]
    words = any(text.startswith(("mmm", "ddd")) for text in parts)
    dotted = any(token.text == "." for token in section.tokens)
    other = words and not section.english
    if not other and (words or dotted or letters[:1] == ["y"] or not {"y", "m", "d"} <= set(letters)):
        return section
    return sections_of("yyyy-mm-dd hh:mm" if "h" in {text[0] for text in parts} else "yyyy-mm-dd")[0]


def _date(value: Decimal, section: Section, *, since_1904: bool) -> str:
    if value < 0 or value >= _LAST_DAY:
        raise Unknown
    tokens = section.tokens
    if any(token.kind == "part" and token.text[0] in "egb" for token in tokens):
        tokens = sections_of("yyyy-mm-dd")[0].tokens  # a year of another calendar
    places = sum(token.kind == "digit" for token in tokens)
    seconds = _rounded(value * 86_400, places)
    days, clock = divmod(seconds, 86_400)
    minutes = _minutes(tokens)
    half = any("/" in token.text for token in tokens if token.kind == "part")
    moment = _Moment(*_calendar(int(days), since_1904=since_1904), int(clock), half=half)
    out: list[str] = []
    for at, (kind, text) in enumerate(tokens):
        if kind == "elapsed":
            out.append(f"{int(seconds) // {'h': 3600, 'm': 60, 's': 1}[text[0]]:0{len(text)}d}")
        elif kind == "digit":
            if tokens[at - 1].kind == ".":
                out.append(f"{clock % 1:.{places}f}"[2:])
        else:
            out.append(moment.said("minutes" if at in minutes else text) if kind == "part" else text)
            if at in minutes:
                out[-1] = out[-1][-2:] if len(text) > 1 else out[-1].removeprefix("0") or "0"
    return " ".join("".join(out).split())


class _Moment(NamedTuple):
    year: int
    month: int
    day: int
    weekday: int
    second: int
    """Of the day."""
    half: bool
    """Whether a day has twice twelve hours."""

    def said(self, part: str) -> str:
        hour = self.second // 3600
        match part[0]:
            case "A" | "a":
                early, late = part.split("/")
                return early if hour < 12 else late
            case "y":
                return f"{self.year:04d}" if len(part) > 2 else f"{self.year % 100:02d}"
            case "h":
                return f"{(hour % 12 or 12) if self.half else hour:0{min(len(part), 2)}d}"
            case "s":
                return f"{self.second % 60:0{min(len(part), 2)}d}"
            case "d" if len(part) > 2:
                return _DAYS[self.weekday][: 3 if len(part) == 3 else None]
            case "m" if part == "minutes":
                return f"{self.second // 60 % 60:02d}"
            case "m" if len(part) > 2:
                return _MONTHS[self.month - 1][: {3: 3, 5: 1}.get(len(part))]
            case _:
                return f"{self.day if part[0] == 'd' else self.month:0{len(part)}d}"


def _minutes(tokens: Sequence[Token]) -> frozenset[int]:
    """Return where `m` means minutes: next behind hours, or in front of seconds."""
    parts = [
        (at, token.text[0].lower())
        for at, token in enumerate(tokens)
        if token.kind in ("part", "elapsed") and token.text[0] in "ymdhs"
    ]
    around = zip([(0, ""), *parts], parts, [*parts[1:], (0, "")], strict=False)
    return frozenset(
        at
        for (_, before), (at, letter), (_, behind) in around
        if letter == "m" and len(tokens[at].text) < 3 and (before == "h" or behind == "s")
    )


def _calendar(days: int, *, since_1904: bool) -> tuple[int, int, int, int]:
    """Return year, month, day and day of the week; 1900 has a 29 February there, and a day 0."""
    if since_1904:
        found = date(1904, 1, 1) + timedelta(days)
    elif days == 60:
        return 1900, 2, 29, 3
    elif days == 0:
        return 1900, 1, 0, 6
    else:
        found = date(1899, 12, 30 if days > 60 else 31) + timedelta(days)
        if days < 60:
            return found.year, found.month, found.day, (days - 1) % 7
    return found.year, found.month, found.day, found.isoweekday() % 7
