"""What crosses the pipe between a worker and its parent: JSON behind its length, checked on arrival.

A worker that a hostile file has taken over can send anything. Whatever arrives is bounded in size and proved
to be an Extract before anybody uses it.
"""

import json
import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any, Final, TypeVar, cast, get_args

from ingest.extract import Account, Block, BlockKind, Extract, FailureReason, ParseFailure
from vectorstore.types import MetadataValue, Span

LENGTH: Final = struct.Struct(">Q")
_HEAD: Final = struct.Struct(">I")
READY: Final = b"ready"
"""What a worker sends once, before its first file."""
_KINDS: Final = frozenset(get_args(BlockKind))
_REASONS: Final = frozenset(get_args(FailureReason))
_MAX_MESSAGE: Final = 500
_MAX_REASONS: Final = 100
"""For text that was left out of one document, as an account names them."""
_MAX_NUMBER: Final = 1 << 31
_Read = TypeVar("_Read")
_Kind = TypeVar("_Kind")


class BadParcel(Exception):
    """What arrived is not what a worker sends."""


def framed(*parts: bytes) -> bytes:
    """Return the parts as one parcel, its length in front."""
    return b"".join([LENGTH.pack(sum(map(len, parts))), *parts])


def pack(outcome: Extract | ParseFailure) -> bytes:
    """Return the outcome as bytes, its length in front."""
    content = asdict(outcome) if isinstance(outcome, ParseFailure) else _plain(outcome)
    return framed(json.dumps(content, ensure_ascii=False).encode("utf-8", "replace"))


def unpack(body: bytes) -> Extract | ParseFailure:
    """Return the outcome that `body` (without its length) holds.

    Raises:
        BadParcel: not JSON, not of the agreed shape, or spans that do not fit the text.

    """
    return read(body, _read_extract)


def read(body: bytes, shape: Callable[[dict[str, Any]], _Read]) -> _Read | ParseFailure:
    """Return what `shape` makes of a parcel's content, or the failure that it holds.

    Raises:
        BadParcel: not JSON, or `shape` raises one of what a wrong value may raise.

    """
    # Unlike json.loads it refuses half characters, which no index could store; a worker starts faster without it.
    from pydantic_core import from_json

    try:
        content = from_json(body, allow_inf_nan=False)
        return _read_failure(content) if "reason" in content else shape(content)
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        raise BadParcel(str(error)[:_MAX_MESSAGE]) from error


def pack_members(files: Sequence[tuple[str, bytes]], *, is_document: bool) -> bytes:
    """Return the files that a file holds as bytes, their length in front: names and sizes, then one after the other."""
    head = json.dumps([is_document, [[name, len(data)] for name, data in files]]).encode("utf-8", "replace")
    return framed(_HEAD.pack(len(head)), head, *(data for _, data in files))


def unpack_members(body: bytes) -> tuple[list[tuple[str, bytes]], bool] | ParseFailure:
    """Return the files that `body` (without its length) holds, and whether what held them is a document; raises BadParcel."""
    if body.startswith(b"{"):
        return cast(ParseFailure, read(body, _no_failure))
    try:
        (length,) = _HEAD.unpack_from(body)
        at = _HEAD.size + length
        is_document, listed = json.loads(body[_HEAD.size : at])
        found: list[tuple[str, bytes]] = []
        for name, size in listed:
            found.append((_one(str, name), body[at : at + _one(int, size)]))
            at += size
        if at != len(body):
            raise ValueError("not as large as it says")
        return found, _one(bool, is_document)
    except (ValueError, TypeError, LookupError, struct.error, RecursionError) as error:
        raise BadParcel(str(error)[:_MAX_MESSAGE]) from error


def _no_failure(_: dict[str, Any]) -> ParseFailure:
    raise ValueError("neither files nor a failure")


_STAYS: Final = frozenset({"left_out", "layer"})


def _plain(extract: Extract) -> dict[str, object]:
    content = {each.name: getattr(extract, each.name) for each in fields(extract) if each.name not in _STAYS}
    content["account"] = asdict(extract.account) if extract.account else None
    content["modified"] = extract.modified.isoformat() if extract.modified else None
    content["blocks"] = [
        [block.kind, block.span.start, block.span.end, block.span.page, block.headings, block.level]
        for block in extract.blocks
    ]
    return content


