"""What a document says about itself, reduced to plain values."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from ingest.parse.characters import clean
from vectorstore.types import MetadataValue

_MAX_KEYS = 50
_MAX_LENGTH = 1_000
_FORMATS = ("%d-%b-%Y", "%d %B %Y", "%B %d, %Y", "%d/%m/%Y", "%Y/%m/%d", "%Y%m%d")
_PDF_DATE = re.compile(r"D:(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?")


def plain_metadata(values: Mapping[str, object]) -> dict[str, MetadataValue]:
    """Keep what a filter can use: strings, numbers, truth values, and lists of them as strings."""
    kept: dict[str, MetadataValue] = {}
    for key, value in values.items():
        plain = _plain(value)
        if plain not in (None, "", ()) and plain is not None and len(kept) < _MAX_KEYS:
            kept[_text(key).strip().lower()] = plain
    return kept


def parse_date(value: object) -> datetime | None:
    """Read a date as documents write it; without a zone it counts as UTC. None when it is none that UTC has."""
    try:
        found = _parse(value)
        return found.astimezone(UTC) and found if found else None
    except OverflowError:
        return None


def _parse(value: object) -> datetime | None:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    text = str(value or "").strip()
    return _parse_iso(text) or _parse_pdf(text) or _parse_written(text)


def _plain(value: object) -> MetadataValue | None:
    match value:
        case bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else None
        case str():
            return _text(value)
        case datetime() | date():
            return value.isoformat()
        case list() | tuple() | set():
            items = [_text(item) for item in value if isinstance(item, str | int | float)]
            return tuple(items[:_MAX_KEYS])
        case _:
            return None


def _text(value: object) -> str:
    return clean(str(value)[:_MAX_LENGTH])[0].strip()


def _parse_iso(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _parse_pdf(text: str) -> datetime | None:
    match = _PDF_DATE.match(text)
    if not match:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
    try:
        return datetime(year, month or 1, day or 1, hour, minute, min(second, 59), tzinfo=UTC)
    except ValueError:
        return None


def _parse_written(text: str) -> datetime | None:
    for pattern in _FORMATS:
        try:
            return datetime.strptime(text, pattern).replace(tzinfo=UTC)
        except ValueError:
            continue
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


class CoreProperties(NamedTuple):
    """What an Office file says about itself."""

    title: str
    modified: datetime | None
    metadata: dict[str, MetadataValue]


def core_properties(properties: Any) -> CoreProperties:
    """Read the properties that all Office formats share. `properties` is what each library calls by that name."""
    names = {
        "author": ("author", "creator"),
        "subject": ("subject",),
        "keywords": ("keywords",),
        "category": ("category",),
    }
    found = {
        name: next((value for key in keys if (value := getattr(properties, key, None))), "")
        for name, keys in names.items()
    }
    modified = parse_date(getattr(properties, "modified", None)) or parse_date(
        getattr(properties, "created", None)
    )
    title = str(getattr(properties, "title", None) or "")
    generated = {"python-docx", "python-pptx", "openpyxl"}
    kept = {name: value for name, value in found.items() if value not in generated}
    is_template = title in ("Word Document", "PowerPoint Presentation")
    return CoreProperties("" if is_template else title, modified, plain_metadata(kept))
