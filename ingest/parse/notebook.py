"""Jupyter notebooks: Markdown cells as Markdown, code as code, what it printed below it; no pictures in base64."""

from collections.abc import Iterator, Mapping
from typing import Final

from ingest.extract import Extract, Limits, RawFile, Unparsable
from ingest.parse.access import is_readers
from ingest.parse.characters import without_escapes
from ingest.parse.data import loads
from ingest.parse.front_matter import FrontMatter, split_front_matter
from ingest.parse.html.html import write_html
from ingest.parse.marked.markdown import write_markdown
from ingest.parse.metadata import parse_date, plain_metadata
from ingest.parse.writer import ExtractWriter

_OLD_TYPES: Final = {
    "text": "text/plain",
    "html": "text/html",
    "latex": "text/latex",
    "markdown": "text/markdown",
}
"""How format 3 calls the types of an output, which stand beside its other keys there."""
_PICTURES: Final = ("image/", "png", "jpeg", "svg", "application/pdf")
_LONGEST_OUTPUT: Final = 20_000


def parse(source: RawFile, limits: Limits) -> Extract:
    """Read a notebook of format 3 or 4."""
    writer = ExtractWriter(limits)
    book = loads(writer.decode(source.data))
    cells = list(_cells(book))
    metadata = _mapping(book.get("metadata"))
    language = str(
        _mapping(metadata.get("language_info")).get("name")
        or _mapping(metadata.get("kernelspec")).get("language")
        or "python"
    )
    front = FrontMatter()
    pictures = 0
    for number, cell in enumerate(cells):
        text = writer.clean(_text(cell.get("source", cell.get("input"))))
        if number == 0 and cell.get("cell_type") in ("raw", "markdown"):
            front, text = split_front_matter(text)
        _write_cell(cell, text, writer, language=language)
        for output in _list(cell.get("outputs")):
            pictures += _write_output(_mapping(output), writer)
        pictures += len(_mapping(cell.get("attachments")))
    if front.finding:
        writer.finding(front.finding)
    if pictures:
        shown = "1 picture is" if pictures == 1 else f"{pictures} pictures are"
        writer.finding(f"{shown} shown in it, whose content is not read.")
    values = {key: value for key, value in front.values.items() if not is_readers(key)}
    return writer.finish(
        source.media_type,
        title=str(front.values.get("title") or metadata.get("title") or ""),
        modified=parse_date(front.values.get("date")) if front.values.get("date") else None,
        metadata=plain_metadata({"code": language, **values}),
        readers=front.readers,
    )


def _cells(book: object) -> Iterator[Mapping[str, object]]:
    if not isinstance(book, dict) or not ("cells" in book or "worksheets" in book):
        raise Unparsable("corrupt", "The file is no notebook: it holds no cells. Save it again, or as JSON.")
    sheets = [book, *_list(book.get("worksheets"))]
    return (_mapping(cell) for sheet in sheets for cell in _list(_mapping(sheet).get("cells")))


def _write_cell(cell: Mapping[str, object], text: str, writer: ExtractWriter, *, language: str) -> None:
    kind = cell.get("cell_type")
    if kind == "markdown":
        write_markdown(text, writer)
    elif kind == "heading":
        level = str(cell.get("level", "1"))
        writer.heading(text, int(level) if level in "123456" else 1)
    elif kind == "code":
        writer.code(text, language)
    else:
        writer.block("paragraph", text)


def _write_output(output: Mapping[str, object], writer: ExtractWriter) -> int:
    """Write what a cell gave, in the form that says most; return how many pictures it has."""
    data = _mapping(output.get("data")) or {_OLD_TYPES.get(key, key): part for key, part in output.items()}
    if "ename" in output:
        trace = without_escapes("\n".join(map(_text, _list(output.get("traceback")))))
        error = f"{_text(output.get('ename'))}: {_text(output.get('evalue'))}"
        writer.code(trace if error in trace else f"{trace}\n{error}")
    elif "<table" in (html := _text(data.get("text/html"))):
        write_html(html, writer)
    elif "text/markdown" in data:
        write_markdown(writer.clean(_text(data["text/markdown"])), writer)
    else:
        _write_printed(_text(data.get("text/plain") or data.get("text/latex")), html, writer)
    return any(key.startswith(_PICTURES) for key in data)


def _write_printed(text: str, html: str, writer: ExtractWriter) -> None:
    if not text.strip():
        write_html(html, writer)
        return
    lines = [line.rpartition("\r") for line in without_escapes(text).replace("\r\n", "\n").split("\n")]
    writer.leave_out("progress shown on one line", "\n".join(before for before, _, _ in lines))
    text = "\n".join(last for _, _, last in lines)
    if len(text) > _LONGEST_OUTPUT:
        writer.finding(f"Only the first {_LONGEST_OUTPUT:,} characters of what a cell printed were taken in.")
        writer.leave_out("a cell's long output", text[_LONGEST_OUTPUT:])
    writer.code(text[:_LONGEST_OUTPUT])


def _text(value: object) -> str:
    return "".join(map(str, value)) if isinstance(value, list) else str(value or "")


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
