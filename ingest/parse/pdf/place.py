"""Where words stand on a PDF's page, and how it looks, for the viewer. Only letters and digits are compared: how they were joined does not matter."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from ingest.extract import Limits, Unparsable
from ingest.parse.pdf.page import Letter
from ingest.parse.pdf.pdfium import PdfiumDocument
from ingest.picture import MAX_PIXELS, OCR_DPI, OCR_PIXELS, Box, Layout, Picture, Place

_PARTS = re.compile(r"[|\n]+|(?<=[.!?;:])\s+")
_MIN_PART: Final = 3
_WIDE: Final = 1.5  # of a line's height: a wider gap parts two boxes


class Edges(NamedTuple):
    """A piece of a line."""

    left: float
    top: float
    right: float
    bottom: float


def squeezed(text: str) -> str:
    """Return the letters and digits alone, in one case and without accents' variants of writing."""
    return "".join(each for each in unicodedata.normalize("NFKC", text).casefold() if each.isalnum())


def edges_of(text: str, letters: Sequence[Letter], *, nth: int = 0) -> list[Edges]:
    """Return the boxes, line by line, of the `nth` time that `text` stands among a page's letters.

    Where it does not stand there as one piece (a table, columns), its lines, cells and sentences are looked for
    one by one, each after the one before if it is there. Empty where nothing of it is found.
    """
    page, owners = _flattened(letters)
    wanted = squeezed(text)
    if not wanted:
        return []
    if (at := _find(page, wanted, nth)) >= 0:
        return _boxes(letters, owners[at : at + len(wanted)])
    found: list[int] = []
    after = 0
    for part in map(squeezed, _PARTS.split(text)):
        if len(part) < _MIN_PART:
            continue
        at = page.find(part, after)
        at = page.find(part) if at < 0 else at
        if at >= 0:
            found += owners[at : at + len(part)]
            after = at + len(part)
    return _boxes(letters, found)


def _flattened(letters: Sequence[Letter]) -> tuple[str, list[int]]:
    """Return the squeezed page, and for each of its characters the letter that it came from."""
    text: list[str] = []
    owners: list[int] = []
    for index, letter in enumerate(letters):
        for each in squeezed(letter.text):
            text.append(each)
            owners.append(index)
    return "".join(text), owners


def _find(page: str, wanted: str, nth: int) -> int:
    """Return where `wanted` stands for the `nth` time, or the last time before; -1 if nowhere."""
    at = page.find(wanted)
    for _ in range(nth):
        following = page.find(wanted, at + 1)
        if at < 0 or following < 0:
            break
        at = following
    return at


def _boxes(letters: Sequence[Letter], indices: Sequence[int]) -> list[Edges]:
    return list(_lines([letters[index] for index in dict.fromkeys(indices)]))


def _lines(letters: Sequence[Letter]) -> Iterator[Edges]:
    line: Edges | None = None
    for letter in letters:
        size = letter.bottom - letter.top
        if line is not None and _is_beside(line, letter, size):
            line = Edges(
                min(line.left, letter.left),
                min(line.top, letter.top),
                max(line.right, letter.right),
                max(line.bottom, letter.bottom),
            )
            continue
        if line is not None:
            yield line
        line = Edges(letter.left, letter.top, letter.right, letter.bottom)
    if line is not None:
        yield line


def _is_beside(line: Edges, letter: Letter, size: float) -> bool:
    overlap = min(line.bottom, letter.bottom) - max(line.top, letter.top)
    return overlap > size / 2 and -size <= letter.left - line.right <= _WIDE * size


def layout_of(data: bytes, places: Sequence[Place], limits: Limits) -> Layout:
    """Return the pages' sizes and the boxes of the places; a place that is not found has none.

    Raises:
        Unparsable: no PDF, or one that PDFium cannot read.

    """
    with PdfiumDocument(data, max_chars=limits.max_text_chars) as document:
        _check_pages(len(document), limits)
        letters: dict[int, list[Letter]] = {}
        boxes: list[Box] = []
        for place in places:
            if not 1 <= place.page <= len(document):
                continue
            if place.page not in letters:
                letters[place.page] = document.letters(place.page)
            found = edges_of(place.text, letters[place.page], nth=place.nth)
            boxes += (Box(place.page, *edges) for edges in found)
        return Layout(tuple(document.sizes()), tuple(boxes))


def picture_of(data: bytes, page: int, limits: Limits, *, width: int | None) -> Picture:
    """Draw a page (from 1), `width` pixels wide or as wide as the limit on pixels allows; for OCR if None.

    Raises:
        Unparsable: no PDF, one that PDFium cannot read, or no such page.

    """
    with PdfiumDocument(data, max_chars=limits.max_text_chars) as document:
        _check_pages(len(document), limits)
        if not 1 <= page <= len(document):
            raise Unparsable("unreadable", f"The document has no page {page}.")
        if width is None:
            width = round(document.width(page) * OCR_DPI / 72)
            return Picture(*document.draw(page, width=width, most=OCR_PIXELS))
        return Picture(*document.draw(page, width=width, most=MAX_PIXELS))


def _check_pages(pages: int, limits: Limits) -> None:
    if pages > limits.max_pages:
        raise Unparsable("too_large", f"The PDF has more than {limits.max_pages} pages; split it.")
