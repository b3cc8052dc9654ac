"""Spreadsheet values as the sheet shows them: dates, percentages, thousands, currency."""

import re
from datetime import date, datetime, time, timedelta

_QUOTED = re.compile(r'"([^"]*)"|\\(.)|\[\$([^\[\]-]*+)[^\[\]]*+\]|\[[^\[\]]*+\]|_.|\*.')
_DIGITS = re.compile(r"[#0?][#0?,]*(?:\.([#0?]+))?")


def shown(value: object, number_format: str) -> str:
    """Return a cell's value as text."""
    match value:
        case bool():
            return str(value).upper()
        case datetime():
            return _moment(value)
        case date() | time():
            return value.isoformat()
        case timedelta():
            return str(value)
        case int() | float():
            return _number(value, number_format or "General")
        case _:
            return str(value)


def _moment(value: datetime) -> str:
    if value.time() == time(0):
        return value.date().isoformat()
    return value.strftime("%Y-%m-%d %H:%M" if value.second == 0 else "%Y-%m-%d %H:%M:%S")


def _number(value: float, number_format: str) -> str:
    sections = number_format.split(";")
    section = sections[1] if value < 0 and len(sections) > 1 else sections[0]
    literals = _QUOTED.sub(lambda match: match[1] or match[2] or match[3] or "", section)
    pattern = _DIGITS.search(_QUOTED.sub("", section))
    if pattern is None or "General" in section or "E+" in section:
        return _general(value)
    decimals = len(pattern[1] or "")
    percent = "%" in section
    size = abs(value) * (100 if percent else 1)
    digits = f"{size:,.{decimals}f}" if "," in pattern[0] else f"{size:.{decimals}f}"
    around = _DIGITS.search(literals)
    before, after = (literals[: around.start()], literals[around.end() :]) if around else ("", "")
    sign = "-" if value < 0 and len(sections) == 1 and float(digits.replace(",", "")) else ""
    return f"{sign}{before}{digits}{after}".strip()


def _general(value: float) -> str:
    if isinstance(value, int) or (value.is_integer() and abs(value) < 1e15):
        return str(int(value))
    return f"{value:.10g}"
