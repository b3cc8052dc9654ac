"""JSON and JSON lines: records as readable text, one paragraph each, flat records as a table, messages as a talk."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from ingest.extract import Extract, Limits, RawFile, Unparsable
from ingest.parse.writer import ExtractWriter

_MAX_DEPTH: Final = 40
_TITLE_KEYS: Final = ("title", "name", "subject", "heading")
_MAX_CELL: Final = 200
_MOST_NAMED: Final = 5
_GAP = re.compile(r"[\s,\x1e\ufeff]*+")
_COLON = re.compile(r"\s{0,20}+:")
_COMMENT = re.compile(r'"(?:[^"\\]++|\\.)*+"|//[^\n]*+|/\*(?:[^*]++|\*(?!/))*+\*/|,(?=\s*+[\]}])', re.S)
_SPEAKER: Final = ("user", "author", "sender", "from", "speaker", "username", "display_name", "role")
_SAID: Final = ("text", "message", "content", "body", "msg")
_TIME: Final = ("ts", "time", "timestamp", "date", "datetime", "created_at", "sent_at")
_QUOTED: Final = frozenset(
    ("reply_to", "in_reply_to", "quoted", "quote", "quoted_message", "reply", "parent", "referenced_message")
)
_LONGEST_SPEAKER: Final = 80
_QUOTE_MARK = re.compile(r"^>++ ?", re.M)
_QUOTE_LINES = re.compile(r"(?:^>[^\n]*+\n?)++", re.M)


class _Number(str):
    """A number as it is written: none is rounded, none takes another form."""


class _Broken(NamedTuple):
    text: str
    line: int
    column: int


def parse(source: RawFile, limits: Limits) -> Extract:
    """Read JSON, values one after the other (JSON lines), and JSON with comments."""
    writer = ExtractWriter(limits)
    as_lines = source.media_type == "application/jsonl"
    values = _values(writer.decode(source.data), writer, as_lines=as_lines)
    value = values[0] if len(values) == 1 and not as_lines else values
    _write(value, writer)
    title = value.get("title") if isinstance(value, dict) else ""
    return writer.finish(source.media_type, title=title if type(title) is str else "")


def loads(text: str) -> Any:  # Any: JSON
    """Return the value that a text is, numbers as they are written; raises Unparsable."""
    values, broken = _scan(text, as_lines=False)
    if broken or len(values) != 1:
        raise Unparsable("corrupt", _invalid(broken or [_Broken("", 1, 1)]))
    return values[0]


def _values(text: str, writer: ExtractWriter, *, as_lines: bool) -> list[object]:
    values, broken = _scan(text, as_lines=as_lines)
    if broken:
        comments: list[str] = []
        plain = _COMMENT.sub(lambda found: _without_comment(found[0], comments), text)
        mended = _scan(plain, as_lines=as_lines)
        if len(mended[1]) < len(broken):
            (values, broken) = mended
            if comments:
                writer.finding("There are comments in the JSON, which are not read.")
                writer.leave_out("comments", "\n".join(comments))
    if not values:
        raise Unparsable("corrupt", _invalid(broken))
    for each in broken:
        writer.leave_out("broken JSON", each.text, f"line {each.line}")
    if broken:
        places = ", ".join(f"line {each.line} from character {each.column}" for each in broken[:_MOST_NAMED])
        more = ", …" * (len(broken) > _MOST_NAMED)
        writer.finding(f"{len(broken)} lines are not valid JSON; they were left out ({places}{more}).")
    return values


def _scan(text: str, *, as_lines: bool) -> tuple[list[object], list[_Broken]]:
    """Return each value of a text, and what is none: up to the end of its line, or all of it where lines are none."""
    decoder = json.JSONDecoder(
        parse_float=_Number, parse_int=_Number, parse_constant=_Number, object_pairs_hook=_keyed
    )
    values: list[object] = []
    broken: list[_Broken] = []
    at = _after_gap(text, 0)
    while at < len(text):
        try:
            value, after = decoder.raw_decode(text, at)
            if isinstance(value, str) and _COLON.match(text, after):
                raise json.JSONDecodeError("a key outside of an object", text, at)
        except RecursionError as error:
            raise Unparsable("corrupt", "The JSON is nested too deeply to be read.") from error
        except ValueError as error:
            place = error.pos if isinstance(error, json.JSONDecodeError) else at
            end = text.find("\n", at)
            end = len(text) if end < 0 or not (as_lines or values or place <= end) else end
            start = text.rfind("\n", 0, min(place, end)) + 1
            broken.append(_Broken(text[at:end], text.count("\n", 0, start) + 1, min(place, end) - start + 1))
            at = end
        else:
            values.append(value)
            at = after
        at = _after_gap(text, at)
    return values, broken


def _after_gap(text: str, at: int) -> int:
    found = _GAP.match(text, at)
    return found.end() if found else at


def _keyed(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return an object whose keys may stand in it several times: each keeps its value."""
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    found, seen = {}, dict[str, int]()
    for key, value in pairs:
        seen[key] = seen.get(key, 0) + 1
        found[key if seen[key] == 1 else f"{key} ({seen[key]})"] = value
    return found


def _without_comment(found: str, comments: list[str]) -> str:
    if found.startswith('"'):
        return found
    if found != ",":
        comments.append(found)
    return " "


