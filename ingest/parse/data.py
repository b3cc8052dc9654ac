"""JSON and JSON lines: records as readable text, one paragraph each, lists of flat records as a table."""

import json
from collections.abc import Iterator
from typing import Final

from ingest.extract import Extract, Limits, RawFile, Unparsable
from ingest.parse.writer import ExtractWriter
from vectorstore.text_file import numbered_lines

_MAX_DEPTH: Final = 40
_TITLE_KEYS: Final = ("title", "name", "subject", "heading")
_MAX_CELL: Final = 200


def parse(source: RawFile, limits: Limits) -> Extract:
    """Read JSON or JSON lines."""
    writer = ExtractWriter(limits)
    text = writer.decode(source.data)
    if source.media_type == "application/jsonl":
        records = list(_records(text, writer))
        _write(records, writer)
        return writer.finish(source.media_type)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unparsable("corrupt", "The file is not valid JSON; mend it or save it as text.") from error
    _write(value, writer)
    title = value.get("title") if isinstance(value, dict) else ""
    return writer.finish(source.media_type, title=title if isinstance(title, str) else "")


def _records(text: str, writer: ExtractWriter) -> Iterator[object]:
    broken = 0
    for _, line in numbered_lines(text):
        try:
            yield json.loads(line)
        except (ValueError, RecursionError):
            broken += 1
    if broken:
        writer.finding(f"{broken} lines are not valid JSON; they were left out.")


def _write(value: object, writer: ExtractWriter) -> None:
    if isinstance(value, list) and _is_table(value):
        keys = list(dict.fromkeys(key for record in value for key in record))
        writer.table([keys, *([_scalar(record.get(key)) for key in keys] for record in value)])
    elif isinstance(value, list):
        for item in value:
            _write_record(item, writer)
    elif isinstance(value, dict) and sum(map(_is_branch, value.values())) > len(value) / 2:
        for key, part in value.items():
            writer.heading(str(key), 1)
            _write_record(part, writer)
    else:
        _write_record(value, writer)


def _write_record(value: object, writer: ExtractWriter) -> None:
    if isinstance(value, dict):
        title = next((value[key] for key in _TITLE_KEYS if isinstance(value.get(key), str)), "")
        if title and len(title) < _MAX_CELL:
            writer.heading(title, 2)
    writer.block("list" if _is_branch(value) else "paragraph", "\n".join(_lines(value, indent="", depth=0)))


def _lines(value: object, *, indent: str, depth: int) -> Iterator[str]:
    if depth > _MAX_DEPTH:
        yield f"{indent}…"
    elif isinstance(value, dict):
        for key, item in value.items():
            if _is_branch(item):
                yield f"{indent}- {key}:"
                yield from _lines(item, indent=indent + "  ", depth=depth + 1)
            else:
                yield f"{indent}- {key}: {_scalar(item)}"
    elif isinstance(value, list):
        for item in value:
            if _is_branch(item):
                yield from _lines(item, indent=indent + "  ", depth=depth + 1)
            else:
                yield f"{indent}- {_scalar(item)}"
    else:
        yield f"{indent}{_scalar(value)}"


def _is_table(records: list[object]) -> bool:
    if len(records) < 2 or not all(isinstance(record, dict) for record in records):
        return False
    values = [value for record in records if isinstance(record, dict) for value in record.values()]
    return bool(values) and all(
        not _is_branch(value) and len(_scalar(value)) <= _MAX_CELL for value in values
    )


def _is_branch(value: object) -> bool:
    return isinstance(value, dict | list) and bool(value)


def _scalar(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case list() | dict():
            return ""
        case _:
            return str(value)
