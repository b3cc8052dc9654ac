"""CSV and TSV: one table, the delimiter found by trying."""

import csv
from collections import Counter
from io import StringIO
from typing import Final

from ingest.extract import Extract, Limits, RawFile, Unparsable
from ingest.parse.writer import ExtractWriter

_DELIMITERS: Final = (",", ";", "\t", "|")
_SAMPLE_LINES: Final = 50
_MAX_FIELD: Final = 1_000_000


def parse(source: RawFile, limits: Limits) -> Extract:
    """Read delimited text."""
    writer = ExtractWriter(limits)
    text = writer.decode(source.data).replace("\r\n", "\n").replace("\r", "\n")
    delimiter = "\t" if source.media_type == "text/tab-separated-values" else find_delimiter(text)
    csv.field_size_limit(_MAX_FIELD)
    try:
        rows = list(csv.reader(StringIO(text), delimiter=delimiter))
    except csv.Error as error:
        raise Unparsable("corrupt", "The table cannot be read; save it as CSV again.") from error
    widths = Counter(len(row) for row in rows if row)
    usual, count = widths.most_common(1)[0] if widths else (0, 0)
    if uneven := sum(widths.values()) - count:
        writer.finding(f"{uneven} of {sum(widths.values())} rows do not have the usual {usual} cells.")
    writer.table(rows)
    return writer.finish(source.media_type)


def find_delimiter(text: str) -> str:
    """Return the delimiter that parts most lines into the same number of cells, more than one."""
    lines = [line for line in text.split("\n")[:_SAMPLE_LINES] if line.strip()]

    def steadiness(delimiter: str) -> tuple[int, int]:
        widths = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter) if len(row) > 1)
        width, count = widths.most_common(1)[0] if widths else (0, 0)
        return count, width

    try:
        return max(_DELIMITERS, key=steadiness)
    except csv.Error:
        return ","
