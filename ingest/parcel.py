"""What crosses the pipe between a worker and its parent: JSON behind its length, checked on arrival.

A worker that a hostile file has taken over can send anything. Whatever arrives is bounded in size and proved
to be an Extract before anybody uses it.
"""

import json
import struct
from datetime import datetime
from typing import Final, cast, get_args

from ingest.extract import Block, BlockKind, Extract, FailureReason, ParseFailure
from vectorstore.types import MetadataValue, Span

LENGTH: Final = struct.Struct(">Q")
READY: Final = b"ready"
"""What a worker sends once, before its first file."""
_KINDS: Final = frozenset(get_args(BlockKind))
_REASONS: Final = frozenset(get_args(FailureReason))
_MAX_MESSAGE: Final = 500


class BadParcel(Exception):
    """What arrived is not what a worker sends."""


def pack(outcome: Extract | ParseFailure) -> bytes:
    """Return the outcome as bytes, its length in front."""
    content = _failure(outcome) if isinstance(outcome, ParseFailure) else _extract(outcome)
    body = json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")
    return LENGTH.pack(len(body)) + body


def unpack(body: bytes) -> Extract | ParseFailure:
    """Return the outcome that `body` (without its length) holds.

    Raises:
        BadParcel: not JSON, not of the agreed shape, or spans that do not fit the text.

    """
    try:
        content = json.loads(body)
        outcome = read_failure(content) if "reason" in content else _read_extract(content)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise BadParcel(str(error)[:_MAX_MESSAGE]) from error
    return outcome


def _failure(failure: ParseFailure) -> dict[str, object]:
    return {"reason": failure.reason, "message": failure.message, "unread": failure.unread}


def _extract(extract: Extract) -> dict[str, object]:
    return {
        "text": extract.text,
        "blocks": [
            [block.kind, block.span.start, block.span.end, block.span.page, block.headings, block.level]
            for block in extract.blocks
        ],
        "title": extract.title,
        "media_type": extract.media_type,
        "modified": extract.modified.isoformat() if extract.modified else None,
        "pages": extract.pages,
        "metadata": extract.metadata,
        "readers": extract.readers,
        "findings": extract.findings,
        "page_labels": extract.page_labels,
        "links": extract.links,
        "unread": extract.unread,
        "by_ocr": extract.by_ocr,
    }


def read_failure(content: dict[str, object]) -> ParseFailure:
    """Return the failure that a parcel's content holds; raises KeyError, TypeError or ValueError."""
    reason, message = content["reason"], _string(content["message"])
    if reason not in _REASONS:
        raise ValueError("unknown reason")
    unread = tuple(_number(value) for value in _list(content.get("unread", [])))
    return ParseFailure(cast(FailureReason, reason), message[:_MAX_MESSAGE], unread)


def _read_extract(content: dict[str, object]) -> Extract:
    text = _string(content["text"])
    modified, readers = content["modified"], content["readers"]
    pages = _offsets(content["pages"], len(text))
    return Extract(
        text=text,
        blocks=_read_blocks(content["blocks"], len(text)),
        title=_string(content["title"]),
        media_type=_string(content["media_type"]),
        modified=datetime.fromisoformat(_string(modified)) if modified is not None else None,
        pages=pages,
        metadata=_read_metadata(content["metadata"]),
        readers=None if readers is None else _strings(readers),
        findings=_strings(content["findings"]),
        page_labels=_strings(content["page_labels"]),
        links=_strings(content["links"]),
        unread=_offsets(content["unread"], len(pages)),
        by_ocr=_offsets(content["by_ocr"], len(pages)),
    )


def _read_blocks(values: object, length: int) -> tuple[Block, ...]:
    blocks: list[Block] = []
    paths: dict[tuple[str, ...], tuple[str, ...]] = {}
    after = 0
    for value in _list(values):
        kind, first, last, page, headings, level = _list(value)
        start, end = _number(first), _number(last)
        if kind not in _KINDS or not after <= start <= end <= length:
            raise ValueError("a block does not fit the text")
        after = end
        path = _strings(headings)
        span = Span(start, end, _number(page) if page is not None else None)
        blocks.append(Block(cast(BlockKind, kind), span, paths.setdefault(path, path), _number(level)))
    return tuple(blocks)


def _read_metadata(values: object) -> dict[str, MetadataValue]:
    if not isinstance(values, dict):
        raise TypeError("metadata is not an object")
    return {
        _string(key): _strings(value) if isinstance(value, list) else _scalar(value)
        for key, value in values.items()
    }


def _offsets(values: object, length: int) -> tuple[int, ...]:
    offsets = tuple(_number(value) for value in _list(values))
    if list(offsets) != sorted(offsets) or any(not 0 <= offset <= length for offset in offsets):
        raise ValueError("pages do not fit the document")
    return offsets


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value


def _strings(value: object) -> tuple[str, ...]:
    return tuple(_string(item) for item in _list(value))


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a string")
    return value


def _number(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError("not a number")
    return value


def _scalar(value: object) -> str | int | float | bool:
    if not isinstance(value, str | int | float):
        raise TypeError("not a plain value")
    return value
