"""The file as a parser receives it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class OcrPages:
    """What OCR made of a document's pages, from 1: their texts, and why others have none."""

    texts: Mapping[int, str] = field(default_factory=dict)
    failed: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Source:
    """A file's bytes, its type by content, and its name (a hint only: it decides between dialects of text).

    `ocr` is None when nobody has tried to read its pictures.
    """

    data: bytes
    name: str
    media_type: str
    ocr: OcrPages | None = None


def suffix_of(name: str) -> str:
    """Return the name's ending without the dot, in lower case; empty when it has none."""
    return name.rpartition(".")[2].lower() if "." in name else ""