def _read_failure(content: dict[str, Any]) -> ParseFailure:
    reason, message = content["reason"], _one(str, content["message"])
    if reason not in _REASONS:
        raise ValueError("unknown reason")
    return ParseFailure(reason, message[:_MAX_MESSAGE], _all(int, content.get("unread", [])))


def _read_extract(content: dict[str, Any]) -> Extract:
    text = _one(str, content["text"])
    modified, readers = content["modified"], content["readers"]
    pages = _offsets(content["pages"], len(text))
    return Extract(
        text=text,
        blocks=_read_blocks(content["blocks"], len(text)),
        title=_one(str, content["title"]),
        media_type=_one(str, content["media_type"]),
        modified=None if modified is None else _moment(modified),
        pages=pages,
        metadata=_read_metadata(content["metadata"]),
        readers=None if readers is None else _all(str, readers),
        findings=_all(str, content["findings"]),
        page_labels=_all(str, content["page_labels"]),
        links=_all(str, content["links"]),
        unread=_offsets(content["unread"], len(pages)),
        by_ocr=_offsets(content["by_ocr"], len(pages)),
        account=None if content["account"] is None else _read_account(content["account"]),
    )


def _read_account(content: dict[str, Any]) -> Account:
    left_out = {what[:_MAX_MESSAGE]: _one(int, count) for what, count in content["left_out"].items()}
    if len(left_out) > _MAX_REASONS:
        raise ValueError("too many reasons")
    return Account(
        _one(int, content["characters"]),
        _one(int, content["kept"]),
        left_out,
        _one(int, content["unexplained"]),
        _one(str, content["worst"])[:_MAX_MESSAGE],
    )


def _read_blocks(values: object, length: int) -> tuple[Block, ...]:
    blocks: list[Block] = []
    paths: dict[tuple[str, ...], tuple[str, ...]] = {}
    after = 0
    for kind, first, last, page, headings, level in _all(list, values):
        start, end = _one(int, first), _one(int, last)
        if kind not in _KINDS or not after <= start <= end <= length:
            raise ValueError("a block does not fit the text")
        after = end
        path = _all(str, headings)
        span = Span(start, end, _one(int, page) if page is not None else None)
        blocks.append(Block(cast(BlockKind, kind), span, paths.setdefault(path, path), _one(int, level)))
    return tuple(blocks)


def _read_metadata(values: object) -> dict[str, MetadataValue]:
    if not isinstance(values, dict):
        raise TypeError("metadata is not an object")
    return {
        key: _all(str, value) if isinstance(value, list) else _scalar(value) for key, value in values.items()
    }


def _moment(value: str) -> datetime:
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is not None:
        moment.astimezone(UTC)  # filters compare it in UTC, which has no moment for each of year 1 and 9999
    return moment


def _offsets(values: object, length: int) -> tuple[int, ...]:
    offsets = _all(int, values)
    if list(offsets) != sorted(offsets) or (offsets and offsets[-1] > length):
        raise ValueError("pages do not fit the document")
    return offsets


def _all(kind: type[_Kind], values: object) -> tuple[_Kind, ...]:
    return tuple([_one(kind, value) for value in _one(list, values)])


def _one(kind: type[_Kind], value: object) -> _Kind:
    """Return a value of just this kind; a number is a place, a page or a level, and none that no index could store."""
    if type(value) is not kind or (isinstance(value, int) and not 0 <= value < _MAX_NUMBER):
        raise TypeError(f"no {kind.__name__} that is expected")
    return _storable(value)


def _scalar(value: object) -> str | int | float | bool:
    if not isinstance(value, str | int | float) or (isinstance(value, float) and not math.isfinite(value)):
        raise TypeError("not a plain value")
    return _storable(value)


def _storable(value: _Kind) -> _Kind:
    """Return a value without U+0000, which not every index can store; a text stays as long as it was."""
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) else value  # type: ignore[return-value]