def _invalid(broken: Sequence[_Broken]) -> str:
    place = f"line {broken[0].line}, character {broken[0].column}" if broken else "it is empty"
    return f"The file is not valid JSON ({place}); mend it or save it as text."


def _write(value: object, writer: ExtractWriter) -> None:
    if isinstance(value, list) and _is_talk(value):
        _write_talk(value, writer)
    elif isinstance(value, list) and _is_table(value):
        keys = list(dict.fromkeys(key for record in value for key in record))
        writer.table([keys, *([_cell(record.get(key)) for key in keys] for record in value)])
    elif isinstance(value, list):
        for item in value:
            _write_record(item, writer)
    elif isinstance(value, dict) and any(
        isinstance(part, list) and _is_talk(part) for part in value.values()
    ):
        talks = {key: part for key, part in value.items() if isinstance(part, list) and _is_talk(part)}
        _write_record({key: part for key, part in value.items() if key not in talks}, writer)
        for key, part in talks.items():
            writer.heading(key, 2)
            _write_talk(part, writer)
    elif isinstance(value, dict) and sum(map(_is_branch, value.values())) > len(value) / 2:
        for key, part in value.items():
            writer.heading(str(key), 1)
            _write_record(part, writer)
    else:
        _write_record(value, writer)


def _is_talk(messages: list[object]) -> bool:
    """Say whether these are messages: each has who speaks and what is said."""
    return len(messages) >= 2 and all(
        isinstance(each, dict) and _speaker(each) and _said(each)[0] for each in messages
    )


def _write_talk(messages: list[object], writer: ExtractWriter) -> None:
    """Write messages one below the other, so that an answer stands below what it answers; a quoted one stands once."""
    lines: list[str] = []
    told: set[str] = set()
    for each in messages:
        if not isinstance(each, dict):
            continue
        key, text = _said(each)
        text = _QUOTE_LINES.sub(lambda quote: _unless_told(quote[0], told, writer), text).strip()
        when = next((_scalar(each[name]) for name in _TIME if name in each), "")
        who = _speaker(each) + (f" ({when})" if when else "")
        rest = {name: part for name, part in each.items() if name not in (*_SPEAKER, *_TIME, key)}
        for name in _QUOTED & rest.keys():
            if (quoted := _said_by(rest[name])) and _plain(quoted) in told:
                writer.leave_out("quoted message", quoted)
                del rest[name]
        told.add(_plain(text))
        inside = (
            "\n".join(f"  {line}" for line in _lines(rest, indent="", depth=0, writer=writer)) if rest else ""
        )
        lines.append(f"- {who}: {text}" + (f"\n{inside}" if inside else ""))
    writer.block("list", "\n".join(lines))


def _speaker(message: dict[str, object]) -> str:
    for name in _SPEAKER:
        value = message.get(name)
        if isinstance(value, dict):
            value = next(
                (value[key] for key in ("name", "username", *_SPEAKER) if type(value.get(key)) is str), ""
            )
        if isinstance(value, str) and 0 < len(value) <= _LONGEST_SPEAKER:
            return value
    return ""


def _said(message: dict[str, object]) -> tuple[str, str]:
    """Return what a message says, and under which key."""
    for name in _SAID:
        if said := _said_by(message.get(name)):
            return name, said
    return "", ""


def _said_by(value: object) -> str:
    if isinstance(value, dict):
        value = value.get("parts") or _said(value)[1]
    if isinstance(value, list):
        return "".join(each if isinstance(each, str) else _said_by(each) for each in value)
    return value if type(value) is str else ""


def _unless_told(quote: str, told: set[str], writer: ExtractWriter) -> str:
    plain = _plain(_QUOTE_MARK.sub("", quote))
    if plain not in told:
        return quote
    writer.leave_out("quoted message", quote)
    return ""


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _write_record(value: object, writer: ExtractWriter) -> None:
    if isinstance(value, dict):
        title = next((value[key] for key in _TITLE_KEYS if type(value.get(key)) is str), "")
        if title and len(title) < _MAX_CELL:
            writer.heading(title, 2)
    lines = _lines(value, indent="", depth=0, writer=writer)
    writer.block("list" if _is_branch(value) else "paragraph", "\n".join(lines))


def _lines(value: object, *, indent: str, depth: int, writer: ExtractWriter) -> Iterator[str]:
    if depth > _MAX_DEPTH:
        yield f"{indent}…"
        writer.finding(f"What is nested more than {_MAX_DEPTH} deep was left out.")
        writer.leave_out("deeply nested values", json.dumps(value, ensure_ascii=False))
    elif isinstance(value, dict):
        for key, item in value.items():
            if _is_branch(item):
                yield f"{indent}- {key}:"
                yield from _lines(item, indent=indent + "  ", depth=depth + 1, writer=writer)
            else:
                yield f"{indent}- {key}: {_scalar(item)}"
    elif isinstance(value, list):
        for item in value:
            if _is_branch(item):
                yield from _lines(item, indent=indent + "  ", depth=depth + 1, writer=writer)
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


def _cell(value: object) -> str:
    return "" if value is None else _scalar(value)


def _scalar(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case list() | dict():
            return ""
        case _:
            return str(value)
