"""XLSX: each sheet a heading and its tables, numbers and dates as the sheet shows them."""

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from io import BytesIO
from typing import Any, Final

from ingest.extract import Extract, Limits, RawFile, Unparsable
from ingest.parse.metadata import core_properties
from ingest.parse.writer import ExtractWriter

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


_MAX_ROWS: Final = 200_000
_MAX_COLUMNS: Final = 500
_MAX_EMPTY: Final = 2_000
_MIN_NOTE: Final = 40


def parse(source: RawFile, limits: Limits) -> Extract:
    """Read a workbook: the values, as last calculated."""
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book: Any = openpyxl.load_workbook(
            BytesIO(source.data), read_only=True, data_only=True, keep_links=False
        )
    except (InvalidFileException, KeyError, ValueError, TypeError) as error:
        raise Unparsable("corrupt", "The workbook is damaged; open it and save it again.") from error
    writer = ExtractWriter(limits)
    for sheet in book.worksheets:
        writer.heading(sheet.title, 1)
        if sheet.sheet_state != "visible":
            writer.finding(f"The sheet {sheet.title!r} is hidden in the workbook; it was read.")
        for region in _regions(_rows(sheet, writer)):
            _write_region(region, writer)
    title, modified, metadata = core_properties(book.properties)
    book.close()
    return writer.finish(source.media_type, title=title, modified=modified, metadata=metadata, headed=False)


def _rows(sheet: Any, writer: ExtractWriter) -> Iterator[list[str]]:
    empty = 0
    for number, row in enumerate(sheet.iter_rows(max_col=_MAX_COLUMNS), 1):
        if number > _MAX_ROWS:
            writer.finding(
                f"The sheet {sheet.title!r} has more than {_MAX_ROWS:,} rows; the rest was left out."
            )
            return
        cells = ["" if cell.value is None else shown(cell.value, cell.number_format) for cell in row]
        empty = 0 if any(cells) else empty + 1
        if empty > _MAX_EMPTY:  # formatted to the end of the sheet
            return
        yield cells


def _regions(rows: Iterator[list[str]]) -> Iterator[list[list[str]]]:
    """Part a sheet at empty rows: each part is a table of its own."""
    region: list[list[str]] = []
    for row in rows:
        if any(row):
            region.append(row)
        elif region:
            yield region
            region = []
    if region:
        yield region


def _write_region(rows: Sequence[list[str]], writer: ExtractWriter) -> None:
    at = 0
    # lines of one cell above a table are its title
    while at < len(rows) and sum(map(bool, rows[at])) == 1 and (at == 0 or len(rows) > at + 1):
        writer.paragraph(next(cell for cell in rows[at] if cell))
        at += 1
    end = len(rows)
    while (
        end - at > 2 and sum(map(bool, rows[end - 1])) == 1 and len(max(rows[end - 1], key=len)) > _MIN_NOTE
    ):
        end -= 1
    if at < end:
        writer.table(rows[at:end])
    for row in rows[end:]:  # notes below a table
        writer.paragraph(max(row, key=len))
