"""CSV and TSV: rows and nothing else, the delimiter found by trying."""

import csv
import re
from collections import Counter
from io import StringIO
from itertools import islice
from typing import Final

from ingest.extract import Extract, Limits, RawFile, Unparsable
from ingest.parse.grid import Grid, write_grid
from ingest.parse.writer import ExtractWriter

_DELIMITERS: Final = (";", "\t", "|", ",")
"""Where two part the lines equally well, the earlier: a comma also stands in numbers."""
_SAMPLE_ROWS: Final = 50
_SAMPLE: Final = 200_000
_LONG_CELL: Final = 32_767
"""Characters that a spreadsheet's cell has room for."""
_DECLARED = re.compile(r'"?sep=(.)"?[;,\t]*+(?:\n|\Z)', re.I)


def parse(source: RawFile, limits: Limits) -> Extract:
    """Read delimited text."""
    writer = ExtractWriter(limits)
    text = writer.decode(source.data).replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff")
    declared = _DECLARED.match(text)
    if declared:
        text = text[declared.end() :]
        writer.leave_out("the line that names the delimiter", declared[0])
        delimiter = declared[1]
    else:
        tabs = source.media_type == "text/tab-separated-values"
        delimiter = "\t" if tabs else find_delimiter(text)
    rows = _read(text, delimiter, writer)
    counted = [len(row) for row in rows if any(row)]
    widths = Counter(counted)
    usual = widths.most_common(1)[0][0] if widths else 0
    while counted and counted[0] == 1 < usual:  # a title
        del counted[0]
    if uneven := sum(width != usual for width in counted):
        writer.finding(f"{uneven} of {len(counted)} rows do not have the usual {usual} cells.")
    for number, row in enumerate(rows, 1):
        for at, cell in enumerate(row):
            if len(cell) > _LONG_CELL:
                writer.finding(
                    f"The cell in row {number:,}, column {at + 1}, has {len(cell):,} characters; it is cut into passages."
                )
    first = next((at for at, row in enumerate(rows) if any(row)), 0)
    write_grid(Grid(rows, filtered=first if usual == 1 else -1), writer)
    return writer.finish(source.media_type, headed=False)


def _read(text: str, delimiter: str, writer: ExtractWriter) -> list[list[str]]:
    csv.field_size_limit(max(len(text), csv.field_size_limit()))  # of the whole process: never lowered
    try:
        rows = list(csv.reader(StringIO(text), delimiter=delimiter))
        if text.count('"') % 2 and rows and any("\n" in cell for cell in rows[-1]):
            writer.finding(
                "A quotation mark is opened and never closed; quotation marks were read as they are."
            )
            rows = list(csv.reader(StringIO(text), delimiter=delimiter, quoting=csv.QUOTE_NONE))
    except (csv.Error, TypeError, ValueError) as error:
        raise Unparsable("corrupt", "The table cannot be read; save it as CSV again.") from error
    return rows


def find_delimiter(text: str) -> str:
    """Return the delimiter that parts most rows into the same number of cells, more than one."""
    sample = text[:_SAMPLE]
    csv.field_size_limit(max(_SAMPLE, csv.field_size_limit()))

    def steadiness(delimiter: str) -> tuple[int, int]:
        rows = islice(csv.reader(StringIO(sample), delimiter=delimiter), _SAMPLE_ROWS)
        widths = Counter(len(row) for row in rows if len(row) > 1)
        width, count = max(widths.items(), key=lambda found: (found[1], found[0]), default=(0, 0))
        return count, width

    try:
        return max(_DELIMITERS, key=steadiness)
    except csv.Error:
        return ","
