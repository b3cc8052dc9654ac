"""Which paragraphs of a PDF are headings, and how deep: by its outline, by size, by weight, by number."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from ingest.parse.pdf_lines import Piece
from ingest.parse.pdf_page import OutlineEntry, PdfPage

_MAX_LENGTH: Final = 160
_MAX_LINES: Final = 3
_LARGER: Final = 1.12
_NUMBERED = re.compile(r"\A(\d{1,2}(?:\.\d{1,2})*+)\.?\s++\S")
_PART = re.compile(r"(?:part|chapter|teil|kapitel)\s+(?:\d+|[ivx]+)\b", re.I)
_ITEM = re.compile(r"(?:item|section|article|§)\s*\d+[a-z]?\b", re.I)
_SPACE = re.compile(r"\W+")


class Headings:
    """Knows a document's text size and outline; says how deep a paragraph is as a heading."""

    def __init__(self, pages: Sequence[PdfPage], outline: Sequence[OutlineEntry]) -> None:
        sizes: Counter[float] = Counter()
        for page in pages:
            for run in page.words:
                sizes[_rounded(run.size)] += len(run.text)
        self._body = sizes.most_common(1)[0][0] if sizes else 10.0
        larger = sorted((size for size in sizes if size >= self._body * _LARGER), reverse=True)
        self._sizes = _distinct(larger)
        self._outline: dict[tuple[int, str], int] = {
            (page, _plain(entry.title)): entry.level
            for entry in outline
            for page in (entry.page, entry.page + 1)
        }

    def level(self, piece: Piece, text: str, *, page: int) -> int:
        """Return the heading's depth from 1, or 0 when the paragraph is none."""
        if len(text) > _MAX_LENGTH or len(piece.lines) > _MAX_LINES or not any(map(str.isalpha, text)):
            return 0
        if text.startswith("(") and text.endswith(
            ")"
        ):  # "(in millions)" under a heading, which stays the heading
            return 0
        if level := self._outline.get((page, _plain(text))):
            return min(level, 6)
        size = _rounded(piece.size)
        is_larger = size >= self._body * _LARGER
        if not is_larger and not piece.bold:
            return 0
        if text.endswith((",", ";")) or (text.endswith(".") and len(text) > 60) or text[0].islower():
            return 0
        return self._styled_level(text, size, is_larger=is_larger)

    def _styled_level(self, text: str, size: float, *, is_larger: bool) -> int:
        if _PART.match(text):
            return 1
        if _ITEM.match(text):
            return 2
        if match := _NUMBERED.match(text):
            return min(match[1].count(".") + 2, 6)
        if is_larger:
            return min(next((at for at, known in enumerate(self._sizes) if size >= known - 0.3), 4) + 1, 5)
        return min(max(len(self._sizes), 2) + 1, 6)


def _rounded(size: float) -> float:
    return round(size * 2) / 2


def _distinct(sizes: list[float]) -> list[float]:
    kept: list[float] = []
    for size in sizes:
        if not kept or kept[-1] - size >= 1:
            kept.append(size)
    return kept[:4]


def _plain(text: str) -> str:
    return _SPACE.sub(" ", text.lower()).strip()
