"""ODT: headings, paragraphs, lists and tables from its XML; no library of its own is needed."""

import zipfile
from io import BytesIO
from typing import Final

from ingest.extract import Extract, Limits, RawFile, Unparsable
from ingest.parse.html.markup import Element, read_xml
from ingest.parse.metadata import parse_date, plain_metadata
from ingest.parse.writer import ExtractWriter

_MAX_REPEATED: Final = 100
_MAX_DEPTH: Final = 60
_LEFT_OUT: Final = frozenset({"tracked-changes", "annotation", "sequence-decls", "note-citation"})


def parse(source: RawFile, limits: Limits) -> Extract:
    """Read an OpenDocument text."""
    try:
        with zipfile.ZipFile(BytesIO(source.data)) as archive:
            content = read_xml(archive.read("content.xml"))
            meta = read_xml(archive.read("meta.xml")) if "meta.xml" in archive.namelist() else None
    except (zipfile.BadZipFile, KeyError) as error:
        raise Unparsable("corrupt", "The document is damaged; open it and save it again.") from error
    writer = ExtractWriter(limits)
    for body in content.iter("{*}text"):
        _write(body, writer, depth=0)
        break
    facts = (
        {element.tag.rpartition("}")[2]: element.text or "" for element in meta.iter("{*}*")}
        if meta is not None
        else {}
    )
    return writer.finish(
        source.media_type,
        title=facts.get("title", ""),
        modified=parse_date(facts.get("date")) or parse_date(facts.get("creation-date")),
        metadata=plain_metadata({"author": facts.get("creator", ""), "subject": facts.get("subject", "")}),
    )


def _write(parent: Element, writer: ExtractWriter, *, depth: int) -> None:
    for element in parent:
        match _name(element):
            case "h":
                writer.heading(_text(element), int(_attribute(element, "outline-level") or 1))
            case "p":
                writer.paragraph(_text(element))
            case "list":
                writer.block("list", "\n".join(_items(element, indent="")))
            case "table":
                writer.table(_rows(element))
            case name if name not in _LEFT_OUT and depth < _MAX_DEPTH:
                _write(element, writer, depth=depth + 1)


def _items(element: Element, *, indent: str) -> list[str]:
    lines: list[str] = []
    for item in element:
        for part in item:
            if _name(part) in ("p", "h") and _text(part).strip():
                lines.append(f"{indent}- {_text(part).strip()}")
            elif _name(part) == "list" and len(indent) < _MAX_DEPTH:
                lines += _items(part, indent=indent + "  ")
    return lines


def _rows(table: Element) -> list[list[str]]:
    rows: list[list[str]] = []
    for row in table.iter("{*}table-row"):
        cells: list[str] = []
        for cell in row:
            text = " ".join(_text(part) for part in cell if _name(part) in ("p", "h", "list"))
            repeated = int(_attribute(cell, "number-columns-repeated") or 1)
            cells += [text] * min(repeated, _MAX_REPEATED if text else 1)
        rows.append(cells)
    return rows


def _text(element: Element) -> str:
    parts = [element.text or ""]
    for child in element:
        match _name(child):
            case "s":
                parts.append(" ")
            case "tab":
                parts.append("\t")
            case "line-break":
                parts.append("\n")
            case name if name not in _LEFT_OUT:
                parts.append(_text(child))
        parts.append(child.tail or "")
    return "".join(parts)


def _name(element: Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _attribute(element: Element, name: str) -> str:
    return next((value for key, value in element.attrib.items() if str(key).endswith(f"}}{name}")), "")
