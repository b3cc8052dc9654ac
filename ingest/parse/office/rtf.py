"""RTF: its text by striprtf, its tables from the cells that striprtf marks, its title from the file's head."""

import re
from collections.abc import Iterator
from itertools import groupby

from ingest.extract import Extract, Limits, RawFile, Unparsable
from ingest.parse.metadata import plain_metadata
from ingest.parse.plain import write_plain
from ingest.parse.writer import ExtractWriter

_FACT = re.compile(r"\{\\(title|author|subject)[ \n]((?:[^{}]|\\[{}]){0,500})\}")


def parse(source: RawFile, limits: Limits) -> Extract:
    """Read a Rich Text document."""
    # RTF itself is ASCII; striprtf decodes what is escaped, in the code page that the head names.
    raw = source.data.decode("latin-1")
    try:
        text = _read(raw)
    except (ValueError, LookupError) as error:
        raise Unparsable("corrupt", "The document is damaged; open it and save it again.") from error
    writer = ExtractWriter(limits)
    for is_table, lines in groupby(
        text.replace("\r\n", "\n").split("\n"), key=lambda line: line.rstrip().endswith("|")
    ):
        if is_table:
            writer.table(list(_cells(lines)))
        else:
            # In RTF a line is a paragraph.
            write_plain("\n\n".join(lines), writer)
    facts = {name: _read("{\\rtf1 " + value + "}").strip() for name, value in _FACT.findall(raw[:20_000])}
    return writer.finish(
        source.media_type,
        title=facts.get("title", ""),
        metadata=plain_metadata({name: facts.get(name, "") for name in ("author", "subject")}),
    )


def _cells(lines: Iterator[str]) -> Iterator[list[str]]:
    for line in lines:
        yield [cell.strip() for cell in line.rstrip().removesuffix("|").split("|")]


def _read(rtf: str) -> str:
    from striprtf.striprtf import rtf_to_text

    return str(rtf_to_text(rtf, errors="replace"))  # type: ignore[no-untyped-call]
